//! Operations: at most one a target, each a record.

use uuid::Uuid;
use windlass_domain::application::Cascade;
use windlass_domain::health::HealthStatus;
use windlass_domain::operation::OperationPhase;
use windlass_domain::status::{ResourceResult, ResultCode, SyncStatus, TargetReport, TargetSummary};
use windlass_store::{Amendment, Error, ListQuery};

use crate::contract;
use crate::fixture::{
    at, cluster, commit, deployed, key, operation, removed, rendered, report, session, state, summary,
};

fn with_operation(
    application: &windlass_domain::application::Application,
    id: Uuid,
    phase: OperationPhase,
) -> TargetReport {
    let summary = TargetSummary {
        operation: Some(state(id, phase)),
        ..summary(SyncStatus::OutOfSync, HealthStatus::Progressing)
    };
    report(application, summary, &[])
}

contract! {
    async fn operations_of_what_is_gone_are_forgotten_when_they_are_old(bed: Bed) {
        let eu = cluster(&*bed, "eu-1").await;
        let (web, bundle) = deployed(&*bed, "web", &eu).await;
        let asked = operation(&bundle);
        bed.amend_target(web.uid, eu.uid, Amendment::Operation(asked.clone()), at(2)).await.expect("asked");
        assert_eq!(bed.forget_operations(at(10)).await.expect("forgotten"), 0, "its application is there");
        bed.delete_cluster("eu-1").await.expect("deleted");
        bed.delete_application(&web.name, Cascade::Orphan, "ann", at(3)).await.expect("deleted");
        assert_eq!(bed.forget_operations(at(2)).await.expect("forgotten"), 0, "it may still be looked at");
        assert_eq!(bed.forget_operations(at(10)).await.expect("forgotten"), 1);
        assert_eq!(bed.operation(asked.id).await.expect("read"), None);
    }

    async fn one_operation_is_active_at_most(bed: Bed) {
        let eu = cluster(&*bed, "eu-1").await;
        let (web, bundle) = deployed(&*bed, "web", &eu).await;
        let (first, second) = (operation(&bundle), operation(&bundle));
        let moved = bed.amend_target(web.uid, eu.uid, Amendment::Operation(first.clone()), at(2)).await.expect("asked");
        let again = bed.amend_target(web.uid, eu.uid, Amendment::Operation(first.clone()), at(2)).await.expect("asked");
        assert_eq!(again, moved, "the same request again is the same operation");
        assert!(matches!(bed.amend_target(web.uid, eu.uid, Amendment::Operation(second.clone()), at(2)).await, Err(Error::Conflict { .. })));
        bed.commit_desired(commit(&web, &rendered("new"), &[eu.uid]), at(3)).await.expect("committed");
        let active = bed.targets(web.uid).await.expect("read").remove(0).spec.expect("present").operation;
        assert_eq!(active, Some(first.clone()), "a commit does not touch what a person asked for");

        let session = session(&*bed, &eu).await;
        let running = bed.apply_status(session, &[with_operation(&web, first.id, OperationPhase::Running).delta_from(None)], at(4)).await.expect("applied");
        assert_eq!(running, vec![]);
        let done = with_operation(&web, first.id, OperationPhase::Succeeded).delta_from(None);
        let moved = bed.apply_status(session, std::slice::from_ref(&done), at(5)).await.expect("applied");
        assert_eq!(moved.len(), 1, "a finished operation leaves its row");
        assert_eq!(bed.apply_status(session, &[done], at(6)).await.expect("applied"), vec![]);
        let record = bed.operation(first.id).await.expect("read").expect("there");
        assert_eq!((record.request, record.state.map(|state| state.phase)), (Some(first.clone()), Some(OperationPhase::Succeeded)));
        bed.amend_target(web.uid, eu.uid, Amendment::Operation(second), at(7)).await.expect("the next may come");
        assert!(matches!(bed.amend_target(web.uid, eu.uid, Amendment::Operation(first), at(8)).await, Err(Error::Conflict { .. })));
    }

    async fn an_id_that_ran_never_runs_again(bed: Bed) {
        let eu = cluster(&*bed, "eu-1").await;
        let (web, bundle) = deployed(&*bed, "web", &eu).await;
        let session = session(&*bed, &eu).await;
        let request = operation(&bundle);
        bed.amend_target(web.uid, eu.uid, Amendment::Operation(request.clone()), at(2)).await.expect("asked");
        bed.apply_status(session, &[with_operation(&web, request.id, OperationPhase::Failed).delta_from(None)], at(3)).await.expect("applied");
        assert!(matches!(bed.amend_target(web.uid, eu.uid, Amendment::Operation(request), at(4)).await, Err(Error::Conflict { .. })));
    }

    async fn an_operation_is_asked_to_stop_by_its_id(bed: Bed) {
        let eu = cluster(&*bed, "eu-1").await;
        let (web, bundle) = deployed(&*bed, "web", &eu).await;
        let request = operation(&bundle);
        bed.amend_target(web.uid, eu.uid, Amendment::Operation(request.clone()), at(2)).await.expect("asked");
        let other = Amendment::Terminate { id: Uuid::now_v7(), by: "bob".into() };
        assert!(matches!(bed.amend_target(web.uid, eu.uid, other, at(3)).await, Err(Error::Conflict { .. })));
        bed.amend_target(web.uid, eu.uid, Amendment::Terminate { id: request.id, by: "bob".into() }, at(3)).await.expect("asked to stop");
        let active = bed.targets(web.uid).await.expect("read").remove(0).spec.expect("present").operation.expect("active");
        assert!(active.terminate);
        assert!(bed.operation(request.id).await.expect("read").expect("there").request.expect("asked").terminate);
    }

    async fn an_operation_that_nobody_asked_for_is_asked_to_stop(bed: Bed) {
        let eu = cluster(&*bed, "eu-1").await;
        let (web, bundle) = deployed(&*bed, "web", &eu).await;
        let (session, id) = (session(&*bed, &eu).await, Uuid::new_v4());
        let stop = Amendment::Terminate { id, by: "bob".into() };
        assert!(matches!(bed.amend_target(web.uid, eu.uid, stop.clone(), at(3)).await, Err(Error::Conflict { .. })), "nobody knows it");
        bed.apply_status(session, &[with_operation(&web, id, OperationPhase::Running).delta_from(None)], at(3)).await.expect("applied");
        let moved = bed.amend_target(web.uid, eu.uid, stop.clone(), at(4)).await.expect("asked to stop");
        assert_eq!(bed.amend_target(web.uid, eu.uid, stop.clone(), at(4)).await.expect("the same again"), moved);
        let asked = bed.targets(web.uid).await.expect("read").remove(0).spec.expect("present").operation.expect("asked");
        assert_eq!((asked.id, asked.terminate, asked.by.as_str(), asked.bundle), (id, true, "bob", bundle.bundle));
        assert_eq!(bed.operation(id).await.expect("read").expect("there").request, None, "nobody asked for it to begin");
        bed.apply_status(session, &[with_operation(&web, id, OperationPhase::Failed).delta_from(None)], at(5)).await.expect("applied");
        assert_eq!(bed.targets(web.uid).await.expect("read").remove(0).spec.expect("present").operation, None);
        assert!(matches!(bed.amend_target(web.uid, eu.uid, stop, at(6)).await, Err(Error::Conflict { .. })), "it is over");
    }

    async fn what_an_agent_went_on_from_is_over(bed: Bed) {
        let eu = cluster(&*bed, "eu-1").await;
        let (web, bundle) = deployed(&*bed, "web", &eu).await;
        let session = session(&*bed, &eu).await;
        let [cut_off, failed, fix, last] = [(); 4].map(|()| Uuid::new_v4());
        let asked = operation(&bundle);
        let says = async |id, phase, revision: &str, minute| {
            let mut report = with_operation(&web, id, phase);
            let state = report.summary.operation.as_mut().expect("some");
            (state.revision, state.message) = (revision.into(), "as it was".into());
            bed.apply_status(session, &[report.delta_from(None)], at(minute)).await.expect("applied");
        };
        let state = async |id| bed.operation(id).await.expect("read").expect("there").state.expect("reported");
        says(cut_off, OperationPhase::Running, "a", 3).await;
        bed.amend_target(web.uid, eu.uid, Amendment::Operation(asked.clone()), at(4)).await.expect("asked");
        says(asked.id, OperationPhase::Running, "a", 5).await;
        let over = state(cut_off).await;
        assert_eq!((over.phase, over.finished_at), (OperationPhase::Error, Some(at(5))));
        assert!(over.message.contains("cut off") && over.message.contains("as it was"), "{}", over.message);
        says(fix, OperationPhase::Running, "a", 6).await;
        assert_eq!(state(asked.id).await.phase, OperationPhase::Running, "what a person asked for is not over before its result is there");
        says(asked.id, OperationPhase::Succeeded, "a", 7).await;

        says(failed, OperationPhase::Running, "b", 8).await;
        assert_eq!(state(fix).await.phase, OperationPhase::Error);
        says(failed, OperationPhase::Failed, "b", 9).await;
        says(last, OperationPhase::Running, "c", 10).await;
        let superseded = state(failed).await;
        assert_eq!((superseded.phase, superseded.message.as_str()), (OperationPhase::Failed, "superseded by c: as it was"));
        says(last, OperationPhase::Succeeded, "c", 11).await;
        says(Uuid::new_v4(), OperationPhase::Running, "d", 12).await;
        assert_eq!(state(last).await.message, "as it was", "what went well was not superseded");
    }

    async fn what_ran_on_a_target_that_is_gone_is_over(bed: Bed) {
        let eu = cluster(&*bed, "eu-1").await;
        let (web, _) = deployed(&*bed, "web", &eu).await;
        let (session, id) = (session(&*bed, &eu).await, Uuid::new_v4());
        bed.apply_status(session, &[with_operation(&web, id, OperationPhase::Running).delta_from(None)], at(3)).await.expect("applied");
        bed.delete_application(&web.name, Cascade::Orphan, "ann", at(4)).await.expect("asked");
        bed.apply_status(session, &[removed(&web).delta_from(None)], at(5)).await.expect("applied");
        assert_eq!(bed.operation(id).await.expect("read").expect("there").state.expect("reported").phase, OperationPhase::Error);
    }

    async fn operations_that_agents_mint_are_listed_newest_first(bed: Bed) {
        let (eu, us) = (cluster(&*bed, "eu-1").await, cluster(&*bed, "us-1").await);
        let (web, _) = deployed(&*bed, "web", &eu).await;
        deployed(&*bed, "other", &us).await;
        let (session_eu, session_us) = (session(&*bed, &eu).await, session(&*bed, &us).await);
        let ids: Vec<Uuid> = (0..5).map(|_| Uuid::new_v4()).collect();
        for (minute, id) in (0..).zip(&ids) {
            let report = with_operation(&web, *id, OperationPhase::Succeeded).delta_from(None);
            bed.apply_status(session_eu, &[report], at(minute * 1000)).await.expect("applied");
        }
        let foreign = with_operation(&web, ids[0], OperationPhase::Failed).delta_from(None);
        bed.apply_status(session_us, &[foreign], at(9000)).await.expect("of a target that is not its own nothing is taken");
        let query = |after| ListQuery { limit: 2, after, ..ListQuery::default() };
        let mut listed = Vec::new();
        let mut page = bed.list_operations(Some(web.uid), &query(None)).await.expect("a page");
        loop {
            assert_eq!(page.total, 5);
            assert!(listed.len() < 100, "the list does not end");
            listed.extend(page.items.iter().map(|record| record.state.as_ref().expect("reported").id));
            assert!(page.items.iter().all(|record| record.cluster_name == "eu-1"));
            let Some(next) = page.next else { break };
            page = bed.list_operations(Some(web.uid), &query(Some(next))).await.expect("a page");
        }
        assert_eq!(listed, ids.iter().rev().copied().collect::<Vec<_>>());
        let kept = bed.operation(ids[0]).await.expect("read").expect("there");
        assert_eq!(kept.state.map(|state| state.phase), Some(OperationPhase::Succeeded));
    }

    async fn results_are_told_once(bed: Bed) {
        let eu = cluster(&*bed, "eu-1").await;
        let (web, _) = deployed(&*bed, "web", &eu).await;
        let (session, id) = (session(&*bed, &eu).await, Uuid::now_v7());
        let result = ResourceResult { key: key("web"), status: ResultCode::Synced, message: "applied".into(), hook: None };
        let told = async |phase, results: Vec<ResourceResult>, health| {
            let mut report = with_operation(&web, id, phase);
            report.summary.health = health;
            report.summary.operation.as_mut().expect("some").results = results;
            bed.apply_status(session, &[report.delta_from(None)], at(3)).await.expect("applied");
            let state = bed.operation(id).await.expect("read").expect("there").state.expect("reported");
            (state.phase, state.results.len())
        };
        assert_eq!(told(OperationPhase::Running, vec![result.clone()], HealthStatus::Missing).await, (OperationPhase::Running, 1));
        assert_eq!(told(OperationPhase::Running, vec![], HealthStatus::Progressing).await, (OperationPhase::Running, 1));
        assert_eq!(told(OperationPhase::Succeeded, vec![result.clone(), result.clone()], HealthStatus::Progressing).await, (OperationPhase::Succeeded, 2));
        assert_eq!(told(OperationPhase::Succeeded, vec![], HealthStatus::Healthy).await, (OperationPhase::Succeeded, 2));
        let target = bed.targets(web.uid).await.expect("read").remove(0).summary.expect("reported");
        assert_eq!(target.operation.map(|operation| operation.results), Some(vec![]), "a summary stays small");
    }

    async fn an_operation_on_no_target_is_refused(bed: Bed) {
        let (eu, us) = (cluster(&*bed, "eu-1").await, cluster(&*bed, "us-1").await);
        let (web, bundle) = deployed(&*bed, "web", &eu).await;
        let request = operation(&bundle);
        assert!(matches!(bed.amend_target(web.uid, us.uid, Amendment::Operation(request.clone()), at(2)).await, Err(Error::NotFound { .. })));
        bed.commit_desired(commit(&web, &bundle, &[]), at(2)).await.expect("committed");
        assert!(matches!(bed.amend_target(web.uid, eu.uid, Amendment::Operation(request), at(3)).await, Err(Error::Conflict { .. })));
    }
}

//! What people decide over many targets: history and holds, freezes, dependencies, confirmations, and what is given up.

use uuid::Uuid;
use windlass_domain::application::{Application, Cascade, Origin};
use windlass_domain::cluster::{Cluster, ClusterSelector};
use windlass_domain::dependency::Dependency;
use windlass_domain::health::HealthStatus;
use windlass_domain::history::{EventKind, Freeze, FreezeScope, RevisionHold};
use windlass_domain::operation::OperationPhase;
use windlass_domain::status::{OperationState, ResourceResult, ResultCode, SyncStatus, TargetSummary};
use windlass_domain::target::{OperationOptions, PauseKind, Paused, TargetSpec};
use windlass_store::{Amendment, Error, ListQuery, Session, Store};

use crate::contract;
use crate::fixture::{
    Rendered, at, cluster, commit, deployed, healthy, key, manifest, operation, rendered, report, session, spec, state,
    summary,
};

async fn row(store: &dyn Store, application: &Application, cluster: &Cluster) -> TargetSpec {
    let targets = store.targets(application.uid).await.expect("read");
    targets.into_iter().find(|target| target.cluster == cluster.uid).expect("a target").spec.expect("present")
}

fn done(id: Uuid, revision: &str) -> OperationState {
    let result = ResourceResult { key: key("web"), status: ResultCode::Synced, message: "applied".into(), hook: None };
    let (phase, revision) = (OperationPhase::Succeeded, revision.to_owned());
    OperationState { revision, finished_at: Some(at(9)), results: vec![result], ..state(id, phase) }
}

/// An agent's word that an operation it minted itself brought a bundle.
async fn synced(store: &dyn Store, session: Session, application: &Application, id: Uuid, rendered: &Rendered) {
    let summary = TargetSummary {
        synced_bundle: Some(rendered.bundle),
        bundle: Some(rendered.bundle),
        operation: Some(done(id, &rendered.revision)),
        ..summary(SyncStatus::Synced, HealthStatus::Healthy)
    };
    let delta = report(application, summary, &["web"]).delta_from(None);
    store.apply_status(session, &[delta], at(9)).await.expect("applied");
}

async fn numbers(store: &dyn Store, application: &Application) -> Vec<(u64, String, String)> {
    let page = store.history(application.uid, None, &ListQuery::default()).await.expect("a page");
    page.items.into_iter().map(|entry| (entry.id, entry.cluster_name, entry.revision)).collect()
}

fn freeze(scope: FreezeScope) -> Freeze {
    Freeze { scope, reason: "incident 7".into(), by: "ann".into(), since: at(5) }
}

fn hold(rendered: &Rendered) -> RevisionHold {
    let revision = rendered.revision.clone();
    RevisionHold {
        revision,
        bundle: rendered.bundle,
        entry: Some(1),
        clusters: vec![],
        by: "ann".into(),
        since: at(20),
    }
}

fn paused(spec: &TargetSpec) -> Option<PauseKind> {
    spec.paused.as_ref().map(|paused| paused.kind)
}

contract! {
    async fn of_two_that_would_wait_for_each_other_one_is_refused(bed: Bed) {
        let depending = |name: &str, on: Dependency| {
            let mut manifest = manifest(name);
            manifest.metadata.labels.insert("name".into(), name.to_owned());
            manifest.spec.depends_on = vec![on];
            manifest
        };
        let labelled = |name: &str| Dependency::Selector(ClusterSelector { match_labels: [("name".into(), name.to_owned())].into(), ..ClusterSelector::default() });
        for round in 0..10 {
            let (one, two) = (format!("one-{round}"), format!("two-{round}"));
            let ways = (depending(&one, Dependency::Name(two.clone())), depending(&two, labelled(&one)));
            let put = |manifest| bed.put_application(manifest, Origin::Api, Some(0), at(1));
            let (first, second) = tokio::join!(put(&ways.0), put(&ways.1));
            let refused = [&first, &second].into_iter().filter(|put| matches!(put, Err(Error::Conflict { .. }))).count();
            assert_eq!((refused, first.is_ok() || second.is_ok()), (1, true), "{first:?} {second:?}");
        }
        assert_eq!(bed.dependents().await.expect("read").len(), 10, "no circle is stored");
    }

    async fn history_tells_what_was_deployed_where(bed: Bed) {
        let (eu, us) = (cluster(&*bed, "eu-1").await, cluster(&*bed, "us-1").await);
        let (web, first) = deployed(&*bed, "web", &eu).await;
        let both = [eu.uid, us.uid];
        bed.commit_desired(commit(&web, &first, &both), at(2)).await.expect("committed");
        let (at_eu, at_us) = (session(&*bed, &eu).await, session(&*bed, &us).await);
        synced(&*bed, at_eu, &web, Uuid::now_v7(), &first).await;
        synced(&*bed, at_us, &web, Uuid::now_v7(), &first).await;
        assert_eq!(numbers(&*bed, &web).await, [(1, "eu-1".into(), "web".into()), (1, "us-1".into(), "web".into())], "one deployment of a fleet has one number");

        // What only heals is no deployment, and no report counts twice.
        let healing = Uuid::now_v7();
        synced(&*bed, at_eu, &web, healing, &first).await;
        synced(&*bed, at_eu, &web, healing, &first).await;
        assert_eq!(numbers(&*bed, &web).await.len(), 2);

        let second = rendered("second");
        bed.commit_desired(commit(&web, &second, &both), at(10)).await.expect("committed");
        synced(&*bed, at_eu, &web, Uuid::now_v7(), &second).await;
        let ids: Vec<_> = numbers(&*bed, &web).await.into_iter().map(|(id, place, _)| (id, place)).collect();
        assert_eq!(ids, [(2, "eu-1".into()), (1, "eu-1".into()), (1, "us-1".into())], "targets differ, and it is said");

        let entry = bed.deployment(web.uid, 1).await.expect("read").expect("there");
        assert_eq!((entry.bundle, entry.automated, entry.results.len()), (first.bundle, true, 1));
        assert_eq!(entry.results[0].message, "applied");
        assert_eq!(bed.deployment(web.uid, 7).await.expect("read"), None);

        // What the history names is kept, whatever else goes.
        let gone = rendered("gone");
        bed.commit_desired(commit(&web, &gone, &both), at(11)).await.expect("committed");
        bed.commit_desired(commit(&web, &second, &both), at(12)).await.expect("committed");
        bed.collect_garbage(at(1_000_000)).await.expect("collected");
        bed.hold_revision(web.uid, &hold(&first), &[], at(20)).await.expect("its contents are there");
        let error = bed.hold_revision(web.uid, &hold(&gone), &[], at(21)).await.expect_err("its contents are gone");
        assert!(matches!(error, Error::Invalid(_)), "{error}");
    }

    async fn a_part_or_a_trial_is_no_deployment_and_the_oldest_go(bed: Bed) {
        let eu = cluster(&*bed, "eu-1").await;
        let mut spec = manifest("web");
        spec.spec.revision_history_limit = Some(2);
        let web = bed.put_application(&spec, Origin::Api, None, at(0)).await.expect("stored").value;
        let bundle = rendered("web");
        bed.commit_desired(commit(&web, &bundle, &[eu.uid]), at(1)).await.expect("committed");
        let at_eu = session(&*bed, &eu).await;
        for (count, options) in [
            (0, OperationOptions { dry_run: true, ..Default::default() }),
            (0, OperationOptions { resources: vec![Default::default()], ..Default::default() }),
            (1, OperationOptions::default()),
            (2, OperationOptions::default()),
            (2, OperationOptions::default()),
        ] {
            let asked = windlass_domain::target::OperationRequest { options, ..operation(&bundle) };
            bed.amend_target(web.uid, eu.uid, Amendment::Operation(asked.clone()), at(3)).await.expect("asked");
            synced(&*bed, at_eu, &web, asked.id, &bundle).await;
            assert_eq!(numbers(&*bed, &web).await.len(), count);
        }
        let ids: Vec<u64> = numbers(&*bed, &web).await.into_iter().map(|(id, _, _)| id).collect();
        assert_eq!(ids, [3, 2], "numbers are never used twice");
        let page = bed.history(web.uid, Some(eu.uid), &ListQuery { limit: 1, ..ListQuery::default() }).await.expect("a page");
        assert_eq!((page.total, page.items[0].id), (2, 3));
        let next = bed.history(web.uid, Some(eu.uid), &ListQuery { limit: 1, after: page.next, ..ListQuery::default() }).await.expect("a page");
        assert_eq!((next.items[0].id, next.next), (2, None));
    }

    async fn a_hold_outlives_commits_and_a_restart(bed: Bed) {
        let eu = cluster(&*bed, "eu-1").await;
        let (web, first) = deployed(&*bed, "web", &eu).await;
        let second = rendered("second");
        bed.commit_desired(commit(&web, &second, &[eu.uid]), at(3)).await.expect("committed");
        let asked = operation(&first);
        let moved = bed.hold_revision(web.uid, &hold(&first), &[(eu.uid, asked.clone())], at(20)).await.expect("held");
        assert_eq!(moved.len(), 1, "one generation");
        let held = row(&*bed, &web, &eu).await;
        assert_eq!((held.bundle, held.operation.map(|operation| operation.id)), (first.bundle, Some(asked.id)));

        // A compile that began before the hold does not write over it.
        let late = bed.commit_desired(commit(&web, &second, &[eu.uid]), at(21)).await;
        assert!(matches!(late, Err(Error::Conflict { .. })), "{late:?}");
        let again = bed.again().await;
        let view = again.application_view(&web.name).await.expect("read").expect("there");
        assert_eq!(view.hold, Some(hold(&first)));
        assert_eq!(view.source.bundle, Some(second.bundle), "what git says is known all the same");
        let busy = bed.hold_revision(web.uid, &hold(&first), &[(eu.uid, operation(&first))], at(22)).await;
        assert!(matches!(busy, Err(Error::Conflict { .. })), "another operation is active");

        bed.release_revision(web.uid, "bob", at(30)).await.expect("released").expect("it was held");
        assert_eq!(row(&*bed, &web, &eu).await.bundle, second.bundle, "without asking git");
        assert_eq!(bed.release_revision(web.uid, "bob", at(31)).await.expect("read"), None);
        let kinds = |page: windlass_store::Page<windlass_domain::history::ApplicationEvent>| -> Vec<_> {
            page.items.into_iter().map(|event| (event.kind, event.by)).collect()
        };
        let events = bed.events(Some(&web.name), &ListQuery::default()).await.expect("a page");
        assert_eq!(kinds(events), [(EventKind::Resumed, "bob".to_owned()), (EventKind::RolledBack, "ann".to_owned())]);
    }

    async fn a_freeze_stops_what_is_there_and_what_comes(bed: Bed) {
        let (eu, us) = (cluster(&*bed, "eu-1").await, cluster(&*bed, "us-1").await);
        let (web, bundle) = deployed(&*bed, "web", &eu).await;
        let (api, _) = deployed(&*bed, "api", &us).await;
        let moved = bed.put_freeze(&freeze(FreezeScope::All), at(5)).await.expect("frozen");
        assert_eq!(moved.len(), 2, "one generation a cluster");
        assert_eq!(bed.put_freeze(&freeze(FreezeScope::All), at(6)).await.expect("frozen"), vec![], "said before");
        for (application, place) in [(&web, &eu), (&api, &us)] {
            assert_eq!(paused(&row(&*bed, application, place).await), Some(PauseKind::Freeze));
        }
        // A target that comes while everything is frozen, from a look that began before.
        bed.commit_desired(commit(&web, &bundle, &[eu.uid, us.uid]), at(7)).await.expect("committed");
        assert_eq!(paused(&row(&*bed, &web, &us).await), Some(PauseKind::Freeze));
        // What is frozen does not leave.
        bed.commit_desired(commit(&web, &bundle, &[us.uid]), at(8)).await.expect("committed");
        assert_eq!(paused(&row(&*bed, &web, &eu).await), Some(PauseKind::Freeze));

        bed.put_freeze(&freeze(FreezeScope::Cluster("us-1".into())), at(9)).await.expect("frozen");
        bed.remove_freeze(&FreezeScope::All, "bob", at(10)).await.expect("thawed").expect("it was frozen");
        assert_eq!(paused(&row(&*bed, &web, &eu).await), None);
        assert_eq!(paused(&row(&*bed, &web, &us).await), Some(PauseKind::Freeze), "another freeze stands");
        assert_eq!(bed.remove_freeze(&FreezeScope::All, "bob", at(11)).await.expect("read"), None);
        bed.delete_application(&api.name, Cascade::Foreground, "ann", at(12)).await.expect("deleting");
        bed.put_freeze(&freeze(FreezeScope::Application(api.name.clone())), at(13)).await.expect("frozen");
        let removing = || async { bed.targets(api.uid).await.expect("read").remove(0).removing.expect("removing").paused };
        assert!(removing().await.is_some(), "a deletion that is under way stops too");
        bed.remove_freeze(&FreezeScope::Application(api.name.clone()), "ann", at(14)).await.expect("thawed");
        assert!(removing().await.is_some(), "its cluster is frozen still");
        let left = bed.again().await.freezes().await.expect("read");
        assert_eq!(left, [freeze(FreezeScope::Cluster("us-1".into()))]);
        let events = bed.events(None, &ListQuery::default()).await.expect("a page");
        assert!(events.items.iter().any(|event| event.kind == EventKind::Thawed && event.by == "bob"));
    }

    async fn freezes_reach_their_own_scope(bed: Bed) {
        let eu = cluster(&*bed, "eu-1").await;
        let (web, _) = deployed(&*bed, "web", &eu).await;
        let (api, _) = deployed(&*bed, "api", &eu).await;
        for (scope, web_too, api_too) in [
            (FreezeScope::Application(web.name.clone()), true, false),
            (FreezeScope::Cluster("eu-1".into()), true, true),
            (FreezeScope::Cluster("us-1".into()), false, false),
            (FreezeScope::Project("default".into()), true, true),
            (FreezeScope::Project("other".into()), false, false),
        ] {
            bed.put_freeze(&freeze(scope.clone()), at(5)).await.expect("frozen");
            let found = (paused(&row(&*bed, &web, &eu).await).is_some(), paused(&row(&*bed, &api, &eu).await).is_some());
            assert_eq!(found, (web_too, api_too), "{scope}");
            bed.remove_freeze(&scope, "ann", at(6)).await.expect("thawed").expect("it was frozen");
        }
    }

    async fn waiting_targets_are_found_and_let_go(bed: Bed) {
        let eu = cluster(&*bed, "eu-1").await;
        let mut given = manifest("web");
        given.spec.depends_on = vec![Dependency::Name("db".into())];
        let web = bed.put_application(&given, Origin::Api, None, at(0)).await.expect("stored").value;
        let bundle = rendered("web");
        let wait = Paused { kind: PauseKind::DependsOn, by: "argocd/web".into(), message: "waits for db".into(), since: at(1) };
        let mut waiting = commit(&web, &bundle, &[]);
        waiting.targets = Some(vec![(eu.uid, TargetSpec { paused: Some(wait.clone()), ..spec(&web, &bundle) })]);
        bed.commit_desired(waiting, at(1)).await.expect("committed");
        assert_eq!(bed.waiting().await.expect("read"), std::slice::from_ref(&web.name));
        let nodes = bed.dependents().await.expect("read");
        assert_eq!(nodes.iter().map(|node| node.name.to_string()).collect::<Vec<_>>(), ["argocd/web"]);

        // A freeze is stronger, and what it hides is not forgotten.
        bed.put_freeze(&freeze(FreezeScope::All), at(5)).await.expect("frozen");
        assert!(bed.waiting().await.expect("read").is_empty());
        bed.remove_freeze(&FreezeScope::All, "ann", at(6)).await.expect("thawed");
        assert_eq!(paused(&row(&*bed, &web, &eu).await), Some(PauseKind::DependsOn));

        let other = rendered("other");
        assert_eq!(bed.set_waits(web.uid, &[(eu.uid, other.bundle, None)]).await.expect("read"), vec![], "of another bundle");
        assert_eq!(bed.set_waits(web.uid, &[(eu.uid, bundle.bundle, None)]).await.expect("let go").len(), 1);
        assert_eq!(paused(&row(&*bed, &web, &eu).await), None);
        assert!(bed.waiting().await.expect("read").is_empty());
        assert_eq!(bed.set_waits(web.uid, &[(eu.uid, bundle.bundle, Some(wait))]).await.expect("read"), vec![], "what was let go stays so");
    }

    async fn a_confirmation_is_for_this_bundle(bed: Bed) {
        let eu = cluster(&*bed, "eu-1").await;
        let (web, bundle) = deployed(&*bed, "web", &eu).await;
        bed.confirm_deletion(web.uid, &[], "ann", at(3)).await.expect("confirmed");
        assert!(row(&*bed, &web, &eu).await.deletion_confirmed);
        bed.commit_desired(commit(&web, &bundle, &[eu.uid]), at(4)).await.expect("committed");
        assert!(row(&*bed, &web, &eu).await.deletion_confirmed, "the same bundle");
        bed.commit_desired(commit(&web, &rendered("next"), &[eu.uid]), at(5)).await.expect("committed");
        assert!(!row(&*bed, &web, &eu).await.deletion_confirmed, "another one voids it");
        bed.delete_application(&web.name, Cascade::Foreground, "ann", at(6)).await.expect("deleting");
        bed.confirm_deletion(web.uid, &[eu.uid], "ann", at(7)).await.expect("confirmed");
        let removing = bed.targets(web.uid).await.expect("read").remove(0).removing.expect("removing");
        assert!(removing.deletion_confirmed);
    }

    async fn a_gone_cluster_is_given_up_and_what_is_left_is_said(bed: Bed) {
        let (eu, us) = (cluster(&*bed, "eu-1").await, cluster(&*bed, "us-1").await);
        let (web, bundle) = deployed(&*bed, "web", &eu).await;
        bed.commit_desired(commit(&web, &bundle, &[eu.uid, us.uid]), at(2)).await.expect("committed");
        let at_eu = session(&*bed, &eu).await;
        bed.apply_status(at_eu, &[healthy(&web).delta_from(None)], at(3)).await.expect("applied");
        let stays = bed.abandon_target(web.uid, eu.uid, "ann", at(4)).await;
        assert!(matches!(stays, Err(Error::Conflict { .. })), "{stays:?}");
        bed.delete_application(&web.name, Cascade::Foreground, "ann", at(5)).await.expect("deleting");
        let left = bed.abandon_target(web.uid, eu.uid, "ann", at(6)).await.expect("given up");
        assert_eq!((left.count, left.objects.as_slice(), left.positions.len()), (1, &[key("web")][..], 1));
        assert!(bed.application(&web.name).await.expect("read").is_some(), "another cluster is waited for");
        let delta = bed.delta(eu.uid, None).await.expect("a delta");
        assert_eq!((delta.finished.as_slice(), delta.rows.len()), (&[web.uid][..], 0), "its agent is told that it is over");
        bed.abandon_target(web.uid, us.uid, "ann", at(7)).await.expect("given up");
        assert_eq!(bed.application(&web.name).await.expect("read"), None);
        let events = bed.events(Some(&web.name), &ListQuery::default()).await.expect("outlives it");
        let given_up = events.items.iter().find(|event| event.cluster == "eu-1").expect("an event");
        assert_eq!((given_up.kind, given_up.objects.as_slice()), (EventKind::Abandoned, &[key("web")][..]));
    }
}

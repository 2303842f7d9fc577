//! Reports: summaries, objects, roll-ups.

use windlass_domain::health::HealthStatus;
use windlass_domain::status::{SyncStatus, reported_digest};
use windlass_store::{ListQuery, Store};

use crate::contract;
use crate::fixture::{at, cluster, commit, deployed, healthy, hello, name, report, session, summary};

async fn objects(store: &dyn Store, application: uuid::Uuid) -> Vec<String> {
    let page = store.list_resources(application, None, &ListQuery::default()).await.expect("a page");
    page.items.into_iter().map(|(_, status)| status.key.name).collect()
}

contract! {
    async fn only_what_changed_is_taken_over(bed: Bed) {
        let eu = cluster(&*bed, "eu-1").await;
        let (web, _) = deployed(&*bed, "web", &eu).await;
        let session = session(&*bed, &eu).await;
        let well = || summary(SyncStatus::Synced, HealthStatus::Healthy);
        let first = report(&web, well(), &["a", "b", "c"]);
        let second = report(&web, well(), &["b", "c", "d"]);
        bed.apply_status(session, &[first.delta_from(None)], at(3)).await.expect("applied");
        assert_eq!(objects(&*bed, web.uid).await, ["a", "b", "c"]);
        let step = second.delta_from(Some(&first));
        assert_eq!((step.changed.len(), step.removed.len()), (1, 1));
        bed.apply_status(session, &[step], at(4)).await.expect("applied");
        assert_eq!(objects(&*bed, web.uid).await, ["b", "c", "d"]);
        let third = report(&web, well(), &["x"]);
        bed.apply_status(session, &[third.delta_from(None)], at(5)).await.expect("applied");
        assert_eq!(objects(&*bed, web.uid).await, ["x"], "a whole report replaces everything");
        let found = bed.list_resources(web.uid, Some(eu.uid), &ListQuery { search: "DEPLOYMENT/shop/X".into(), ..ListQuery::default() }).await;
        assert_eq!(found.expect("a page").total, 1);
    }

    async fn a_change_without_its_beginning_is_asked_for_whole(bed: Bed) {
        let eu = cluster(&*bed, "eu-1").await;
        let (web, _) = deployed(&*bed, "web", &eu).await;
        let session = session(&*bed, &eu).await;
        let before = healthy(&web);
        let after = report(&web, summary(SyncStatus::OutOfSync, HealthStatus::Healthy), &["web"]);
        bed.apply_status(session, &[after.delta_from(Some(&before))], at(3)).await.expect("applied");
        let greeting = windlass_domain::exchange::Hello { reported: reported_digest([(&web.uid, &after.digest())]), ..hello(None) };
        let opened = bed.open_session(eu.uid, &greeting, at(4)).await.expect("opened");
        assert!(!opened.knows_reports);
    }

    async fn an_application_is_as_well_as_its_worst_target(bed: Bed) {
        let (eu, us) = (cluster(&*bed, "eu-1").await, cluster(&*bed, "us-1").await);
        let (web, bundle) = deployed(&*bed, "web", &eu).await;
        let rolled = async || {
            let view = bed.application_view(&name("web")).await.expect("read").expect("there");
            (view.sync, view.health)
        };
        assert_eq!(rolled().await, (SyncStatus::Unknown, HealthStatus::Unknown), "nobody has reported");
        let eu_session = session(&*bed, &eu).await;
        bed.apply_status(eu_session, &[healthy(&web).delta_from(None)], at(3)).await.expect("applied");
        assert_eq!(rolled().await, (SyncStatus::Synced, HealthStatus::Healthy));
        bed.commit_desired(commit(&web, &bundle, &[eu.uid, us.uid]), at(4)).await.expect("committed");
        assert_eq!(rolled().await, (SyncStatus::Unknown, HealthStatus::Unknown), "one target is not known yet");
        let us_session = session(&*bed, &us).await;
        let worse = report(&web, summary(SyncStatus::OutOfSync, HealthStatus::Degraded), &[]);
        bed.apply_status(us_session, &[worse.delta_from(None)], at(5)).await.expect("applied");
        assert_eq!(rolled().await, (SyncStatus::OutOfSync, HealthStatus::Degraded));
        let targets = bed.targets(web.uid).await.expect("read");
        assert_eq!(targets.iter().map(|target| target.cluster_name.as_str()).collect::<Vec<_>>(), ["eu-1", "us-1"]);
        assert_eq!(targets[1].summary.as_ref().map(|summary| summary.health), Some(HealthStatus::Degraded));
    }

    async fn what_is_listed_is_what_is_shown(bed: Bed) {
        let eu = cluster(&*bed, "eu-1").await;
        let (web, bundle) = deployed(&*bed, "web", &eu).await;
        let session = session(&*bed, &eu).await;
        let of = |bundle: &crate::fixture::Rendered| windlass_domain::status::TargetSummary { bundle: Some(bundle.bundle), ..summary(SyncStatus::Synced, HealthStatus::Healthy) };
        bed.apply_status(session, &[report(&web, of(&bundle), &[]).delta_from(None)], at(3)).await.expect("applied");
        let listed = async |sync| {
            let query = windlass_store::ApplicationQuery { sync: Some(sync), ..Default::default() };
            bed.list_applications(&query).await.expect("a page").total
        };
        assert_eq!((listed(SyncStatus::Synced).await, listed(SyncStatus::OutOfSync).await), (1, 0));
        let new = crate::fixture::rendered("new");
        bed.commit_desired(commit(&web, &new, &[eu.uid]), at(4)).await.expect("committed");
        assert_eq!((listed(SyncStatus::Synced).await, listed(SyncStatus::OutOfSync).await), (0, 1), "a newer commit is on its way");
        assert_eq!(bed.cluster_view("eu-1").await.expect("read").expect("there").targets, [(SyncStatus::OutOfSync, HealthStatus::Healthy, 1)]);
        bed.apply_status(session, &[report(&web, of(&bundle), &["a"]).delta_from(None)], at(5)).await.expect("applied");
        assert_eq!(listed(SyncStatus::OutOfSync).await, 1, "a report of the older one changes nothing of that");
        bed.apply_status(session, &[report(&web, of(&new), &["a"]).delta_from(None)], at(6)).await.expect("applied");
        assert_eq!((listed(SyncStatus::Synced).await, listed(SyncStatus::OutOfSync).await), (1, 0));
    }

    async fn reports_of_unknown_targets_are_left_aside(bed: Bed) {
        let (eu, us) = (cluster(&*bed, "eu-1").await, cluster(&*bed, "us-1").await);
        let (web, _) = deployed(&*bed, "web", &eu).await;
        let session = session(&*bed, &us).await;
        let before = *bed.newest().borrow();
        assert_eq!(bed.apply_status(session, &[healthy(&web).delta_from(None)], at(3)).await.expect("applied"), vec![]);
        let objects = objects(&*bed, web.uid).await;
        assert_eq!((*bed.newest().borrow(), objects.len()), (before, 0));
    }
}

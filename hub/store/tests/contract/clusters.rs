//! Cluster records.

use windlass_domain::health::HealthStatus;
use windlass_domain::status::SyncStatus;
use windlass_store::{Error, NewCluster};

use crate::contract;
use crate::fixture::{application, at, cluster, commit, deployed, healthy, name, rendered, session};

contract! {
    async fn a_clusters_name_is_taken_once(bed: Bed) {
        let first = cluster(&*bed, "eu-1").await;
        let second = NewCluster { uid: uuid::Uuid::new_v4(), name: "eu-1".into(), labels: [].into(), server_aliases: vec![] };
        assert!(matches!(bed.create_cluster(second, at(0)).await, Err(Error::Conflict { .. })));
        let aliases = vec!["https://10.0.0.1".to_owned()];
        let updated = bed.update_cluster("eu-1", [].into(), aliases.clone(), at(1)).await.expect("updated");
        assert!(updated.revision > first.revision && updated.uid == first.uid);
        let again = bed.update_cluster("eu-1", [].into(), aliases, at(2)).await.expect("updated");
        assert_eq!(again, updated);
        assert_eq!(bed.clusters().await.expect("read"), vec![updated]);
        assert!(matches!(bed.update_cluster("us-1", [].into(), vec![], at(1)).await, Err(Error::NotFound { .. })));
    }

    async fn a_clusters_view_counts_its_targets(bed: Bed) {
        let eu = cluster(&*bed, "eu-1").await;
        let (web, _) = deployed(&*bed, "web", &eu).await;
        deployed(&*bed, "shop", &eu).await;
        let session = session(&*bed, &eu).await;
        bed.apply_status(session, &[healthy(&web).delta_from(None)], at(3)).await.expect("applied");
        let view = bed.cluster_view("eu-1").await.expect("read").expect("there");
        let want = vec![(SyncStatus::Synced, HealthStatus::Healthy, 1), (SyncStatus::Unknown, HealthStatus::Unknown, 1)];
        assert_eq!((view.targets, view.connected, view.position.generation), (want, true, 2));
        assert!(view.cluster.facts.is_some());
    }

    async fn a_cluster_goes_with_everything_that_hangs_on_it(bed: Bed) {
        let (eu, us) = (cluster(&*bed, "eu-1").await, cluster(&*bed, "us-1").await);
        let (web, rendered_web) = deployed(&*bed, "web", &eu).await;
        bed.commit_desired(commit(&web, &rendered_web, &[eu.uid, us.uid]), at(2)).await.expect("committed");
        let leaving = application(&*bed, "leaving").await;
        bed.commit_desired(commit(&leaving, &rendered("leaving"), &[eu.uid]), at(2)).await.expect("committed");
        bed.delete_application(&name("leaving"), windlass_domain::application::Cascade::Orphan, "ann", at(3)).await.expect("deleted");
        assert!(bed.delete_cluster("eu-1").await.expect("deleted"));
        assert!(!bed.delete_cluster("eu-1").await.expect("deleted"));
        let targets = bed.targets(web.uid).await.expect("read");
        assert_eq!(targets.iter().map(|target| target.cluster).collect::<Vec<_>>(), vec![us.uid]);
        assert_eq!(bed.application(&name("leaving")).await.expect("read"), None, "it waited for this cluster only");
        assert!(matches!(bed.position(eu.uid).await, Err(Error::NotFound { .. })));
        let gone = bed.changes(0, 1000).await.expect("changes").into_iter().filter(|change| change.deleted).map(|change| change.name);
        assert_eq!(gone.collect::<Vec<_>>(), vec!["argocd/leaving", "eu-1"]);
    }
}

//! Opening a store: once made, always the same.

use std::sync::Arc;

use windlass_store::{Error, Secret, Store};

use crate::bed::Bed;
use crate::contract;
use crate::fixture::{application, at, cluster, deployed, manifest, name};

contract! {
    async fn what_was_written_is_there_when_it_is_opened_again(bed: Bed) {
        let eu = cluster(&*bed, "eu-1").await;
        let (web, bundle) = deployed(&*bed, "web", &eu).await;
        bed.put_secret_once("ca-key", Secret::new(b"key".to_vec())).await.expect("stored");
        let (installation, delta, newest) = (
            bed.installation().await.expect("an installation"),
            bed.delta(eu.uid, None).await.expect("a delta"),
            *bed.newest().borrow(),
        );
        bed.store.close().await;
        assert!(bed.ping().await.expect_err("closed").is_retryable());
        let again = bed.again().await;
        again.ping().await.expect("it answers");
        let same = again.installation().await.expect("an installation");
        assert_eq!((same.id, same.incarnation, &same.trust_domain), (installation.id, installation.incarnation, &installation.trust_domain));
        assert_eq!(same.digest_key.expose(), installation.digest_key.expose());
        assert_eq!(again.delta(eu.uid, None).await.expect("a delta"), delta);
        assert_eq!(again.application(&name("web")).await.expect("read"), Some(web));
        assert_eq!(again.contents(eu.uid, &[bundle.bundle]).await.expect("contents").len(), 1);
        assert_eq!(again.secret("ca-key").await.expect("read").expect("there").expose(), b"key");
        assert_eq!(*again.newest().borrow(), newest);
    }

    async fn another_seal_key_is_refused(bed: Bed) {
        let refused = bed.with_key([8; 32]).await.map(|_| ()).expect_err("refused");
        assert!(matches!(&refused, Error::Invalid(why) if why.contains("seal key")), "{refused}");
        bed.ping().await.expect("nothing was harmed");
    }

    async fn a_newer_schema_is_refused(bed: Bed) {
        bed.meddle("INSERT INTO schema_version (version) VALUES (99)").await;
        let refused = bed.with_key([7; 32]).await.map(|_| ()).expect_err("refused");
        assert!(matches!(refused, Error::NewerSchema { found: 99, .. }) && !refused.is_retryable(), "{refused}");
        assert!(refused.to_string().contains("newer windlass"), "{refused}");
    }

    async fn writers_wait_for_each_other(bed: Bed) {
        let calls = (0..40).map(|index| {
            let store = Arc::clone(&bed.store);
            tokio::spawn(async move {
                let manifest = manifest(&format!("app-{}", index % 20));
                store.put_application(&manifest, windlass_domain::application::Origin::Api, None, at(0)).await.expect("stored")
            })
        });
        let mut revisions = Vec::new();
        for call in calls.collect::<Vec<_>>() {
            revisions.push(call.await.expect("ran").value.revision);
        }
        revisions.sort_unstable();
        revisions.dedup();
        assert_eq!(revisions.len(), 20, "each application was made once");
        assert_eq!(bed.changes(0, 100).await.expect("changes").len(), 20);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_files_are_their_owners_only() {
    let bed = Bed::sqlite().await;
    application(&*bed, "web").await;
    assert_eq!(bed.modes(), [0o600; 3], "the database, its log and the log's index");
}

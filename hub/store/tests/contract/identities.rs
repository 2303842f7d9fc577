//! Identities of clusters: what the domain decides is durable, at once and once.

use uuid::Uuid;
use windlass_domain::identity::record::{Event, Shown, Word};
use windlass_domain::identity::trust::AuthorityEntry;
use windlass_domain::identity::verdict::{Mode, Refusal, Verdict};
use windlass_store::{Error, IdentityEvent, IssuedCertificate, NewJoinToken, Spend, Store};

use crate::contract;
use crate::fixture::{HOUR, at, cluster, deployed, healthy, name, session};

fn certificate(cluster: Uuid, serial: &str, key: u8) -> IssuedCertificate {
    IssuedCertificate {
        serial: serial.into(),
        cluster,
        key_digest: [key; 32],
        der: vec![1],
        issued_at: at(i64::from(key)),
        not_after: at(168 * HOUR),
        revoked: false,
        authority: u64::from(key / 2),
    }
}

async fn called(store: &dyn Store, cluster: Uuid, serial: &str) -> Verdict {
    let (known, _) = store.identity_of(serial).await.expect("read").expect("there");
    let shown = Shown { serial: serial.into(), revoked: known.revoked, not_after: known.not_after };
    let change = IdentityEvent { event: Event::Called(shown), from: "10.0.0.1".into() };
    store.change_identity(cluster, &change, at(HOUR)).await.expect("decided")
}

fn word(serial: Option<&str>) -> IdentityEvent {
    let word = Word { by: "ann".into(), at: at(HOUR), reason: "stolen".into() };
    IdentityEvent { event: Event::Revoked { word, serial: serial.map(str::to_owned) }, from: String::new() }
}

contract! {
    async fn a_certificate_is_next_then_current_and_what_changes_nothing_writes_nothing(bed: Bed) {
        let eu = cluster(&*bed, "eu-1").await.uid;
        bed.put_certificate(&certificate(eu, "0a", 1), Some("home")).await.expect("stored");
        assert_eq!(called(&*bed, eu, "0a").await, Verdict::Admitted(Mode::Full));
        let newest = *bed.newest().borrow();
        assert_eq!(called(&*bed, eu, "0a").await, Verdict::Admitted(Mode::Full));
        assert_eq!(*bed.newest().borrow(), newest);
        bed.put_certificate(&certificate(eu, "0b", 2), None).await.expect("stored");
        called(&*bed, eu, "0b").await;
        let record = bed.again().await.identity(eu).await.expect("read");
        assert_eq!((record.current.as_deref(), record.kube_system_uid.as_str()), (Some("0b"), "home"));
        let (revision, changed) = bed.identities_changed(newest).await.expect("read");
        assert!(changed == vec![eu] && revision > newest);
        assert!(bed.identities_changed(revision).await.expect("read").1.is_empty());
        assert!(bed.identity_of("0c").await.expect("read").is_none());
        assert!(matches!(bed.identity(Uuid::nil()).await, Err(Error::NotFound { .. })));
    }

    async fn a_revocation_marks_certificates_and_voids_tokens_in_one_go(bed: Bed) {
        let (eu, us) = (cluster(&*bed, "eu-1").await.uid, cluster(&*bed, "us-1").await.uid);
        for (cluster, serial, key) in [(eu, "0a", 1), (eu, "0b", 2), (us, "0c", 3)] {
            bed.put_certificate(&certificate(cluster, serial, key), None).await.expect("stored");
        }
        bed.change_identity(eu, &word(Some("0a")), at(HOUR)).await.expect("revoked");
        assert_eq!(bed.revoked_certificates(None).await.expect("read"), vec![(eu, "0a".to_owned())]);
        let token = NewJoinToken { id: Uuid::new_v4(), cluster: eu, secret_hash: [1; 32], expires_at: at(2 * HOUR) };
        bed.put_join_token(&token).await.expect("stored");
        assert_eq!(bed.cluster_of_token(token.id).await.expect("read"), Some(eu));
        bed.change_identity(eu, &word(None), at(HOUR)).await.expect("revoked");
        assert_eq!(bed.revoked_certificates(Some(eu)).await.expect("read").len(), 2);
        assert!(bed.revoked_certificates(Some(us)).await.expect("read").is_empty());
        assert_eq!(called(&*bed, eu, "0b").await, Verdict::Refused(Refusal::Revoked { serial: "0b".into() }));
        assert!(matches!(bed.spend_join_token(token.id, [1; 32], [9; 32], at(HOUR)).await, Ok(Spend::Refused(_))));
        assert!(bed.cluster_view("eu-1").await.expect("read").expect("there").identity.revoked.is_some());
        assert_eq!(bed.revoke_listed(&["0a".into(), "0c".into(), "ff".into()]).await.expect("revoked"), 1);
        assert_eq!(called(&*bed, us, "0c").await, Verdict::Refused(Refusal::Revoked { serial: "0c".into() }));
    }

    async fn only_a_good_certificate_of_the_cluster_is_approved(bed: Bed) {
        let (eu, us) = (cluster(&*bed, "eu-1").await.uid, cluster(&*bed, "us-1").await.uid);
        for (cluster, serial, key) in [(eu, "0a", 1), (eu, "0b", 2), (us, "0c", 3)] {
            bed.put_certificate(&certificate(cluster, serial, key), None).await.expect("stored");
        }
        called(&*bed, eu, "0b").await;
        let approve = async |serial: &str| {
            let change = IdentityEvent { event: Event::Approved { serial: Some(serial.into()) }, from: String::new() };
            bed.change_identity(eu, &change, at(HOUR)).await.expect("decided")
        };
        for serial in ["0c", "ff"] {
            assert_eq!(approve(serial).await, Verdict::Refused(Refusal::Unknown { serial: serial.into() }));
        }
        assert_eq!(approve("0a").await, Verdict::Admitted(Mode::Full));
        assert_eq!(bed.identity(eu).await.expect("read").current.as_deref(), Some("0a"));
        assert!(bed.key_is_anothers(us, [1; 32]).await.expect("read") && !bed.key_is_anothers(eu, [1; 32]).await.expect("read"));
    }

    async fn an_authority_is_made_once_and_its_holders_are_known(bed: Bed) {
        let eu = cluster(&*bed, "eu-1").await.uid;
        cluster(&*bed, "nobody").await;
        bed.put_certificate(&certificate(eu, "0a", 1), None).await.expect("stored");
        called(&*bed, eu, "0a").await;
        bed.put_certificate(&certificate(eu, "0b", 2), None).await.expect("stored");
        let entry = |number, by: &str| AuthorityEntry { number, created_at: at(1), by: by.into(), retired_at: None };
        for (number, by) in [(0, "ann"), (0, "bob"), (1, "ann")] {
            bed.put_authority_once(&entry(number, by)).await.expect("stored");
        }
        assert_eq!(bed.authorities().await.expect("read"), vec![entry(0, "ann"), entry(1, "ann")]);
        let authority = async || bed.authority_holders().await.expect("read").iter().map(|one| (one.cluster.clone(), one.authority)).collect::<Vec<_>>();
        assert_eq!(authority().await, vec![("eu-1".to_owned(), 0)], "what is issued is not used yet");
        called(&*bed, eu, "0b").await;
        assert_eq!(authority().await, vec![("eu-1".to_owned(), 1)]);
        bed.retire_authorities(&[0], at(2)).await.expect("retired");
        assert_eq!(bed.authorities().await.expect("read")[0].retired_at, Some(at(2)));
    }

    async fn a_cluster_that_is_removed_with_its_objects_goes_with_the_last_of_them(bed: Bed) {
        let eu = cluster(&*bed, "eu-1").await;
        let (web, _) = deployed(&*bed, "web", &eu).await;
        let session = session(&*bed, &eu).await;
        bed.apply_status(session, &[healthy(&web).delta_from(None)], at(3)).await.expect("applied");
        let moved = bed.remove_cluster("eu-1", "ann", at(4)).await.expect("begun");
        assert_eq!(moved.len(), 1);
        assert!(bed.clusters().await.expect("read").is_empty(), "nothing is targeted at it any more");
        let view = bed.cluster_view("eu-1").await.expect("read").expect("still there");
        assert_eq!(view.removal.map(|removal| removal.by).as_deref(), Some("ann"));
        let targets = bed.targets(web.uid).await.expect("read");
        assert!(targets[0].removing.is_some());
        assert!(bed.remove_cluster("eu-1", "bob", at(5)).await.expect("again").is_empty());

        let mut gone = healthy(&web);
        gone.summary.removed = true;
        bed.apply_status(session, &[gone.delta_from(None)], at(6)).await.expect("applied");
        assert!(bed.cluster_view("eu-1").await.expect("read").is_none());
        assert!(bed.application(&name("web")).await.expect("read").is_some(), "the application stays");
        cluster(&*bed, "us-1").await;
        bed.remove_cluster("us-1", "ann", at(7)).await.expect("nothing there");
        assert!(bed.cluster_view("us-1").await.expect("read").is_none());
    }
}

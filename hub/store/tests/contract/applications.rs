//! Application records, repositories, principals.

use windlass_domain::access::Principal;
use windlass_domain::application::{Cascade, Origin};
use windlass_store::{Error, NewRepository, NewToken, PutOutcome, RequestLogEntry, Secret};

use crate::contract;
use crate::fixture::{HOUR, application, at, cluster, deployed, healthy, manifest, name, removed, session};

contract! {
    async fn the_same_manifest_again_changes_nothing(bed: Bed) {
        let created = bed.put_application(&manifest("web"), Origin::Api, None, at(0)).await.expect("stored");
        assert_eq!(created.outcome, PutOutcome::Created);
        let newest = *bed.newest().borrow();
        let again = bed.put_application(&manifest("web"), Origin::Api, None, at(9)).await.expect("stored");
        assert_eq!((again.outcome, &again.value), (PutOutcome::Unchanged, &created.value));
        assert_eq!(*bed.newest().borrow(), newest);
        let mut other = manifest("web");
        other.metadata.labels.insert("team".into(), "shop".into());
        let changed = bed.put_application(&other, Origin::Api, Some(created.value.revision), at(9)).await.expect("stored");
        assert_eq!(changed.outcome, PutOutcome::Changed);
        assert!(changed.value.revision > created.value.revision);
        assert_eq!(changed.value.created_at, created.value.created_at);
        assert_eq!(bed.application(&name("web")).await.expect("read"), Some(changed.value));
    }

    async fn a_write_over_an_unseen_change_is_a_conflict(bed: Bed) {
        let seen = application(&*bed, "web").await.revision;
        let mut mine = manifest("web");
        mine.spec.destination.namespace = "mine".into();
        let mut theirs = manifest("web");
        theirs.spec.destination.namespace = "theirs".into();
        bed.put_application(&theirs, Origin::Api, Some(seen), at(1)).await.expect("stored");
        let refused = bed.put_application(&mine, Origin::Api, Some(seen), at(2)).await.expect_err("refused");
        assert!(matches!(refused, Error::Conflict { .. }) && !refused.is_retryable(), "{refused}");
        let foreign = bed.put_application(&mine, Origin::Kubernetes, None, at(2)).await.expect_err("refused");
        assert!(matches!(foreign, Error::Conflict { .. }), "only its origin writes an application");
        let stored = bed.application(&name("web")).await.expect("read").expect("there");
        assert_eq!(stored.spec, theirs.spec);
    }

    async fn status_does_not_move_the_revision_that_people_see(bed: Bed) {
        let cluster = cluster(&*bed, "eu-1").await;
        let (application, _) = deployed(&*bed, "web", &cluster).await;
        let session = session(&*bed, &cluster).await;
        bed.apply_status(session, &[healthy(&application).delta_from(None)], at(3)).await.expect("applied");
        let stored = bed.application(&name("web")).await.expect("read").expect("there");
        assert_eq!(stored.revision, application.revision);
    }

    async fn an_application_goes_with_its_last_target(bed: Bed) {
        let (eu, us) = (cluster(&*bed, "eu-1").await, cluster(&*bed, "us-1").await);
        let (application, rendered) = deployed(&*bed, "web", &eu).await;
        bed.commit_desired(crate::fixture::commit(&application, &rendered, &[eu.uid, us.uid]), at(2)).await.expect("committed");
        let positions = bed.delete_application(&name("web"), Cascade::Foreground, "ann", at(3)).await.expect("deleted");
        assert_eq!(positions.len(), 2);
        assert_eq!(bed.delete_application(&name("web"), Cascade::Foreground, "ann", at(4)).await.expect("again"), vec![]);
        let changed = { let mut m = manifest("web"); m.spec.project = "other".into(); m };
        assert!(matches!(bed.put_application(&changed, Origin::Api, None, at(4)).await, Err(Error::Conflict { .. })));
        for (cluster, is_last) in [(&eu, false), (&us, true)] {
            let session = session(&*bed, cluster).await;
            let positions = bed.apply_status(session, &[removed(&application).delta_from(None)], at(5)).await.expect("applied");
            assert_eq!(positions.len(), 1);
            assert_eq!(bed.application(&name("web")).await.expect("read").is_none(), is_last);
        }
        let newest = *bed.newest().borrow();
        let last = bed.changes(0, 100).await.expect("changes").pop().expect("one");
        assert_eq!((last.revision, last.name.as_str(), last.deleted), (newest, "argocd/web", true));
        let again = crate::fixture::application(&*bed, "web").await;
        assert_ne!(again.uid, application.uid, "a uid is never used twice");
    }

    async fn an_application_without_targets_goes_at_once(bed: Bed) {
        application(&*bed, "web").await;
        assert_eq!(bed.delete_application(&name("web"), Cascade::Orphan, "ann", at(1)).await.expect("deleted"), vec![]);
        assert_eq!(bed.application_view(&name("web")).await.expect("read"), None);
        assert!(matches!(bed.delete_application(&name("web"), Cascade::Orphan, "ann", at(1)).await, Err(Error::NotFound { .. })));
    }

    async fn applications_are_found_by_any_spelling_of_their_repository(bed: Bed) {
        let web = application(&*bed, "web").await;
        for url in ["https://git.example/shop/web", "https://GIT.example/shop/web.git/"] {
            assert_eq!(bed.application_names(Some(url)).await.expect("read"), vec![(web.uid, web.name.clone())], "{url}");
        }
        assert_eq!(bed.application_names(Some("https://git.example/other")).await.expect("read"), vec![]);
        assert_eq!(bed.application_names(None).await.expect("read").len(), 1);
    }

    async fn a_repository_keeps_its_credentials_to_itself(bed: Bed) {
        let url = "https://git.example/shop/web";
        let new = NewRepository { url: url.into(), name: "web".into(), credentials: Some(Secret::new(b"user:word".to_vec())), ca_pem: None, settings: Default::default() };
        let created = bed.put_repository(new.clone(), at(0)).await.expect("stored");
        assert_eq!((created.outcome, created.value.has_credentials), (PutOutcome::Created, true));
        assert_eq!(bed.put_repository(new.clone(), at(1)).await.expect("stored").outcome, PutOutcome::Unchanged);
        let other = NewRepository { credentials: Some(Secret::new(b"user:other".to_vec())), ..new };
        assert_eq!(bed.put_repository(other, at(1)).await.expect("stored").outcome, PutOutcome::Changed);
        let read = bed.repository(url).await.expect("read").expect("there");
        assert_eq!(read.credentials.expect("some").expose(), b"user:other");
        assert!(bed.delete_repository(url).await.expect("deleted"));
        assert!(!bed.delete_repository(url).await.expect("deleted"));
        assert!(bed.repository(url).await.expect("read").is_none());
    }

    async fn a_principal_is_known_by_an_unexpired_token_only(bed: Bed) {
        assert!(!bed.has_principals().await.expect("read"));
        let admin = Principal::administrator("admin");
        bed.put_principal(&admin, at(0)).await.expect("stored");
        assert!(bed.has_principals().await.expect("read"));
        let token = NewToken { id: uuid::Uuid::new_v4(), hash: [5; 32], principal: "admin".into(), expires_at: at(HOUR) };
        bed.put_token(&token, at(0)).await.expect("stored");
        assert_eq!(bed.principal_by_token(token.id, [5; 32], at(1)).await.expect("read"), Some(admin));
        assert_eq!(bed.principal_by_token(token.id, [6; 32], at(1)).await.expect("read"), None);
        assert_eq!(bed.principal_by_token(token.id, [5; 32], at(HOUR)).await.expect("read"), None);
        let nobodys = NewToken { id: uuid::Uuid::new_v4(), principal: "eve".into(), ..token };
        assert!(matches!(bed.put_token(&nobodys, at(0)).await, Err(Error::NotFound { .. })));
    }

    async fn requests_are_logged_without_moving_the_feed(bed: Bed) {
        let before = *bed.newest().borrow();
        for minute in 0..25 {
            let entry = RequestLogEntry {
                at: at(minute * 60_000),
                request_id: uuid::Uuid::new_v4(),
                principal: "admin".into(),
                peer: "127.0.0.1:4711".into(),
                method: "GET".into(),
                path: "/api/v1/applications".into(),
                status: 200,
                permission: "applications/get/*".into(),
            };
            bed.log_request(&entry).await.expect("logged");
        }
        assert_eq!(*bed.newest().borrow(), before);
    }
}

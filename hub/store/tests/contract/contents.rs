//! Contents: who may fetch what, how they lie there, and when they go.

use windlass_domain::application::Cascade;
use windlass_domain::digest::Digest;
use windlass_domain::target::TargetSettings;
use windlass_store::{Amendment, NewRepository, Secret};

use crate::contract;
use crate::fixture::{application, at, bundle_of, cluster, commit, deployed, name, operation, rendered, session};

const CANARY: &[u8] = b"canary-4711-never-in-the-clear";

fn holds(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

contract! {
    async fn a_cluster_reaches_the_contents_of_its_own_rows_only(bed: Bed) {
        let (eu, us) = (cluster(&*bed, "eu-1").await, cluster(&*bed, "us-1").await);
        let (_, theirs) = deployed(&*bed, "web", &eu).await;
        let (_, other) = deployed(&*bed, "other", &us).await;
        let mut wanted = vec![theirs.bundle, theirs.members[0], TargetSettings::default().digest(), other.bundle, other.members[0], Digest::of(b"nothing")];
        let mut found = bed.contents(eu.uid, &wanted).await.expect("contents");
        for (digest, compressed) in &found {
            let bytes = zstd::bulk::decompress(compressed, 1 << 20).expect("zstd");
            assert_eq!(*digest, Digest::of(&bytes));
        }
        let mut found: Vec<_> = found.drain(..).map(|(digest, _)| digest).collect();
        found.sort_unstable();
        wanted.truncate(3);
        wanted.sort_unstable();
        assert_eq!(found, wanted);
        assert_eq!(bed.contents(eu.uid, &[]).await.expect("contents"), vec![]);
    }

    async fn an_operations_bundle_stays_reachable_when_a_newer_one_is_desired(bed: Bed) {
        let eu = cluster(&*bed, "eu-1").await;
        let (web, old) = deployed(&*bed, "web", &eu).await;
        bed.amend_target(web.uid, eu.uid, Amendment::Operation(operation(&old)), at(2)).await.expect("asked");
        bed.commit_desired(commit(&web, &rendered("new"), &[eu.uid]), at(3)).await.expect("committed");
        assert_eq!(bed.contents(eu.uid, &[old.bundle, old.members[0]]).await.expect("contents").len(), 2);
    }

    async fn secrets_lie_sealed(bed: Bed) {
        let eu = cluster(&*bed, "eu-1").await;
        let web = application(&*bed, "web").await;
        let key = bed.installation().await.expect("an installation").digest_key;
        let manifest = [br#"{"kind":"Secret","data":""#.as_slice(), CANARY, b"\"}"].concat();
        let digest = Digest::keyed(&key, &manifest);
        let bundle = bundle_of("a", vec![(digest, manifest.clone())]);
        bed.commit_desired(commit(&web, &bundle, &[eu.uid]), at(1)).await.expect("committed");
        bed.put_secret_once("ca-key", Secret::new(CANARY.to_vec())).await.expect("stored");
        let repository = NewRepository { url: "https://git.example/x".into(), name: "x".into(), credentials: Some(Secret::new(CANARY.to_vec())), ca_pem: None, settings: Default::default() };
        bed.put_repository(repository, at(1)).await.expect("stored");
        bed.put_secret_once("public", Secret::new(b"seen".to_vec())).await.expect("stored");

        let bytes = bed.bytes().await;
        assert!(holds(&bytes, b"https://git.example/x"), "what is looked through is the database");
        assert!(!holds(&bytes, CANARY) && !holds(&bytes, key.expose()));
        let compressed = zstd::bulk::compress(&manifest, 3).expect("compressed");
        assert!(!holds(&bytes, &compressed));
        let found = bed.contents(eu.uid, &[digest]).await.expect("contents");
        assert_eq!(zstd::bulk::decompress(&found[0].1, 1 << 20).expect("zstd"), manifest);
        assert_eq!(bed.secret("ca-key").await.expect("read").expect("there").expose(), CANARY);
        let again = bed.put_secret_once("ca-key", Secret::new(b"another".to_vec())).await.expect("kept");
        assert_eq!(again.expose(), CANARY);
    }

    async fn garbage_is_dropped_in_chunks_up_to_the_last(bed: Bed) {
        let eu = cluster(&*bed, "eu-1").await;
        let web = application(&*bed, "web").await;
        let manifest = |index: u32| json_text(&format!("object-{index}"));
        let large = bundle_of("a", (0..1200).map(manifest).collect());
        bed.commit_desired(commit(&web, &large, &[eu.uid]), at(1)).await.expect("committed");
        bed.commit_desired(commit(&web, &rendered("b"), &[eu.uid]), at(2)).await.expect("committed");
        assert_eq!(bed.collect_garbage(at(10)).await.expect("collected"), 1201);
        assert_eq!(bed.collect_garbage(at(10)).await.expect("collected"), 0);
        assert_eq!(bed.contents(eu.uid, &[rendered("b").bundle]).await.expect("contents").len(), 1);
    }

    async fn what_nothing_names_is_dropped(bed: Bed) {
        let eu = cluster(&*bed, "eu-1").await;
        let (web, first) = deployed(&*bed, "web", &eu).await;
        let session = session(&*bed, &eu).await;
        bed.held(session, web.uid, first.bundle).await.expect("held");
        let (second, third) = (rendered("second"), rendered("third"));
        bed.commit_desired(commit(&web, &second, &[eu.uid]), at(2)).await.expect("committed");
        bed.commit_desired(commit(&web, &third, &[eu.uid]), at(3)).await.expect("committed");
        assert_eq!(bed.collect_garbage(at(1)).await.expect("collected"), 0, "young contents stay");
        assert_eq!(bed.collect_garbage(at(10)).await.expect("collected"), 2, "the second bundle and its manifest");
        let kept = [first.bundle, first.members[0], third.bundle, third.members[0]];
        assert_eq!(bed.contents(eu.uid, &kept).await.expect("contents").len(), 4);
        bed.commit_desired(commit(&web, &second, &[eu.uid]), at(11)).await.expect("a bundle may come back");
        assert_eq!(bed.contents(eu.uid, &[second.bundle, second.members[0]]).await.expect("contents").len(), 2);
        bed.delete_application(&name("web"), Cascade::Orphan, "ann", at(12)).await.expect("deleted");
        bed.collect_garbage(at(20)).await.expect("collected");
        assert_eq!(bed.contents(eu.uid, &kept).await.expect("contents"), vec![], "a target on its way out needs none");
    }
}

fn json_text(text: &str) -> (Digest, Vec<u8>) {
    let manifest = serde_json::json!({"text": text}).to_string().into_bytes();
    (Digest::of(&manifest), manifest)
}

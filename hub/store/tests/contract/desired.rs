//! Desired state: generations, chains, deltas.

use std::collections::BTreeMap;

use uuid::Uuid;
use windlass_domain::application::Cascade;
use windlass_domain::desired_state::{Chain, DesiredState, Position};
use windlass_domain::source::TreePath;
use windlass_domain::status::{Condition, ConditionKind};
use windlass_domain::target::{Adoption, Approval, TargetRow};
use windlass_store::{Amendment, Compiled, Error, Store};

use crate::contract;
use crate::fixture::{application, at, cluster, commit, deployed, key, name, removed, rendered, session, spec};

/// Numbers that look random and are the same in every run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }
}

/// An agent that holds rows.
#[derive(Clone, Default)]
struct Agent {
    state: DesiredState,
    position: Option<Position>,
}

impl Agent {
    async fn follow(&mut self, store: &dyn Store, cluster: Uuid) {
        let delta = store.delta(cluster, self.position.map(|position| position.generation)).await.expect("a delta");
        self.state = self.state.advanced(self.position.as_ref(), &delta).expect("the delta fits");
        self.position = Some(delta.to);
    }
}

contract! {
    async fn a_commit_that_changes_nothing_makes_no_generation(bed: Bed) {
        let eu = cluster(&*bed, "eu-1").await;
        let (web, bundle) = deployed(&*bed, "web", &eu).await;
        let (position, newest) = (bed.position(eu.uid).await.expect("a position"), *bed.newest().borrow());
        let mut again = commit(&web, &bundle, &[eu.uid]);
        again.source.checked_at = Some(at(60_000));
        assert_eq!(bed.commit_desired(again.clone(), at(2)).await.expect("committed"), vec![]);
        assert_eq!((bed.position(eu.uid).await.expect("a position"), *bed.newest().borrow()), (position, newest));
        let view = bed.application_view(&name("web")).await.expect("read").expect("there");
        assert_eq!(view.source.checked_at, Some(at(60_000)), "the look itself is noted");
        again.targets = None;
        again.source.conditions.push(Condition { kind: ConditionKind::ComparisonError, message: "no such path".into(), since: at(3) });
        assert_eq!(bed.commit_desired(again, at(3)).await.expect("committed"), vec![]);
        assert_eq!(bed.position(eu.uid).await.expect("a position"), position, "a failed render is never a delete");
        assert!(*bed.newest().borrow() > newest, "its condition is seen");
    }

    async fn a_commit_of_an_old_spec_is_refused(bed: Bed) {
        let eu = cluster(&*bed, "eu-1").await;
        let (web, bundle) = deployed(&*bed, "web", &eu).await;
        let mut stale = commit(&web, &bundle, &[eu.uid]);
        stale.application_revision -= 1;
        assert!(matches!(bed.commit_desired(stale, at(2)).await, Err(Error::Conflict { .. })));
        let mut gone = commit(&web, &bundle, &[eu.uid]);
        gone.application = Uuid::new_v4();
        assert!(matches!(bed.commit_desired(gone, at(2)).await, Err(Error::NotFound { .. })));
        bed.delete_application(&name("web"), Cascade::Foreground, "ann", at(3)).await.expect("deleted");
        let web = bed.application(&name("web")).await.expect("read").expect("there");
        assert!(matches!(bed.commit_desired(commit(&web, &bundle, &[eu.uid]), at(4)).await, Err(Error::Conflict { .. })));
    }

    async fn a_row_that_could_never_be_complete_is_refused(bed: Bed) {
        let eu = cluster(&*bed, "eu-1").await;
        let web = application(&*bed, "web").await;
        let mut bundle = rendered("web");
        bundle.contents.remove(0);
        let before = *bed.newest().borrow();
        assert!(matches!(bed.commit_desired(commit(&web, &bundle, &[eu.uid]), at(1)).await, Err(Error::Invalid(_))));
        let mut unset = rendered("web");
        unset.contents.pop();
        assert!(matches!(bed.commit_desired(commit(&web, &unset, &[eu.uid]), at(1)).await, Err(Error::Invalid(_))));
        let mut forged = rendered("web");
        forged.contents[0].1.push(b'!');
        assert!(matches!(bed.commit_desired(commit(&web, &forged, &[eu.uid]), at(1)).await, Err(Error::Invalid(_))));
        let position = bed.position(eu.uid).await.expect("a position");
        assert_eq!((*bed.newest().borrow(), position.generation), (before, 0));
    }

    async fn a_target_leaves_by_an_explicit_removal_only(bed: Bed) {
        let (eu, us) = (cluster(&*bed, "eu-1").await, cluster(&*bed, "us-1").await);
        let (web, bundle) = deployed(&*bed, "web", &eu).await;
        bed.commit_desired(commit(&web, &bundle, &[eu.uid, us.uid]), at(2)).await.expect("committed");
        let moved = bed.commit_desired(commit(&web, &bundle, &[us.uid]), at(3)).await.expect("committed");
        assert_eq!(moved.iter().map(|moved| moved.cluster).collect::<Vec<_>>(), vec![eu.uid], "only the cluster whose rows changed");
        let rows = bed.delta(eu.uid, None).await.expect("a delta").rows;
        assert!(matches!(&rows[..], [TargetRow::Removing(removing)] if removing.cascade == Cascade::Foreground));
        let session = session(&*bed, &eu).await;
        bed.apply_status(session, &[removed(&web).delta_from(None)], at(4)).await.expect("applied");
        let delta = bed.delta(eu.uid, Some(moved[0].position.generation)).await.expect("a delta");
        assert_eq!((delta.rows, delta.finished), (vec![], vec![web.uid]));
        bed.commit_desired(commit(&web, &bundle, &[eu.uid, us.uid]), at(5)).await.expect("it may come back");
        let delta = bed.delta(eu.uid, Some(moved[0].position.generation)).await.expect("a delta");
        assert_eq!((delta.rows.len(), delta.finished.len()), (1, 0));
    }

    async fn an_early_word_of_removal_does_not_drop_a_row_that_is_kept(bed: Bed) {
        let eu = cluster(&*bed, "eu-1").await;
        let (web, _) = deployed(&*bed, "web", &eu).await;
        let session = session(&*bed, &eu).await;
        assert_eq!(bed.apply_status(session, &[removed(&web).delta_from(None)], at(3)).await.expect("applied"), vec![]);
        assert_eq!(bed.targets(web.uid).await.expect("read").len(), 1);
    }

    async fn deltas_from_any_generation_lead_to_the_same_rows(bed: Bed) {
        let mut dice = Dice(42);
        let eu = cluster(&*bed, "eu-1").await;
        let session = session(&*bed, &eu).await;
        let mut apps = Vec::new();
        for index in 0..4 {
            apps.push(application(&*bed, &format!("app-{index}")).await);
        }
        // Agents that fell asleep at each generation.
        let mut agents = vec![Agent::default()];
        let mut chains = BTreeMap::from([(0, Chain::START)]);
        for step in 0..30 {
            let app = &apps[dice.roll(4) as usize];
            match dice.roll(4) {
                0 => {
                    let bundle = rendered("whatever");
                    bed.commit_desired(commit(app, &bundle, &[]), at(step)).await.expect("committed");
                }
                1 => {
                    bed.apply_status(session, &[removed(app).delta_from(None)], at(step)).await.expect("applied");
                }
                _ => {
                    let bundle = rendered(&format!("commit-{}", dice.roll(3)));
                    bed.commit_desired(commit(app, &bundle, &[eu.uid]), at(step)).await.expect("committed");
                }
            }
            let mut awake = Agent::default();
            awake.follow(&*bed, eu.uid).await;
            let position = awake.position.expect("a position");
            let before = chains.insert(position.generation, position.chain);
            assert!(before.is_none_or(|before| before == position.chain), "a generation's chain never changes");
            for agent in &agents {
                let mut woken = agent.clone();
                woken.follow(&*bed, eu.uid).await;
                assert_eq!((&woken.state, woken.position), (&awake.state, awake.position));
            }
            agents.push(awake);
        }
        assert!(chains.len() > 10, "the run changed rows: {}", chains.len());
        let distinct: std::collections::HashSet<Chain> = chains.values().copied().collect();
        assert_eq!(distinct.len(), chains.len(), "the same rows at another time are another history");
    }

    async fn a_generation_reads_no_row_that_it_does_not_change(bed: Bed) {
        let eu = cluster(&*bed, "eu-1").await;
        let (web, _) = deployed(&*bed, "web", &eu).await;
        let (other, _) = deployed(&*bed, "other", &eu).await;
        bed.meddle(&format!("UPDATE targets SET desired = 'unreadable' WHERE application = '{}'", other.uid)).await;
        let moved = bed.commit_desired(commit(&web, &rendered("new"), &[eu.uid]), at(2)).await.expect("committed");
        assert_eq!(moved[0].position.generation, 3);
        assert!(matches!(bed.delta(eu.uid, None).await, Err(Error::Corrupt(_))), "who is sent all rows is told");
    }

    async fn many_applications_are_one_generation_of_their_cluster(bed: Bed) {
        let eu = cluster(&*bed, "eu-1").await;
        let mut commits = Vec::new();
        for index in 0..100 {
            let app = application(&*bed, &format!("app-{index}")).await;
            commits.push(commit(&app, &rendered("a"), &[eu.uid]));
        }
        let stale = application(&*bed, "app-7").await;
        commits[7].application_revision = stale.revision + 1;
        let results = bed.commit_all_desired(commits.clone(), at(1)).await;
        for (index, result) in results.iter().enumerate() {
            match result {
                Ok(moved) => assert_eq!((moved.len(), moved[0].position.generation), (1, 1), "{index}"),
                Err(error) => assert!(index == 7 && matches!(error, Error::Conflict { .. }), "{index}: {error}"),
            }
        }
        let delta = bed.delta(eu.uid, None).await.expect("a delta");
        assert_eq!((delta.rows.len(), delta.to.generation), (99, 1), "the one that failed took nothing of the others along");
        DesiredState::default().advanced(None, &delta).expect("it fits");
        let again = bed.commit_all_desired(commits, at(2)).await;
        assert!(again.iter().enumerate().all(|(index, result)| index == 7 || result.as_ref().is_ok_and(Vec::is_empty)));
    }

    async fn commits_that_come_together_all_count(bed: Bed) {
        let eu = cluster(&*bed, "eu-1").await;
        let mut calls = Vec::new();
        for index in 0..60 {
            let app = application(&*bed, &format!("app-{index}")).await;
            let (store, commit) = (std::sync::Arc::clone(&bed.store), commit(&app, &rendered(&format!("{index}")), &[eu.uid]));
            calls.push(tokio::spawn(async move { store.commit_desired(commit, at(1)).await.expect("committed") }));
        }
        let mut newest = 0;
        for call in calls {
            newest = newest.max(call.await.expect("ran")[0].position.generation);
        }
        let delta = bed.delta(eu.uid, None).await.expect("a delta");
        assert_eq!((delta.rows.len(), delta.to.generation), (60, newest));
    }

    async fn history_is_kept_from_the_last_ack_on(bed: Bed) {
        let eu = cluster(&*bed, "eu-1").await;
        let (web, _) = deployed(&*bed, "web", &eu).await;
        let session = session(&*bed, &eu).await;
        let mut positions = vec![bed.position(eu.uid).await.expect("a position")];
        for text in ["b", "c", "d"] {
            let moved = bed.commit_desired(commit(&web, &rendered(text), &[eu.uid]), at(2)).await.expect("committed");
            positions.push(moved[0].position);
        }
        bed.ack(session, 3).await.expect("acked");
        bed.ack(session, 2).await.expect("an older ack is nothing");
        bed.ack(session, 99).await.expect("nor is one of what never was");
        assert_eq!(bed.cluster_view("eu-1").await.expect("read").expect("there").acked, 3);
        for (position, is_known) in positions.iter().zip([false, false, true, true]) {
            let opened = bed.open_session(eu.uid, &crate::fixture::hello(Some(*position)), at(5)).await.expect("opened");
            assert_eq!(opened.knows_position, is_known, "generation {}", position.generation);
        }
        assert!(bed.delta(eu.uid, Some(2)).await.expect("a delta").full, "below the floor all rows go");
        let step = bed.delta(eu.uid, Some(3)).await.expect("a delta");
        assert_eq!((step.full, step.from, step.to.generation, step.rows.len()), (false, 3, 4, 1));
        let nothing = bed.delta(eu.uid, Some(4)).await.expect("a delta");
        assert_eq!((nothing.full, nothing.rows.len()), (false, 0));
        assert!(bed.delta(eu.uid, Some(5)).await.expect("a delta").full, "a generation that never was");
    }

    async fn a_new_bundle_voids_an_approval_and_keeps_an_adoption(bed: Bed) {
        let eu = cluster(&*bed, "eu-1").await;
        let (web, bundle) = deployed(&*bed, "web", &eu).await;
        let approval = Approval { bundle: bundle.bundle, set: rendered("set").bundle, by: "ann".into() };
        let adoption = Adoption { keys: vec![key("web")], by: "ann".into() };
        let first = bed.amend_target(web.uid, eu.uid, Amendment::Approve(approval.clone()), at(2)).await.expect("approved");
        let second = bed.amend_target(web.uid, eu.uid, Amendment::Adopt(adoption.clone()), at(2)).await.expect("adopted");
        assert_eq!(second.position.generation, first.position.generation + 1);
        let again = bed.amend_target(web.uid, eu.uid, Amendment::Adopt(adoption.clone()), at(2)).await.expect("adopted");
        assert_eq!(again, second, "the same word again is no generation");
        assert_eq!(bed.commit_desired(commit(&web, &bundle, &[eu.uid]), at(3)).await.expect("committed"), vec![]);
        bed.commit_desired(commit(&web, &rendered("new"), &[eu.uid]), at(4)).await.expect("committed");
        let target = bed.targets(web.uid).await.expect("read").remove(0).spec.expect("present");
        assert_eq!((target.approval, target.adoption), (None, Some(adoption)));
        let refused = bed.amend_target(web.uid, eu.uid, Amendment::Approve(approval), at(5)).await;
        assert!(matches!(refused, Err(Error::Conflict { .. })), "an approval of a bundle that is gone");
    }

    async fn one_commit_moves_many_clusters_in_one_transaction(bed: Bed) {
        let mut clusters = Vec::new();
        for index in 0..5 {
            clusters.push(cluster(&*bed, &format!("c-{index}")).await.uid);
        }
        let web = application(&*bed, "web").await;
        let mut broken = commit(&web, &rendered("a"), &clusters);
        let unknown = (Uuid::new_v4(), spec(&web, &rendered("a")));
        broken.targets.as_mut().expect("some").push(unknown);
        assert!(matches!(bed.commit_desired(broken, at(1)).await, Err(Error::NotFound { .. })));
        for cluster in &clusters {
            assert_eq!(bed.position(*cluster).await.expect("a position").generation, 0, "all or nothing");
        }
        let moved = bed.commit_desired(commit(&web, &rendered("a"), &clusters), at(1)).await.expect("committed");
        assert_eq!(moved.len(), 5);
        for moved in moved {
            assert_eq!(bed.position(moved.cluster).await.expect("a position"), moved.position);
        }
    }

    async fn what_a_bundle_was_compiled_from_is_kept(bed: Bed) {
        let eu = cluster(&*bed, "eu-1").await;
        let (web, bundle) = deployed(&*bed, "web", &eu).await;
        assert_eq!(bed.compiled(web.uid).await.expect("read"), None);
        let path = |path: &str| TreePath::parse(path).expect("a path");
        let compiled = Compiled {
            revision: "a".into(),
            inputs: rendered("inputs").bundle,
            reads: [(TreePath::root(), Some("1".into())), (path("app/x.yaml"), None)].into(),
            bundle: bundle.bundle,
        };
        let with = windlass_store::DesiredCommit { compiled: Some(compiled.clone()), ..commit(&web, &bundle, &[eu.uid]) };
        bed.commit_desired(with, at(2)).await.expect("committed");
        bed.commit_desired(commit(&web, &bundle, &[eu.uid]), at(3)).await.expect("committed");
        assert_eq!(bed.compiled(web.uid).await.expect("read"), Some(compiled));
    }
}

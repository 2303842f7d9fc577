//! From an application and a bundle to one row per cluster.

use uuid::Uuid;
use windlass_domain::application::{Application, Cascade};
use windlass_domain::cluster::Cluster;
use windlass_domain::destination;
use windlass_domain::digest::Digest;
use windlass_domain::history::RevisionHold;
use windlass_domain::status::ConditionKind;
use windlass_domain::target::{PauseKind, TargetSettings, TargetSpec};
use windlass_store::TargetView;

use super::conditions::Problem;

/// An application's rows after a compile.
pub(super) struct Rows {
    /// By cluster.
    pub(super) rows: Vec<(Uuid, TargetSpec)>,
    /// Why clusters that should leave have not.
    pub(super) held: Option<Problem>,
}

/// The rows that a bundle means. A destination that names nothing is a problem, not an empty set.
pub(super) fn rows(
    application: &Application,
    clusters: &[Cluster],
    before: &[TargetView],
    (bundle, revision): (Digest, &str),
    hold: Option<&RevisionHold>,
) -> Result<Rows, Problem> {
    let wanted = destination::targets(&application.spec.destination, clusters)
        .map_err(|error| Problem::spec(format!("spec.destination: {error}")))?;
    let spec = TargetSpec {
        application: application.uid,
        name: application.name.clone(),
        bundle,
        settings: TargetSettings::of(application).digest(),
        revision: revision.to_owned(),
        default_namespace: application.spec.destination.namespace.clone(),
        operation: None,
        approval: None,
        adoption: None,
        paused: None,
        deletion_confirmed: false,
    };
    let row = |cluster| match hold.filter(|hold| hold.covers(cluster)) {
        Some(hold) => TargetSpec { bundle: hold.bundle, revision: hold.revision.clone(), ..spec.clone() },
        None => spec.clone(),
    };
    let mut rows: Vec<_> = wanted.into_iter().map(|cluster| (cluster, row(cluster))).collect();
    keep_frozen(before, &mut rows);
    let held = hold_leavers(application, before, &mut rows);
    Ok(Rows { rows, held })
}

/// What is frozen does not leave: removing is writing.
fn keep_frozen(before: &[TargetView], rows: &mut Vec<(Uuid, TargetSpec)>) {
    for view in before {
        let Some(spec) = &view.spec else { continue };
        let is_frozen = spec.paused.as_ref().is_some_and(|paused| paused.kind == PauseKind::Freeze);
        if is_frozen && !rows.iter().any(|(cluster, _)| *cluster == view.cluster) {
            rows.push((view.cluster, without_words(spec)));
        }
    }
}

/// Keeps the rows of clusters that leave when too many leave at once and their objects would be deleted (promise P2): a label typed wrongly must not empty
/// a fleet.
fn hold_leavers(
    application: &Application,
    before: &[TargetView],
    rows: &mut Vec<(Uuid, TargetSpec)>,
) -> Option<Problem> {
    let present: Vec<(Uuid, &TargetSpec)> =
        before.iter().filter_map(|view| Some((view.cluster, view.spec.as_ref()?))).collect();
    let stays = |cluster: Uuid| rows.iter().any(|(uid, _)| *uid == cluster);
    let leaving: Vec<_> = present.iter().filter(|(cluster, _)| !stays(*cluster)).collect();
    let limit = (present.len() / 10).max(3);
    if application.cascade_by_finalizers() == Cascade::Orphan || leaving.len() <= limit {
        return None;
    }
    let message = format!(
        "{} of {} clusters would leave the application at once and lose its objects, more than {limit}: nothing leaves; correct the selector or labels, or let \
         them leave in smaller steps",
        leaving.len(),
        present.len()
    );
    rows.extend(leaving.into_iter().map(|(cluster, spec)| (*cluster, without_words(spec))));
    Some(Problem { kind: ConditionKind::PruneHeld, message, retry: false })
}

/// Whether the rows that are stored are these, whatever people said about them meanwhile.
pub(super) fn same(before: &[TargetView], rows: &[(Uuid, TargetSpec)]) -> bool {
    let stored = before.iter().filter(|view| view.spec.is_some()).count();
    stored == rows.len()
        && rows.iter().all(|(cluster, spec)| {
            let view = before.iter().find(|view| view.cluster == *cluster);
            view.and_then(|view| view.spec.as_ref()).is_some_and(|stored| without_words(stored) == *spec)
        })
}

pub(super) fn without_words(spec: &TargetSpec) -> TargetSpec {
    TargetSpec { operation: None, approval: None, adoption: None, deletion_confirmed: false, ..spec.clone() }
}

#[cfg(test)]
pub(super) mod tests {
    use serde_json::json;
    use windlass_domain::application::{ApplicationManifest, Origin};
    use windlass_domain::time::from_millis;

    use super::*;

    fn application(finalizers: &[&str]) -> Application {
        let manifest = ApplicationManifest::parse(&json!({
            "apiVersion": "argoproj.io/v1alpha1", "kind": "Application",
            "metadata": {"name": "web", "finalizers": finalizers},
            "spec": {
                "source": {"repoURL": "https://git.example/x"},
                "destination": {"clusterSelector": {"matchLabels": {"env": "prod"}}},
            },
        }));
        let manifest = manifest.expect("an application");
        Application {
            uid: Uuid::from_u128(9),
            name: manifest.name,
            metadata: manifest.metadata,
            spec: manifest.spec,
            origin: Origin::Api,
            created_at: from_millis(0),
            deletion: None,
            revision: 1,
        }
    }

    fn cluster(id: u128, env: &str) -> Cluster {
        Cluster {
            uid: Uuid::from_u128(id),
            name: id.to_string(),
            labels: [("env".to_owned(), env.to_owned())].into(),
            server_aliases: vec![],
            facts: None,
            created_at: from_millis(0),
            revision: 1,
        }
    }

    pub(in crate::desired) fn views(rows: &[(Uuid, TargetSpec)]) -> Vec<TargetView> {
        let view = |(cluster, spec): &(Uuid, TargetSpec)| TargetView {
            cluster: *cluster,
            cluster_name: cluster.to_string(),
            spec: Some(spec.clone()),
            removing: None,
            summary: None,
            held: None,
            verified_at: None,
            connected: false,
        };
        rows.iter().map(view).collect()
    }

    #[test]
    fn a_mistyped_label_does_not_empty_a_fleet() {
        let bundle = Digest::of(b"bundle");
        let before: Vec<Cluster> = (1..=8).map(|id| cluster(id, "prod")).collect();
        let after: Vec<Cluster> = (1..=8).map(|id| cluster(id, if id <= 4 { "prod" } else { "prdo" })).collect();
        for (finalizers, kept, held) in
            [(&["resources-finalizer.argocd.argoproj.io"][..], 8, true), (&[][..], 4, false)]
        {
            let application = application(finalizers);
            let first = rows(&application, &before, &[], (bundle, "1"), None).expect("rows");
            assert_eq!((first.rows.len(), first.held.is_some()), (8, false));
            let second = rows(&application, &after, &views(&first.rows), (bundle, "2"), None).expect("rows");
            assert_eq!((second.rows.len(), second.held.is_some()), (kept, held));
        }
    }

    #[test]
    fn a_persons_word_is_no_difference() {
        let application = application(&[]);
        let wanted =
            rows(&application, &[cluster(1, "prod")], &[], (Digest::of(b"bundle"), "1"), None).expect("rows").rows;
        let mut stored = wanted.clone();
        stored[0].1.adoption = Some(windlass_domain::target::Adoption { keys: vec![], by: "me".into() });
        assert!(same(&views(&stored), &wanted));
        stored[0].1.revision = "2".into();
        assert!(!same(&views(&stored), &wanted));
    }
}

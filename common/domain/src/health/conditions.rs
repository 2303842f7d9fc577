//! Every kind that is not Kubernetes' own and has no file here: what its status says in the words that controllers agree on.
//!
//! In the manner of kstatus. The order, and why:
//! 1. Without a status there is no check: most such kinds are configuration that nobody reconciles, and waiting for a status would be for ever.
//! 2. `spec.suspend`, `suspended` or `paused` is Suspended. It comes before the generation, because a controller that is told to stop does
//!    not look at the new generation either (Flux).
//! 3. A status of an older generation is about another object: Progressing, whatever it says.
//! 4. `Stalled`, `Degraded`, `Failed` or `Failure` is Degraded, and so is `Succeeded=False`, which is how runs end badly: the controller itself
//!    says that waiting will not help.
//! 5. `Reconciling` or `NotReady` is Progressing, also beside a `Ready` that is still of the time before.
//! 6. `Ready`, or the words that kinds without it use, must all be True: one that is not is Progressing with its message, never Degraded,
//!    because `Ready=False` is what controllers say both of a failure and of the first second. What a condition says of an older generation
//!    counts as not said.
//! 7. Nothing said against it, and the generation observed: Healthy. Neither: no check, as nothing is known.
//!
//! Nobody promised these fields to be of these types (Argo Rollouts counts generations in strings): one that is not as expected is absent.

use super::part::{Condition, Part};
use super::{Health, HealthStatus};

/// The groups that the apiserver serves by itself. Their kinds without a file are configuration, or have no health in Argo CD either.
const BUILT_IN: &[&str] = &[
    "",
    "admissionregistration.k8s.io",
    "apiextensions.k8s.io",
    "apiregistration.k8s.io",
    "apps",
    "authentication.k8s.io",
    "authorization.k8s.io",
    "autoscaling",
    "batch",
    "certificates.k8s.io",
    "coordination.k8s.io",
    "discovery.k8s.io",
    "events.k8s.io",
    "extensions",
    "flowcontrol.apiserver.k8s.io",
    "internal.apiserver.k8s.io",
    "networking.k8s.io",
    "node.k8s.io",
    "policy",
    "rbac.authorization.k8s.io",
    "resource.k8s.io",
    "scheduling.k8s.io",
    "storage.k8s.io",
    "storagemigration.k8s.io",
];

const SUSPENDED: &[&str] = &["spec.suspend", "spec.suspended", "spec.paused"];
const BAD: &[&str] = &["Stalled", "Degraded", "Failed", "Failure"];
const UNFINISHED: &[&str] = &["Reconciling", "NotReady"];
/// `Ready` first: its message is the best.
const GOOD: &[&str] =
    &["Ready", "Synced", "Available", "Programmed", "Accepted", "Reconciled", "Healthy", "Succeeded", "Established"];

/// Whether a group's kinds are Kubernetes' own.
pub(super) fn is_built_in(group: &str) -> bool {
    BUILT_IN.contains(&group)
}

/// `None` where nothing can be said.
pub(super) fn check(object: &Part<'_>) -> Option<Health> {
    let status = object.field("status").ok().filter(Part::exists)?;
    if SUSPENDED.iter().any(|field| object.is_true(field).unwrap_or_default()) {
        return Some(Health::new(HealthStatus::Suspended, "Told not to be reconciled"));
    }
    let generation = object.int("metadata.generation").ok().flatten().unwrap_or(0);
    let observed = observed_generation(&status);
    if observed.is_some_and(|observed| observed < generation) {
        return Some(Health::progressing("Waiting for its controller to look at the latest change"));
    }
    let conditions = Conditions::of(&status, generation);
    conditions.judge().or_else(|| observed.map(|_| Health::healthy("")))
}

fn observed_generation(holder: &Part<'_>) -> Option<i64> {
    let number = holder.int("observedGeneration").ok().flatten();
    number.or_else(|| holder.text("observedGeneration").ok()?.parse().ok())
}

struct Conditions<'a> {
    /// Each with whether it is about the object as it is now.
    all: Vec<(Condition<'a>, bool)>,
}

// === impl Conditions ===

impl<'a> Conditions<'a> {
    fn of(status: &Part<'a>, generation: i64) -> Self {
        let listed = status.list("conditions").unwrap_or_default();
        let current = |part: &Part<'a>| observed_generation(part).is_none_or(|observed| observed >= generation);
        Self { all: listed.iter().filter_map(|part| Some((Condition::of(part).ok()?, current(part)))).collect() }
    }

    fn judge(&self) -> Option<Health> {
        let is_bad = |c: &&Condition<'a>| BAD.contains(&c.kind) && c.status == "True";
        let ended_badly = |c: &&Condition<'a>| c.kind == "Succeeded" && c.status == "False";
        if let Some(bad) = self.current().find(|c| is_bad(c) || ended_badly(c)) {
            return Some(Health::degraded(bad.words()));
        }
        let is_unfinished = |c: &&Condition<'a>| UNFINISHED.contains(&c.kind) && c.status == "True";
        if let Some(unfinished) = self.current().find(is_unfinished) {
            return Some(Health::progressing(unfinished.words()));
        }
        self.summary()
    }

    /// What the conditions that say "it works" come to.
    fn summary(&self) -> Option<Health> {
        let named = |name: &&str| self.all.iter().find(|(condition, _)| condition.kind == *name);
        let said: Vec<_> = GOOD.iter().filter_map(named).collect();
        let (first, _) = said.first()?;
        let unsure = said.iter().find(|(condition, current)| !current || condition.status != "True");
        Some(match unsure {
            Some((condition, true)) => Health::progressing(condition.words()),
            Some((condition, false)) => {
                Health::progressing(format!("Waiting for {} to be about the latest change", condition.kind))
            }
            None => Health::healthy(first.message),
        })
    }

    fn current(&self) -> impl Iterator<Item = &Condition<'a>> {
        self.all.iter().filter(|(_, current)| *current).map(|(condition, _)| condition)
    }
}

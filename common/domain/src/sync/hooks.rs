//! The tasks that hooks and objects without a name make.

use super::Facts;
use super::order::Task;
use super::plan::{HookTask, Intent, Verb, write_options};
use super::removal::RemovalFacts;
use crate::bundle::BundleEntry;
use crate::digest::Digest;
use crate::discovery::Discovery;
use crate::hook::Phase;
use crate::manifest::ResourceKey;
use crate::traits::Traits;

/// The longest name that every kind may have.
const LONGEST: usize = 63;

/// A sync's hooks; those of removals wait for one.
pub(super) fn of_sync(facts: &Facts<'_>, run: &str) -> Vec<Task> {
    let is_of_sync = |phase: &Phase| !matches!(phase, Phase::PreDelete | Phase::PostDelete);
    let entries = facts.bundle.entries.iter().map(|entry| (entry, facts.traits.get(&entry.digest)));
    let hooks = entries.flat_map(|(entry, traits)| {
        let phases = traits.hooks.iter().copied().filter(is_of_sync);
        phases.map(move |phase| (entry, traits, phase))
    });
    hooks
        .map(|(entry, traits, phase)| {
            let key = scoped(facts.discovery, &facts.owner.default_namespace, entry, traits);
            let mut task = hook(key, entry, traits, phase, run);
            task.action.options.skip_validation =
                traits.options.skip_validation.unwrap_or(facts.settings.skip_validation);
            task
        })
        .collect()
}

/// A removal's hooks, without those of phases that are behind it.
pub(super) fn of_removal(facts: &RemovalFacts<'_>) -> Vec<Task> {
    let Some(bundle) = facts.bundle else { return vec![] };
    let is_ahead = |phase: &Phase| {
        matches!(phase, Phase::PreDelete | Phase::PostDelete) && facts.passed.is_none_or(|passed| *phase > passed)
    };
    let entries = bundle.entries.iter().map(|entry| (entry, facts.traits.get(&entry.digest)));
    let hooks = entries.flat_map(|(entry, traits)| {
        let phases = traits.hooks.iter().copied().filter(is_ahead);
        phases.map(move |phase| (entry, traits, phase))
    });
    hooks
        .map(|(entry, traits, phase)| {
            let key = scoped(facts.discovery, &facts.owner.default_namespace, entry, traits);
            hook(key, entry, traits, phase, facts.run)
        })
        .collect()
}

/// Objects whose names the server completes: made once by each full sync, as Argo CD does. Nothing is kept of them.
pub(super) fn generated(facts: &Facts<'_>, intent: &Intent) -> Vec<Task> {
    let entries = facts.bundle.entries.iter().map(|entry| (entry, facts.traits.get(&entry.digest)));
    let generated = entries.filter(|(_, traits)| traits.is_generated() && !traits.is_hook() && !traits.ignored);
    generated
        .map(|(entry, traits)| {
            let key = scoped(facts.discovery, &facts.owner.default_namespace, entry, traits);
            let verb = Verb::Create { digest: entry.digest };
            let mut task = Task::new(&key, &entry.api_version, verb, "made by each sync (generateName)");
            task.action.wave = traits.wave;
            task.action.options = write_options(facts, intent, traits);
            task
        })
        .collect()
}

/// The key with its namespace; a generated name is shown as its prefix and a star.
fn scoped(discovery: &Discovery, default_namespace: &str, entry: &BundleEntry, traits: &Traits) -> ResourceKey {
    let namespaced = discovery.find(&entry.api_version, &entry.key.kind).is_none_or(|resource| resource.namespaced);
    let mut key = entry.key.clone().in_namespace(default_namespace, namespaced);
    if let Some(prefix) = &traits.generate_name {
        key.name = format!("{prefix}{}", crate::traits::GENERATED);
    }
    key
}

fn hook(mut key: ResourceKey, entry: &BundleEntry, traits: &Traits, phase: Phase, run: &str) -> Task {
    let phase_name = phase.to_string().to_lowercase();
    if let Some(prefix) = &traits.generate_name {
        key.name = name(prefix, &format!("{run}-{phase_name}"));
    }
    let mark = mark(run, &phase_name, entry.digest);
    let mut task =
        Task::new(&key, &entry.api_version, Verb::RunHook { digest: entry.digest }, &format!("{phase} hook"));
    (task.action.phase, task.action.wave) = (phase, traits.wave);
    task.action.hook = Some(HookTask { mark, delete: traits.delete.clone() });
    task
}

/// One run of one hook: of this operation's attempt, in this phase, from this manifest.
fn mark(run: &str, phase: &str, digest: Digest) -> String {
    format!("{run}-{phase}-{}", digest.short())
}

/// A name of the prefix and the suffix, the prefix cut as Kubernetes cuts it.
fn name(prefix: &str, suffix: &str) -> String {
    let room = LONGEST.saturating_sub(suffix.len());
    let end = (0..=room.min(prefix.len())).rev().find(|at| prefix.is_char_boundary(*at)).unwrap_or(0);
    format!("{}{suffix}", &prefix[..end])
}

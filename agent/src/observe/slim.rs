//! What decisions need of an object; everything else of it is let go.

use serde_json::Value;
use windlass_domain::health;
use windlass_domain::ignore::Ignored;
use windlass_domain::live::{Drift, LiveObject};
use windlass_domain::manifest::annotation;
use windlass_domain::options;
use windlass_domain::ownership::{INSTALLATION_ID, TRACKING_ID};
use windlass_domain::projection::{Baseline, Comparison};

/// Paths of a difference that are named.
const MAX_PATHS: usize = 20;

/// The slim form of an object as an apiserver returned it. Without a baseline, or read in another version than it was applied in, its drift is
/// [`Drift::NoBaseline`]. An object that the baseline [is newer than](Baseline::is_newer_than) must not come here: it says nothing.
pub fn live_object(object: &Value, baseline: Option<&Baseline>) -> LiveObject {
    let none = Ignored::default();
    let drift = baseline.map_or(Drift::NoBaseline, |baseline| drift(object, baseline, None, &none));
    LiveObject { drift, health: health::assess(object), ..metadata(object) }
}

/// How an object compares with its baseline. `expected` is what was applied (the response, or else the manifest as sent) and only serves to name the
/// paths that differ. `ignored` places of the object are no part of it.
pub fn drift(object: &Value, baseline: &Baseline, expected: Option<&Value>, ignored: &Ignored) -> Drift {
    match baseline.compare_ignoring(object, ignored) {
        Comparison::OtherVersion => Drift::NoBaseline,
        Comparison::OtherRules => Drift::OtherRules,
        Comparison::Same => Drift::None,
        Comparison::Drifted { entry, replaced, .. } => {
            let expected = expected.map(|expected| ignored.without(expected));
            Drift::Drifted(paths(&ignored.without(object), baseline, expected.as_deref(), entry, replaced))
        }
    }
}

/// Identity and ownership only: of an object, or of its metadata alone.
pub fn metadata(object: &Value) -> LiveObject {
    let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
    LiveObject {
        uid: text("/metadata/uid"),
        resource_version: text("/metadata/resourceVersion"),
        deleting: object.pointer("/metadata/deletionTimestamp").is_some_and(|time| !time.is_null()),
        tracking_id: annotation(object, TRACKING_ID).map(str::to_owned),
        installation_id: annotation(object, INSTALLATION_ID).map(str::to_owned),
        kept_on_prune: options::kept_on_prune(object),
        kept_on_delete: options::kept_on_delete(object),
        pruned_last: options::is_pruned_last(object),
        wave: windlass_domain::traits::wave(object),
        drift: Drift::NoBaseline,
        health: None,
        health_ignored: health::is_ignored(object),
    }
}

/// Names of fields, never values.
fn paths(object: &Value, baseline: &Baseline, expected: Option<&Value>, entry: bool, replaced: bool) -> Vec<String> {
    if replaced {
        return vec!["metadata.uid".into()];
    }
    let found = expected.map(|expected| baseline.differing_paths(expected, object, MAX_PATHS)).unwrap_or_default();
    if found.is_empty() && entry { vec!["metadata.managedFields".into()] } else { found }
}

//! `RespectIgnoreDifferences=true`: live values of ignored places are sent along.

use serde_json::Value;

use super::{Ignored, Path, Step};
use crate::diff::name_in_list;
use crate::projection::owns_whole;

/// The manifest with the live values of ignored places: what git names there is sent as it is in the cluster, or not at all where the cluster has none, and
/// what lies within a value that we own as a whole goes along, because it would be lost otherwise. Anything else that only others wrote stays theirs alone.
/// `ours` are the ignored places of the manifest, `theirs` those of the live object.
pub fn respecting(manifest: &Value, ours: &Ignored, live: &Value, theirs: &Ignored) -> Value {
    let mut sent = manifest.clone();
    // In the manifest's own places first: elements are taken out from the back.
    for path in ours.places().iter().rev() {
        let parent = path.split_last().and_then(|(_, above)| counterpart(manifest, live, above));
        match counterpart(manifest, live, path).and_then(|path| at(live, &path)) {
            Some(value) => set(&mut sent, path, value),
            None if parent.is_some_and(|parent| at(live, &parent).is_some()) => {
                windlass_query::jq::remove(&mut sent, std::slice::from_ref(path));
            }
            // What it stands in is new: all of that is git's.
            None => {}
        }
    }
    for path in theirs.places() {
        let Some(value) = at(live, path) else { continue };
        let wanted = counterpart(live, manifest, path).is_some_and(|path| at(manifest, &path).is_some());
        if !wanted && owns_whole(live, path) {
            graft(&mut sent, live, path, value);
        }
    }
    sent
}

fn at<'v>(value: &'v Value, path: &[Step]) -> Option<&'v Value> {
    path.iter().try_fold(value, |value, step| match step {
        Step::Field(name) => value.get(name),
        Step::Element(place) => value.get(*place),
    })
}

fn set(value: &mut Value, path: &[Step], wanted: &Value) {
    let found = path.iter().try_fold(value, |value, step| match step {
        Step::Field(name) => value.get_mut(name),
        Step::Element(place) => value.get_mut(*place),
    });
    if let Some(found) = found {
        found.clone_from(wanted);
    }
}

/// Puts a live value where its parent is in what is sent.
fn graft(sent: &mut Value, live: &Value, path: &[Step], value: &Value) {
    let Some((last, above)) = path.split_last() else { return };
    let Some(above) = counterpart(live, sent, above) else { return };
    let parent = above.iter().try_fold(sent, |value, step| match step {
        Step::Field(name) => value.get_mut(name),
        Step::Element(place) => value.get_mut(*place),
    });
    match (last, parent) {
        (Step::Field(name), Some(Value::Object(map))) => {
            map.insert(name.clone(), value.clone());
        }
        (Step::Element(place), Some(Value::Array(list))) if !list.contains(value) => {
            list.insert((*place).min(list.len()), value.clone());
        }
        _ => {}
    }
}

/// The same place in another object: elements of lists that are merged by key are found by their key, others by their number. `None`: there is no such element.
fn counterpart(from: &Value, to: &Value, path: &[Step]) -> Option<Path> {
    let (mut here, mut there) = (Some(from), Some(to));
    let (mut found, mut name) = (Path::with_capacity(path.len()), String::new());
    for step in path {
        let step = match step {
            Step::Field(field) => {
                name.clone_from(field);
                (here, there) = (here.and_then(|v| v.get(field)), there.and_then(|v| v.get(field)));
                step.clone()
            }
            Step::Element(place) => {
                let lists = (here.and_then(Value::as_array), there.and_then(Value::as_array));
                let (Some(ours), Some(others)) = lists else { return None };
                let element = ours.get(*place)?;
                let place = match name_in_list(&name, ours, others, element) {
                    Some(wanted) => others
                        .iter()
                        .position(|other| name_in_list(&name, ours, others, other).as_ref() == Some(&wanted))?,
                    None => *place,
                };
                (here, there) = (Some(element), others.get(place));
                Step::Element(place)
            }
        };
        found.push(step);
    }
    Some(found)
}

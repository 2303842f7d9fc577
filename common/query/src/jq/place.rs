//! Places in a JSON value.

use jaq_json::Val;
use serde_json::Value;

/// One step of a path.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Step {
    /// A field.
    Field(String),
    /// An element, counted from the front.
    Element(usize),
}

/// From the root to a place; empty for the root itself.
pub type Path = Vec<Step>;

/// Takes places out of a value. What is not there is passed over; the root becomes null.
pub fn remove(value: &mut Value, paths: &[Path]) {
    let mut paths: Vec<&Path> = paths.iter().collect();
    paths.sort_unstable();
    paths.dedup();
    // From the back, so that the places of elements that are still to go stay what they are.
    for path in paths.into_iter().rev() {
        remove_one(value, path);
    }
}

fn remove_one(value: &mut Value, path: &[Step]) {
    let Some((last, above)) = path.split_last() else {
        *value = Value::Null;
        return;
    };
    let parent = above.iter().try_fold(value, |value, step| match (step, value) {
        (Step::Field(name), Value::Object(map)) => map.get_mut(name),
        (Step::Element(place), Value::Array(list)) => list.get_mut(*place),
        _ => None,
    });
    match (last, parent) {
        (Step::Field(name), Some(Value::Object(map))) => {
            map.remove(name);
        }
        (Step::Element(place), Some(Value::Array(list))) if *place < list.len() => {
            list.remove(*place);
        }
        _ => {}
    }
}

/// The places that a path of jq means in a value: a slice is several, an element counted from the back is one counted from the front, one that is not there is
/// none. `None` for what is no path.
pub(super) fn resolve(path: &Val, root: &Value) -> Option<Vec<Path>> {
    let Val::Arr(steps) = path else { return None };
    let mut found: Vec<(Path, Option<&Value>)> = vec![(Path::new(), Some(root))];
    for step in steps.iter() {
        let mut next = Vec::with_capacity(found.len());
        for (path, value) in found {
            follow(step, &path, value, &mut next)?;
        }
        found = next;
    }
    Some(found.into_iter().map(|(path, _)| path).collect())
}

type Found<'v> = Vec<(Path, Option<&'v Value>)>;

fn follow<'v>(step: &Val, path: &Path, value: Option<&'v Value>, found: &mut Found<'v>) -> Option<()> {
    let list = value.and_then(Value::as_array);
    let mut push = |step: Step, value: Option<&'v Value>| {
        let mut path = path.clone();
        path.push(step);
        found.push((path, value));
    };
    match step {
        Val::TStr(name) => {
            let name = String::from_utf8_lossy(name).into_owned();
            let below = value.and_then(|value| value.get(&name));
            push(Step::Field(name), below);
        }
        Val::Num(number) => {
            let place = from_front(number.as_isize()?, list.map_or(0, Vec::len));
            if let Some(place) = place {
                push(Step::Element(place), list.and_then(|list| list.get(place)));
            }
        }
        Val::Obj(slice) => {
            let length = list.map_or(0, Vec::len);
            let bound = |name: &str| match slice.get(&Val::from(name.to_owned())) {
                None | Some(Val::Null) => Some(None),
                Some(Val::Num(number)) => Some(Some(number.as_isize()?)),
                Some(_) => None,
            };
            let start = bound("start")?.map_or(0, |start| clamp(start, length));
            let end = bound("end")?.map_or(length, |end| clamp(end, length));
            for place in start..end {
                push(Step::Element(place), list.and_then(|list| list.get(place)));
            }
        }
        _ => return None,
    }
    Some(())
}

fn from_front(place: isize, length: usize) -> Option<usize> {
    usize::try_from(place).ok().or_else(|| length.checked_sub(place.unsigned_abs()))
}

fn clamp(place: isize, length: usize) -> usize {
    from_front(place, length).unwrap_or(0).min(length)
}

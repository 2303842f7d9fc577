//! What a user's action script returned, as writes; and which of a kind's actions its customization leaves.

use serde_json::Value;

use super::{Change, Effect, Error, MOST_CHANGES, Offer, created, offered, patch};
use crate::customization::Actions;

/// What a script does with one object that it returns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// The object that it was given, changed.
    Patch,
    /// A new one.
    Create,
}

/// What a script comes to. It may patch only the object that it was given, in nothing that the apiserver writes.
///
/// # Errors
/// When it patches another object, makes one without kind or name, writes more than [`MOST_CHANGES`] objects, or changes nothing at all.
pub fn scripted(object: &Value, returned: Vec<(Operation, Value)>) -> Result<Effect, Error> {
    if returned.len() > MOST_CHANGES {
        let count = returned.len();
        return Err(Error::Object(format!("the script writes {count} objects, {MOST_CHANGES} are allowed")));
    }
    let mut changes = Vec::with_capacity(returned.len());
    for (operation, mut new) in returned {
        match operation {
            Operation::Create => {
                created(&mut new, object)?;
                changes.push(Change::Create(new));
            }
            Operation::Patch => {
                is_same(object, &new)?;
                let difference = patch::between(object, &new);
                if !patch::is_empty(&difference) {
                    changes.push(Change::Patch(patch::guarded(difference, object)));
                }
            }
        }
    }
    if changes.is_empty() {
        return Err(Error::Object("the script changes nothing".to_owned()));
    }
    Ok(Effect { changes, note: None })
}

/// The actions of an object whose kind has scripts: theirs, and, where the customization keeps them, the built-in ones that they have none for.
pub fn merged(object: &Value, scripts: &Actions, discovered: Vec<Offer>) -> Vec<Offer> {
    let defined = |name: &str| scripts.definitions.iter().any(|one| one.name == name);
    let mut offers: Vec<Offer> = discovered.into_iter().filter(|offer| defined(&offer.name)).collect();
    if scripts.merge_built_in {
        let built_in = offered(object).into_iter().filter(|offer| !defined(&offer.name));
        offers.extend(built_in);
    }
    offers
}

fn is_same(object: &Value, new: &Value) -> Result<(), Error> {
    for path in ["/apiVersion", "/kind", "/metadata/name", "/metadata/namespace"] {
        if object.pointer(path) != new.pointer(path) {
            let why = "the script patches another object than the one that it was given; it may create others";
            return Err(Error::Object(why.to_owned()));
        }
    }
    Ok(())
}

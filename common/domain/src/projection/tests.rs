//! The rules (numbered as in the comments of `projection/`) on objects as an apiserver returns them.

mod answers;
mod form;
mod paths;
mod rules;
mod soft_leaves;
mod taken;

use serde_json::{Value, json};

use super::*;

/// A fixture: the apply response, and the manifest that was sent.
struct Applied {
    response: Value,
    manifest: Value,
}

/// A table's row: what was done, and the `hash` and `entry` that must come of it.
type Edit = (&'static str, fn(&mut Value), (bool, bool));

/// What an edit must come to, yes or no.
type Judged = (&'static str, fn(&mut Value), bool);

fn read(name: &str) -> Value {
    let path = format!("{}/testdata/projection/{name}.json", env!("CARGO_MANIFEST_DIR"));
    #[allow(clippy::disallowed_methods)]
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    serde_json::from_str(&text).expect("JSON")
}

fn applied(name: &str) -> Applied {
    Applied { response: read(name), manifest: read(&format!("{name}.manifest")) }
}

impl Applied {
    fn baseline(&self) -> Baseline {
        Baseline::of_response(&self.response, &self.manifest).expect("a baseline")
    }

    fn edited(&self, edit: impl Fn(&mut Value)) -> Value {
        let mut live = self.response.clone();
        edit(&mut live);
        live
    }

    fn check(&self, table: &[Edit]) {
        for (what, edit, (hash, entry)) in table {
            let got = self.baseline().compare(&self.edited(edit));
            let want = if *hash || *entry {
                Comparison::Drifted { hash: *hash, entry: *entry, replaced: false }
            } else {
                Comparison::Same
            };
            assert_eq!(got, want, "{what}");
        }
    }
}

fn at<'a>(object: &'a mut Value, pointer: &str) -> &'a mut Value {
    object.pointer_mut(pointer).unwrap_or_else(|| panic!("{pointer}"))
}

fn list<'a>(object: &'a mut Value, pointer: &str) -> &'a mut Vec<Value> {
    at(object, pointer).as_array_mut().expect("a list")
}

fn remove(object: &mut Value, pointer: &str, name: &str) {
    at(object, pointer).as_object_mut().expect("an object").remove(name).unwrap_or_else(|| panic!("{pointer}/{name}"));
}

/// Takes a member from our entry, as the server does when another manager writes the field.
fn disown(object: &mut Value, pointer: &str, member: &str) {
    remove(object, &format!("/metadata/managedFields/0/fieldsV1{pointer}"), member);
}

fn add_entry(object: &mut Value, manager: &str, operation: &str, fields: Value) {
    let api_version = object["apiVersion"].clone();
    let entry = json!({"manager": manager, "operation": operation, "apiVersion": api_version, "fieldsType": "FieldsV1",
        "time": "2026-11-23T11:00:00Z", "fieldsV1": fields});
    list(object, "/metadata/managedFields").push(entry);
}

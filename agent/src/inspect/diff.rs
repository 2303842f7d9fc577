//! `windlass-agent diff`.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;

use serde::Serialize;
use serde_json::Value;
use windlass_domain::diff::{Difference, compare};

use super::{Output, manifests};

/// What is compared.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// What git says, YAML or JSON; `-` is standard input.
    #[arg(short, long, value_name = "FILE")]
    file: PathBuf,
    /// What is there, as `kubectl get -o yaml` prints it.
    #[arg(long, value_name = "FILE")]
    live: PathBuf,
    /// Namespace of objects that name none.
    #[arg(short = 'n', long, default_value = "", value_name = "NAMESPACE")]
    namespace: String,
    /// How it is printed.
    #[arg(short, long, value_enum, default_value_t)]
    output: Output,
}

/// What came of it, and whether anything differs: exit status 1 then, as `argocd app diff`.
pub struct Compared {
    /// What is printed.
    pub text: String,
    /// Whether anything differs.
    pub differs: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Line<'a> {
    group: &'a str,
    kind: &'a str,
    namespace: &'a str,
    name: &'a str,
    status: &'static str,
    differences: &'a [Difference],
}

/// (group, kind, namespace, name)
type Key = (String, String, String, String);

// === impl Args ===

impl Args {
    /// Compares every object of git with the live one of its key, and names live ones that git does not have.
    pub fn run(&self) -> anyhow::Result<Compared> {
        let desired = manifests::read(&self.file)?;
        let mut live: BTreeMap<Key, Value> =
            manifests::read(&self.live)?.into_iter().map(|object| (key(&object), object)).collect();
        let mut compared = Compared { text: String::new(), differs: false };
        for object in desired.iter().filter(|object| is_kept(object)) {
            let mut key = key(object);
            if key.2.is_empty() && !live.contains_key(&key) {
                key.2.clone_from(&self.namespace);
            }
            match live.remove(&key) {
                None => self.print(&key, "Missing", &[], &mut compared)?,
                Some(live) => {
                    let differences = compare(object, &live);
                    let status = if differences.is_empty() { "Synced" } else { "OutOfSync" };
                    self.print(&key, status, &differences, &mut compared)?;
                }
            }
        }
        for key in live.keys() {
            self.print(key, "Extra", &[], &mut compared)?;
        }
        Ok(compared)
    }

    fn print(
        &self,
        key: &Key,
        status: &'static str,
        differences: &[Difference],
        to: &mut Compared,
    ) -> anyhow::Result<()> {
        to.differs |= status != "Synced";
        let (group, kind, namespace, name) = key;
        match self.output {
            Output::Json => {
                let line = Line { group, kind, namespace, name, status, differences };
                writeln!(to.text, "{}", serde_json::to_string(&line)?)?;
            }
            Output::Table if status == "Synced" => {}
            Output::Table => {
                writeln!(to.text, "===== {group}/{kind} {namespace}/{name}: {status} =====")?;
                for difference in differences {
                    writeln!(to.text, "  {}", difference.path)?;
                    for (sign, value) in [('-', &difference.live), ('+', &difference.desired)] {
                        if let Some(value) = value {
                            writeln!(to.text, "{sign}   {value}")?;
                        }
                    }
                }
            }
        }
        Ok(())
    }
}

/// Hooks and objects without a name come and go with each sync.
fn is_kept(object: &Value) -> bool {
    let traits = windlass_domain::traits::of(object);
    traits.hooks.is_empty() && !traits.ignored && object.pointer("/metadata/name").is_some()
}

fn key(object: &Value) -> Key {
    let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
    let group = windlass_domain::manifest::group_of(&text("/apiVersion")).to_owned();
    (group, text("/kind"), text("/metadata/namespace"), text("/metadata/name"))
}

//! Objects by their labels: the manifests of the desired bundles are asked, as `argocd app sync -l` does.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read as _;

use serde::Deserialize;
use uuid::Uuid;
use windlass_domain::bundle::Bundle;
use windlass_domain::cluster::{ClusterSelector, Operator, Requirement};
use windlass_domain::digest::Digest;
use windlass_domain::target::Selector;
use windlass_store::TargetView;

use crate::api::Shared;
use crate::api::error::{ApiError, Result};

/// The most objects that labels choose: they travel with the operation.
const MOST: usize = 1000;
/// As for agents: what one content may unpack to.
const MAX_BYTES: u64 = 64 << 20;
const CHUNK: usize = 200;

/// What is read of a manifest.
#[derive(Deserialize)]
struct Labelled {
    #[serde(default)]
    metadata: LabelledMetadata,
}

#[derive(Default, Deserialize)]
struct LabelledMetadata {
    #[serde(default)]
    labels: BTreeMap<String, String>,
}

/// The objects of the targets' desired bundles that have such labels.
pub(super) async fn labelled(
    shared: &Shared,
    targets: &[TargetView],
    labels: &ClusterSelector,
) -> Result<BTreeSet<Selector>> {
    let mut chosen = BTreeSet::new();
    let mut seen = BTreeSet::new();
    for target in targets {
        let Some(spec) = &target.spec else { continue };
        if seen.insert(spec.bundle) {
            of_bundle(shared, target.cluster, spec.bundle, labels, &mut chosen).await?;
        }
    }
    match chosen.len() {
        0 => Err(ApiError::invalid("labelSelector", "no object in git has these labels; nothing would be synced")),
        count if count > MOST => {
            let message =
                format!("{count} objects have these labels; the limit is {MOST}: sync all of it, or name fewer");
            Err(ApiError::invalid("labelSelector", message))
        }
        _ => Ok(chosen),
    }
}

async fn of_bundle(
    shared: &Shared,
    cluster: Uuid,
    bundle: Digest,
    labels: &ClusterSelector,
    chosen: &mut BTreeSet<Selector>,
) -> Result<()> {
    let unreadable = || ApiError::internal(format!("bundle {} cannot be read", bundle.short()));
    let stored = shared.state.store.contents(cluster, &[bundle]).await?;
    let bytes = stored.first().and_then(|(_, compressed)| unpack(compressed)).ok_or_else(unreadable)?;
    let bundle = Bundle::from_bytes(&bytes).map_err(|_| unreadable())?;
    for entries in bundle.entries.chunks(CHUNK) {
        let digests: Vec<Digest> = entries.iter().map(|entry| entry.digest).collect();
        let contents: BTreeMap<Digest, Vec<u8>> =
            shared.state.store.contents(cluster, &digests).await?.into_iter().collect();
        for entry in entries {
            let manifest =
                contents.get(&entry.digest).and_then(|compressed| unpack(compressed)).ok_or_else(unreadable)?;
            let manifest: Labelled = serde_json::from_slice(&manifest).map_err(|_| unreadable())?;
            if labels.matches(&manifest.metadata.labels) {
                let key = entry.key.clone();
                chosen.insert(Selector {
                    group: key.group,
                    kind: key.kind,
                    namespace: key.namespace,
                    name: key.name,
                    exclude: false,
                });
            }
        }
    }
    Ok(())
}

fn unpack(compressed: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    zstd::stream::read::Decoder::new(compressed).ok()?.take(MAX_BYTES).read_to_end(&mut bytes).ok()?;
    Some(bytes)
}

/// Reads a selector as `kubectl -l` takes it: `a=b,c!=d,e in (f,g),h notin (i),j,!k`.
pub(super) fn parse(text: &str) -> std::result::Result<ClusterSelector, String> {
    let mut selector = ClusterSelector::default();
    for part in split(text) {
        let part = part.trim();
        let requirement = |key: &str, operator, values: Vec<String>| -> std::result::Result<Requirement, String> {
            let key = key.trim();
            if key.is_empty() || key.contains(|c: char| c.is_whitespace() || "()=!,".contains(c)) {
                return Err(format!("{part:?} is no part of a label selector; write key=value, key in (a,b) or !key"));
            }
            Ok(Requirement { key: key.to_owned(), operator, values })
        };
        let one = |value: &str| vec![value.trim().to_owned()];
        let set = |list: &str| -> std::result::Result<Vec<String>, String> {
            let inside = list.trim().strip_prefix('(').and_then(|list| list.strip_suffix(')'));
            let inside = inside.ok_or_else(|| format!("{part:?}: values stand in brackets: key in (a,b)"))?;
            Ok(inside.split(',').map(|value| value.trim().to_owned()).collect())
        };
        let found = if let Some((key, list)) = part.split_once(" notin ") {
            requirement(key, Operator::NotIn, set(list)?)?
        } else if let Some((key, list)) = part.split_once(" in ") {
            requirement(key, Operator::In, set(list)?)?
        } else if let Some((key, value)) = part.split_once("!=") {
            requirement(key, Operator::NotIn, one(value))?
        } else if let Some((key, value)) = part.split_once("==").or_else(|| part.split_once('=')) {
            requirement(key, Operator::In, one(value))?
        } else if let Some(key) = part.strip_prefix('!') {
            requirement(key, Operator::DoesNotExist, vec![])?
        } else {
            requirement(part, Operator::Exists, vec![])?
        };
        selector.match_expressions.push(found);
    }
    Ok(selector)
}

/// At commas outside of brackets.
fn split(text: &str) -> Vec<&str> {
    let (mut parts, mut depth, mut from) = (Vec::new(), 0i32, 0);
    for (at, c) in text.char_indices() {
        match c {
            '(' => depth += 1,
            ')' => depth -= 1,
            ',' if depth <= 0 => {
                parts.push(&text[from..at]);
                from = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&text[from..]);
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn selectors_are_read_as_kubectl_reads_them() {
        let labels = |pairs: &[(&str, &str)]| -> BTreeMap<String, String> {
            pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
        };
        let web = labels(&[("app", "web"), ("tier", "front")]);
        for (text, want) in [
            ("app=web", true),
            ("app==web,tier=front", true),
            ("app!=web", false),
            ("app in (api, web),tier notin (db)", true),
            ("tier in (db)", false),
            ("app,!missing", true),
            ("missing", false),
        ] {
            assert_eq!(parse(text).expect(text).matches(&web), want, "{text}");
        }
        for wrong in ["=web", "app in web", "a b", ",", "app in (a", "é é=1"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}

//! How a target's live objects differ from what git says, by what the server answers to a dry run: what it defaults or rewrites is in both.

use std::collections::BTreeMap;

use serde_json::Value;
use tokio::sync::mpsc;
use uuid::Uuid;
use windlass_domain::canonical;
use windlass_domain::diff::{self, Compared};
use windlass_domain::manifest::ResourceKey;
use windlass_domain::question::{DiffQuestion, DiffVerdict, Diffs, ObjectDiff, RefusalCode, Refused};

use super::target::Target;
use super::{ask, resource};
use crate::observe::Cluster;
use crate::script::jq::Jq;
use crate::sync::apply::{Options, apply};
use crate::sync::input::Input;

/// Objects in one answer.
const MOST: usize = 300;

type Wanted = BTreeMap<ResourceKey, Value>;

/// Compares.
pub(super) async fn get(
    cluster: &Cluster,
    engine: &mpsc::Sender<Input>,
    jq: &Jq,
    target: &Target,
    application: Uuid,
    asked: DiffQuestion,
) -> Result<Diffs, Refused> {
    let DiffQuestion { selector, desired, against_live } = asked;
    let wanted = match desired {
        Some(objects) if against_live => elsewhere(objects),
        Some(manifests) => given(target, manifests)?,
        None => of_git(engine, application).await?,
    };
    let wanted: Wanted = wanted.into_iter().filter(|(key, _)| selector.fits(key)).collect();
    let owned = target.facts.objects.keys().filter(|key| selector.fits(key) && !wanted.contains_key(*key));
    let extra: Vec<ResourceKey> = owned.cloned().collect();
    let truncated = wanted.len() + extra.len() > MOST;
    let mut items = Vec::new();
    for (key, object) in wanted.into_iter().take(MOST) {
        items.push(one(cluster, jq, target, key, object, against_live).await?);
    }
    for key in extra.into_iter().take(MOST.saturating_sub(items.len())) {
        // What a hook left behind is nothing that git has or lacks.
        let live = resource::one(cluster, target, &key).await?;
        if live.is_some_and(|live| windlass_domain::traits::of(&live).is_kept()) {
            items.push(of(key, DiffVerdict::Extra, Compared::default(), String::new()));
        }
    }
    items.sort_by(|a, b| a.key.cmp(&b.key));
    Ok(Diffs { items, truncated })
}

async fn one(
    cluster: &Cluster,
    jq: &Jq,
    target: &Target,
    key: ResourceKey,
    object: Value,
    against_live: bool,
) -> Result<ObjectDiff, Refused> {
    let nothing = Compared::default;
    let Some(served) = target.resource(&key) else {
        return Ok(of(key, DiffVerdict::Unknown, nothing(), "the cluster does not serve its kind".into()));
    };
    let Some(live) = resource::one(cluster, target, &key).await? else {
        return Ok(of(key, DiffVerdict::Missing, nothing(), String::new()));
    };
    let compared = if against_live {
        diff::compare_clusters(&object, &live).map_err(|error| error.to_string())
    } else {
        let options = Options { dry_run: true, ..Options::default() };
        match apply(cluster, served, &key, &object, options).await {
            Ok(applied) => answers(jq, target, &key, &applied.response, &live).await,
            // What cannot be asked of the server is compared as it is written.
            Err(error) => {
                let differences = diff::compare(&object, &live);
                let verdict = verdict(&differences);
                let note = format!("compared by what is written, as a dry run is not possible: {error}");
                return Ok(of(key, verdict, Compared { differences, ignored: Vec::new() }, note));
            }
        }
    };
    Ok(match compared {
        Ok(compared) => {
            let verdict = verdict(&compared.differences);
            of(key, verdict, compared, String::new())
        }
        Err(why) => of(key, DiffVerdict::Unknown, nothing(), why),
    })
}

async fn answers(
    jq: &Jq,
    target: &Target,
    key: &ResourceKey,
    response: &Value,
    live: &Value,
) -> Result<Compared, String> {
    let selection = target.facts.desired.as_ref().map(|desired| desired.lens(key).selection).unwrap_or_default();
    let of_response = jq.ignored_as(&selection, response, live).await?;
    let of_live = jq.ignored(&selection, live).await?;
    diff::compare_answers((response, &of_response), (live, &of_live)).map_err(|error| error.to_string())
}

fn verdict(differences: &[diff::Difference]) -> DiffVerdict {
    if differences.is_empty() { DiffVerdict::Same } else { DiffVerdict::Differs }
}

fn of(key: ResourceKey, verdict: DiffVerdict, compared: Compared, note: String) -> ObjectDiff {
    ObjectDiff { key, verdict, differences: compared.differences, ignored: compared.ignored, note }
}

/// What git says, as it would be applied.
async fn of_git(engine: &mpsc::Sender<Input>, application: Uuid) -> Result<Wanted, Refused> {
    Ok(ask(engine, |reply| Input::Manifests { application, reply }).await?.into_iter().collect())
}

/// Live objects of another cluster, as they are.
fn elsewhere(objects: Vec<Value>) -> Wanted {
    objects.into_iter().map(|object| (ResourceKey::of(&object), object)).collect()
}

/// Manifests that somebody gave, marked and with namespaces as an apply would send them.
fn given(target: &Target, manifests: Vec<Value>) -> Result<Wanted, Refused> {
    let mut wanted = Wanted::new();
    for value in manifests {
        let malformed = |error: String| Refused::new(RefusalCode::Invalid, error);
        let manifest = canonical::canonicalize(value).map_err(|error| malformed(error.to_string()))?;
        if !windlass_domain::traits::of(&manifest.value).is_kept() {
            continue;
        }
        let served = target.facts.discovery.find(&manifest.api_version, &manifest.key.kind);
        let namespaced = served.is_none_or(|resource| resource.namespaced);
        let owner = &target.facts.owner;
        let key = manifest.key.clone().in_namespace(&owner.default_namespace, namespaced);
        let object = owner.decorate(&manifest, &key);
        wanted.insert(key, object);
    }
    Ok(wanted)
}

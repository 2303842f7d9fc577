//! Live objects of a target.

use serde_json::Value;
use windlass_domain::manifest::ResourceKey;
use windlass_domain::question::{ObjectSelector, Objects, RefusalCode, Refused};

use super::target::Target;
use super::{refused, shown};
use crate::observe::{Cluster, look};

/// Objects in one answer.
const MOST: usize = 200;

/// The objects that a selector fits. One that is named whole may be any that the target's objects own; of others only the target's own are looked at.
pub(super) async fn get(cluster: &Cluster, target: &Target, selector: &ObjectSelector) -> Result<Objects, Refused> {
    let (keys, truncated) = select(target, selector);
    let mut items = Vec::new();
    let mut why_not = None;
    for key in keys {
        match one(cluster, target, &key).await {
            Ok(Some(object)) => items.push(shown(object)),
            Ok(None) => {}
            Err(error) => why_not = Some(error),
        }
    }
    match why_not {
        Some(error) if items.is_empty() => Err(error),
        _ if items.is_empty() => Err(none(selector)),
        _ => Ok(Objects { items, truncated }),
    }
}

/// The objects that a selector may mean, and whether there are more than are looked at.
pub(super) fn select(target: &Target, selector: &ObjectSelector) -> (Vec<ResourceKey>, bool) {
    let mut keys: Vec<ResourceKey> =
        target.facts.objects.keys().filter(|key| selector.fits(key)).take(MOST + 1).cloned().collect();
    if keys.is_empty() {
        keys.extend(named(target, selector));
    }
    let truncated = keys.len() > MOST;
    keys.truncate(MOST);
    (keys, truncated)
}

/// One object whole, Secrets with their values; `None` where it is not there, or not the target's.
pub(super) async fn one(cluster: &Cluster, target: &Target, key: &ResourceKey) -> Result<Option<Value>, Refused> {
    target.permit(key)?;
    let Some(resource) = target.resource(key) else {
        return Err(Refused::new(RefusalCode::NotFound, format!("the cluster does not serve {}", key.group_kind())));
    };
    let wrong = |error| refused(&key.to_string(), &error);
    let Some(object) = look::get(cluster, resource, key).await.map_err(wrong)? else { return Ok(None) };
    let ours = target.has(cluster, key, &object).await.map_err(wrong)?;
    Ok(Some(object).filter(|_| ours))
}

/// The object that a selector names whole, as far as its kind is served.
fn named(target: &Target, selector: &ObjectSelector) -> Option<ResourceKey> {
    let (kind, name) = (selector.kind.as_deref()?, selector.name.clone()?);
    let fits = |group: &str| selector.group.as_deref().is_none_or(|wanted| wanted == group);
    let mut served = target.facts.discovery.resources().iter();
    let resource = served.find(|resource| resource.kind.eq_ignore_ascii_case(kind) && fits(&resource.group))?;
    let namespace = match &selector.namespace {
        _ if !resource.namespaced => String::new(),
        Some(namespace) if !namespace.is_empty() => namespace.clone(),
        _ => target.facts.owner.default_namespace.clone(),
    };
    Some(ResourceKey { group: resource.group.clone(), kind: resource.kind.clone(), namespace, name })
}

pub(super) fn none(selector: &ObjectSelector) -> Refused {
    let words = format!(
        "the application has no live object {selector} on this cluster; `windlass app resources` and `windlass app tree` list those it has"
    );
    Refused::new(RefusalCode::NotFound, words)
}

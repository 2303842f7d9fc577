//! Server-side apply of one object.

mod takeover;
#[cfg(test)]
mod tests;

use http::Method;
use serde_json::Value;
use windlass_domain::discovery::ApiResource;
use windlass_domain::manifest::ResourceKey;
use windlass_domain::projection::{MANAGER, TakenField};

pub use super::client::Error;
use super::client::{Body, write};
use crate::observe::{Cluster, path};

/// How an object is applied.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Options {
    /// Before a first apply: take over what `kubectl apply` and Argo CD own of it, so that what they set and git does not name goes, now or later. Has no
    /// effect in a dry run.
    pub adopt: bool,
    /// Change nothing, only answer what it would come to.
    pub dry_run: bool,
    /// Let fields pass that the kind's schema does not have, where the apiserver can: it drops them from custom resources, and refuses them for built-in kinds
    /// all the same. Otherwise they are an error that names them.
    pub skip_validation: bool,
}

/// An apply that the apiserver answered.
#[derive(Clone, PartialEq)]
pub struct Applied {
    /// The object as it is now, with `managedFields`.
    pub response: Value,
    /// Fields that were another manager's and had another value: git won.
    pub taken: Vec<TakenField>,
    /// Appliers whose objects this was, and whose fields were taken over as a whole.
    pub adopted: Vec<String>,
}

/// Applies an object, decorated and with its namespace filled in as in `key`, as field manager `windlass`, forced. Idempotent. Force comes second: the
/// apiserver's conflict is the one exact word on whose field is taken, and costs nothing where there is none.
///
/// # Errors
/// Of kind [`Error::Call`] mostly; its text never holds a Secret's contents.
pub async fn apply(
    cluster: &Cluster,
    resource: &ApiResource,
    key: &ResourceKey,
    object: &Value,
    options: Options,
) -> Result<Applied, Error> {
    fail::fail_point!("agent::apply::before", !options.dry_run, |_| Err(Error::lost(key)));
    let adopted = match options.adopt && !options.dry_run {
        true => takeover::take_over(cluster, resource, key).await?,
        false => Vec::new(),
    };
    let path = |force| format!("{}?{}", path::object(resource, &key.namespace, &key.name), query(options, force));
    let (mut answer, mut taken) =
        (write(cluster, key, Method::PATCH, &path(options.dry_run), Body::Apply(object)).await, Vec::new());
    if let Err(error) = &answer {
        taken = error.conflicts();
        if !taken.is_empty() {
            answer = write(cluster, key, Method::PATCH, &path(true), Body::Apply(object)).await;
        }
    }
    let response = answer?;
    fail::fail_point!("agent::apply::after", !options.dry_run, |_| Err(Error::lost(key)));
    Ok(Applied { response, taken, adopted })
}

fn query(options: Options, force: bool) -> String {
    let dry = if options.dry_run { "&dryRun=All" } else { "" };
    format!("fieldManager={MANAGER}&force={force}{}{dry}", validation(options))
}

/// What a write's query says of the server's field validation.
pub(super) fn validation(options: Options) -> &'static str {
    if options.skip_validation { "&fieldValidation=Ignore" } else { "&fieldValidation=Strict" }
}

/// Says nothing of the object: it may be a Secret.
impl std::fmt::Debug for Applied {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Applied").finish_non_exhaustive()
    }
}

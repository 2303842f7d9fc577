//! What the server would say to an action, asked before anything is written.

use std::time::Duration;

use http::Method;
use windlass_domain::discovery::ApiResource;
use windlass_domain::manifest::ResourceKey;
use windlass_domain::operation::Checked;

use super::apply::{self, Options};
use super::carry_out::Work;
use super::client::{Body, Error, write};
use super::{delete, replace};
use crate::observe::Cluster;

/// How often a question that was not answered is asked.
const TRIES: usize = 3;
const AGAIN: Duration = Duration::from_millis(500);

/// Asks by a dry run. What cannot be asked is [`Checked::Unchecked`]: a namespace or a kind that is not there yet, a webhook without dry runs.
pub(super) async fn check(cluster: &Cluster, key: &ResourceKey, work: &Work) -> Checked {
    fail::fail_point!("agent::check::before");
    let mut tries = 1;
    loop {
        match ask(cluster, key, work).await {
            Ok(()) => return Checked::Fine,
            Err(error) => match verdict(&error) {
                Some(unchecked) => return Checked::Unchecked(unchecked),
                None if error.is_retryable() && tries < TRIES => {
                    tries += 1;
                    cluster.clock().sleep(AGAIN).await;
                }
                None => return Checked::Refused(error.to_string()),
            },
        }
    }
}

async fn ask(cluster: &Cluster, key: &ResourceKey, work: &Work) -> Result<(), Error> {
    match work {
        Work::Apply { resource, object, options, force, .. } => {
            let options = Options { dry_run: true, ..*options };
            match apply::apply(cluster, resource, key, object, options).await {
                // It would be deleted and made again.
                Err(error) if *force && error.is_immutable() => Ok(()),
                answer => answer.map(|_| ()),
            }
        }
        Work::Create { resource, object, options, .. } => {
            let options = Options { dry_run: true, ..*options };
            replace::create(cluster, resource, key, object, options).await.map(|_| ())
        }
        Work::Hook { resource, object, options, .. } => {
            let options = Options { dry_run: true, ..*options };
            match replace::create(cluster, resource, key, object, options).await {
                // An earlier run's: it goes before this one is made.
                Err(error) if error.already_exists() => Ok(()),
                answer => answer.map(|_| ()),
            }
        }
        Work::Delete { resource, uid, propagation } => would_delete(cluster, resource, key, uid, *propagation).await,
        Work::Namespace { .. } | Work::Forget | Work::Nothing => Ok(()),
        Work::Impossible(_) => Err(Error::NotServed(key.clone())),
    }
}

async fn would_delete(
    cluster: &Cluster,
    resource: &ApiResource,
    key: &ResourceKey,
    uid: &str,
    propagation: windlass_domain::application::Cascade,
) -> Result<(), Error> {
    let at = format!("{}?dryRun=All", crate::observe::path::object(resource, &key.namespace, &key.name));
    let options = delete::options(uid, propagation);
    match write(cluster, key, Method::DELETE, &at, Body::Json(&options)).await {
        // Gone, or another by now: the operation itself sees to that.
        Err(error) if error.proves_absence() || error.is_conflict() => Ok(()),
        answer => answer.map(|_| ()),
    }
}

/// Why an answer says nothing of the object.
fn verdict(error: &Error) -> Option<String> {
    match error {
        Error::NotServed(_) => Some("its kind is not served yet".into()),
        error if error.lacks_namespace() => Some("its namespace is not there yet".into()),
        error if error.lacks_dry_run() => Some("an admission webhook does not support dry runs".into()),
        _ => None,
    }
}

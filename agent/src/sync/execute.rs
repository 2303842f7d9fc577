//! Carries out questions and actions in tasks of their own, that come back with the answer.

use std::time::Duration;

use serde_json::Value;
use tokio::sync::mpsc;
use windlass_domain::digest::Digest;
use windlass_domain::discovery::{ApiResource, Discovery};
use windlass_domain::live::Observed;
use windlass_domain::manifest::ResourceKey;

use super::input::{Found, Input};
use super::lens::Eyes;
use super::prove::{self, Question};
use super::{dry_run, recover};
use crate::observe::{Cluster, look};
use crate::script::judge::Judge;

/// How long an unanswered question waits before it is asked again.
pub(super) const ASK_AGAIN: Duration = Duration::from_secs(5);

/// How long the questions of one proof may take together.
const PROOF_LIMIT: Duration = Duration::from_secs(60);

/// Sends requests to the cluster and answers to the engine.
#[derive(Clone)]
pub struct Executor {
    cluster: Cluster,
    inbox: mpsc::Sender<Input>,
    judge: Judge,
}

// === impl Executor ===

impl Executor {
    /// To this cluster, and back to this inbox.
    pub fn new(cluster: Cluster, inbox: mpsc::Sender<Input>, judge: Judge) -> Self {
        Self { cluster, inbox, judge }
    }

    /// Asks people's own scripts and expressions.
    pub(super) fn judge(&self) -> &Judge {
        &self.judge
    }

    /// The cluster that is written to.
    pub(super) fn cluster(&self) -> &Cluster {
        &self.cluster
    }

    /// Has some work done, and its answer taken.
    pub(super) fn spawn(&self, work: impl Future<Output = Input> + Send + 'static) {
        let inbox = self.inbox.clone();
        tokio::spawn(async move {
            let input = work.await;
            // The engine is gone only when the agent stops.
            let _ = inbox.send(input).await;
        });
    }

    /// One GET: of the metadata, or of the whole object where it has a baseline to be compared with.
    pub fn look(&self, resource: ApiResource, key: ResourceKey, whole: bool) {
        let cluster = self.cluster.clone();
        self.spawn(async move {
            let found = if whole {
                match look::get(&cluster, &resource, &key).await {
                    Ok(Some(object)) => Found::Object(Box::new(object)),
                    Ok(None) => Found::Observed(Observed::Absent),
                    Err(error) => Found::Observed(Observed::Unknown(error.to_string())),
                }
            } else {
                Found::Observed(look::look(&cluster, &resource, &key).await)
            };
            Input::Looked { key, found }
        });
    }

    /// Every object with our label.
    pub(super) fn sweep(&self, discovery: Discovery) {
        let cluster = self.cluster.clone();
        self.spawn(async move { Input::Swept(recover::sweep(&cluster, &discovery).await) });
    }

    /// Whether an object that left git is empty or unused.
    pub(super) fn prove(&self, discovery: Discovery, question: Question, uid: String) {
        let cluster = self.cluster.clone();
        self.spawn(async move {
            let asked = prove::is_unused(&cluster, &discovery, &question);
            let unused = match cluster.clock().timeout(PROOF_LIMIT, asked).await {
                Ok(answer) => answer.map_err(|error| error.to_string()),
                Err(elapsed) => Err(elapsed.to_string()),
            };
            Input::Proved { key: question.key, uid, unused }
        });
    }

    /// One forced server-side dry run in the name of a user, asked until it is answered.
    pub(super) fn dry_run(
        &self,
        resource: ApiResource,
        key: ResourceKey,
        object: Value,
        (digest, uid): (Digest, String),
        eyes: Eyes,
        user: Option<&str>,
    ) {
        let cluster = self.cluster.writing_as(user);
        self.spawn(async move {
            loop {
                match dry_run::dry_run(&cluster, &resource, &key, &object, &eyes).await {
                    Ok(compared) => return Input::DryRan { digest, uid, answer: compared.answer },
                    Err(error) => {
                        tracing::warn!(%key, %error, "a dry run was not answered; it is asked again");
                        cluster.clock().sleep(ASK_AGAIN).await;
                    }
                }
            }
        });
    }
}

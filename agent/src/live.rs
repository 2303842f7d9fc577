//! What the hub asks about one target, answered from the cluster as it is now. Nothing is kept, and only actions write.
//!
//! | file | answers |
//! |---|---|
//! | [`target`] | which objects a target may be asked about: those that git names or that it owns, and what they own in turn |
//! | [`differences`] | how they differ from what git says |
//! | [`action`] | which actions objects have; runs one |
//! | [`resource`] | live objects |
//! | [`gather`], [`tree`] | what the cluster holds around a target; what of it the target's objects own |
//! | [`events`], [`logs`] | what Kubernetes says of them; what their containers wrote |
//!
//! A new kind of question is a variant of [`What`] and an arm of [`Live::answer`]. What leaves here has the values of Secrets masked: [`shown`] is the one
//! place where an object becomes part of an answer.

mod action;
mod differences;
mod events;
mod gather;
mod logs;
mod resource;
mod target;
mod tree;

use async_trait::async_trait;
use serde_json::Value;
use tokio::sync::{mpsc, oneshot};
use windlass_domain::diff;
use windlass_domain::question::{Question, RefusalCode, Refused, What};

use action::Actions;

use crate::link::serve::{Answers, Reply};
use crate::observe::client::Error;
use crate::observe::{Cluster, Owned};
use crate::script::jq::Jq;
use crate::sync::input::Input;
use crate::upgrade::Upgrades;

/// Answers questions about targets.
pub struct Live {
    cluster: Cluster,
    /// Knows the targets.
    engine: mpsc::Sender<Input>,
    actions: Actions,
    /// Objects that others own, while somebody looks.
    owned: Owned,
    jq: Jq,
    upgrades: Upgrades,
}

// === impl Live ===

impl Live {
    /// Over a cluster and the engine that keeps it, and the agent's own Deployment.
    pub fn new(cluster: Cluster, engine: mpsc::Sender<Input>, jq: Jq, upgrades: Upgrades) -> Self {
        let actions = Actions::new(cluster.clone(), engine.clone(), jq.clone());
        let owned = Owned::new(cluster.clone());
        Self { cluster, engine, actions, owned, jq, upgrades }
    }
}

impl Live {
    fn around(&self) -> Around<'_> {
        Around { cluster: &self.cluster, owned: &self.owned }
    }
}

#[async_trait]
impl Answers for Live {
    async fn answer(&self, question: Question, reply: &mut Reply) -> Result<(), Refused> {
        match question.what {
            What::Upgrade(request) => reply.json(&self.upgrades.answer(&request).await?).await,
            _ => self.answer_of_target(question, reply).await,
        }
    }
}

impl Live {
    async fn answer_of_target(&self, question: Question, reply: &mut Reply) -> Result<(), Refused> {
        let target = target::Target::ask(&self.engine, question.application).await?;
        match question.what {
            What::GetResource(selector) => {
                let objects = resource::get(&self.cluster, &target, &selector).await?;
                reply.json(&objects).await
            }
            What::Diff(asked) => {
                let (engine, application) = (&self.engine, question.application);
                let compared = differences::get(&self.cluster, engine, &self.jq, &target, application, *asked);
                reply.json(&compared.await?).await
            }
            What::GetTree(wanted) => reply.json(&tree::get(&self.around(), &target, &wanted).await?).await,
            What::GetEvents(selector) => reply.json(&events::get(&self.around(), &target, &selector).await?).await,
            What::GetLogs(wanted) => logs::get(&self.around(), &target, *wanted, reply).await,
            What::ListActions(selector) => reply.json(&self.actions.list(&target, &selector).await?).await,
            What::RunAction(asked) => reply.json(&self.actions.run(&target, question.application, asked).await?).await,
            What::Upgrade(_) => Err(Refused::new(RefusalCode::Invalid, "an upgrade is of no target")),
        }
    }
}

/// The cluster, and what is held of it.
struct Around<'a> {
    cluster: &'a Cluster,
    owned: &'a Owned,
}

/// Asks the engine, which answers unless the agent stops.
async fn ask<T>(
    engine: &mpsc::Sender<Input>,
    question: impl FnOnce(oneshot::Sender<T>) -> Input,
) -> Result<T, Refused> {
    let stopping = || Refused::new(RefusalCode::Unavailable, "the agent is stopping");
    let (reply, answer) = oneshot::channel();
    engine.send(question(reply)).await.map_err(|_| stopping())?;
    answer.await.map_err(|_| stopping())
}

/// The object as it may leave the cluster.
fn shown(mut object: Value) -> Value {
    diff::mask_secret(&mut object);
    object
}

/// What an error of the apiserver is for whoever asked.
fn refused(what: &str, error: &Error) -> Refused {
    let code = match error.refused().map(|refusal| refusal.code) {
        Some(403) => RefusalCode::Forbidden,
        Some(400 | 422) => RefusalCode::Invalid,
        Some(404) => RefusalCode::NotFound,
        _ => RefusalCode::Unavailable,
    };
    Refused::new(code, format!("{what}: {error}"))
}

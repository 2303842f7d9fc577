//! What a cluster's agent is asked while somebody waits: live objects, trees, events, logs. Nothing of it is stored.
//!
//! Every question is about one application on one cluster; [`At`] finds which, and puts what goes wrong in words that name the cluster.

pub(crate) mod diff;
pub(crate) mod events;
pub(crate) mod logs;
pub(crate) mod resource;
pub(crate) mod tree;

use std::time::Duration;

use axum::http::StatusCode;
use serde::de::DeserializeOwned;
use uuid::Uuid;
use windlass_domain::application::Application;
use windlass_domain::question::{ObjectSelector, Question, RefusalCode, Refused, What};
use windlass_store::TargetView;

use super::Shared;
use super::error::{ApiError, Result};
use super::input::Parameters;
use crate::agents::{Answer, CallError};

/// How long an answer that is read whole may take: less than the guard's limit, so that the caller learns what took so long.
const LIMIT: Duration = Duration::from_secs(25);
/// The most bytes of an answer that is read whole.
const MOST: usize = 32 * 1024 * 1024;

/// One target that is asked about.
pub(crate) struct At<'a> {
    shared: &'a Shared,
    application: Uuid,
    target: TargetView,
}

// === impl At ===

impl<'a> At<'a> {
    /// The application on the cluster of the parameter `cluster`, which may be left out where there is only one.
    pub(crate) async fn of(shared: &'a Shared, application: &Application, cluster: Option<String>) -> Result<Self> {
        let targets = shared.state.store.targets(application.uid).await?;
        let target = match &cluster {
            Some(name) => targets.into_iter().find(|target| target.cluster_name == *name).ok_or_else(|| {
                let message = format!(
                    "application {} has no target on cluster {name:?}; `windlass app get` shows its targets",
                    application.name
                );
                ApiError::invalid("cluster", message)
            })?,
            None => only(application, targets)?,
        };
        Ok(Self { shared, application: application.uid, target })
    }

    /// The cluster's name.
    pub(crate) fn cluster(&self) -> &str {
        &self.target.cluster_name
    }

    /// Asks, and reads the whole answer.
    pub(crate) async fn ask<T: DeserializeOwned>(&self, what: What) -> Result<T> {
        let answer = self.open(what, LIMIT).await?;
        match answer.json(MOST).await {
            Ok(answer) => Ok(answer),
            Err(error) => Err(self.problem(error).await),
        }
    }

    /// Asks for an answer that is read as it comes.
    pub(crate) async fn open(&self, what: What, limit: Duration) -> Result<Answer> {
        let question = Question { application: self.application, what };
        match self.shared.state.calls.ask(self.target.cluster, &question, limit).await {
            Ok(answer) => Ok(answer),
            Err(error) => Err(self.problem(error).await),
        }
    }

    /// What whoever asked is told.
    pub(crate) async fn problem(&self, error: CallError) -> ApiError {
        let cluster = self.cluster();
        match error {
            CallError::Refused(refused) => of_refusal(cluster, &refused),
            CallError::Offline => self.offline().await,
            CallError::Busy(many) => {
                let message = format!(
                    "cluster {cluster}: {many} questions are under way already; close some logs or wait, and try again"
                );
                ApiError::new(StatusCode::TOO_MANY_REQUESTS, "busy", message)
            }
            CallError::Deadline(_) => {
                ApiError::new(StatusCode::GATEWAY_TIMEOUT, "timeout", format!("cluster {cluster}: {error}; try again"))
            }
            CallError::TooLong(_) | CallError::TooMuch(_) => {
                let message = format!("cluster {cluster}: {error}; ask for less");
                ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, "too-large", message)
            }
            CallError::NotTaken | CallError::SessionEnded | CallError::Broken(_) => {
                ApiError::unavailable(format!("cluster {cluster}: {error}; try again"))
            }
        }
    }

    async fn offline(&self) -> ApiError {
        let cluster = self.cluster();
        // A store that does not answer costs the message a time, nothing else.
        let view = self.shared.state.store.cluster_view(cluster).await.ok().flatten();
        let since = view.and_then(|view| view.connection_changed_at).map(|at| {
            let seconds = self.shared.state.clock.now().duration_since(at).as_secs().max(0);
            format!(" since {seconds} s ({at:.0})")
        });
        let message = format!(
            "cluster {cluster} is not connected{}: nothing live can be asked of it. What it last reported is in `windlass app get`; `windlass cluster get {cluster}` shows its session",
            since.unwrap_or_default()
        );
        ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "cluster-offline", message)
    }
}

/// The only target.
fn only(application: &Application, mut targets: Vec<TargetView>) -> Result<TargetView> {
    if targets.len() > 1 {
        let names: Vec<&str> = targets.iter().take(5).map(|target| target.cluster_name.as_str()).collect();
        let message = format!(
            "application {} is on {} clusters ({}{}); name one with cluster",
            application.name,
            targets.len(),
            names.join(", "),
            if targets.len() > names.len() { ", ..." } else { "" }
        );
        return Err(ApiError::invalid("cluster", message));
    }
    targets.pop().ok_or_else(|| {
        let message = format!("application {} is on no cluster yet; `windlass app get` says why", application.name);
        ApiError::conflict(message)
    })
}

fn of_refusal(cluster: &str, refused: &Refused) -> ApiError {
    let message = format!("cluster {cluster}: {refused}");
    let (status, code) = match refused.code {
        RefusalCode::NotFound => (StatusCode::NOT_FOUND, "not-found"),
        RefusalCode::Forbidden => (StatusCode::FORBIDDEN, "forbidden"),
        RefusalCode::Invalid => (StatusCode::BAD_REQUEST, "invalid"),
        RefusalCode::Unsupported => (StatusCode::NOT_IMPLEMENTED, "unsupported"),
        RefusalCode::Busy => (StatusCode::TOO_MANY_REQUESTS, "busy"),
        RefusalCode::Deadline => (StatusCode::GATEWAY_TIMEOUT, "timeout"),
        RefusalCode::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "too-large"),
        RefusalCode::Unavailable | RefusalCode::Internal => (StatusCode::BAD_GATEWAY, "cluster-unavailable"),
    };
    ApiError::new(status, code, message)
}

/// The parameters that select objects.
pub(crate) const SELECTORS: [&str; 4] = ["group", "kind", "resourceNamespace", "resourceName"];

/// Objects as the query selects them. A group that is given empty is the core group.
pub(crate) fn selector(parameters: &Parameters) -> ObjectSelector {
    ObjectSelector {
        group: parameters.all("group").next_back().map(str::to_owned),
        kind: parameters.text("kind"),
        namespace: parameters.text("resourceNamespace"),
        name: parameters.text("resourceName"),
    }
}

//! `POST /applications/{namespace}/{name}/resources/actions`: one run on one object, and the event that tells of it.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use windlass_domain::action::{Ran, RunAction};
use windlass_domain::application::Application;
use windlass_domain::history::{ApplicationEvent, EventKind};
use windlass_domain::manifest::ResourceKey;
use windlass_domain::question::What;

use super::{ObjectName, grant};
use crate::agents::CallError;
use crate::api::caller::{Caller, Named, application_object};
use crate::api::error::{ApiError, Result};
use crate::api::input::Body;
use crate::api::live::At;
use crate::api::{Shared, route};

/// Less than the guard's limit, so that the event and the answer say how it ended.
const LIMIT: Duration = Duration::from_secs(25);
/// The most bytes of an agent's answer.
const MOST: usize = 256 * 1024;
/// The longest name of an action, and the most parameters.
const LONGEST_NAME: usize = 253;
const MOST_PARAMETERS: usize = 32;

/// Which action, on which object.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct RunBody {
    action: String,
    /// On this cluster, by name; may be left out where the application is on one.
    #[serde(default)]
    cluster: Option<String>,
    /// API group; empty for the core group.
    #[serde(default)]
    group: String,
    kind: String,
    /// Empty for a cluster-scoped object.
    #[serde(default)]
    resource_namespace: String,
    resource_name: String,
    #[serde(default)]
    parameters: BTreeMap<String, String>,
}

/// What was done.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RunResult {
    /// The cluster's name.
    cluster: String,
    /// Each write, in order.
    done: Vec<WriteDone>,
    /// What to know of it: what is left to others, what git will put back.
    notes: Vec<String>,
    /// Why the rest was not done, when something was.
    #[serde(skip_serializing_if = "Option::is_none")]
    failed: Option<String>,
}

/// One write.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct WriteDone {
    #[serde(flatten)]
    object: ObjectName,
    /// Whether it is a new object.
    created: bool,
}

/// Runs an action on a live object.
#[utoipa::path(post, path = "/api/v1/applications/{namespace}/{name}/resources/actions", tag = "actions",
    params(("namespace" = String, Path), ("name" = String, Path)), request_body = RunBody,
    responses((status = 200, body = RunResult), (status = 400, body = crate::api::error::Problem),
        (status = 403, body = crate::api::error::Problem), (status = 503, body = crate::api::error::Problem)))]
pub(crate) async fn run(
    State(shared): State<Shared>,
    caller: Caller,
    Named(application): Named<Application>,
    Body(body): Body<RunBody>,
) -> Result<Json<RunResult>> {
    check(&body)?;
    let RunBody { action, cluster, group, kind, resource_namespace, resource_name, parameters } = body;
    let object = ResourceKey { group, kind, namespace: resource_namespace, name: resource_name };
    caller.require(route::APPLICATIONS, &grant(&object, &action), &application_object(&application))?;
    let at = At::of(&shared, &application, cluster).await?;
    let by = caller.name().to_owned();
    let asked = RunAction { object: object.clone(), action: action.clone(), parameters, by: by.clone() };
    let (answer, words) = match ask(&at, asked).await {
        Ok(ran) => {
            let words = ran.words();
            (Ok(ran), words)
        }
        Err((error, words)) => (Err(error), words),
    };
    let event = ApplicationEvent {
        at: shared.state.clock.now(),
        by,
        kind: EventKind::ActionRan,
        application: Some(application.name.clone()),
        cluster: at.cluster().to_owned(),
        message: cut(format!("{action} on {object}: {words}")),
        objects: answer.iter().flat_map(|ran| &ran.done).map(|done| done.key.clone()).collect(),
    };
    shared.state.store.log_event(&event).await?;
    let Ran { done, notes, failed } = answer?;
    let done = done.into_iter().map(|done| WriteDone { object: done.key.into(), created: done.created }).collect();
    Ok(Json(RunResult { cluster: at.cluster().to_owned(), done, notes, failed }))
}

/// What the agent did; or the error, and how the event tells it.
async fn ask(at: &At<'_>, asked: RunAction) -> Result<Ran, (ApiError, String)> {
    let not_begun = |error: ApiError| {
        let words = format!("not run: {}", error.message());
        (error, words)
    };
    let answer = at.open(What::RunAction(asked), LIMIT).await.map_err(not_begun)?;
    match answer.json::<Ran>(MOST).await {
        Ok(ran) => Ok(ran),
        Err(error) => {
            let refused = matches!(error, CallError::Refused(_) | CallError::NotTaken);
            let error = at.problem(error).await;
            let words = if refused { "not run" } else { "it is not known whether it was run" };
            let words = format!("{words}: {}", error.message());
            Err((error, words))
        }
    }
}

fn check(body: &RunBody) -> Result<()> {
    for (field, text) in [("action", &body.action), ("kind", &body.kind), ("resourceName", &body.resource_name)] {
        if text.is_empty() {
            return Err(ApiError::invalid(field, format!("{field} is missing")));
        }
    }
    let words = [&body.action, &body.group, &body.kind, &body.resource_namespace, &body.resource_name];
    if words.iter().any(|word| word.len() > LONGEST_NAME) {
        return Err(ApiError::invalid("action", format!("no name is longer than {LONGEST_NAME} characters")));
    }
    // The grant's parts are divided by slashes.
    if [&body.action, &body.group, &body.kind].iter().any(|word| word.contains('/')) {
        return Err(ApiError::invalid("action", "neither an action nor a kind has a slash in it"));
    }
    if body.parameters.len() > MOST_PARAMETERS {
        return Err(ApiError::invalid("parameters", format!("an action takes at most {MOST_PARAMETERS} parameters")));
    }
    Ok(())
}

fn cut(mut message: String) -> String {
    windlass_domain::status::cut(&mut message);
    message
}

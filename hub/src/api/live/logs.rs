//! `GET /applications/{namespace}/{name}/live/logs`: a stream that goes no faster than it is read, and that ends when its reader goes.

use std::time::Duration;

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse as _, Response};
use bytes::{BufMut as _, Bytes, BytesMut};
use futures::{Stream, stream};
use windlass_domain::application::Application;
use windlass_domain::question::{LogLine, LogQuestion, What};

use super::{At, SELECTORS, selector};
use crate::agents::{Answer, CallError};
use crate::api::caller::{Caller, Named, application_object};
use crate::api::error::Result;
use crate::api::input::Parameters;
use crate::api::{Shared, route};

/// How long logs are followed at most; whoever wants more asks again from where it was.
const FOLLOWED: Duration = Duration::from_secs(6 * 60 * 60);
/// How long logs that end may take: a gigabyte over a slow line.
const WHOLE: Duration = Duration::from_secs(60 * 60);

/// What containers of an application wrote: JSON, one line a line (namespace, pod, container, time, content; `problem` where something is said about a log).
#[utoipa::path(get, path = "/api/v1/applications/{namespace}/{name}/live/logs", tag = "live",
    params(
        ("namespace" = String, Path), ("name" = String, Path),
        ("cluster" = Option<String>, Query, description = "May be left out where the application is on one cluster"),
        ("group" = Option<String>, Query), ("kind" = Option<String>, Query, description = "Pods, or objects that own them"),
        ("resourceNamespace" = Option<String>, Query), ("resourceName" = Option<String>, Query),
        ("container" = Option<String>, Query, description = "Each Pod's default one when absent"),
        ("follow" = Option<bool>, Query), ("previous" = Option<bool>, Query),
        ("tail" = Option<u64>, Query, description = "Lines of each container"),
        ("sinceSeconds" = Option<u64>, Query), ("since" = Option<String>, Query), ("until" = Option<String>, Query),
        ("filter" = Option<String>, Query, description = "Text that a line must hold; with ! before it, must not"),
        ("matchCase" = Option<bool>, Query),
    ),
    responses((status = 200, body = String, content_type = "application/x-ndjson"), (status = 503, body = crate::api::error::Problem)))]
pub(crate) async fn logs(
    State(shared): State<Shared>,
    caller: Caller,
    Named(application): Named<Application>,
    parameters: Parameters,
) -> Result<Response> {
    caller.require(route::LOGS, route::GET, &application_object(&application))?;
    let known =
        ["cluster", "container", "follow", "previous", "tail", "sinceSeconds", "since", "until", "filter", "matchCase"];
    let parameters = parameters.only(&[&known[..], &SELECTORS[..]].concat())?;
    let wanted = wanted(&parameters)?;
    let at = At::of(&shared, &application, parameters.text("cluster")).await?;
    let limit = if wanted.follow { FOLLOWED } else { WHOLE };
    let mut answer = at.open(What::GetLogs(Box::new(wanted)), limit).await?;
    // What is wrong from the start is an answer of its own, not a line of a log.
    let first = match answer.next().await {
        Ok(first) => first,
        Err(error) => return Err(at.problem(error).await),
    };
    let mut response = Body::from_stream(pieces(first, answer)).into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/x-ndjson"));
    Ok(response)
}

fn wanted(parameters: &Parameters) -> Result<LogQuestion> {
    let flag = |name: &str| parameters.parsed(name, "true or false").map(|flag| flag.unwrap_or(false));
    let time = "a time as 2026-11-23T17:00:00Z";
    Ok(LogQuestion {
        of: selector(parameters),
        container: parameters.text("container"),
        follow: flag("follow")?,
        previous: flag("previous")?,
        tail: parameters.parsed("tail", "a number of lines")?,
        since_seconds: parameters.parsed("sinceSeconds", "a number of seconds")?,
        since: parameters.parsed("since", time)?,
        until: parameters.parsed("until", time)?,
        filter: parameters.text("filter"),
        match_case: flag("matchCase")?,
    })
}

/// The answer as it comes; what goes wrong in the middle of it is its last line.
fn pieces(first: Option<Bytes>, answer: Answer) -> impl Stream<Item = std::io::Result<Bytes>> + Send {
    stream::unfold((first, Some(answer)), |(first, answer)| async move {
        if let Some(first) = first {
            return Some((Ok(first), (None, answer)));
        }
        let mut answer = answer?;
        match answer.next().await {
            Ok(Some(piece)) => Some((Ok(piece), (None, Some(answer)))),
            Ok(None) => None,
            Err(error) => Some((Ok(last(&error)), (None, None))),
        }
    })
}

fn last(error: &CallError) -> Bytes {
    let line = LogLine { problem: error.to_string(), ..LogLine::default() };
    let mut text = BytesMut::from(&b"\n"[..]);
    // A line is texts, which can always be written.
    text.extend(serde_json::to_vec(&line).unwrap_or_default());
    text.put_u8(b'\n');
    text.freeze()
}

//! The one door: every request gets an id, is authenticated, authorised by the route table, bounded in time, and logged.
//!
//! Default-deny: what has no entry in the table, or a token without the grant, never reaches a handler.

use std::net::SocketAddr;
use std::time::Duration;

use axum::extract::{ConnectInfo, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tokio_util::task::AbortOnDropHandle;
use uuid::Uuid;
use windlass_store::RequestLogEntry;

use super::caller::Caller;
use super::error::{ApiError, Result};
use super::input::{is_json, unsupported_media_type};
use super::named::Door;
use super::request_log::RequestLog;
use super::route::{self, Access, Object, Route};
use super::token::ApiToken;
use super::{Shared, new_id};

/// The most that one call may take; streams aside.
const TIME_LIMIT: Duration = Duration::from_secs(30);
const REQUEST_ID: &str = "x-request-id";

/// What the log says of a call.
struct Call {
    request_id: Uuid,
    method: Method,
    path: String,
    peer: String,
    principal: String,
    permission: String,
    logged: Logged,
}

/// How a call is logged.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Logged {
    /// Not at all: probes, and those who are nobody.
    Never,
    /// In the background: it changes nothing that people own.
    Later,
    /// Before the answer, which is refused when the log cannot be written.
    First,
}

pub(crate) async fn guard(State(shared): State<Shared>, request: Request, next: Next) -> Response {
    let (mut parts, body) = request.into_parts();
    let mut call = Call::new(new_id(&shared.state.clock), &parts);
    let admitted = admit(&shared, &mut call, &mut parts).await;
    let request = Request::from_parts(parts, body);
    let request_id = call.request_id;
    // A caller that hangs up must not cut a change off between its commit and its log entry. What is asked of a live cluster changes nothing, and is not
    // looked for any longer.
    let cancels = call.method == Method::GET && route::is_live(&call.path);
    let answer = tokio::spawn(answer(shared, call, admitted, request, next));
    let answer = if cancels { AbortOnDropHandle::new(answer).await } else { answer.await };
    let response = answer.unwrap_or_else(|error| ApiError::internal(error).into_response());
    finish(response, request_id)
}

async fn answer(
    shared: Shared,
    mut call: Call,
    admitted: Result<Option<Caller>>,
    request: Request,
    next: Next,
) -> Response {
    let response = match admitted {
        Ok(caller) => {
            let response = run(&shared, &call, request, next).await;
            if let Some(checked) = caller.and_then(|caller| caller.checked()) {
                call.permission = checked;
            }
            response
        }
        Err(error) => error.into_response(),
    };
    match record(&shared.log, call, response.status()).await {
        Ok(()) => response,
        Err(error) => error.into_response(),
    }
}

async fn run(shared: &Shared, call: &Call, request: Request, next: Next) -> Response {
    if call.path == route::WATCH_PATH {
        return next.run(request).await;
    }
    let done = shared.state.clock.timeout(TIME_LIMIT, next.run(request)).await;
    done.unwrap_or_else(|_| {
        let message = format!(
            "the call took longer than the limit of {} s; look at the result with GET before you try again",
            TIME_LIMIT.as_secs()
        );
        ApiError::new(StatusCode::GATEWAY_TIMEOUT, "timeout", message).into_response()
    })
}

async fn record(log: &RequestLog, call: Call, status: StatusCode) -> Result<()> {
    match call.logged {
        Logged::Never => Ok(()),
        Logged::First if !status.is_client_error() => log.write(call.entry(log, status)).await,
        _ => {
            log.write_later(call.entry(log, status));
            Ok(())
        }
    }
}

/// The final form: errors get their body, everything the request's id.
fn finish(mut response: Response, request_id: Uuid) -> Response {
    if let Some(error) = response.extensions_mut().remove::<ApiError>() {
        response = error.respond(request_id);
    }
    if let Ok(value) = HeaderValue::from_str(&request_id.to_string()) {
        response.headers_mut().insert(REQUEST_ID, value);
    }
    let headers = response.headers_mut();
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

/// Authenticates and authorises; what handlers need is put beside the request.
async fn admit(shared: &Shared, call: &mut Call, parts: &mut Parts) -> Result<Option<Caller>> {
    let route = route::find(&parts.method, parts.uri.path());
    if let Some(Route { access: Access::Public, .. }) = route {
        call.logged = Logged::Never;
        return Ok(None);
    }
    let caller = match authenticate(shared, call, parts).await {
        Ok(caller) => caller,
        Err(error) => {
            // Strangers fill no table of which the oldest entries go: the hub's own log has them.
            call.logged = Logged::Never;
            let (peer, method, path) = (&call.peer, &call.method, &call.path);
            tracing::info!(request_id = %call.request_id, peer, %method, path, "a call without a valid token was refused");
            return Err(error);
        }
    };
    let Some(route) = route else { return Err(unknown_route(parts)) };
    let body_expected = matches!(parts.method, Method::POST | Method::PUT | Method::PATCH);
    if body_expected && !is_json(&parts.headers) {
        return Err(unsupported_media_type());
    }
    if let Access::Granted { resource, action, object } = route.access {
        call.permission = format!("{resource}/{action}/*");
        if action == route::GET {
            call.logged = Logged::Later;
        }
        authorize(shared, call, &caller, parts, (resource, action, object)).await?;
    }
    parts.extensions.insert(caller.clone());
    Ok(Some(caller))
}

fn unknown_route(parts: &Parts) -> ApiError {
    if route::is_path(parts.uri.path()) {
        let message = format!("{} is not possible on this path; see /api/v1/openapi.json", parts.method);
        return ApiError::new(StatusCode::METHOD_NOT_ALLOWED, "method-not-allowed", message);
    }
    let message = "there is no such path; see /api/v1/openapi.json";
    ApiError::new(StatusCode::NOT_FOUND, "not-found", message)
}

async fn authenticate(shared: &Shared, call: &mut Call, parts: &Parts) -> Result<Caller> {
    let token = bearer(parts).ok_or_else(ApiError::unauthenticated)?;
    let now = shared.state.clock.now();
    let found = shared.state.store.principal_by_token(token.id, token.hash(), now).await?;
    let principal = found.ok_or_else(ApiError::unauthenticated)?;
    principal.name.clone_into(&mut call.principal);
    Ok(Caller::new(principal, token))
}

fn bearer(parts: &Parts) -> Option<ApiToken> {
    let value = parts.headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("bearer") {
        return None;
    }
    ApiToken::parse(token).ok()
}

type Needed = (&'static str, &'static str, Object);

async fn authorize(shared: &Shared, call: &mut Call, caller: &Caller, parts: &mut Parts, needed: Needed) -> Result<()> {
    let (resource, action, object) = needed;
    let door = Door { shared, caller, parts, permission: &mut call.permission };
    let allowed = match object {
        Object::Collection => caller.may_some(resource, action),
        Object::Body => caller.may_something_on(resource),
        Object::Anything => caller.may_anything(action),
        Object::Scope => caller.may_anything(route::SYNC) || caller.may_anything(route::UPDATE),
        Object::Application => return door.application(action).await,
        Object::Part => return door.application(route::GET).await,
        Object::Cluster => return door.cluster(action).await,
        Object::Project => return door.project(action).await,
        Object::Operation => return door.operation(action).await,
    };
    if allowed { Ok(()) } else { Err(ApiError::forbidden(resource, action)) }
}

// === impl Call ===

impl Call {
    fn new(request_id: Uuid, parts: &Parts) -> Self {
        let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>().map(|info| info.0.to_string());
        let read = parts.method == Method::GET || parts.method == Method::HEAD;
        Self {
            request_id,
            method: parts.method.clone(),
            path: parts.uri.path().chars().take(1024).collect(),
            peer: peer.unwrap_or_default(),
            principal: String::new(),
            permission: String::new(),
            logged: if read { Logged::Later } else { Logged::First },
        }
    }

    fn entry(self, log: &RequestLog, status: StatusCode) -> RequestLogEntry {
        RequestLogEntry {
            at: log.now(),
            request_id: self.request_id,
            principal: self.principal,
            peer: self.peer,
            method: self.method.to_string(),
            path: self.path,
            status: status.as_u16(),
            permission: self.permission,
        }
    }
}

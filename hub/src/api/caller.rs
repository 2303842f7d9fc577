//! Who calls: made by the guard, read by handlers.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use parking_lot::Mutex;
use windlass_domain::access::{Grant, Principal};
use windlass_domain::application::Application;

use super::error::{ApiError, Result};
use super::route;
use super::token::ApiToken;

/// An authenticated caller. A handler that takes it cannot be reached without a token.
#[derive(Clone)]
pub(crate) struct Caller {
    principal: Principal,
    /// The exact permission that a handler checked, for the request log.
    checked: Arc<Mutex<Option<String>>>,
    /// To look the rights up again in long calls.
    pub(crate) token: ApiToken,
}

/// What the path names: loaded and allowed by the guard.
#[derive(Clone)]
pub(crate) struct Named<T>(pub(crate) T);

// === impl Caller ===

impl Caller {
    pub(crate) fn new(principal: Principal, token: ApiToken) -> Self {
        Self { principal, checked: Arc::default(), token }
    }

    /// Its unique name.
    pub(crate) fn name(&self) -> &str {
        &self.principal.name
    }

    /// Replaces the rights by newly read ones.
    pub(crate) fn renewed(&self, principal: Principal) -> Self {
        Self { principal, ..self.clone() }
    }

    pub(crate) fn may(&self, resource: &str, action: &str, object: &str) -> bool {
        self.principal.allows(resource, action, object)
    }

    /// As [`may`](Self::may); the request log names the permission.
    pub(crate) fn check(&self, resource: &str, action: &str, object: &str) -> bool {
        *self.checked.lock() = Some(format!("{resource}/{action}/{object}"));
        self.may(resource, action, object)
    }

    /// As [`check`](Self::check), or a refusal.
    pub(crate) fn require(&self, resource: &str, action: &str, object: &str) -> Result<()> {
        if self.check(resource, action, object) { Ok(()) } else { Err(ApiError::forbidden(resource, action)) }
    }

    /// What a handler checked last.
    pub(crate) fn checked(&self) -> Option<String> {
        self.checked.lock().clone()
    }

    /// Whether some object may be allowed.
    pub(crate) fn may_some(&self, resource: &str, action: &str) -> bool {
        self.principal.grants.iter().any(|grant| allows_some(grant, resource, action))
    }

    /// Whether every object is allowed, so that nothing needs to be left out.
    pub(crate) fn may_all(&self, resource: &str, action: &str) -> bool {
        self.principal.grants.iter().any(|grant| grant.object == "*" && allows_some(grant, resource, action))
    }

    /// Whether there is any grant on the resource.
    pub(crate) fn may_something_on(&self, resource: &str) -> bool {
        let any_action = |grant: &Grant| Grant { action: "*".into(), ..grant.clone() };
        self.principal.grants.iter().any(|grant| allows_some(&any_action(grant), resource, ""))
    }

    /// Whether the action is granted on anything at all.
    pub(crate) fn may_anything(&self, action: &str) -> bool {
        let any_resource = |grant: &Grant| Grant { resource: "*".into(), ..grant.clone() };
        self.principal.grants.iter().any(|grant| allows_some(&any_resource(grant), "", action))
    }

    pub(crate) fn may_application(&self, action: &str, application: &Application) -> bool {
        self.may(route::APPLICATIONS, action, &application_object(application))
    }
}

/// How grants name an application: `project/namespace/name`.
pub(crate) fn application_object(application: &Application) -> String {
    format!("{}/{}", application.spec.project, application.name)
}

fn allows_some(grant: &Grant, resource: &str, action: &str) -> bool {
    let on_anything = Grant { object: "*".into(), ..grant.clone() };
    Principal { name: String::new(), grants: vec![on_anything] }.allows(resource, action, "")
}

impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = ApiError;
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self> {
        parts.extensions.get().cloned().ok_or_else(|| ApiError::internal("a handler was reached around the guard"))
    }
}

impl<S: Sync, T: Clone + Send + Sync + 'static> FromRequestParts<S> for Named<T> {
    type Rejection = ApiError;
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self> {
        parts.extensions.get().cloned().ok_or_else(|| ApiError::internal("the guard loaded no object for this route"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn caller(grants: &[(&str, &str, &str)]) -> Caller {
        let grants = grants.iter().map(|(resource, action, object)| Grant {
            resource: (*resource).into(),
            action: (*action).into(),
            object: (*object).into(),
        });
        let token = ApiToken::mint(uuid::Uuid::nil()).expect("randomness");
        Caller::new(Principal { name: "x".into(), grants: grants.collect() }, token)
    }

    #[test]
    fn some_all_and_any_follow_from_the_grants() {
        let scoped = caller(&[("applications", "get", "shop/*")]);
        assert!(scoped.may_some("applications", "get") && !scoped.may_all("applications", "get"));
        assert!(!scoped.may_some("applications", "sync") && scoped.may_something_on("applications"));
        assert!(!scoped.may_something_on("clusters") && scoped.may_anything("get") && !scoped.may_anything("delete"));
        let none = caller(&[]);
        assert!(
            !none.may_some("applications", "get")
                && !none.may_something_on("applications")
                && !none.may_anything("get")
        );
        assert!(caller(&[("*", "*", "*")]).may_all("clusters", "delete"));
    }
}

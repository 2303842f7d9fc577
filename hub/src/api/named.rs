//! What a path names: looked up once, and put beside the request for who may do this with it.

use axum::extract::{FromRequestParts, RawPathParams};
use axum::http::request::Parts;
use uuid::Uuid;
use windlass_domain::name::ApplicationName;

use super::caller::{Caller, Named, application_object};
use super::error::{ApiError, Result};
use super::{Shared, operations, route};

/// A call before the object that it names.
pub(super) struct Door<'a> {
    pub(super) shared: &'a Shared,
    pub(super) caller: &'a Caller,
    pub(super) parts: &'a mut Parts,
    /// What is checked, for the log.
    pub(super) permission: &'a mut String,
}

// === impl Door ===

impl Door<'_> {
    pub(super) async fn application(mut self, action: &'static str) -> Result<()> {
        let (namespace, name) = (self.parameter("namespace").await, self.parameter("name").await);
        let unknown = || ApiError::not_found("application", &format!("{namespace}/{name}"));
        let parsed = ApplicationName::new(&namespace, &name).map_err(|_| unknown())?;
        let application = self.shared.state.store.application(&parsed).await?.ok_or_else(unknown)?;
        let object = application_object(&application);
        self.settle((route::APPLICATIONS, action, &object), application, unknown)
    }

    pub(super) async fn cluster(mut self, action: &'static str) -> Result<()> {
        let name = self.parameter("name").await;
        let unknown = || ApiError::not_found("cluster", &name);
        let view = self.shared.state.store.cluster_view(&name).await?.ok_or_else(unknown)?;
        self.settle((route::CLUSTERS, action, &name), view, unknown)
    }

    pub(super) async fn project(mut self, action: &'static str) -> Result<()> {
        let name = self.parameter("name").await;
        let unknown = || ApiError::not_found("project", &name);
        let project = self.shared.state.store.project(&name).await?.ok_or_else(unknown)?;
        self.settle((route::PROJECTS, action, &name), project, unknown)
    }

    pub(super) async fn operation(mut self, action: &'static str) -> Result<()> {
        let id = self.parameter("id").await;
        let unknown = || ApiError::not_found("operation", &id);
        let parsed = Uuid::parse_str(&id).map_err(|_| unknown())?;
        let operation = self.shared.state.store.operation(parsed).await?.ok_or_else(unknown)?;
        let object = operations::object_of(self.shared, &operation.name).await?;
        self.settle((route::OPERATIONS, action, &object), operation, unknown)
    }

    /// Lets through who may do this with it. A caller that may see the object learns what it lacks; any other one that there is no such object.
    fn settle<T: Clone + Send + Sync + 'static>(
        self,
        (resource, action, object): (&'static str, &'static str, &str),
        found: T,
        unknown: impl Fn() -> ApiError,
    ) -> Result<()> {
        *self.permission = format!("{resource}/{action}/{object}");
        if self.caller.may(resource, action, object) {
            self.parts.extensions.insert(Named(found));
            return Ok(());
        }
        let is_visible = self.caller.may(resource, route::GET, object);
        Err(if is_visible { ApiError::forbidden(resource, action) } else { unknown() })
    }

    /// A part of the path; empty where the route has none of this name, which is the name of nothing.
    async fn parameter(&mut self, name: &str) -> String {
        let Ok(parameters) = RawPathParams::from_request_parts(self.parts, &()).await else { return String::new() };
        parameters.iter().find(|(key, _)| *key == name).map(|(_, value)| value.to_owned()).unwrap_or_default()
    }
}

//! `/repositories`: where manifests come from. Credentials go in and never come out.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Deserialize;
use utoipa::ToSchema;
use windlass_git::{Credentials, RepositoryUrl};
use windlass_store::{ListQuery, NewRepository, PutOutcome, RepositoryRecord, Store};

use super::caller::Caller;
use super::error::{ApiError, Result};
use super::input::{Body, Parameters, SecretText};
use super::listing::{self, Listing};
use super::view::{Page, RepositoryObject};
use super::{Shared, route};
use crate::desired;

/// A repository's settings; they replace what is stored, credentials included.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct RepositoryBody {
    /// https://host/path, or a path of the hub's machine; without user or password.
    url: String,
    /// Display name.
    #[serde(default)]
    name: String,
    #[serde(default)]
    username: String,
    /// A password or token, with `username`.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    password: Option<SecretText>,
    /// A token that is sent as it is, instead of `username` and `password`.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    bearer_token: Option<SecretText>,
    /// CA certificates for this host, as PEM.
    #[serde(default)]
    ca_pem: Option<String>,
}

/// A page of repositories.
#[utoipa::path(get, path = "/api/v1/repositories", tag = "repositories",
    params(("search" = Option<String>, Query), ("limit" = Option<u32>, Query), ("after" = Option<String>, Query)),
    responses((status = 200, body = Page<RepositoryObject>)))]
pub(crate) async fn list(
    State(shared): State<Shared>,
    caller: Caller,
    parameters: Parameters,
) -> Result<Json<Page<RepositoryObject>>> {
    let query = parameters.only(&["search", "limit", "after"])?.list()?;
    listing::visible(&caller, &Repositories(shared.state.store), query, RepositoryObject::from).await.map(Json)
}

struct Repositories(Arc<dyn Store>);

impl Listing for Repositories {
    type Item = RepositoryRecord;
    const RESOURCE: &'static str = route::REPOSITORIES;

    async fn fetch(&self, query: &ListQuery) -> Result<windlass_store::Page<RepositoryRecord>> {
        Ok(self.0.list_repositories(query).await?)
    }

    async fn object(&self, record: &RepositoryRecord) -> Result<String> {
        Ok(record.url.clone())
    }
}

/// Creates or replaces a repository's settings.
#[utoipa::path(put, path = "/api/v1/repositories", tag = "repositories", request_body = RepositoryBody,
    responses((status = 200, body = RepositoryObject), (status = 201, body = RepositoryObject)))]
pub(crate) async fn put(
    State(shared): State<Shared>,
    caller: Caller,
    Body(body): Body<RepositoryBody>,
) -> Result<(StatusCode, Json<RepositoryObject>)> {
    let url = normalised(&body.url)?;
    let exists = shared.state.store.repository(&url).await?.is_some();
    caller.require(route::REPOSITORIES, if exists { route::UPDATE } else { route::CREATE }, &url)?;
    let credentials = credentials(&body)?.as_ref().map(desired::encode_credentials);
    let ca_pem = body.ca_pem.filter(|pem| !pem.trim().is_empty());
    check_pem(ca_pem.as_deref())?;
    let new = NewRepository { url: url.clone(), name: body.name, credentials, ca_pem };
    let put = shared.state.store.put_repository(new, shared.state.clock.now()).await?;
    shared.state.desired.repository_changed(&url);
    let status = if put.outcome == PutOutcome::Created { StatusCode::CREATED } else { StatusCode::OK };
    Ok((status, Json(put.value.into())))
}

/// Forgets a repository's settings. Applications of it stay, and go on without them.
#[utoipa::path(delete, path = "/api/v1/repositories", tag = "repositories", params(("url" = String, Query)), responses((status = 204)))]
pub(crate) async fn delete(State(shared): State<Shared>, caller: Caller, parameters: Parameters) -> Result<StatusCode> {
    let given = parameters
        .only(&["url"])?
        .text("url")
        .ok_or_else(|| ApiError::invalid("url", "the parameter url is missing"))?;
    let url = normalised(&given)?;
    let unknown = || ApiError::not_found("repository", &url);
    if !caller.check(route::REPOSITORIES, route::DELETE, &url) {
        let visible =
            caller.may(route::REPOSITORIES, route::GET, &url) && shared.state.store.repository(&url).await?.is_some();
        return Err(if visible { ApiError::forbidden(route::REPOSITORIES, route::DELETE) } else { unknown() });
    }
    if !shared.state.store.delete_repository(&url).await? {
        return Err(unknown());
    }
    shared.state.desired.repository_changed(&url);
    Ok(StatusCode::NO_CONTENT)
}

fn normalised(url: &str) -> Result<String> {
    RepositoryUrl::parse(url).map(|url| url.normalised()).map_err(|error| ApiError::invalid("url", error.to_string()))
}

fn credentials(body: &RepositoryBody) -> Result<Option<Credentials>> {
    let text = |secret: &Option<SecretText>| {
        secret.as_ref().map(|secret| secret.expose().to_owned()).filter(|text| !text.is_empty())
    };
    match (text(&body.password), text(&body.bearer_token)) {
        (Some(_), Some(_)) => {
            Err(ApiError::invalid("bearerToken", "password and bearerToken exclude each other; give one"))
        }
        (None, None) if !body.username.is_empty() => {
            Err(ApiError::invalid("password", "username without password; give both"))
        }
        (Some(password), None) => Ok(Some(Credentials::basic(body.username.clone(), password))),
        (None, Some(token)) => Ok(Some(Credentials::bearer(token))),
        (None, None) => Ok(None),
    }
}

fn check_pem(pem: Option<&str>) -> Result<()> {
    use rustls_pki_types::CertificateDer;
    use rustls_pki_types::pem::PemObject;
    let Some(pem) = pem else { return Ok(()) };
    let certificates: std::result::Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem.as_bytes()).collect();
    match certificates {
        Ok(certificates) if !certificates.is_empty() => Ok(()),
        _ => Err(ApiError::invalid("caPem", "caPem holds no readable certificate; give the CA's certificates as PEM")),
    }
}

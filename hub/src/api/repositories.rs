//! `/repositories`: where manifests come from. Credentials go in and never come out.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use secrecy::SecretString;
use serde::Deserialize;
use utoipa::ToSchema;
use windlass_git::{ClientCertificate, Credentials, Proxy, RepositoryUrl};
use windlass_store::{ListQuery, NewRepository, PutOutcome, RepositoryRecord, RepositorySettings, Store};

use super::caller::Caller;
use super::error::{ApiError, Result};
use super::input::{Body, Parameters, SecretText};
use super::listing::{self, Listing};
use super::view::{Page, RepositoryObject};
use super::{Shared, route};
use crate::desired::Access;

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
    /// A client certificate that the git server asks for, as PEM: it, then its issuers.
    #[serde(default)]
    tls_client_cert_data: Option<String>,
    /// Its private key, as PEM, not encrypted.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    tls_client_cert_key: Option<SecretText>,
    /// Do not check who the server is: whoever is in between can read the credentials and put in any manifest.
    #[serde(default)]
    insecure: bool,
    /// http://[user:password@]host:port of a proxy (CONNECT); the user and password are sealed, and never answered.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    proxy: Option<SecretText>,
    /// User and password for the proxy, instead of in its URL.
    #[serde(default)]
    proxy_username: String,
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    proxy_password: Option<SecretText>,
    /// Hosts that are reached without the proxy, by comma, as in NO_PROXY.
    #[serde(default)]
    no_proxy: String,
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
    let (access, settings) = (access(&body)?, settings(&body)?);
    let settings = RepositorySettings {
        proxy: access.proxy.as_ref().map(|proxy| proxy.address().to_owned()),
        client_certificate: access.client_certificate.is_some(),
        ..settings
    };
    let credentials = access.encode(&settings);
    let ca_pem = body.ca_pem.filter(|pem| !pem.trim().is_empty());
    check_pem(ca_pem.as_deref())?;
    let new = NewRepository { url: url.clone(), name: body.name, credentials, ca_pem, settings };
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

fn access(body: &RepositoryBody) -> Result<Access> {
    Ok(Access { credentials: credentials(body)?, client_certificate: client_certificate(body)?, proxy: proxy(body)? })
}

/// What is no secret, as far as the body says it.
fn settings(body: &RepositoryBody) -> Result<RepositorySettings> {
    if body.insecure && body.ca_pem.as_ref().is_some_and(|pem| !pem.trim().is_empty()) {
        return Err(ApiError::invalid("insecure", "insecure and caPem exclude each other; keep caPem"));
    }
    let no_proxy = body.no_proxy.trim().to_owned();
    Ok(RepositorySettings { no_proxy, insecure: body.insecure, ..RepositorySettings::default() })
}

fn client_certificate(body: &RepositoryBody) -> Result<Option<ClientCertificate>> {
    let chain = body.tls_client_cert_data.as_deref().filter(|pem| !pem.trim().is_empty());
    match (chain, text(&body.tls_client_cert_key)) {
        (None, None) => Ok(None),
        (Some(chain), Some(key)) => ClientCertificate::parse(chain, &key).map(Some).map_err(invalid_setting),
        (Some(_), None) => {
            Err(ApiError::invalid("tlsClientCertKey", "tlsClientCertData without tlsClientCertKey; give both"))
        }
        (None, Some(_)) => {
            Err(ApiError::invalid("tlsClientCertData", "tlsClientCertKey without tlsClientCertData; give both"))
        }
    }
}

fn proxy(body: &RepositoryBody) -> Result<Option<Proxy>> {
    let user = text(&body.proxy_password).map(|password| (body.proxy_username.clone(), SecretString::from(password)));
    let Some(address) = text(&body.proxy) else {
        let idle = user.is_some() || !body.proxy_username.is_empty() || !body.no_proxy.trim().is_empty();
        return if idle {
            Err(ApiError::invalid("proxy", "proxy settings without proxy; give its address"))
        } else {
            Ok(None)
        };
    };
    let proxy = Proxy::parse(&address, &body.no_proxy).map_err(invalid_setting)?;
    match user {
        None if !body.proxy_username.is_empty() => {
            Err(ApiError::invalid("proxyPassword", "proxyUsername without proxyPassword; give both"))
        }
        Some(_) if proxy.user().is_some() => Err(ApiError::invalid(
            "proxyUsername",
            "the proxy's user is given twice: in its URL and apart; give it once",
        )),
        Some((name, password)) => Ok(Some(proxy.with_user(name, password))),
        None => Ok(Some(proxy)),
    }
}

/// The error's words repeat no secret.
fn invalid_setting(error: windlass_git::Error) -> ApiError {
    let field = match &error {
        windlass_git::Error::Setting { setting, .. } => setting,
        _ => "repository",
    };
    ApiError::invalid(field, error.to_string())
}

fn text(secret: &Option<SecretText>) -> Option<String> {
    secret.as_ref().map(|secret| secret.expose().to_owned()).filter(|text| !text.is_empty())
}

fn credentials(body: &RepositoryBody) -> Result<Option<Credentials>> {
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

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn body(settings: Value) -> RepositoryBody {
        let mut body = json!({"url": "https://git.example/a"});
        body.as_object_mut().expect("an object").extend(settings.as_object().expect("an object").clone());
        serde_json::from_value(body).expect("a body")
    }

    #[test]
    fn a_proxys_password_is_sealed_and_its_address_is_not() {
        for settings in [
            json!({"proxy": "http://me:hunter2@proxy:3128", "noProxy": "direct.example"}),
            json!({"proxy": "proxy:3128", "proxyUsername": "me", "proxyPassword": "hunter2", "noProxy": "direct.example"}),
        ] {
            let access = access(&body(settings)).expect("accepted");
            let proxy = access.proxy.as_ref().expect("a proxy");
            assert_eq!((proxy.address(), proxy.user().map(|(name, _)| name)), ("http://proxy:3128", Some("me")));
            let sealed = access.encode(&RepositorySettings::default()).expect("a secret");
            assert!(String::from_utf8_lossy(sealed.expose()).contains("hunter2"));
        }
    }

    #[test]
    fn halves_and_contradictions_are_refused_by_name() {
        for (settings, field) in [
            (json!({"tlsClientCertData": "x"}), "tlsClientCertKey"),
            (json!({"tlsClientCertKey": "x"}), "tlsClientCertData"),
            (json!({"tlsClientCertData": "hunter2", "tlsClientCertKey": "hunter2"}), "tlsClientCertData"),
            (json!({"proxyUsername": "me", "proxyPassword": "hunter2"}), "proxy"),
            (json!({"noProxy": "a.example"}), "proxy"),
            (json!({"proxy": "h:1", "proxyUsername": "me"}), "proxyPassword"),
            (json!({"proxy": "http://me:hunter2@h:1", "proxyUsername": "me", "proxyPassword": "x"}), "proxyUsername"),
            (json!({"proxy": "socks5://me:hunter2@h:1"}), "proxy"),
            (json!({"proxy": "h:1", "noProxy": "10.0.0.0/99"}), "noProxy"),
            (json!({"insecure": true, "caPem": "x"}), "insecure"),
            (json!({"username": "me"}), "password"),
            (json!({"password": "hunter2", "bearerToken": "x"}), "bearerToken"),
        ] {
            let body = body(settings.clone());
            let error = access(&body).map(drop).and_then(|()| super::settings(&body).map(drop)).expect_err(field);
            let shown = format!("{error:?}");
            assert!(shown.contains(field) && !shown.contains("hunter2"), "{settings}: {shown}");
        }
    }
}

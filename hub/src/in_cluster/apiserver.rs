//! The little that a hub says to its cluster's apiserver, as its Pod's service account.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, header};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_util::rt::TokioIo;
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, ServerName};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use windlass_runtime::clock::Clock;
use windlass_runtime::tls;
use zeroize::Zeroizing;

use super::{Error as SetupError, entries_patch};

const LIMIT: Duration = Duration::from_secs(15);
const MAX_ANSWER: usize = 1024 * 1024;

/// One apiserver and who speaks to it. It has no `Debug`: it holds a token.
pub(super) struct Apiserver {
    host: String,
    port: u16,
    namespace: String,
    token: Zeroizing<String>,
    config: Arc<rustls::ClientConfig>,
    clock: Clock,
}

/// Why a Secret was not written.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    #[error("this is no Pod: KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT name no apiserver")]
    NoPod,
    #[error("the service account's ca.crt cannot be used: {0}")]
    Authority(String),
    #[error("the apiserver cannot be reached: {0}")]
    Unreachable(String),
    #[error("Secret {secret}: the apiserver answered {status}{hint}")]
    Refused { secret: String, status: u16, hint: &'static str },
}

// === impl Apiserver ===

impl Apiserver {
    /// As every Pod finds it.
    pub(super) fn of_pod(files: &Path, clock: &Clock) -> Result<Self, SetupError> {
        let variable = |name: &str| std::env::var(name).ok().filter(|text| !text.is_empty());
        let host = variable("KUBERNETES_SERVICE_HOST").ok_or(Error::NoPod)?;
        let port = variable("KUBERNETES_SERVICE_PORT").and_then(|port| port.parse().ok()).ok_or(Error::NoPod)?;
        let read = |file: &'static str| {
            std::fs::read_to_string(files.join(file)).map_err(|source| SetupError::File { file, source })
        };
        let authority = read("ca.crt")?;
        let roots: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(authority.as_bytes()).collect();
        let roots = roots.map_err(|error| Error::Authority(error.to_string()))?;
        let config = tls::client_config(clock, &roots, None, &["http/1.1"]);
        let config = Arc::new(config.map_err(|error| Error::Authority(error.to_string()))?);
        let (namespace, token) =
            (read("namespace")?.trim().to_owned(), Zeroizing::new(read("token")?.trim().to_owned()));
        Ok(Self { host, port, namespace, token, config, clock: clock.clone() })
    }

    /// The Pod's own.
    pub(super) fn namespace(&self) -> &str {
        &self.namespace
    }

    /// Sets entries of a Secret that is there.
    pub(super) async fn fill(&self, namespace: &str, name: &str, entries: &[(&str, &str)]) -> Result<(), Error> {
        let patch = Zeroizing::new(entries_patch(entries).to_string());
        let path = format!("/api/v1/namespaces/{namespace}/secrets/{name}");
        let status = self.clock.timeout(LIMIT, self.patch(&path, &patch)).await;
        let status = status.map_err(|slow| Error::Unreachable(slow.to_string()))??;
        let hint = match status {
            200..=299 => return Ok(()),
            404 => "; make it, empty",
            401 | 403 => "; the hub's service account must be allowed to patch it",
            _ => "",
        };
        Err(Error::Refused { secret: format!("{namespace}/{name}"), status, hint })
    }

    async fn patch(&self, path: &str, body: &str) -> Result<u16, Error> {
        let unreachable = |error: &dyn std::fmt::Display| Error::Unreachable(error.to_string());
        let name = ServerName::try_from(self.host.clone()).map_err(|error| unreachable(&error))?;
        let stream = TcpStream::connect((self.host.as_str(), self.port)).await.map_err(|error| unreachable(&error))?;
        let stream = TlsConnector::from(Arc::clone(&self.config)).connect(name, stream).await;
        let stream = TokioIo::new(stream.map_err(|error| unreachable(&error))?);
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(stream).await.map_err(|error| unreachable(&error))?;
        let driven = tokio::spawn(connection);
        let bearer = Zeroizing::new(format!("Bearer {}", self.token.as_str()));
        let request = Request::builder()
            .method(Method::PATCH)
            .uri(path)
            .header(header::HOST, &self.host)
            .header(header::AUTHORIZATION, bearer.as_str())
            .header(header::CONTENT_TYPE, "application/merge-patch+json")
            .header(header::ACCEPT, "application/json")
            .body(Full::new(Bytes::copy_from_slice(body.as_bytes())))
            .map_err(|error| unreachable(&error))?;
        let answer = sender.send_request(request).await.map_err(|error| unreachable(&error))?;
        let status = answer.status().as_u16();
        // Read to its end, so that the connection ends well; what it says is not needed.
        let _ = Limited::new(answer.into_body(), MAX_ANSWER).collect().await;
        driven.abort();
        Ok(status)
    }
}

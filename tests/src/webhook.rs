//! An admission or conversion webhook on loopback, which real API servers call.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Context as _, Result};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use http::Response;
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use tokio::task::AbortHandle;

use crate::control_plane::certificates::Authority;
use crate::{https, ports};

/// A server that answers reviews. Dropping it ends it.
#[derive(Debug)]
pub struct Webhook {
    address: SocketAddr,
    ca_pem: String,
    calls: Arc<AtomicU64>,
    task: AbortHandle,
}

impl Webhook {
    /// `answer` makes the `response` of a review from its `request`; the `uid` is filled in.
    pub async fn start(answer: impl Fn(&Value) -> Value + Send + Sync + 'static) -> Result<Self> {
        let authority = Authority::new("windlass test webhook")?;
        let acceptor = https::acceptor(&authority.server("windlass test webhook", &["127.0.0.1", "localhost"])?)?;
        let listener = ports::listen().await?;
        let address = listener.local_addr().context("reading the webhook's address")?;
        let calls = Arc::new(AtomicU64::new(0));
        let (answer, counted) = (Arc::new(answer), Arc::clone(&calls));
        let serving = https::serve(listener, acceptor, move |request| {
            let (answer, counted) = (Arc::clone(&answer), Arc::clone(&counted));
            async move {
                let body = request.into_body().collect().await.map_err(std::io::Error::other)?.to_bytes();
                let review: Value = serde_json::from_slice(&body)?;
                counted.fetch_add(1, Ordering::Relaxed);
                let mut response = answer(&review["request"]);
                response["uid"] = review["request"]["uid"].clone();
                let reply = json!({ "apiVersion": review["apiVersion"], "kind": review["kind"], "response": response });
                let built = Response::builder().header("Content-Type", "application/json");
                built.body(https::whole(reply.to_string())).map_err(std::io::Error::other)
            }
        });
        let task = tokio::spawn(serving).abort_handle();
        Ok(Self { address, ca_pem: authority.pem(), calls, task })
    }

    /// What a webhook's or conversion's `clientConfig` says.
    pub fn client_config(&self) -> Value {
        json!({ "url": format!("https://{}/review", self.address), "caBundle": BASE64.encode(&self.ca_pem) })
    }

    /// How often it was asked.
    pub fn calls(&self) -> u64 {
        self.calls.load(Ordering::Relaxed)
    }
}

impl Drop for Webhook {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// The response that changes the object by a JSON patch.
pub fn patched(operations: &Value) -> Value {
    json!({ "allowed": true, "patchType": "JSONPatch", "patch": BASE64.encode(operations.to_string()) })
}

//! A thin client of the hub's HTTP API. It remembers what the hub acknowledged, for the invariants.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use reqwest::Method;
use serde_json::{Value, json};

mod ledger;
mod watch;

pub use ledger::{Acknowledged, Ledger};
pub use watch::{Event, Watch};

use crate::fleet::Join;

/// The namespace of applications that name none.
pub const NAMESPACE: &str = "argocd";
/// How long one call may take.
const PATIENCE: Duration = Duration::from_secs(40);

/// A client with one token. Clones share connections and what they remember.
#[derive(Clone)]
pub struct Api {
    http: reqwest::Client,
    base: String,
    token: String,
    ledger: Arc<Ledger>,
}

/// An answer of any status.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The body; null when there is none.
    pub body: Value,
}

impl Api {
    /// Of the hub at `base`, known by the authority `ca_pem` and by nothing else.
    pub fn connect(base: &str, ca_pem: &str, token: &str) -> Result<Self> {
        let ca = reqwest::Certificate::from_pem(ca_pem.as_bytes()).context("reading the hub's authority")?;
        let builder =
            reqwest::Client::builder().tls_certs_only([ca]).no_proxy().connect_timeout(Duration::from_secs(5));
        let http = builder.build().context("making an HTTP client")?;
        Ok(Self { http, base: base.to_owned(), token: token.to_owned(), ledger: Arc::default() })
    }

    /// The same hub with another token.
    #[must_use]
    pub fn with_token(&self, token: &str) -> Self {
        Self { token: token.to_owned(), ..self.clone() }
    }

    /// What this client and its clones remember.
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// Any call; only a call without an answer is an error.
    pub async fn call(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Answer> {
        let url = format!("{}{path}", self.base);
        let mut request = self.http.request(method.clone(), url).bearer_auth(&self.token).timeout(PATIENCE);
        if let Some(body) = body {
            request = request.json(body);
        }
        let answer = request.send().await.with_context(|| format!("{method} {path}"))?;
        let status = answer.status().as_u16();
        let text = answer.text().await.with_context(|| format!("{method} {path}: reading the answer"))?;
        self.ledger.look_for_canaries(&format!("{method} {path}"), &text);
        let body =
            if text.is_empty() { Value::Null } else { serde_json::from_str(&text).unwrap_or(Value::String(text)) };
        Ok(Answer { status, body })
    }

    /// A call that must be answered 2xx.
    pub async fn must(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Value> {
        let Answer { status, body: answer } = self.call(method.clone(), path, body).await?;
        if !(200..300).contains(&status) {
            bail!(
                "{method} {path} was answered {status}: {}",
                answer["message"].as_str().unwrap_or(&answer.to_string())
            );
        }
        Ok(answer)
    }

    /// `GET`.
    pub async fn get(&self, path: &str) -> Result<Value> {
        self.must(Method::GET, path, None).await
    }

    /// `POST`.
    pub async fn post(&self, path: &str, body: &Value) -> Result<Value> {
        self.must(Method::POST, path, Some(body)).await
    }

    /// Every item of a paged list; `path` may have a query.
    pub async fn list(&self, path: &str) -> Result<Vec<Value>> {
        let mut items = Vec::new();
        let mut after = String::new();
        loop {
            let separator = if path.contains('?') { '&' } else { '?' };
            let cursor = url::form_urlencoded::byte_serialize(after.as_bytes()).collect::<String>();
            let page = self.get(&format!("{path}{separator}limit=1000&after={cursor}")).await?;
            items.extend(page["items"].as_array().context("a page has no items")?.iter().cloned());
            match page["next"].as_str() {
                Some(next) => next.clone_into(&mut after),
                None => return Ok(items),
            }
        }
    }

    /// Creates a cluster, and returns what its agent joins with.
    pub async fn create_cluster(&self, name: &str, labels: &[(&str, &str)]) -> Result<Join> {
        let labels: Value = labels.iter().map(|&(key, value)| (key.to_owned(), json!(value))).collect();
        let body = json!({ "name": name, "labels": labels, "serverAliases": [format!("https://{name}.test:6443")] });
        let answer = self.post("/api/v1/clusters", &body).await?;
        self.ledger.acknowledge(Acknowledged::Cluster(name.to_owned()));
        Ok(Join(answer["join"].clone()))
    }

    /// A cluster with its session.
    pub async fn cluster(&self, name: &str) -> Result<Value> {
        self.get(&format!("/api/v1/clusters/{name}")).await
    }

    /// Creates or changes a repository's settings: url, username, password, caPem.
    pub async fn put_repository(&self, settings: &Value) -> Result<Value> {
        self.must(Method::PUT, "/api/v1/repositories", Some(settings)).await
    }

    /// Creates or changes an application by its Argo CD manifest.
    pub async fn put_application(&self, manifest: &Value) -> Result<Value> {
        let name = manifest["metadata"]["name"].as_str().context("an application has a name")?;
        let object = self.must(Method::PUT, &path_of(name, ""), Some(manifest)).await?;
        let revision = object["revision"].as_u64().context("an application has a revision")?;
        self.ledger.acknowledge(Acknowledged::Application { name: name.to_owned(), revision });
        Ok(object)
    }

    /// An application with its targets, or nothing.
    pub async fn application(&self, name: &str) -> Result<Option<Value>> {
        let answer = self.call(Method::GET, &path_of(name, ""), None).await?;
        match answer.status {
            200 => Ok(Some(answer.body)),
            404 => Ok(None),
            status => bail!("application {name} was answered {status}: {}", answer.body),
        }
    }

    /// Looks at the source now; answers when what it says is desired state.
    pub async fn refresh(&self, name: &str) -> Result<Value> {
        self.post(&path_of(name, "/refresh"), &json!({})).await
    }

    /// Starts an operation on every target; answers their ids.
    pub async fn sync(&self, name: &str, prune: bool) -> Result<Vec<String>> {
        let answer = self.post(&path_of(name, "/sync"), &json!({ "prune": prune })).await?;
        let operations = answer["operations"].as_array().cloned().unwrap_or_default();
        let ids: Vec<String> = operations.iter().filter_map(|one| one["id"].as_str().map(str::to_owned)).collect();
        for id in &ids {
            self.ledger.acknowledge(Acknowledged::Operation { id: id.clone(), application: name.to_owned() });
        }
        Ok(ids)
    }

    /// Approves every deletion of the application that is held now.
    pub async fn approve(&self, name: &str) -> Result<Value> {
        self.post(&path_of(name, "/approve"), &json!({})).await
    }

    /// Allows everything that was refused for its owner to be taken over.
    pub async fn adopt(&self, name: &str) -> Result<Value> {
        self.post(&path_of(name, "/adopt"), &json!({})).await
    }

    /// Asks for an application's deletion; `cascade` is foreground, background or orphan.
    pub async fn delete_application(&self, name: &str, cascade: &str) -> Result<Value> {
        let path = path_of(name, &format!("?cascade={cascade}"));
        let answer = self.must(Method::DELETE, &path, None).await?;
        self.ledger.acknowledge(Acknowledged::Deletion { name: name.to_owned(), cascade: cascade.to_owned() });
        Ok(answer)
    }

    /// Every object of an application on every cluster.
    pub async fn resources(&self, name: &str) -> Result<Vec<Value>> {
        self.list(&path_of(name, "/resources")).await
    }

    /// The application's operations, newest first.
    pub async fn operations(&self, name: &str) -> Result<Vec<Value>> {
        self.list(&format!("/api/v1/operations?application={NAMESPACE}/{name}")).await
    }

    /// A `GET` whose answer is read as it comes, of any status.
    pub async fn open(&self, path: &str) -> Result<reqwest::Response> {
        let request = self.http.get(format!("{}{path}", self.base)).bearer_auth(&self.token);
        request.send().await.with_context(|| format!("GET {path}"))
    }

    /// Follows changes from `after` on, or from now on.
    pub async fn watch(&self, after: Option<u64>, application: Option<&str>) -> Result<Watch> {
        let mut url = format!("{}/api/v1/watch?objects=true", self.base);
        if let Some(after) = after {
            url.push_str(&format!("&after={after}"));
        }
        if let Some(name) = application {
            url.push_str(&format!("&application={NAMESPACE}%2F{name}"));
        }
        let answer = self.http.get(&url).bearer_auth(&self.token).send().await.context("opening a watch")?;
        if !answer.status().is_success() {
            bail!("the watch was answered {}: {}", answer.status(), answer.text().await.unwrap_or_default());
        }
        Ok(Watch::over(answer))
    }
}

/// It holds a token.
impl std::fmt::Debug for Api {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Api").field("base", &self.base).finish_non_exhaustive()
    }
}

fn path_of(name: &str, rest: &str) -> String {
    format!("/api/v1/applications/{NAMESPACE}/{name}{rest}")
}

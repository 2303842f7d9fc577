//! A hub's API over a real SQLite store in a directory of its own, without listeners.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::{Method, Request, StatusCode};
use axum::response::Response;
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;
use uuid::Uuid;
use windlass_domain::access::{Grant, Principal};
use windlass_git::{GitCache, Options};
use windlass_runtime::clock::Clock;
use windlass_store::{SealKey, SqlStore, Store, StoreUrl};

use crate::api::token::ApiToken;
use crate::api::{State, router};
use crate::args::Advertised;
use crate::{agents, desired, pki};

/// The API and what it stands on.
pub(super) struct Api {
    pub(super) store: Arc<dyn Store>,
    pub(super) clock: Clock,
    router: axum::Router,
    pub(super) admin: String,
    stop: CancellationToken,
    _dir: tempfile::TempDir,
}

/// An answer, read whole.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: axum::http::HeaderMap,
    pub(super) body: Value,
}

impl Api {
    pub(super) async fn start() -> Self {
        let (api, service) = Self::build().await;
        tokio::spawn(service.run(api.stop.clone()));
        api
    }

    /// Nothing but calls writes to its store: applications are never compiled.
    pub(super) async fn start_without_compiler() -> Self {
        Self::build().await.0
    }

    async fn build() -> (Self, desired::Service) {
        let dir = tempfile::tempdir().expect("a directory");
        let seal = SealKey::load_or_create(&dir.path().join("seal.key")).expect("a seal key");
        let store: Arc<dyn Store> =
            Arc::new(SqlStore::open(&StoreUrl::sqlite(dir.path().join("store.db")), seal).await.expect("a store"));
        let clock = Clock::system();
        let authority = pki::Authority::load(store.as_ref(), clock.clone()).await.expect("an authority");
        let registry = agents::Registry::default();
        let git = GitCache::open(dir.path().join("git"), Options { allow_local: true, ..Default::default() })
            .expect("a git cache");
        let settings = desired::Settings { poll_interval: Duration::from_secs(3600), ..Default::default() };
        let service = desired::Service::new(Arc::clone(&store), git, registry.clone(), clock.clone(), settings);
        let (service, desired) = service.await.expect("a service");
        let advertised = Advertised {
            api_url: "https://hub.example:8443".into(),
            agents_address: "hub.example:8444".into(),
            agent_image: windlass_domain::install::IMAGE.into(),
        };
        let state = State {
            store: Arc::clone(&store),
            desired,
            calls: Arc::new(agents::Calls::new(registry.clone(), clock.clone())),
            registry,
            authority,
            clock: clock.clone(),
            advertised,
            revocations: pki::Revocations::default(),
        };
        let stop = CancellationToken::new();
        let mut api = Self { store, clock, router: router(state), admin: String::new(), stop, _dir: dir };
        api.admin = api.token_of(Principal::administrator("admin")).await;
        (api, service)
    }

    /// A token with these grants: (resource, action, object).
    pub(super) async fn token(&self, name: &str, grants: &[(&str, &str, &str)]) -> String {
        let grant = |(resource, action, object): &(&str, &str, &str)| Grant {
            resource: (*resource).into(),
            action: (*action).into(),
            object: (*object).into(),
        };
        self.token_of(Principal { name: name.into(), grants: grants.iter().map(grant).collect() }).await
    }

    async fn token_of(&self, principal: Principal) -> String {
        let now = self.clock.now();
        self.store.put_principal(&principal, now).await.expect("a principal");
        let token = ApiToken::mint(Uuid::now_v7()).expect("a token");
        let expires_at = now.saturating_add(Duration::from_secs(86_400)).expect("a time");
        self.store.put_token(&token.record(&principal.name, expires_at), now).await.expect("a token");
        token.expose().to_string()
    }

    /// A call as the administrator.
    pub(super) async fn call(&self, method: Method, path: &str, body: Option<Value>) -> Answer {
        self.call_as(&self.admin, method, path, body).await
    }

    pub(super) async fn get(&self, path: &str) -> Answer {
        self.call(Method::GET, path, None).await
    }

    pub(super) async fn post(&self, path: &str, body: Value) -> Answer {
        self.call(Method::POST, path, Some(body)).await
    }

    pub(super) async fn call_as(&self, token: &str, method: Method, path: &str, body: Option<Value>) -> Answer {
        Answer::read(self.send(request(token, method, path, body)).await).await
    }

    pub(super) async fn send(&self, request: Request<Body>) -> Response {
        self.router.clone().oneshot(request).await.expect("infallible")
    }

    /// The stream of a watch as the administrator.
    pub(super) async fn watch(&self, path: &str) -> super::watch::Reader {
        self.watch_as(&self.admin, path).await
    }

    pub(super) async fn watch_as(&self, token: &str, path: &str) -> super::watch::Reader {
        let response = self.send(request(token, Method::GET, path, None)).await;
        assert_eq!(response.status(), StatusCode::OK);
        super::watch::Reader::new(response.into_body())
    }

    /// Creates an application on a cluster that nobody has to have.
    pub(super) async fn apply(&self, project: &str, name: &str) -> Answer {
        self.call(Method::PUT, &format!("/api/v1/applications/argocd/{name}"), Some(application(project, name))).await
    }
}

impl Drop for Api {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

impl Answer {
    pub(super) async fn read(response: Response) -> Self {
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.expect("a body").to_bytes();
        Self {
            status: parts.status,
            headers: parts.headers,
            body: serde_json::from_slice(&bytes).unwrap_or(Value::Null),
        }
    }

    pub(super) fn code(&self) -> &str {
        self.body["code"].as_str().unwrap_or_default()
    }

    pub(super) fn message(&self) -> &str {
        self.body["message"].as_str().unwrap_or_default()
    }
}

/// A request; an empty token is none.
pub(super) fn request(token: &str, method: Method, path: &str, body: Option<Value>) -> Request<Body> {
    let mut builder = Request::builder().method(method).uri(path);
    if !token.is_empty() {
        builder = builder.header("authorization", format!("Bearer {token}"));
    }
    let request = match body {
        Some(body) => builder.header("content-type", "application/json").body(Body::from(body.to_string())),
        None => builder.body(Body::empty()),
    };
    request.expect("a request")
}

pub(super) fn application(project: &str, name: &str) -> Value {
    json!({
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Application",
        "metadata": {"name": name, "namespace": "argocd", "labels": {"team": project}},
        "spec": {
            "project": project,
            "source": {"repoURL": "https://127.0.0.1:1/none", "path": "app", "targetRevision": "main"},
            "destination": {"name": "eu-1", "namespace": "shop"},
        },
    })
}

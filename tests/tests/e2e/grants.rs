//! Nothing is done without a grant: a principal with a single grant, a token nobody knows, one that ended, and none at all
//! try every call.

use anyhow::{Context as _, Result, ensure};
use reqwest::Method;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use windlass_tests::app::{App, Destination, Policy, message_application};
use windlass_tests::hub::Hub;
use windlass_tests::invariants;

use super::stage::{EU, own_fleet};

const DAY: i64 = 86_400_000;

pub(crate) async fn nothing_is_done_without_a_grant() -> Result<()> {
    let fleet = own_fleet("grants").await?;
    let mut apps = Vec::new();
    for name in ["granted", "not-granted"] {
        let to = Destination::Cluster(EU.to_owned());
        let mut app = App::new(&fleet, name, to, Policy::Automated).await?;
        let commit = app.commit(&message_application("hello")).await?;
        app.create().await?;
        app.settles_at(&commit).await?;
        apps.push(app);
    }
    let now = jiff::Timestamp::now().as_millisecond();
    let reader = token_of(fleet.hub(), "reader", now + DAY).await?;
    let ended = token_of(fleet.hub(), "reader", now - 1).await?;
    let unknown = format!("wl_{}_{}", uuid::Uuid::now_v7().simple(), "ab".repeat(32));

    let calls = calls(fleet.api(), &apps[1]).await?;
    ensure!(calls.len() > 15, "the API describes only {} calls", calls.len());
    for (method, path, body) in &calls {
        for (who, token, refusals) in
            [("reader", &reader, [403, 404].as_slice()), ("ended", &ended, &[401]), ("unknown", &unknown, &[401])]
        {
            let api = fleet.api().with_token(token);
            let answer = api.call(method.clone(), path, body.as_ref()).await?;
            // A reader's list is empty or has its own; it is no refusal.
            let listed = who == "reader" && *method == Method::GET && answer.status == 200;
            // What it asked for by name may be named back to it.
            let leaked = answer.status < 300 && answer.body.to_string().contains("not-granted");
            ensure!(!leaked, "{method} {path} told {who} of what it may not see: {}", answer.body);
            // Whoever may not, is told so before anything else about the request.
            let malformed = who == "reader" && [400, 415, 422].contains(&answer.status);
            ensure!(
                listed || malformed || refusals.contains(&answer.status),
                "{method} {path} was answered {} for {who}: {}",
                answer.status,
                answer.body
            );
        }
    }
    let mine = fleet.api().with_token(&reader).get("/api/v1/applications/argocd/granted").await?;
    ensure!(mine["manifest"].is_object(), "{mine}");
    for app in &apps {
        ensure!(app.seen().await?["deletion"].is_null(), "{} was deleted", app.name());
    }
    let apps: Vec<&App> = apps.iter().collect();
    invariants::check(&fleet, &apps).await?;
    fleet.finish();
    Ok(())
}

/// Every operation of the OpenAPI document but those that are open to everybody, about an application and a cluster that
/// exist, with a body where one is due.
async fn calls(api: &windlass_tests::api::Api, app: &App) -> Result<Vec<(Method, String, Option<Value>)>> {
    let document = api.get("/api/v1/openapi.json").await?;
    let mut calls = Vec::new();
    for (path, operations) in document["paths"].as_object().context("paths")? {
        let open = ["/livez", "/readyz", "/api/v1/version", "/api/v1/openapi.json", "/api/v1/watch"];
        if open.contains(&path.as_str()) {
            continue;
        }
        let named = path.replace("{namespace}", "argocd");
        let named = if named.contains("/applications/") { named.replace("{name}", app.name()) } else { named };
        let named = named.replace("{name}", EU).replace("{id}", &uuid::Uuid::now_v7().to_string());
        for method in operations.as_object().context("operations")?.keys() {
            let Ok(method) = Method::from_bytes(method.to_uppercase().as_bytes()) else { continue };
            let body = (method != Method::GET && method != Method::DELETE).then(|| match method == Method::PUT {
                true if named.contains("/applications/") => app.manifest(),
                _ => json!({}),
            });
            calls.push((method, named.clone(), body));
        }
    }
    Ok(calls)
}

/// A principal that may look at one application, and a token of it, written into the store: the API has no way to make one
/// yet.
async fn token_of(hub: &Hub, principal: &str, expires_at: i64) -> Result<String> {
    let (id, secret): (uuid::Uuid, [u8; 32]) = (uuid::Uuid::now_v7(), rand::random());
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let grants = json!([{ "resource": "applications", "action": "get", "object": "default/argocd/granted" }]);
    let hash = hex(&Sha256::digest(secret));
    for statement in [
        format!(
            "INSERT INTO principals (name, grants, created_at) VALUES ('{principal}', '{grants}', 0) ON CONFLICT DO NOTHING"
        ),
        format!(
            "INSERT INTO api_tokens (id, hash, principal, created_at, expires_at) \
             VALUES ('{id}', '{hash}', '{principal}', 0, {expires_at})"
        ),
    ] {
        hub.store().execute(statement).await?;
    }
    Ok(format!("wl_{}_{}", id.simple(), hex(&secret)))
}

//! Applications: written, read, filtered, deleted.

use axum::http::{Method, StatusCode};
use serde_json::json;

use super::harness::{Answer, Api, application, request};

const WEB: &str = "/api/v1/applications/argocd/web";

#[tokio::test]
async fn an_application_is_created_changed_and_left_alone() {
    let api = Api::start().await;
    let created = api.apply("shop", "web").await;
    assert_eq!(created.status, StatusCode::CREATED, "{}", created.body);
    assert_eq!(created.headers["x-windlass-outcome"], "created");
    assert_eq!(created.body["status"]["freshness"]["stale"], true);
    let again = api.apply("shop", "web").await;
    assert_eq!(
        (again.status, &again.headers["x-windlass-outcome"]),
        (StatusCode::OK, &"unchanged".parse().expect("a value"))
    );
    let mut other = application("shop", "web");
    other["spec"]["source"]["path"] = json!("elsewhere");
    let changed = api.call(Method::PUT, WEB, Some(other)).await;
    assert_eq!(changed.headers["x-windlass-outcome"], "changed");
    assert_eq!(api.get(WEB).await.body["manifest"]["spec"]["source"]["path"], "elsewhere");
}

/// The first write took effect and its answer was lost, with the word to the compiler: so does another hub write.
#[tokio::test]
async fn a_write_that_is_tried_again_is_compiled() {
    let api = Api::start().await;
    let manifest = windlass_domain::application::ApplicationManifest::parse(&application("shop", "web"));
    let (manifest, origin) = (manifest.expect("a manifest"), windlass_domain::application::Origin::Api);
    api.store.put_application(&manifest, origin, None, api.clock.now()).await.expect("stored");
    let again = api.apply("shop", "web").await;
    assert_eq!(again.headers["x-windlass-outcome"], "unchanged");
    let mut newest = api.store.newest();
    let looked = async {
        while api.get(WEB).await.body["status"]["conditions"] == json!([]) {
            newest.changed().await.expect("the store is open");
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(60), looked).await.expect("its source is looked at");
}

#[tokio::test]
async fn a_write_over_somebody_elses_change_is_refused() {
    let api = Api::start().await;
    let token = api.token("ci", &[("*", "*", "*")]).await;
    let seen = api.apply("shop", "web").await.body["revision"].as_u64().expect("a revision");
    let put = async |path: &str, revision: u64| {
        let mut body = application("shop", "web");
        body["spec"]["source"]["path"] = json!(path);
        let mut request = request(&token, Method::PUT, WEB, Some(body));
        request.headers_mut().insert("if-match", format!("\"{revision}\"").parse().expect("a value"));
        Answer::read(api.send(request).await).await
    };
    assert_eq!(put("a", seen).await.status, StatusCode::OK);
    assert_eq!(put("b", seen).await.status, StatusCode::CONFLICT);
}

#[tokio::test]
async fn create_refuses_what_exists() {
    let api = Api::start().await;
    let create =
        async |query: &str| api.post(&format!("/api/v1/applications{query}"), application("shop", "web")).await;
    assert_eq!(create("").await.status, StatusCode::CREATED);
    assert_eq!(create("").await.status, StatusCode::CONFLICT);
    assert_eq!(create("?upsert=true").await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_bad_manifest_names_its_field() {
    let api = Api::start().await;
    let refused = async |change: fn(&mut serde_json::Value)| {
        let mut body = application("shop", "web");
        change(&mut body);
        let answer = api.call(Method::PUT, WEB, Some(body)).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{}", answer.body);
        answer.body["field"].as_str().unwrap_or_default().to_owned()
    };
    assert_eq!(refused(|body| body["kind"] = json!("Pod")).await, "kind");
    assert_eq!(refused(|body| body["metadata"]["name"] = json!("Not Valid")).await, "metadata.name");
    assert_eq!(refused(|body| body["metadata"]["name"] = json!("other")).await, "metadata.name");
    assert_eq!(refused(|body| body["spec"]["destination"] = json!({})).await, "spec.destination");
    assert_eq!(
        refused(|body| body["spec"]["source"]["repoURL"] = json!("https://me:hunter2@host/x")).await,
        "spec.source.repoURL"
    );
}

#[tokio::test]
async fn a_project_is_neither_entered_nor_robbed() {
    let api = Api::start().await;
    api.apply("shop", "web").await;
    let token = api.token("other", &[("applications", "*", "other/*")]).await;
    let put = async |project: &str, name: &str| {
        api.call_as(
            &token,
            Method::PUT,
            &format!("/api/v1/applications/argocd/{name}"),
            Some(application(project, name)),
        )
        .await
        .status
    };
    assert_eq!(put("other", "mine").await, StatusCode::CREATED);
    assert_eq!(put("shop", "mine").await, StatusCode::FORBIDDEN, "moved into a project without a grant");
    assert_eq!(put("shop", "new").await, StatusCode::FORBIDDEN);
    assert_eq!(put("other", "web").await, StatusCode::NOT_FOUND, "taken out of a project without a grant");
}

#[tokio::test]
async fn lists_are_filtered_paged_and_cut_to_the_callers_grants() {
    let api = Api::start().await;
    for (project, name) in [("shop", "a"), ("shop", "b"), ("other", "c")] {
        assert_eq!(api.apply(project, name).await.status, StatusCode::CREATED);
    }
    let names = |answer: &Answer| -> Vec<String> {
        let items = answer.body["items"].as_array().expect("items");
        items.iter().map(|item| item["name"].as_str().expect("a name").to_owned()).collect()
    };
    let all = api.get("/api/v1/applications").await;
    assert_eq!((names(&all), &all.body["total"]), (vec!["a".to_owned(), "b".into(), "c".into()], &json!(3)));
    assert_eq!(names(&api.get("/api/v1/applications?project=other").await), ["c"]);
    assert_eq!(names(&api.get("/api/v1/applications?label=team%3Dshop&search=b").await), ["b"]);
    assert_eq!(names(&api.get("/api/v1/applications?health=Healthy").await), Vec::<String>::new());
    let page = api.get("/api/v1/applications?limit=2").await;
    let next = page.body["next"].as_str().expect("a next page");
    assert_eq!(names(&api.get(&format!("/api/v1/applications?limit=2&after={next}")).await), ["c"]);

    let token = api.token("other", &[("applications", "get", "other/*")]).await;
    let part = api.call_as(&token, Method::GET, "/api/v1/applications?limit=1", None).await;
    assert_eq!((names(&part), part.body.get("total")), (vec!["c".to_owned()], None));
}

#[tokio::test]
async fn what_cannot_be_done_says_why() {
    let api = Api::start().await;
    api.apply("shop", "web").await;
    for below in ["sync", "terminate", "approve", "adopt"] {
        let answer = api.post(&format!("{WEB}/{below}"), json!({})).await;
        assert_eq!((answer.status, answer.code()), (StatusCode::CONFLICT, "conflict"), "{below}: {}", answer.body);
    }
    let refreshed = api.post(&format!("{WEB}/refresh"), json!({})).await;
    assert_eq!(refreshed.status, StatusCode::OK, "{}", refreshed.body);
    assert!(!refreshed.body["conditions"].as_array().expect("conditions").is_empty(), "{}", refreshed.body);
}

#[tokio::test]
async fn an_application_without_targets_is_deleted_at_once() {
    let api = Api::start().await;
    api.apply("shop", "web").await;
    let deleted = api.call(Method::DELETE, &format!("{WEB}?cascade=foreground"), None).await;
    assert_eq!(
        (deleted.status, &deleted.body["cascade"]),
        (StatusCode::ACCEPTED, &json!("foreground")),
        "{}",
        deleted.body
    );
    assert_eq!(api.get(WEB).await.status, StatusCode::NOT_FOUND);
}

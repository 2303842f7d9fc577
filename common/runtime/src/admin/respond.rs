//! One answer per path.

use http::{Method, Response, StatusCode, Uri};
use http_body_util::Full;
use hyper::body::Bytes;

use super::Admin;

type Answer = Response<Full<Bytes>>;

/// The answer to a request. Bodies of requests are not read.
pub(super) fn to(admin: &Admin, method: &Method, uri: &Uri) -> Answer {
    match (method, uri.path()) {
        (&Method::GET, "/livez") => text(StatusCode::OK, "ok\n".into()),
        (&Method::GET, "/readyz") => ready(admin),
        (&Method::GET, "/metrics") => text(StatusCode::OK, admin.metrics.to_text()),
        #[cfg(feature = "faults")]
        (method, path) if path.starts_with("/faults/") => faults::to(admin, method, uri),
        _ => text(StatusCode::NOT_FOUND, "no such page; there are /livez, /readyz and /metrics\n".into()),
    }
}

fn ready(admin: &Admin) -> Answer {
    let missing = admin.readiness.missing();
    if missing.is_empty() {
        return text(StatusCode::OK, "ok\n".into());
    }
    text(StatusCode::SERVICE_UNAVAILABLE, format!("not ready: {}\n", missing.join(", ")))
}

fn text(status: StatusCode, body: String) -> Answer {
    let mut answer = Response::new(Full::new(Bytes::from(body)));
    *answer.status_mut() = status;
    let plain = http::HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    answer.headers_mut().insert(http::header::CONTENT_TYPE, plain);
    answer
}

#[cfg(feature = "faults")]
mod faults {
    use std::collections::BTreeMap;

    use http::{Method, StatusCode, Uri};
    use jiff::SignedDuration;

    use super::{Admin, Answer, text};

    pub(super) fn to(admin: &Admin, method: &Method, uri: &Uri) -> Answer {
        let query = uri.query().unwrap_or_default();
        let query: BTreeMap<_, _> = url::form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        let outcome = match (method, uri.path()) {
            (&Method::POST, "/faults/clock") => clock(admin, &query),
            (&Method::POST, "/faults/failpoint") => failpoint(&query),
            (&Method::GET, "/faults/failpoints") => Ok(list()),
            _ => return text(StatusCode::NOT_FOUND, "no such fault\n".into()),
        };
        match outcome {
            Ok(body) => text(StatusCode::OK, body),
            Err(problem) => text(StatusCode::BAD_REQUEST, format!("{problem}\n")),
        }
    }

    fn clock(admin: &Admin, query: &BTreeMap<String, String>) -> Result<String, String> {
        let offset = query.get("offset_ms").and_then(|text| text.parse().ok());
        let offset = offset.ok_or("offset_ms must be a number of milliseconds")?;
        admin.clock.set_offset(SignedDuration::from_millis(offset));
        Ok(format!("{}\n", admin.clock.now()))
    }

    fn failpoint(query: &BTreeMap<String, String>) -> Result<String, String> {
        let name = query.get("name").ok_or("name is missing")?;
        let actions = query.get("actions").ok_or("actions is missing")?;
        crate::faults::set(name, actions)?;
        Ok(format!("{name}={actions}\n"))
    }

    fn list() -> String {
        crate::faults::list()
            .into_iter()
            .map(|(name, actions, hits)| format!("{name}={actions} hits={hits}\n"))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admin::Readiness;
    use crate::clock::Clock;
    use http_body_util::BodyExt;

    async fn ask(admin: &Admin, method: Method, uri: &str) -> (u16, String) {
        let answer = to(admin, &method, &uri.parse().expect("a path"));
        let status = answer.status().as_u16();
        let body = answer.into_body().collect().await.expect("a body").to_bytes();
        (status, String::from_utf8_lossy(&body).into_owned())
    }

    #[tokio::test]
    async fn readiness_names_what_is_missing() {
        let admin = Admin::new(Clock::system(), Readiness::awaiting(&["store", "listener"]));
        admin.readiness.set("listener", true);
        assert_eq!(ask(&admin, Method::GET, "/readyz").await, (503, "not ready: store\n".into()));
        admin.readiness.set("store", true);
        assert_eq!(ask(&admin, Method::GET, "/readyz").await.0, 200);
        assert_eq!(ask(&admin, Method::GET, "/livez").await.0, 200);
        assert!(ask(&admin, Method::GET, "/metrics").await.1.contains("process_start_time_seconds"));
        assert_eq!(ask(&admin, Method::POST, "/livez").await.0, 404);
    }

    #[cfg(feature = "faults")]
    #[tokio::test]
    async fn faults_shift_the_clock_and_set_failpoints() {
        let admin = Admin::new(Clock::manual(jiff::Timestamp::UNIX_EPOCH), Readiness::default());
        let moved = ask(&admin, Method::POST, "/faults/clock?offset_ms=3600000").await;
        assert_eq!(moved, (200, "1970-01-01T01:00:00Z\n".into()));
        assert_eq!(ask(&admin, Method::POST, "/faults/clock?offset_ms=x").await.0, 400);
        assert_eq!(ask(&admin, Method::POST, "/faults/failpoint?name=admin::test&actions=1*off-%3Eoff").await.0, 200);
        assert!(ask(&admin, Method::GET, "/faults/failpoints").await.1.contains("admin::test=1*off->off"));
    }

    #[cfg(not(feature = "faults"))]
    #[tokio::test]
    async fn a_release_has_no_faults() {
        let admin = Admin::new(Clock::system(), Readiness::default());
        assert_eq!(ask(&admin, Method::POST, "/faults/clock?offset_ms=1").await.0, 404);
    }
}

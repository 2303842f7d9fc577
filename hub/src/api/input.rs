//! Reading requests: bodies and queries that say what is wrong with them.

use std::str::FromStr;

use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use windlass_store::ListQuery;
use zeroize::Zeroizing;

use super::error::{ApiError, Result};

/// The most that a body may hold.
pub(crate) const BODY_LIMIT: usize = 1 << 20;
const PAGE_LIMIT: u32 = 1000;

/// A JSON body.
pub(crate) struct Body<T>(pub(crate) T);

/// The query, in order; keys may repeat. A parameter that a route does not know is refused.
pub(crate) struct Parameters(Vec<(String, String)>);

/// A secret in a body: no `Debug`, no `Serialize`, wiped when it goes.
pub(crate) struct SecretText(Zeroizing<String>);

// === impl Body ===

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Body<T> {
    type Rejection = ApiError;
    async fn from_request(request: Request, state: &S) -> Result<Self> {
        Json::from_request(request, state).await.map(|Json(body)| Self(body)).map_err(refuse)
    }
}

fn refuse(rejection: JsonRejection) -> ApiError {
    match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => {
            let message = format!("the body is larger than the limit of {BODY_LIMIT} bytes; send less in one call");
            ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, "too-large", message)
        }
        StatusCode::UNSUPPORTED_MEDIA_TYPE => unsupported_media_type(),
        // The parser's words hold field names and places, not values of other requests.
        _ => ApiError::new(
            StatusCode::BAD_REQUEST,
            "invalid",
            format!("the body is not what this route takes: {}", rejection.body_text()),
        ),
    }
}

pub(crate) fn unsupported_media_type() -> ApiError {
    let message = "the body must be JSON: send Content-Type: application/json";
    ApiError::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported-media-type", message)
}

/// Whether the request says that its body is JSON.
pub(crate) fn is_json(headers: &HeaderMap) -> bool {
    let value = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    value.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case("application/json")
}

/// The revision that the caller saw, from `If-Match`.
pub(crate) fn if_match(headers: &HeaderMap) -> Result<Option<u64>> {
    let Some(value) = headers.get(header::IF_MATCH) else { return Ok(None) };
    let text = value.to_str().unwrap_or_default().trim().trim_matches('"');
    if text == "*" {
        return Ok(None);
    }
    let wrong = |_| {
        ApiError::invalid("If-Match", "If-Match is not a revision; send the revision that GET answered, as a number")
    };
    text.parse().map(Some).map_err(wrong)
}

// === impl SecretText ===

impl SecretText {
    pub(crate) fn expose(&self) -> &str {
        &self.0
    }
}

impl<'de> Deserialize<'de> for SecretText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        String::deserialize(deserializer).map(|text| Self(Zeroizing::new(text)))
    }
}

// === impl Parameters ===

impl<S: Sync> FromRequestParts<S> for Parameters {
    type Rejection = ApiError;
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self> {
        let query = parts.uri.query().unwrap_or_default();
        Ok(Self(url::form_urlencoded::parse(query.as_bytes()).into_owned().collect()))
    }
}

impl Parameters {
    /// Refuses what is not in `known`.
    pub(crate) fn only(self, known: &[&str]) -> Result<Self> {
        match self.0.iter().find(|(key, _)| !known.contains(&key.as_str())) {
            None => Ok(self),
            Some((key, _)) => {
                let key: String = key.chars().take(100).collect();
                Err(ApiError::invalid(
                    &key,
                    format!("the parameter {key:?} is not known here; use {}", known.join(", ")),
                ))
            }
        }
    }

    /// The last value; `None` when absent or empty.
    pub(crate) fn text(&self, key: &str) -> Option<String> {
        self.all(key).last().filter(|value| !value.is_empty()).map(str::to_owned)
    }

    /// Every value.
    pub(crate) fn all<'a>(&'a self, key: &'a str) -> impl DoubleEndedIterator<Item = &'a str> {
        self.0.iter().filter(move |(name, _)| name == key).map(|(_, value)| value.as_str())
    }

    /// A value that parses.
    pub(crate) fn parsed<T: FromStr>(&self, key: &str, what: &str) -> Result<Option<T>> {
        let parse = |text: String| text.parse().map_err(|_| ApiError::invalid(key, format!("{key} must be {what}")));
        self.text(key).map(parse).transpose()
    }

    /// A value that is one of Serde's names of `T`.
    pub(crate) fn named<T: DeserializeOwned>(&self, key: &str, names: &str) -> Result<Option<T>> {
        let parse = |text: String| {
            serde_json::from_value(serde_json::Value::String(text))
                .map_err(|_| ApiError::invalid(key, format!("{key} must be one of {names}")))
        };
        self.text(key).map(parse).transpose()
    }

    /// `search`, `limit` and `after`.
    pub(crate) fn list(&self) -> Result<ListQuery> {
        let limit: u32 = self.parsed("limit", "a number from 1 to 1000")?.unwrap_or(100);
        if !(1..=PAGE_LIMIT).contains(&limit) {
            return Err(ApiError::invalid(
                "limit",
                format!("limit is {limit}; it must be from 1 to {PAGE_LIMIT}: ask for more with after"),
            ));
        }
        Ok(ListQuery { search: self.text("search").unwrap_or_default(), limit, after: self.text("after") })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parameters(query: &str) -> Parameters {
        Parameters(url::form_urlencoded::parse(query.as_bytes()).into_owned().collect())
    }

    #[test]
    fn a_page_has_bounds() {
        assert_eq!(parameters("").list().map(|q| q.limit), Ok(100));
        assert!(
            parameters("limit=0").list().is_err()
                && parameters("limit=1001").list().is_err()
                && parameters("limit=x").list().is_err()
        );
        let query = parameters("search=a%20b&limit=5&after=c").list().expect("a query");
        assert_eq!((query.search.as_str(), query.limit, query.after.as_deref()), ("a b", 5, Some("c")));
    }

    #[test]
    fn unknown_parameters_are_refused_by_name() {
        let error = parameters("serach=a").only(&["search"]).err().expect("refused");
        assert!(error.message().contains("serach"));
    }

    #[test]
    fn if_match_takes_a_number_in_quotes_or_not() {
        let header =
            |text: &'static str| HeaderMap::from_iter([(header::IF_MATCH, axum::http::HeaderValue::from_static(text))]);
        assert_eq!(if_match(&header("\"7\"")), Ok(Some(7)));
        assert_eq!(if_match(&header("7")), Ok(Some(7)));
        assert_eq!(if_match(&header("*")), Ok(None));
        assert!(if_match(&header("W/x")).is_err());
    }
}

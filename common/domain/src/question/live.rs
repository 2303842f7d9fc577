//! What is asked of the live tree, events and logs.

use serde::{Deserialize, Serialize};

use super::ObjectSelector;
use crate::manifest::ResourceKey;
use crate::project::OrphanRule;
use crate::time::Timestamp;

/// How a tree is wanted.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct TreeQuestion {
    /// Also what is in the application's namespaces and nobody's, but for these; `None`: no orphans.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub orphans: Option<Vec<OrphanRule>>,
}

/// Kubernetes' events.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Events {
    /// The newest first.
    pub items: Vec<EventLine>,
    /// There are older ones.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub truncated: bool,
}

/// One event.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct EventLine {
    /// What it is about.
    pub object: ResourceKey,
    /// `Normal` or `Warning`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Kubernetes' word for it, such as `FailedScheduling`.
    pub reason: String,
    /// For people.
    pub message: String,
    /// How often it happened.
    pub count: u64,
    /// When first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_at: Option<Timestamp>,
    /// When last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_at: Option<Timestamp>,
    /// Who says so.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub source: String,
}

/// Which logs, and how.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct LogQuestion {
    /// Pods, or objects that own them.
    pub of: ObjectSelector,
    /// Of this container; of each Pod's default one (annotation, or the first) without it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub container: Option<String>,
    /// Go on as more is written.
    pub follow: bool,
    /// Of the container's run before.
    pub previous: bool,
    /// At most so many lines of the end of each container's log.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tail: Option<u64>,
    /// Not older than so many seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since_seconds: Option<u64>,
    /// Not older than this.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
    /// Not newer than this.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    /// Only lines that hold this text; with `!` before it, only those that do not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub filter: Option<String>,
    /// Whether the filter distinguishes capitals.
    pub match_case: bool,
}

/// One line of a container's log.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct LogLine {
    /// The Pod.
    pub pod: String,
    /// The Pod's namespace.
    pub namespace: String,
    /// The container.
    pub container: String,
    /// When it was written, as the node says (RFC 3339).
    pub time: String,
    /// What was written, without the end of the line; bytes that are no UTF-8 are replaced.
    pub content: String,
    /// What is said about the log instead of in it: why it cannot be read, or that there are more Pods than are shown. `content` is empty then.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub problem: String,
}

// === impl LogQuestion ===

impl LogQuestion {
    /// Whether a line is wanted.
    pub fn wants(&self, content: &str) -> bool {
        let Some(filter) = self.filter.as_deref().filter(|filter| !filter.is_empty()) else { return true };
        let (wanted, text) = filter.strip_prefix('!').map_or((true, filter), |text| (false, text));
        let holds = if self.match_case {
            content.contains(text)
        } else {
            content.to_lowercase().contains(&text.to_lowercase())
        };
        holds == wanted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_takes_lines_that_hold_its_text_or_those_that_do_not() {
        let question = |filter: &str, match_case| LogQuestion {
            filter: Some(filter.to_owned()),
            match_case,
            ..LogQuestion::default()
        };
        for (filter, match_case, line, want) in [
            ("", false, "x", true),
            ("error", false, "an ERROR here", true),
            ("error", true, "an ERROR here", false),
            ("!error", false, "an ERROR here", false),
            ("!error", false, "fine", true),
        ] {
            assert_eq!(question(filter, match_case).wants(line), want, "{filter:?} {line:?}");
        }
    }
}

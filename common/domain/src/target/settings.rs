//! How a target is kept: everything of an application's spec that its agent must know, as a content of its own.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::application::{Application, Cascade};
use crate::digest::Digest;
use crate::duration;
use crate::manifest::canonical_bytes_of;
use crate::project::Fence;
use crate::prune_limits::PruneLimits;
use crate::window::Window;

/// How a target is kept: content-addressed, shared by every target with the same settings. What is at its default is left out of the bytes from the second
/// group on, so that an upgrade changes no address.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct TargetSettings {
    /// Commits are applied as they come.
    pub automated: bool,
    /// Objects that left git are deleted by automated operations.
    pub prune: bool,
    /// Drift is corrected.
    pub self_heal: bool,
    /// A render of zero objects may delete everything.
    pub allow_empty: bool,
    /// The default namespace is created when it is missing.
    pub create_namespace: bool,
    /// Objects that left git are never deleted (`Prune=false`).
    pub keep: bool,
    /// The server's field validation is switched off (`Validate=false`).
    pub skip_validation: bool,

    /// Objects that left git are deleted once a person confirmed it (`Prune=confirm`).
    #[serde(skip_serializing_if = "is_default")]
    pub confirm_prune: bool,
    /// Objects that left git are deleted after everything else is applied and healthy (`PruneLast=true`).
    #[serde(skip_serializing_if = "is_default")]
    pub prune_last: bool,
    /// Objects are replaced instead of applied (`Replace=true`).
    #[serde(skip_serializing_if = "is_default")]
    pub replace: bool,
    /// Objects that cannot be changed are deleted and made again (`Force=true`).
    #[serde(skip_serializing_if = "is_default")]
    pub force: bool,
    /// Live values of ignored fields are sent along (`RespectIgnoreDifferences=true`).
    #[serde(skip_serializing_if = "is_default")]
    pub respect_ignore_differences: bool,
    /// Objects that are as git says are not applied again (`ApplyOutOfSyncOnly=true`).
    #[serde(skip_serializing_if = "is_default")]
    pub apply_out_of_sync_only: bool,
    /// Objects whose kind is not served are not asked about first (`SkipDryRunOnMissingResource=true`).
    #[serde(skip_serializing_if = "is_default")]
    pub skip_dry_run_on_missing_resource: bool,
    /// Objects of other applications of this installation are written too, with a warning (`FailOnSharedResource=false`).
    #[serde(skip_serializing_if = "is_default")]
    pub share: bool,
    /// How the garbage collector treats dependants of what is deleted (`PrunePropagationPolicy`); foreground when absent.
    #[serde(skip_serializing_if = "is_default")]
    pub propagation: Option<Cascade>,
    /// Labels and annotations of the namespace that CreateNamespace makes (`managedNamespaceMetadata`).
    #[serde(skip_serializing_if = "is_default")]
    pub namespace_metadata: Option<NamespaceMetadata>,
    /// How failed operations are tried again; `None`: the defaults of [`Retry`].
    #[serde(skip_serializing_if = "is_default")]
    pub retry: Option<Retry>,
    /// How long one operation may take, in seconds; `None`: ten minutes.
    #[serde(skip_serializing_if = "is_default")]
    pub timeout_seconds: Option<u64>,
    /// Differences that are not shown.
    #[serde(skip_serializing_if = "is_default")]
    pub ignore_differences: Vec<IgnoreDifference>,
    /// Compared and reported, never written.
    #[serde(skip_serializing_if = "is_default")]
    pub observe: bool,
    /// When deletions wait for a person; `None`: the defaults of [`PruneLimits`].
    #[serde(skip_serializing_if = "is_default")]
    pub prune_limits: Option<PruneLimits>,
    /// When syncs are allowed and denied: the project's windows that match this target.
    #[serde(skip_serializing_if = "is_default")]
    pub windows: Vec<Window>,
    /// What the project permits; set by the hub, asked again before each write.
    #[serde(skip_serializing_if = "is_default")]
    pub fence: Option<Fence>,
    /// The user as whom everything of the target is written; its agent's own choice when absent. Set by the hub, from the project.
    #[serde(skip_serializing_if = "is_default")]
    pub write_as: Option<String>,
    /// Address of the installation's [`Customizations`](crate::customization::Customizations); set by the hub.
    #[serde(skip_serializing_if = "is_default")]
    pub customizations: Option<Digest>,
}

/// Metadata of a namespace.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct NamespaceMetadata {
    /// Labels.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// Annotations.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
}

/// `syncPolicy.retry`: how a failed operation is tried again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Retry {
    /// Retries after the first failure; -1: without end.
    pub limit: i64,
    /// Before the first retry, in milliseconds.
    pub duration_ms: u64,
    /// By what each wait is longer than the one before.
    pub factor: u32,
    /// The longest wait, in milliseconds.
    pub max_ms: u64,
    /// Whether a retry takes the newest commit.
    pub refresh: bool,
}

/// One rule of `spec.ignoreDifferences`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct IgnoreDifference {
    /// API group; a glob, `*` by custom; empty for the core group.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub group: String,
    /// Kind; a glob.
    pub kind: String,
    /// Name; a glob; any when empty.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// Namespace; a glob; any when empty.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub namespace: String,
    /// RFC 6901.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub json_pointers: Vec<String>,
    /// jq path expressions.
    #[serde(skip_serializing_if = "Vec::is_empty", rename = "jqPathExpressions")]
    pub jq_path_expressions: Vec<String>,
    /// Everything that these field managers own.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub managed_fields_managers: Vec<String>,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

// === impl TargetSettings ===

impl TargetSettings {
    /// What an application's spec asks for. What a project adds (windows, its fence, an account) is set by the caller. What cannot be read is at its default here: the
    /// render names it ([`crate::render`]).
    pub fn of(application: &Application) -> Self {
        let spec = &application.spec;
        let automated = spec.automated();
        let policy = spec.sync_policy.as_ref();
        Self {
            automated: automated.is_some(),
            prune: automated.is_some_and(|a| a.prune),
            self_heal: automated.is_some_and(|a| a.self_heal),
            allow_empty: automated.is_some_and(|a| a.allow_empty),
            create_namespace: spec.has_option("CreateNamespace=true"),
            keep: spec.has_option("Prune=false"),
            skip_validation: spec.has_option("Validate=false"),
            confirm_prune: spec.has_option("Prune=confirm"),
            prune_last: spec.has_option("PruneLast=true"),
            replace: spec.has_option("Replace=true"),
            force: spec.has_option("Force=true"),
            respect_ignore_differences: spec.has_option("RespectIgnoreDifferences=true"),
            apply_out_of_sync_only: spec.has_option("ApplyOutOfSyncOnly=true"),
            skip_dry_run_on_missing_resource: spec.has_option("SkipDryRunOnMissingResource=true"),
            share: spec.has_option("FailOnSharedResource=false"),
            propagation: propagation(spec),
            namespace_metadata: policy
                .and_then(|policy| policy.managed_namespace_metadata.clone())
                .and_then(|value| serde_json::from_value(value).ok()),
            retry: policy.and_then(|policy| policy.retry.as_ref()).and_then(|value| Retry::of(value).ok()),
            timeout_seconds: policy
                .and_then(|policy| policy.timeout.as_deref())
                .and_then(|text| duration::parse(text).ok())
                .map(|timeout| timeout.as_secs().max(1)),
            ignore_differences: spec.ignore_differences.iter().filter_map(crate::ignore::read).collect(),
            observe: policy.is_some_and(|policy| policy.observe),
            prune_limits: policy.and_then(|policy| policy.prune_limits),
            windows: Vec::new(),
            fence: None,
            write_as: None,
            customizations: None,
        }
    }

    /// How failed operations are tried again.
    pub fn retry(&self) -> Retry {
        self.retry.unwrap_or_default()
    }

    /// How long one operation may take.
    pub fn timeout(&self) -> std::time::Duration {
        std::time::Duration::from_secs(self.timeout_seconds.unwrap_or(600))
    }

    /// The bytes that are hashed, stored and sent.
    pub fn to_bytes(&self) -> Vec<u8> {
        canonical_bytes_of(self)
    }

    /// Their address.
    pub fn digest(&self) -> Digest {
        Digest::of(&self.to_bytes())
    }

    /// Reads [`to_bytes`](Self::to_bytes) back; fields of a newer hub are ignored.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(bytes)
    }
}

fn propagation(spec: &crate::application::ApplicationSpec) -> Option<Cascade> {
    [("background", Cascade::Background), ("orphan", Cascade::Orphan)]
        .into_iter()
        .find(|(name, _)| spec.has_option(&format!("PrunePropagationPolicy={name}")))
        .map(|(_, cascade)| cascade)
}

// === impl Retry ===

/// Argo CD's: 5 s, doubling, at most 3 min, 5 times.
impl Default for Retry {
    fn default() -> Self {
        Self { limit: 5, duration_ms: 5_000, factor: 2, max_ms: 180_000, refresh: false }
    }
}

impl Retry {
    /// Reads `syncPolicy.retry`: `{limit, backoff: {duration, factor, maxDuration}, refresh}`.
    ///
    /// # Errors
    /// The field, and what is wrong with it.
    pub fn of(value: &serde_json::Value) -> Result<Self, String> {
        let default = Self::default();
        let number = |pointer: &str, default: i64| match value.pointer(pointer) {
            None | Some(serde_json::Value::Null) => Ok(default),
            Some(given) => given
                .as_i64()
                .or_else(|| given.as_str().and_then(|text| text.parse().ok()))
                .ok_or_else(|| format!("retry{}: {given} is not a whole number", pointer.replace('/', "."))),
        };
        let millis = |pointer: &str, default: u64| match value.pointer(pointer).and_then(serde_json::Value::as_str) {
            None | Some("") => Ok(default),
            Some(text) => duration::parse(text)
                .map(|duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX))
                .map_err(|error| format!("retry{}: {error}", pointer.replace('/', "."))),
        };
        Ok(Self {
            // Argo CD's own default of a retry block without a limit: none.
            limit: number("/limit", 0)?,
            duration_ms: millis("/backoff/duration", default.duration_ms)?,
            factor: u32::try_from(number("/backoff/factor", i64::from(default.factor))?.max(1)).unwrap_or(u32::MAX),
            max_ms: millis("/backoff/maxDuration", default.max_ms)?,
            refresh: value.get("refresh").and_then(serde_json::Value::as_bool).unwrap_or_default(),
        })
    }

    /// How long to wait after this many failures in a row (the first is 1): Argo CD's `min(max, duration * factor^retries)`.
    pub fn wait(&self, failures: u32) -> std::time::Duration {
        let growth = u64::from(self.factor.max(1)).saturating_pow(failures.saturating_sub(1));
        std::time::Duration::from_millis(self.duration_ms.saturating_mul(growth).min(self.max_ms).max(1))
    }

    /// Whether another attempt is within the limit after this many failures.
    pub fn allows(&self, failures: u32) -> bool {
        self.limit < 0 || i64::from(failures) <= self.limit
    }
}

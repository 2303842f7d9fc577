//! From an application's source to a commit: the repository's settings out of the store, the question to the git engine.

use std::sync::Arc;
use std::time::Duration;

use windlass_domain::application::{ApplicationSource, ApplicationSpec};
use windlass_domain::render;
use windlass_domain::revision::Revision;
use windlass_domain::status::ConditionKind;
use windlass_git::{GitCache, Proxy, Repository, RepositoryUrl};
use windlass_runtime::clock::Clock;
use windlass_store::{RepositoryRecord, Store};

use super::access::Access;
use super::conditions::{Failure, Problem};

/// The most that a question or a fetch may take, by the hub's clock: the git engine's own limits end it earlier, unless time leaps.
const PATIENCE: Duration = Duration::from_secs(600);

/// Finds out which commit a source means.
#[derive(Clone)]
pub(super) struct Sources {
    pub(super) store: Arc<dyn Store>,
    pub(super) git: GitCache,
    pub(super) clock: Clock,
}

/// What a source stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) revision: Revision,
    /// The full name of the ref that led there; `None` where a commit was named directly.
    pub(super) reference: Option<String>,
}

/// What is asked of a repository: one question, whatever the number of applications that ask it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Question {
    /// Normalised.
    pub(super) repository: String,
    /// As applications say it.
    pub(super) target_revision: String,
    /// What tags begin with, for a version constraint.
    pub(super) tag_prefix: String,
}

// === impl Question ===

impl Question {
    /// The question of an application; `None` when it has no source that git can answer for.
    pub(super) fn of(spec: &ApplicationSpec) -> Option<Self> {
        let source = render::single_source(spec).ok().filter(|source| source.chart.is_empty())?;
        let repository = RepositoryUrl::parse(&source.repo_url).ok()?.normalised();
        let (target_revision, tag_prefix) = (source.target_revision.clone(), source.tag_prefix.clone());
        Some(Self { repository, target_revision, tag_prefix })
    }
}

// === impl Sources ===

impl Sources {
    /// The commit that a source stands for now.
    pub(super) async fn resolve(
        &self,
        repository: &Repository,
        target_revision: &str,
        tag_prefix: &str,
    ) -> Result<Found, Failure> {
        fail::fail_point!("hub::fetch::before");
        // Large, and kept across every wait of whoever asks.
        let asked = Box::pin(self.git.resolve_tagged(repository, target_revision, tag_prefix));
        let resolved = self.clock.timeout(PATIENCE, asked).await.map_err(|_| impatient(repository))??;
        fail::fail_point!("hub::fetch::after");
        if resolved.rewritten {
            tracing::warn!(repository = %repository.url, revision = %resolved.revision, "history was rewritten; the new tip is followed");
        }
        Ok(Found { revision: resolved.revision, reference: resolved.ref_name })
    }

    /// Answers a question that was asked for several applications.
    pub(super) async fn answer(&self, question: &Question) -> Result<Found, Failure> {
        let repository = self.repository(&question.repository).await?;
        self.resolve(&repository, &question.target_revision, &question.tag_prefix).await
    }

    /// A source's repository, with what opens it.
    pub(super) async fn repository_of(&self, source: &ApplicationSource) -> Result<Repository, Failure> {
        if !source.chart.is_empty() || source.repo_url.starts_with("oci://") {
            let what = format!(
                "spec.source.chart {:?}: Helm charts from chart repositories are not supported yet; use a git repository",
                source.chart
            );
            return Err(Problem::comparison(what).into());
        }
        self.repository(&source.repo_url).await
    }

    async fn repository(&self, url: &str) -> Result<Repository, Failure> {
        let url = RepositoryUrl::parse(url)?;
        let settings = self.store.repository(&url.normalised()).await?;
        let mut repository = Repository::new(url);
        let Some(settings) = settings else { return Ok(repository) };
        if let Some(secret) = &settings.credentials {
            let access = Access::decode(secret).ok_or_else(|| {
                Problem::comparison(format!(
                    "the stored credentials of {} cannot be read; add them again with `windlass repo add`",
                    repository.url
                ))
            })?;
            repository = access.open(repository);
        }
        let RepositoryRecord { ca_pem, settings, .. } = settings.record;
        if let Some(ca) = ca_pem {
            repository = repository.with_ca(ca);
        }
        if let (Some(address), None) = (&settings.proxy, &repository.proxy) {
            repository = repository.through(Proxy::parse(address, &settings.no_proxy)?);
        }
        Ok(if settings.insecure { repository.insecure() } else { repository })
    }
}

impl From<windlass_git::Error> for Failure {
    fn from(error: windlass_git::Error) -> Self {
        use windlass_git::Error as E;
        let kind = match &error {
            E::InvalidUrl { .. } | E::InvalidRevision { .. } => ConditionKind::InvalidSpecError,
            error if error.is_retryable() => ConditionKind::SourceStale,
            _ => ConditionKind::ComparisonError,
        };
        Problem { kind, message: error.to_string(), retry: error.is_retryable() }.into()
    }
}

fn impatient(repository: &Repository) -> Problem {
    let message = format!(
        "repository {} did not answer within {} s; check the git server, and the network to it",
        repository.url,
        PATIENCE.as_secs()
    );
    Problem { kind: ConditionKind::SourceStale, message, retry: true }
}

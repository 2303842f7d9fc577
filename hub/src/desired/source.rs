//! From an application's source to a commit: the repository's settings out of the store, the question to the git engine.

use std::sync::Arc;

use secrecy::ExposeSecret as _;
use serde::{Deserialize, Serialize};
use windlass_domain::application::{ApplicationSource, ApplicationSpec};
use windlass_domain::render;
use windlass_domain::revision::Revision;
use windlass_domain::status::ConditionKind;
use windlass_git::{Credentials, GitCache, Repository, RepositoryUrl};
use windlass_store::{Secret, Store};

use super::conditions::{Failure, Problem};

/// Finds out which commit a source means.
#[derive(Clone)]
pub(super) struct Sources {
    pub(super) store: Arc<dyn Store>,
    pub(super) git: GitCache,
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

/// How credentials are written into [`windlass_store::NewRepository::credentials`]. It is never stored or sent unsealed.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
enum Encoded<T> {
    Basic { username: T, password: T },
    Bearer { token: T },
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
    ) -> Result<Revision, Failure> {
        let resolved = self.git.resolve_tagged(repository, target_revision, tag_prefix).await?;
        if resolved.rewritten {
            tracing::warn!(repository = %repository.url, revision = %resolved.revision, "history was rewritten; the new tip is followed");
        }
        Ok(resolved.revision)
    }

    /// Answers a question that was asked for several applications.
    pub(super) async fn answer(&self, question: &Question) -> Result<Revision, Failure> {
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
            let credentials = decode_credentials(secret).ok_or_else(|| {
                Problem::comparison(format!(
                    "the stored credentials of {} cannot be read; add them again with `windlass repo add`",
                    repository.url
                ))
            })?;
            repository = repository.with_credentials(credentials);
        }
        if let Some(ca) = settings.record.ca_pem {
            repository = repository.with_ca(ca);
        }
        Ok(repository)
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

/// The bytes that the store keeps, sealed, for a repository's credentials.
pub fn encode_credentials(credentials: &Credentials) -> Secret {
    let encoded = match credentials {
        Credentials::Basic { username, password } => {
            Encoded::Basic { username: username.as_str(), password: password.expose_secret() }
        }
        Credentials::Bearer { token } => Encoded::Bearer { token: token.expose_secret() },
        // A kind that this module does not know yet: reading it back fails, and says so on the application.
        _ => return Secret::new(Vec::new()),
    };
    Secret::new(serde_json::to_vec(&encoded).unwrap_or_default())
}

/// Reads [`encode_credentials`] back; `None` for what it did not write.
pub fn decode_credentials(secret: &Secret) -> Option<Credentials> {
    Some(match serde_json::from_slice::<Encoded<String>>(secret.expose()).ok()? {
        Encoded::Basic { username, password } => Credentials::basic(username, password),
        Encoded::Bearer { token } => Credentials::bearer(token),
    })
}

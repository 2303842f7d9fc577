//! From what a compile made, or failed to make, to the store: one transaction, and none where nothing changed.

use std::sync::Arc;

use windlass_domain::application::Application;
use windlass_domain::name::ApplicationName;
use windlass_domain::revision::Revision;
use windlass_domain::status::Condition;
use windlass_domain::target::{TargetSettings, TargetSpec};
use windlass_store::{ApplicationView, Compiled, DesiredCommit, SourceState, Store};

use super::compile::{Compiler, Look, Made};
use super::conditions::{self, Failure, Problem};
use super::source::Question;
use super::{Error, Refreshed, targets};
use crate::agents::Registry;

/// How often an application that changes meanwhile is compiled again before its caller is told.
const ATTEMPTS: usize = 5;

/// Compiles and commits.
pub(super) struct Committer {
    pub(super) store: Arc<dyn Store>,
    pub(super) compiler: Compiler,
    pub(super) registry: Registry,
}

/// An application that was looked at.
pub(super) struct Looked {
    pub(super) refreshed: Refreshed,
    /// What to ask for it from now on; `None` when git has no answer for it.
    pub(super) question: Option<Question>,
    /// What the repository said; `None` when it should be asked again.
    pub(super) seen: Option<Result<Revision, Problem>>,
    /// The revision of the application's record.
    pub(super) record: u64,
}

/// What is to be stored, before it is compared with what is.
struct Draft {
    source: SourceState,
    compiled: Option<Compiled>,
    fresh: Vec<(windlass_domain::digest::Digest, Vec<u8>)>,
    members: Vec<(windlass_domain::digest::Digest, Vec<windlass_domain::digest::Digest>)>,
    targets: Option<Vec<(uuid::Uuid, TargetSpec)>>,
    retry: bool,
}

// === impl Committer ===

impl Committer {
    /// Looks at an application, and commits what changed.
    pub(super) async fn look(&self, name: &ApplicationName, look: &Look) -> Result<Looked, Error> {
        for _ in 0..ATTEMPTS {
            let view = self.store.application_view(name).await.map_err(store_failed)?;
            let view = view.ok_or_else(|| Error::NotFound(name.clone()))?;
            if view.application.deletion.is_some() {
                return Err(Error::Deleting(name.clone()));
            }
            match self.attempt(&view, look).await {
                Err(windlass_store::Error::Conflict { .. }) => {}
                done => return done.map_err(store_failed),
            }
        }
        Err(Error::Contended(name.clone()))
    }

    async fn attempt(&self, view: &ApplicationView, look: &Look) -> Result<Looked, windlass_store::Error> {
        let application = &view.application;
        let before = self.store.compiled(application.uid).await?;
        let mut seen = None;
        let made = self.compiler.make(application, before.as_ref(), look, &mut seen).await;
        let (draft, problem) = match made {
            Ok(made) => (self.draft(view, made).await?, None),
            Err(Failure::Store(error)) => return Err(error),
            Err(Failure::Problem(problem)) => (self.failed(view, &problem), Some(problem)),
        };
        let retry = draft.retry;
        let refreshed = self.commit(view, before.as_ref(), draft).await?;
        // A failure before the commit was known is what the repository said.
        let seen = if retry { None } else { seen.map_or_else(|| problem.map(Err), |revision| Some(Ok(revision))) };
        Ok(Looked { refreshed, question: Question::of(&application.spec), seen, record: application.revision })
    }

    async fn draft(&self, view: &ApplicationView, made: Made) -> Result<Draft, windlass_store::Error> {
        let (application, now) = (&view.application, self.compiler.clock.now());
        let clusters = self.store.clusters().await?;
        let rows = match targets::rows(application, &clusters, &view.targets, made.bundle, &made.revision) {
            Ok(rows) => rows,
            Err(problem) => return Ok(self.failed(view, &problem)),
        };
        let (fresh, members, mut problems) = match made.fresh {
            Some(fresh) => (fresh.contents, vec![(made.bundle, fresh.members)], fresh.warnings),
            None => (vec![], vec![], of_bundle(&view.source.conditions)),
        };
        problems.extend(rows.held);
        let source = SourceState {
            revision: Some(made.revision),
            bundle: Some(made.bundle),
            subject: made.subject.unwrap_or_else(|| view.source.subject.clone()),
            conditions: conditions::since(&problems, &view.source.conditions, now),
            checked_at: Some(now),
        };
        Ok(Draft { source, compiled: Some(made.compiled), fresh, members, targets: Some(rows.rows), retry: false })
    }

    /// The last good bundle stays as it is, with what is known of it; the problem is added.
    fn failed(&self, view: &ApplicationView, problem: &Problem) -> Draft {
        let now = self.compiler.clock.now();
        let mut problem = problem.clone();
        if problem.kind == windlass_domain::status::ConditionKind::SourceStale && view.source.bundle.is_none() {
            // Nothing is shown from an earlier commit: there is none.
            problem.kind = windlass_domain::status::ConditionKind::ComparisonError;
        }
        let mut problems = of_bundle(&view.source.conditions);
        problems.push(problem.clone());
        let conditions = conditions::since(&problems, &view.source.conditions, now);
        let source = SourceState { conditions, checked_at: Some(now), ..view.source.clone() };
        Draft { source, compiled: None, fresh: vec![], members: vec![], targets: None, retry: problem.retry }
    }

    async fn commit(
        &self,
        view: &ApplicationView,
        before: Option<&Compiled>,
        draft: Draft,
    ) -> Result<Refreshed, windlass_store::Error> {
        let mut refreshed = Refreshed {
            revision: draft.source.revision.clone(),
            changed: false,
            conditions: draft.source.conditions.clone(),
        };
        if unchanged(view, before, &draft) {
            return Ok(refreshed);
        }
        let application = &view.application;
        let mut contents = draft.fresh;
        if draft.targets.is_some() {
            let settings = TargetSettings::of(application);
            contents.push((settings.digest(), settings.to_bytes()));
        }
        let commit = DesiredCommit {
            application: application.uid,
            application_revision: application.revision,
            source: draft.source,
            compiled: draft.compiled,
            contents,
            bundle_members: draft.members,
            targets: draft.targets,
            leaving: application.cascade_by_finalizers(),
        };
        fail::fail_point!("hub::commit::before");
        let positions = self.store.commit_desired(commit, self.compiler.clock.now()).await?;
        self.registry.notify(&positions);
        log(application, &refreshed, positions.len());
        refreshed.changed = true;
        Ok(refreshed)
    }
}

fn unchanged(view: &ApplicationView, before: Option<&Compiled>, draft: &Draft) -> bool {
    let source = SourceState { checked_at: view.source.checked_at, ..draft.source.clone() };
    source == view.source
        && draft.compiled.as_ref().is_none_or(|compiled| Some(compiled) == before)
        && draft.targets.as_ref().is_none_or(|rows| targets::same(&view.targets, rows))
}

fn of_bundle(conditions: &[Condition]) -> Vec<Problem> {
    let kept = conditions.iter().filter(|condition| conditions::is_of_bundle(condition));
    kept.map(|condition| Problem { kind: condition.kind, message: condition.message.clone(), retry: false }).collect()
}

fn log(application: &Application, refreshed: &Refreshed, clusters: usize) {
    let revision = refreshed.revision.as_deref().unwrap_or_default();
    match refreshed.conditions.iter().find(|condition| !conditions::is_of_bundle(condition)) {
        Some(condition) => {
            tracing::warn!(application = %application.name, kind = ?condition.kind, message = condition.message, "the last good state stays")
        }
        None => tracing::info!(application = %application.name, revision, clusters, "desired state committed"),
    }
}

fn store_failed(error: windlass_store::Error) -> Error {
    Error::Store(Arc::new(error))
}

//! From what a compile made, or failed to make, to the store: one transaction, and none where nothing changed.

use std::sync::Arc;

use windlass_domain::application::Application;
use windlass_domain::digest::Digest;
use windlass_domain::history::{ApplicationEvent, EventKind};
use windlass_domain::name::ApplicationName;
use windlass_domain::status::{Condition, ConditionKind};
use windlass_domain::target::TargetSettings;
use windlass_store::{ApplicationView, Compiled, DesiredCommit, SourceState, Store};

use super::compile::{Before, Compiler, Look, Made};
use super::conditions::{self, Failure, Problem};
use super::gate::{Gate, TargetRows};
use super::gather::{Gather, Place};
use super::source::{Found, Question};
use super::{Error, Refreshed, pause, targets};
use crate::agents::Registry;

/// How often an application that changes meanwhile is compiled again before its caller is told.
const ATTEMPTS: usize = 5;

/// Compiles and commits.
pub(super) struct Committer {
    pub(super) store: Arc<dyn Store>,
    pub(super) compiler: Compiler,
    pub(super) gather: Gather,
    pub(super) registry: Registry,
}

/// An application that was looked at.
pub(super) struct Looked {
    /// The project that it was admitted to, or not.
    pub(super) project: String,
    pub(super) refreshed: Refreshed,
    /// What to ask for it from now on; `None` when git has no answer for it.
    pub(super) question: Option<Question>,
    /// What the repository said; `None` when it should be asked again.
    pub(super) seen: Option<Result<Found, Problem>>,
    /// The revision of the application's record.
    pub(super) record: u64,
}

/// What is to be stored, before it is compared with what is.
struct Draft {
    source: SourceState,
    compiled: Option<Compiled>,
    fresh: Vec<(windlass_domain::digest::Digest, Vec<u8>)>,
    members: Vec<(windlass_domain::digest::Digest, Vec<windlass_domain::digest::Digest>)>,
    targets: Option<TargetRows>,
    /// The settings that the targets name.
    settings: Vec<(windlass_domain::digest::Digest, Vec<u8>)>,
    retry: bool,
}

// === impl Committer ===

impl Committer {
    /// Looks at an application, and commits what changed.
    pub(super) async fn look(&self, name: &ApplicationName, look: &Look, place: &Place) -> Result<Looked, Error> {
        for _ in 0..ATTEMPTS {
            let view = self.store.application_view(name).await.map_err(store_failed)?;
            let view = view.ok_or_else(|| Error::NotFound(name.clone()))?;
            if view.application.deletion.is_some() {
                return Err(Error::Deleting(name.clone()));
            }
            match self.attempt(&view, look, place).await {
                Err(windlass_store::Error::Conflict { .. }) => {}
                done => return done.map_err(store_failed),
            }
        }
        Err(Error::Contended(name.clone()))
    }

    async fn attempt(
        &self,
        view: &ApplicationView,
        look: &Look,
        place: &Place,
    ) -> Result<Looked, windlass_store::Error> {
        let application = &view.application;
        let before = self.store.compiled(application.uid).await?;
        let mut seen = None;
        let known = Before { compiled: before.as_ref(), resolved: view.source.resolved.as_deref() };
        let gate = match Gate::of(&*self.store, application).await {
            Ok(gate) => Ok(gate),
            Err(Failure::Store(error)) => return Err(error),
            Err(Failure::Problem(problem)) => Err(problem),
        };
        let admitted = gate.as_ref().map_err(Problem::clone).and_then(Gate::sources);
        let permitted = admitted.is_ok();
        let made = match admitted {
            Ok(()) => self.compiler.make(application, known, look, &mut seen).await,
            Err(problem) => Err(problem.into()),
        };
        let (draft, problem) = match (made, &gate) {
            (Ok(made), Ok(gate)) => (self.draft(view, gate, made).await?, None),
            (Err(Failure::Problem(problem)), gate) => {
                (self.failed(view, gate.as_ref().ok(), &problem).await?, Some(problem))
            }
            (Ok(_), Err(problem)) => (self.failed(view, None, problem).await?, Some(problem.clone())),
            (Err(Failure::Store(error)), _) => return Err(error),
        };
        let retry = draft.retry;
        let refreshed = self.commit(view, before.as_ref(), draft, place).await?;
        let seen = match look {
            // What the repository said: it is asked again in any case, and every answer that differs is news.
            Look::Failed(problem) => Some(Err(problem.clone())),
            _ if retry => None,
            // A failure before the commit was known is what the repository said.
            _ => seen.map_or_else(|| problem.map(Err), |found| Some(Ok(found))),
        };
        // A repository that is not permitted is not asked.
        let question = Question::of(&application.spec).filter(|_| permitted);
        let project = application.spec.project.clone();
        Ok(Looked { project, refreshed, question, seen, record: application.revision })
    }

    async fn draft(&self, view: &ApplicationView, gate: &Gate<'_>, made: Made) -> Result<Draft, windlass_store::Error> {
        let (application, now) = (&view.application, self.compiler.clock.now());
        let clusters = self.store.clusters().await?;
        let wanted = (made.bundle, made.revision.as_str());
        let rows = match targets::rows(application, &clusters, &view.targets, wanted, view.hold.as_ref()) {
            Ok(rows) => rows,
            Err(problem) => return self.failed(view, Some(gate), &problem).await,
        };
        let mut targets = rows.rows;
        let name_of = |uid| clusters.iter().find(|cluster| cluster.uid == uid).map(|cluster| cluster.name.clone());
        pause::settle(&*self.store, view, &mut targets, name_of, now).await?;
        let not_permitted = gate.destinations(&clusters, &view.targets, &mut targets);
        let settings = gate.settle(&clusters, &mut targets);
        let (fresh, members, mut problems) = match made.fresh {
            Some(fresh) => (fresh.contents, vec![(made.bundle, fresh.members)], fresh.warnings),
            None => (vec![], vec![], of_bundle(&view.source.conditions)),
        };
        if view.source.revision.as_deref() != Some(made.revision.as_str()) {
            problems.retain(|problem| problem.kind != ConditionKind::HistoryRewritten);
        }
        problems.extend(made.rewritten);
        problems.extend(rows.held);
        problems.extend(not_permitted);
        problems.extend(gate.objects(&*self.store, &clusters, &targets, made.bundle, &fresh).await?);
        let source = SourceState {
            revision: Some(made.revision),
            resolved: made.resolved,
            bundle: Some(made.bundle),
            subject: made.subject.unwrap_or_else(|| view.source.subject.clone()),
            conditions: conditions::since(&problems, &view.source.conditions, now),
            checked_at: Some(now),
        };
        Ok(Draft {
            source,
            compiled: Some(made.compiled),
            fresh,
            members,
            targets: Some(targets),
            settings,
            retry: false,
        })
    }

    /// The last good bundle stays as it is, with what is known of it; the problem is added.
    async fn failed(
        &self,
        view: &ApplicationView,
        gate: Option<&Gate<'_>>,
        problem: &Problem,
    ) -> Result<Draft, windlass_store::Error> {
        let now = self.compiler.clock.now();
        let mut problem = problem.clone();
        if problem.kind == ConditionKind::SourceStale && view.source.bundle.is_none() {
            // Nothing is shown from an earlier commit: there is none.
            problem.kind = ConditionKind::ComparisonError;
        }
        let mut problems = of_bundle(&view.source.conditions);
        problems.push(problem.clone());
        let conditions = conditions::since(&problems, &view.source.conditions, now);
        let source = SourceState { conditions, checked_at: Some(now), ..view.source.clone() };
        // What people say of how it is kept, and what its project forbids, holds whether or not there is anything new to keep.
        let (targets, settings) = match gate {
            Some(gate) => {
                let (rows, settings) = gate.refenced(&self.store.clusters().await?, &view.targets);
                // Rows that stay as they are are not written: another hub may have newer ones meanwhile.
                if targets::same(&view.targets, &rows) { (None, vec![]) } else { (Some(rows), settings) }
            }
            None => (None, vec![]),
        };
        Ok(Draft { source, compiled: None, fresh: vec![], members: vec![], targets, settings, retry: problem.retry })
    }

    async fn commit(
        &self,
        view: &ApplicationView,
        before: Option<&Compiled>,
        draft: Draft,
        place: &Place,
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
        let (mut contents, mut members) = (draft.fresh, draft.members);
        members.extend(draft.settings.iter().filter_map(named));
        contents.extend(draft.settings);
        let commit = DesiredCommit {
            application: application.uid,
            application_revision: application.revision,
            source: draft.source,
            compiled: draft.compiled,
            contents,
            bundle_members: members,
            targets: draft.targets,
            leaving: application.cascade_by_finalizers(),
        };
        fail::fail_point!("hub::commit::before");
        let positions = self.gather.commit(commit, place).await?;
        self.registry.notify(&positions);
        self.record_rewrite(view, &refreshed).await?;
        log(application, &refreshed, positions.len());
        refreshed.changed = true;
        Ok(refreshed)
    }
}

impl Committer {
    /// A rewritten history is an event: it is still found when later commits have made the condition go.
    async fn record_rewrite(&self, view: &ApplicationView, refreshed: &Refreshed) -> Result<(), windlass_store::Error> {
        let rewritten = refreshed.conditions.iter().find(|condition| condition.kind == ConditionKind::HistoryRewritten);
        let Some(rewritten) = rewritten.filter(|rewritten| !view.source.conditions.contains(rewritten)) else {
            return Ok(());
        };
        let event = ApplicationEvent {
            at: rewritten.since,
            by: "windlass".into(),
            kind: EventKind::HistoryRewritten,
            application: Some(view.application.name.clone()),
            cluster: String::new(),
            message: rewritten.message.clone(),
            objects: vec![],
        };
        self.store.log_event(&event).await
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

/// What settings name is reached by whoever reaches them. They were just written by this process, and can be read.
fn named((digest, bytes): &(Digest, Vec<u8>)) -> Option<(Digest, Vec<Digest>)> {
    TargetSettings::from_bytes(bytes).ok()?.customizations.map(|named| (*digest, vec![named]))
}

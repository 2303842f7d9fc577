//! Another commit than the newest, rendered because a person asked for it. What an application should be does not change by it.

use serde_json::Value;
use windlass_domain::digest::Digest;
use windlass_domain::name::ApplicationName;
use windlass_store::{ApplicationView, DesiredCommit};

use super::Error;
use super::commit::Committer;
use super::compile::{Before, Look, Made};
use super::conditions::Failure;
use super::gate::Gate;

/// A bundle of a named commit. Its contents are stored, and dropped after some minutes unless something names them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RenderedAt {
    /// The bundle.
    pub bundle: Digest,
    /// The commit that the name stands for.
    pub revision: String,
}

// === impl Committer ===

impl Committer {
    /// Renders an application at a commit, branch or tag, as its spec is now.
    pub(super) async fn render_at(&self, name: &ApplicationName, revision: &str) -> Result<RenderedAt, Error> {
        let store_failed = |error| Error::Store(std::sync::Arc::new(error));
        let (view, made) = self.rendered(name, revision).await?;
        let rendered = RenderedAt { bundle: made.bundle, revision: made.revision };
        let Some(fresh) = made.fresh else { return Ok(rendered) };
        let commit = DesiredCommit {
            application: view.application.uid,
            application_revision: view.application.revision,
            source: view.source,
            compiled: None,
            contents: fresh.contents,
            bundle_members: vec![(rendered.bundle, fresh.members)],
            targets: None,
            leaving: view.application.cascade_by_finalizers(),
        };
        self.store.commit_desired(commit, self.compiler.clock.now()).await.map_err(store_failed)?;
        Ok(rendered)
    }

    /// The manifests of an application at a commit, branch or tag, as its spec is now. Nothing is stored.
    pub(super) async fn manifests_at(&self, name: &ApplicationName, revision: &str) -> Result<Vec<Value>, Error> {
        let (_, made) = self.rendered(name, revision).await?;
        let fresh = made.fresh.ok_or_else(|| Error::Source("nothing was rendered; try again".to_owned()))?;
        let manifests = fresh.contents.iter().filter(|(digest, _)| *digest != made.bundle);
        let read = |(_, bytes): &(Digest, Vec<u8>)| windlass_domain::canonical::read(bytes).map(|found| found.value);
        manifests.map(read).collect::<Result<_, _>>().map_err(|error| Error::Source(error.to_string()))
    }

    async fn rendered(&self, name: &ApplicationName, revision: &str) -> Result<(ApplicationView, Made), Error> {
        let store_failed = |error| Error::Store(std::sync::Arc::new(error));
        let view = self.store.application_view(name).await.map_err(store_failed)?;
        let mut view = view.ok_or_else(|| Error::NotFound(name.clone()))?;
        if view.application.deletion.is_some() {
            return Err(Error::Deleting(name.clone()));
        }
        let spec = &mut view.application.spec;
        for source in spec.source.iter_mut().chain(spec.sources.first_mut()) {
            revision.clone_into(&mut source.target_revision);
        }
        match self.make_at(&view).await {
            Ok(made) => Ok((view, made)),
            Err(Failure::Store(error)) => Err(store_failed(error)),
            Err(Failure::Problem(problem)) => Err(Error::Source(problem.message)),
        }
    }

    async fn make_at(&self, view: &ApplicationView) -> Result<Made, Failure> {
        let gate = Gate::of(&*self.store, &view.application).await?;
        gate.sources()?;
        let nothing = Before { compiled: None, resolved: None };
        self.compiler.make(&view.application, nothing, &Look::Now, &mut None).await
    }
}

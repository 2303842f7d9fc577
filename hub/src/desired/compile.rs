//! One application, from its source to a bundle: nothing is rendered that was rendered before.

use std::collections::BTreeSet;
use std::time::Duration;

use windlass_domain::application::{Application, ApplicationSpec};
use windlass_domain::bundle::{Bundle, BundleEntry};
use windlass_domain::digest::{Digest, DigestKey};
use windlass_domain::manifest::{Manifest, ResourceKey, canonical_bytes};
use windlass_domain::render::{self, Limits, RENDERER_VERSION, Rendered};
use windlass_domain::revision::Revision;
use windlass_domain::status::ConditionKind;
use windlass_git::{GitTree, Repository};
use windlass_runtime::clock::Clock;
use windlass_store::Compiled;

use super::conditions::{self, Failure, Problem};
use super::renderers::{Abandonable, Ended, Renderers};
use super::source::{Found, Sources};

/// Makes bundles.
pub(super) struct Compiler {
    pub(super) sources: Sources,
    pub(super) clock: Clock,
    pub(super) digest_key: DigestKey,
    pub(super) render_timeout: Duration,
    pub(super) renderers: Renderers,
}

/// Which commit to look at.
#[derive(Debug, Clone)]
pub(super) enum Look {
    /// Ask the repository now.
    Now,
    /// It was asked: this is the commit.
    At(Found),
    /// It was asked: this is what went wrong.
    Failed(Problem),
}

/// What is stored of a source's last compile.
#[derive(Clone, Copy)]
pub(super) struct Before<'a> {
    pub(super) compiled: Option<&'a Compiled>,
    /// The ref that led to it.
    pub(super) resolved: Option<&'a str>,
}

/// What a source makes.
pub(super) struct Made {
    pub(super) bundle: Digest,
    pub(super) revision: String,
    /// The full name of the ref that led to the commit.
    pub(super) resolved: Option<String>,
    /// What to say where that ref no longer leads over the commit before.
    pub(super) rewritten: Option<Problem>,
    /// First line of the commit's message; `None` when the commit is the one before.
    pub(super) subject: Option<String>,
    pub(super) compiled: Compiled,
    /// What the bundle is made of; `None` when it is the one before.
    pub(super) fresh: Option<Fresh>,
}

/// A bundle that was just rendered.
pub(super) struct Fresh {
    pub(super) contents: Vec<(Digest, Vec<u8>)>,
    pub(super) members: Vec<Digest>,
    pub(super) warnings: Vec<Problem>,
}

// === impl Compiler ===

impl Compiler {
    /// Compiles an application's source. `seen` is told the commit as soon as it is known, whatever becomes of it.
    pub(super) async fn make(
        &self,
        application: &Application,
        before: Before<'_>,
        look: &Look,
        seen: &mut Option<Found>,
    ) -> Result<Made, Failure> {
        let source = render::single_source(&application.spec)?;
        let repository = self.sources.repository_of(source).await?;
        let found = match look {
            Look::Now => self.sources.resolve(&repository, &source.target_revision, &source.tag_prefix).await?,
            Look::At(found) => found.clone(),
            Look::Failed(problem) => return Err(problem.clone().into()),
        };
        *seen = Some(found.clone());
        let inputs = inputs(&application.spec);
        let Some(compiled) = before.compiled.filter(|compiled| compiled.inputs == inputs) else {
            return self.render(application, &repository, found, inputs).await;
        };
        if compiled.revision == found.revision.as_str() {
            return Ok(kept(compiled, found));
        }
        let rewritten = self.rewritten(&repository, compiled, before.resolved, &found).await?;
        if self.sources.git.unchanged(&repository, &found.revision, &compiled.reads).await? {
            let subject = self.subject(&repository, &found.revision).await?;
            return Ok(Made { subject: Some(subject), rewritten, ..kept(compiled, found) });
        }
        Ok(Made { rewritten, ..self.render(application, &repository, found, inputs).await? })
    }

    /// Whether the ref that was followed no longer leads over the commit before. Another ref (a newer tag, another default branch) is no rewrite.
    async fn rewritten(
        &self,
        repository: &Repository,
        before: &Compiled,
        resolved: Option<&str>,
        found: &Found,
    ) -> Result<Option<Problem>, Failure> {
        let Some(reference) = resolved.filter(|resolved| found.reference.as_deref() == Some(*resolved)) else {
            return Ok(None);
        };
        let Ok(old) = Revision::parse(&before.revision) else { return Ok(None) };
        if self.sources.git.is_ancestor(repository, &old, &found.revision).await? {
            return Ok(None);
        }
        let (url, new) = (&repository.url, found.revision.short());
        let message = format!(
            "{reference} of {url} was rewritten: commit {} is no longer part of it, and {new} is followed; if nobody meant that, set targetRevision to {old} and ask who pushed",
            old.short()
        );
        Ok(Some(Problem { kind: ConditionKind::HistoryRewritten, message, retry: false }))
    }

    async fn render(
        &self,
        application: &Application,
        repository: &Repository,
        found: Found,
        inputs: Digest,
    ) -> Result<Made, Failure> {
        let Found { revision, reference } = found;
        let tree = self.sources.git.tree(repository, &revision).await?;
        let subject = self.subject(repository, &revision).await?;
        let rendered = self.render_apart(tree, application).await?;
        let (bundle, fresh) = assemble(&rendered, &application.spec.destination.namespace, &self.digest_key);
        let compiled = Compiled { revision: revision.to_string(), inputs, reads: rendered.reads, bundle };
        Ok(Made {
            bundle,
            revision: revision.to_string(),
            resolved: reference,
            rewritten: None,
            subject: Some(subject),
            compiled,
            fresh: Some(fresh),
        })
    }

    /// On a thread of its own, for a limited time. A render that is given up ends with the next file that it asks for; its result is thrown away.
    async fn render_apart(&self, tree: GitTree, application: &Application) -> Result<Rendered, Failure> {
        let spec = application.spec.clone();
        let work = move |given_up| {
            fail::fail_point!("hub::render::before");
            render::render(&Abandonable { tree, given_up }, &spec, &Limits::default())
        };
        match self.renderers.run(application.uid, self.render_timeout, work).await {
            Ok(rendered) => Ok(rendered?),
            Err(Ended::Crashed) => {
                Err(Problem::comparison("rendering the source crashed; please report it with the commit").into())
            }
            Err(Ended::NoTurn) => {
                let message =
                    "this application takes long to render, and so do others that are rendered now; it is tried again";
                Err(Problem { retry: true, ..Problem::comparison(message) }.into())
            }
            Err(Ended::TooLong) => {
                let limit = self.render_timeout.as_secs();
                Err(Problem::comparison(format!("rendering took longer than {limit} s; split the application")).into())
            }
        }
    }

    async fn subject(&self, repository: &Repository, revision: &Revision) -> Result<String, Failure> {
        let info = self.sources.git.commit_info(repository, revision).await?;
        Ok(info.message.lines().next().unwrap_or_default().chars().take(200).collect())
    }
}

fn kept(before: &Compiled, found: Found) -> Made {
    let (revision, resolved) = (found.revision.to_string(), found.reference);
    let compiled = Compiled { revision: revision.clone(), ..before.clone() };
    Made { bundle: before.bundle, revision, resolved, rewritten: None, subject: None, compiled, fresh: None }
}

/// Everything that goes into a render besides the files.
fn inputs(spec: &ApplicationSpec) -> Digest {
    let inputs = serde_json::json!({
        "renderer": RENDERER_VERSION,
        "source": spec.source,
        "sources": spec.sources,
        "destination": spec.destination,
    });
    Digest::of(&canonical_bytes(&inputs))
}

fn assemble(rendered: &Rendered, default_namespace: &str, key: &DigestKey) -> (Digest, Fresh) {
    let (manifests, clashes) = without_clashes(&rendered.manifests, default_namespace);
    let mut contents = Vec::with_capacity(manifests.len() + 1);
    let mut entries = Vec::with_capacity(manifests.len());
    for manifest in manifests {
        let digest = manifest.digest(key);
        contents.push((digest, manifest.to_bytes()));
        entries.push(BundleEntry { key: manifest.key.clone(), api_version: manifest.api_version.clone(), digest });
    }
    let members = entries.iter().map(|entry| entry.digest).collect();
    let bundle = Bundle::new(entries, rendered.complete).to_bytes();
    let digest = Digest::of(&bundle);
    contents.push((digest, bundle));
    let repeated = rendered.repeated.iter().cloned().chain(clashes);
    (digest, Fresh { contents, members, warnings: conditions::warnings(repeated, &rendered.warnings) })
}

/// Two manifests that differ only in that one names the destination's namespace and the other leaves it open are one object on every cluster, namespaced or
/// not. The one that names it counts.
fn without_clashes<'a>(manifests: &'a [Manifest], default_namespace: &str) -> (Vec<&'a Manifest>, Vec<ResourceKey>) {
    let named = |key: &ResourceKey| ResourceKey { namespace: default_namespace.to_owned(), ..key.clone() };
    let keys: BTreeSet<_> = manifests.iter().map(|manifest| &manifest.key).collect();
    let clashes = |manifest: &Manifest| {
        manifest.key.namespace.is_empty() && !default_namespace.is_empty() && keys.contains(&named(&manifest.key))
    };
    let (lost, kept): (Vec<&Manifest>, Vec<&Manifest>) = manifests.iter().partition(|manifest| clashes(manifest));
    (kept, lost.into_iter().map(|manifest| manifest.key.clone()).collect())
}

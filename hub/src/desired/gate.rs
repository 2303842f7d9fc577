//! An application at the gate of its project: asked before its repository is, and again for every cluster and object. What is refused changes nothing that is
//! there: the last good bundle stays, under the fence as it is now.

use std::collections::BTreeSet;
use std::io::Read as _;

use uuid::Uuid;
use windlass_domain::application::{Application, ApplicationSpec};
use windlass_domain::bundle::Bundle;
use windlass_domain::cluster::Cluster;
use windlass_domain::customization;
use windlass_domain::digest::Digest;
use windlass_domain::project::{Admission, AppProject, Source, Violation, admit};
use windlass_domain::status::ConditionKind;
use windlass_domain::target::{TargetSettings, TargetSpec};
use windlass_git::RepositoryUrl;
use windlass_store::{Store, TargetView};

use super::conditions::{self, Failure, Problem};

/// As for agents: what a bundle may unpack to.
const MAX_BUNDLE_BYTES: u64 = 64 << 20;

/// An application with its project.
pub(super) struct Gate<'a> {
    application: &'a Application,
    project: AppProject,
    /// What agents are told of kinds: its address and bytes.
    customizations: Option<(Digest, Vec<u8>)>,
}

/// An application's rows, and where they go.
pub(super) type TargetRows = Vec<(Uuid, TargetSpec)>;

// === impl Gate ===

impl<'a> Gate<'a> {
    /// The application's project; one that does not exist permits nothing.
    pub(super) async fn of(store: &dyn Store, application: &'a Application) -> Result<Self, Failure> {
        let name = &application.spec.project;
        let project = store.project(name).await?;
        let unknown = || {
            Problem::spec(format!(
                "spec.project: {name:?} does not exist; create it with `windlass proj create {name}`, or name another project"
            ))
        };
        let settings = store.settings().await?;
        // They were looked at when they were set. Where this version of the hub finds something wrong in them, nothing may come to differ, or be healed, for
        // want of a rule: what was compiled last stays.
        let wrong = |error| {
            Problem::comparison(format!("the hub's settings: {error}; correct it with `windlass settings set`"))
        };
        let found = customization::parse(&settings.data).map_err(wrong)?.customizations;
        let customizations = found.digest().map(|digest| (digest, found.to_bytes()));
        Ok(Self { application, project: project.ok_or_else(unknown)?, customizations })
    }

    /// What the project has against the application's sources. Nobody is asked for a repository that is not permitted.
    pub(super) fn sources(&self) -> Result<(), Problem> {
        refused_source(&self.project, &self.application.spec).map_or(Ok(()), Err)
    }

    /// Takes out the rows of clusters that the project does not permit; one that is there already stays as it is. Where the project permits none of them,
    /// no other row leaves either: the destination cannot be acted on, and the last good state stays.
    pub(super) fn destinations(
        &self,
        clusters: &[Cluster],
        before: &[TargetView],
        rows: &mut TargetRows,
    ) -> Vec<Problem> {
        let wanted = std::mem::take(rows);
        let mut refused = Vec::new();
        let mut permitted = 0;
        for (uid, spec) in wanted {
            match self.refused_destination(find(clusters, uid)) {
                None => {
                    permitted += 1;
                    rows.push((uid, spec));
                }
                Some(why) => {
                    refused.push(why);
                    rows.extend(present(before).find(|(cluster, _)| *cluster == uid));
                }
            }
        }
        if !refused.is_empty() && permitted == 0 {
            keep_all(before, rows);
        }
        conditions::listed(ConditionKind::InvalidSpecError, refused)
    }

    /// Sets each row's settings, with the fence of its cluster; returns those settings as contents.
    pub(super) fn settle(&self, clusters: &[Cluster], rows: &mut TargetRows) -> Vec<(Digest, Vec<u8>)> {
        let mut contents: Vec<(Digest, Vec<u8>)> = self.customizations.iter().cloned().collect();
        for (uid, row) in rows {
            // Of a cluster that is gone the row goes with it.
            let Some(cluster) = find(clusters, *uid) else { continue };
            let bytes = self.settings(cluster).to_bytes();
            row.settings = Digest::of(&bytes);
            if !contents.iter().any(|(digest, _)| *digest == row.settings) {
                contents.push((row.settings, bytes));
            }
        }
        contents
    }

    fn settings(&self, cluster: &Cluster) -> TargetSettings {
        let fence = self.project.fence(cluster);
        TargetSettings {
            windows: self.project.spec.windows_for(self.application, cluster),
            // A project that refuses nothing adds nothing: most settings are the same on every cluster.
            fence: Some(fence).filter(|fence| !fence.is_open()),
            write_as: self.project.spec.user_for(self.application, cluster),
            customizations: self.customizations.as_ref().map(|(digest, _)| *digest),
            ..TargetSettings::of(self.application)
        }
    }

    /// The rows that are there, under the project's fence as it is now: all that becomes of an application whose source is not permitted.
    pub(super) fn refenced(&self, clusters: &[Cluster], before: &[TargetView]) -> (TargetRows, Vec<(Digest, Vec<u8>)>) {
        let mut rows: TargetRows = present(before).collect();
        let contents = self.settle(clusters, &mut rows);
        (rows, contents)
    }

    /// Objects of the bundle that the project does not permit, as far as the hub knows their scope; the agent has the last word. `fresh` holds the bundle when it
    /// was just rendered.
    pub(super) async fn objects(
        &self,
        store: &dyn Store,
        clusters: &[Cluster],
        rows: &TargetRows,
        bundle: Digest,
        fresh: &[(Digest, Vec<u8>)],
    ) -> Result<Vec<Problem>, windlass_store::Error> {
        let mut refused = BTreeSet::new();
        let mut known: Option<Bundle> = None;
        for (uid, row) in rows.iter().filter(|(_, row)| row.bundle == bundle) {
            let fenced = find(clusters, *uid).map(|cluster| (cluster, self.project.fence(cluster)));
            let Some((cluster, _)) = fenced.filter(|(_, fence)| !fence.is_open()) else { continue };
            let Some(discovery) = store.discovery(*uid).await? else { continue };
            if known.is_none() {
                known = bundle_of(store, *uid, bundle, fresh).await?;
            }
            let Some(bundle) = &known else { continue };
            let admission = Admission {
                sources: &[],
                cluster: Some(cluster),
                namespace: &row.default_namespace,
                entries: &bundle.entries,
                discovery: Some(&discovery),
            };
            let violations = admit(&self.project, &admission);
            refused.extend(violations.iter().filter(|violation| violation.is_of_object()).map(Violation::to_string));
        }
        Ok(conditions::listed(ConditionKind::ExcludedResourceWarning, refused.into_iter().collect()))
    }

    fn refused_destination(&self, cluster: Option<&Cluster>) -> Option<String> {
        let admission = Admission {
            sources: &[],
            cluster: Some(cluster?),
            namespace: &self.application.spec.destination.namespace,
            entries: &[],
            discovery: None,
        };
        admit(&self.project, &admission).first().map(Violation::to_string)
    }
}

/// What a project has against an application's sources, if anything: compared is the address that would be dialled.
pub(super) fn refused_source(project: &AppProject, spec: &ApplicationSpec) -> Option<Problem> {
    let given: Vec<&str> = match spec.sources.as_slice() {
        [] => spec.source.iter().map(|source| source.repo_url.as_str()).collect(),
        several => several.iter().map(|source| source.repo_url.as_str()).collect(),
    };
    given.into_iter().find_map(|given| {
        let dialled = RepositoryUrl::parse(given).ok().map(|url| url.normalised());
        let fetched = dialled.as_deref().unwrap_or(given);
        project.refuses_source(Source { given, fetched }).map(|violation| Problem::spec(violation.to_string()))
    })
}

/// A bundle's list, from what was just rendered or from what the cluster may fetch; `None` where it cannot be had, and the agent alone has the word.
async fn bundle_of(
    store: &dyn Store,
    cluster: Uuid,
    bundle: Digest,
    fresh: &[(Digest, Vec<u8>)],
) -> Result<Option<Bundle>, windlass_store::Error> {
    if let Some((_, bytes)) = fresh.iter().find(|(digest, _)| *digest == bundle) {
        return Ok(Bundle::from_bytes(bytes).ok());
    }
    let stored = store.contents(cluster, &[bundle]).await?;
    Ok(stored.first().and_then(|(_, compressed)| unpack(compressed)).and_then(|bytes| Bundle::from_bytes(&bytes).ok()))
}

fn unpack(compressed: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    zstd::stream::read::Decoder::new(compressed).ok()?.take(MAX_BUNDLE_BYTES).read_to_end(&mut bytes).ok()?;
    Some(bytes)
}

fn find(clusters: &[Cluster], uid: Uuid) -> Option<&Cluster> {
    clusters.iter().find(|cluster| cluster.uid == uid)
}

/// The rows that are there, without what people said about them.
fn present(before: &[TargetView]) -> impl Iterator<Item = (Uuid, TargetSpec)> {
    before.iter().filter_map(|view| Some((view.cluster, super::targets::without_words(view.spec.as_ref()?))))
}

fn keep_all(before: &[TargetView], rows: &mut TargetRows) {
    for (cluster, spec) in present(before) {
        if !rows.iter().any(|(uid, _)| *uid == cluster) {
            rows.push((cluster, spec));
        }
    }
}

#[cfg(test)]
mod tests;

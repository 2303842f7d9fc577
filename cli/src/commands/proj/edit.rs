//! Reading a project, changing it, and writing it back over exactly what was read.

use anyhow::{Context as _, bail};
use reqwest::{Method, StatusCode};
use windlass_domain::project::{ProjectManifest, ProjectSpec};

use crate::client::{Client, Problem};
use crate::output;
use crate::view::Project;

/// How often a change is tried while others change the same project.
const ATTEMPTS: u32 = 5;

/// Reads one project.
pub(super) async fn read(client: &Client, name: &str) -> anyhow::Result<(Project, ProjectManifest)> {
    let project: Project = client.get(&["projects", name], &[]).await?;
    let manifest = ProjectManifest::parse(&project.manifest).with_context(|| format!("project {name}"))?;
    Ok((project, manifest))
}

/// Changes a project's spec. `change` says whether there was anything to change; `nothing` is what is said when there was not.
pub(super) async fn edit(
    client: &Client,
    name: &str,
    nothing: &str,
    change: impl Fn(&mut ProjectSpec) -> anyhow::Result<bool>,
) -> anyhow::Result<()> {
    for attempt in 1..=ATTEMPTS {
        let (project, mut manifest) = read(client, name).await?;
        if !change(&mut manifest.spec)? {
            output::note(&format!("project {name}: {nothing}"));
            return Ok(());
        }
        let written: anyhow::Result<Project> =
            client.send_at(Method::PUT, &["projects", name], project.revision, &manifest.to_value()).await;
        match written {
            Ok(project) => {
                warn(&project);
                return output::line(&format!("project {name} configured"));
            }
            Err(error) if attempt < ATTEMPTS && is_conflict(&error) => {}
            Err(error) => return Err(error),
        }
    }
    bail!("project {name}: it keeps being changed by somebody else; try again")
}

/// Says what of a project is kept and not enforced: a fence that is not there must not look like one.
pub(super) fn warn(project: &Project) {
    if !project.not_enforced.is_empty() {
        output::note(&format!(
            "warning: project {}: kept, but not enforced by this version: {}",
            project.name,
            project.not_enforced.join(", ")
        ));
    }
}

fn is_conflict(error: &anyhow::Error) -> bool {
    error.downcast_ref::<Problem>().is_some_and(|problem| problem.status == StatusCode::CONFLICT)
}

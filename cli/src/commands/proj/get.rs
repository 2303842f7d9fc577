//! `windlass proj get`.

use clap::Args;
use windlass_domain::project::{ProjectSpec, ResourceRule};

use super::edit;
use crate::client::Client;
use crate::output::{self, FormatArgs, table};
use crate::view::Project;

/// Show one project: what its applications may come from, where they may go and which kinds they may hold.
#[derive(Args)]
#[command(after_help = "Example:\n  windlass proj get shop\n  windlass proj get shop -o yaml")]
pub(crate) struct Get {
    /// Name of the project.
    name: String,
    #[command(flatten)]
    format: FormatArgs,
}

impl Get {
    pub(crate) async fn run(self, client: &Client) -> anyhow::Result<()> {
        let (project, manifest) = edit::read(client, &self.name).await?;
        // As it would be written to a file: `proj get -o yaml` and `proj apply -f` belong together.
        if let Some(printed) = output::machine(self.format.output, &project.manifest, || vec![self.name.clone()]) {
            return printed;
        }
        print(&project, &manifest.spec)
    }
}

fn print(project: &Project, spec: &ProjectSpec) -> anyhow::Result<()> {
    field("Name", std::slice::from_ref(&project.name), "")?;
    field("Description", std::slice::from_ref(&spec.description), "")?;
    let destination = |d: &windlass_domain::project::ProjectDestination| {
        let cluster = if d.server.is_empty() { &d.name } else { &d.server };
        format!("{cluster},{}", d.namespace)
    };
    field("Destinations", &spec.destinations.iter().map(destination).collect::<Vec<_>>(), "<none>")?;
    field("Repositories", &spec.source_repos, "<none>")?;
    field("Allowed cluster kinds", &kinds(&spec.cluster_resource_whitelist), "<none>")?;
    field("Denied cluster kinds", &kinds(&spec.cluster_resource_blacklist), "<none>")?;
    let allowed = spec.namespace_resource_whitelist.as_deref();
    field("Allowed namespaced kinds", &allowed.map_or_else(|| vec!["*/*".to_owned()], kinds), "<none>")?;
    field("Denied namespaced kinds", &kinds(&spec.namespace_resource_blacklist), "<none>")?;
    let windows = if spec.sync_windows.is_empty() { vec![] } else { vec![spec.sync_windows.len().to_string()] };
    field("Sync windows", &windows, "<none>")?;
    if !project.not_enforced.is_empty() {
        field("Kept, not enforced", &project.not_enforced, "")?;
    }
    Ok(())
}

fn kinds(rules: &[ResourceRule]) -> Vec<String> {
    let name = |rule: &ResourceRule| if rule.name.is_empty() { String::new() } else { format!(" {}", rule.name) };
    rules.iter().map(|rule| format!("{}/{}{}", rule.group, rule.kind, name(rule))).collect()
}

/// One line an item, the first behind the title.
fn field(title: &str, items: &[String], none: &str) -> anyhow::Result<()> {
    let none = [none.to_owned()];
    let items = if items.is_empty() { &none } else { items };
    for (at, item) in items.iter().enumerate() {
        let title = if at == 0 { format!("{title}:") } else { String::new() };
        output::line(table::single_line(&format!("{title:<27}{item}")).trim_end())?;
    }
    Ok(())
}

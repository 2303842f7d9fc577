//! What makes an AppProject unusable: every pattern is read before it is stored, because one that cannot be read could neither permit nor deny.

use super::fence::KindRule;
use super::pattern::NamePattern;
use super::repository::{InvalidRepositoryPattern, RepositoryRule};
use super::{InvalidProject, ProjectDestination, ProjectSpec, ResourceRule, SyncWindow};
use crate::duration::{self, NotADuration};
use crate::window::Cron;

/// Argo CD's limit, in characters.
const MAX_DESCRIPTION: usize = 255;

/// The most rules of one list: a fence goes to every target of the project.
const MAX_RULES: usize = 1000;

pub(super) fn check(spec: &ProjectSpec) -> Result<(), InvalidProject> {
    if spec.description.chars().count() > MAX_DESCRIPTION {
        return Err(field("spec.description", format!("is longer than {MAX_DESCRIPTION} characters")));
    }
    counted("spec.sourceRepos", spec.source_repos.len())?;
    for (at, rule) in spec.source_repos.iter().enumerate() {
        RepositoryRule::parse(rule).map_err(|error| {
            let secret = error == InvalidRepositoryPattern::Credentials;
            let problem = if secret { error.to_string() } else { format!("{rule:?}: {error}") };
            field(&format!("spec.sourceRepos[{at}]"), problem)
        })?;
    }
    counted("spec.destinations", spec.destinations.len())?;
    for (at, destination) in spec.destinations.iter().enumerate() {
        check_destination(&format!("spec.destinations[{at}]"), destination)?;
    }
    kinds("spec.clusterResourceWhitelist", &spec.cluster_resource_whitelist, true)?;
    kinds("spec.clusterResourceBlacklist", &spec.cluster_resource_blacklist, true)?;
    kinds("spec.namespaceResourceWhitelist", spec.namespace_resource_whitelist.as_deref().unwrap_or_default(), false)?;
    kinds("spec.namespaceResourceBlacklist", &spec.namespace_resource_blacklist, false)?;
    counted("spec.syncWindows", spec.sync_windows.len())?;
    for (at, window) in spec.sync_windows.iter().enumerate() {
        check_window(&format!("spec.syncWindows[{at}]"), window)?;
    }
    counted("spec.destinationServiceAccounts", spec.destination_service_accounts.len())?;
    for (at, account) in spec.destination_service_accounts.iter().enumerate() {
        account
            .check()
            .map_err(|(part, problem)| field(&format!("spec.destinationServiceAccounts[{at}].{part}"), problem))?;
    }
    Ok(())
}

fn check_window(at: &str, window: &SyncWindow) -> Result<(), InvalidProject> {
    if window.description.chars().count() > MAX_DESCRIPTION {
        return Err(field(&format!("{at}.description"), format!("is longer than {MAX_DESCRIPTION} characters")));
    }
    let no_unit = window.duration.trim().bytes().all(|byte| byte.is_ascii_digit());
    let length = if no_unit { Err(NotADuration(window.duration.clone())) } else { duration::parse(&window.duration) };
    length.map_err(|error| field(&format!("{at}.duration"), error.to_string()))?;
    let lists =
        [("applications", &window.applications), ("namespaces", &window.namespaces), ("clusters", &window.clusters)];
    for (list, globs) in lists {
        counted(&format!("{at}.{list}"), globs.len())?;
        for glob in globs {
            NamePattern::new(glob).map_err(|error| field(&format!("{at}.{list}"), error.to_string()))?;
        }
    }
    let schedule = Cron::parse(&window.schedule);
    schedule.map(drop).map_err(|error| field(&format!("{at}.schedule"), error.to_string()))
}

fn check_destination(at: &str, destination: &ProjectDestination) -> Result<(), InvalidProject> {
    if destination.server.is_empty() && destination.name.is_empty() {
        return Err(field(at, "names no cluster: give server or name, \"*\" for any".to_owned()));
    }
    let parts = [("server", &destination.server), ("name", &destination.name), ("namespace", &destination.namespace)];
    for (part, text) in parts {
        let at = format!("{at}.{part}");
        let pattern = text.strip_prefix('!').unwrap_or(text);
        if text.starts_with('!') && matches!(pattern, "" | "*" | "**") {
            return Err(field(&at, format!("{text:?} would deny everything; leave the destination out instead")));
        }
        NamePattern::new(pattern).map_err(|error| field(&at, error.to_string()))?;
    }
    Ok(())
}

fn kinds(list: &str, rules: &[ResourceRule], named: bool) -> Result<(), InvalidProject> {
    counted(list, rules.len())?;
    for (at, rule) in rules.iter().enumerate() {
        let at = format!("{list}[{at}]");
        if rule.kind.is_empty() {
            return Err(field(&at, "names no kind: give one, \"*\" for any".to_owned()));
        }
        if !named && !rule.name.is_empty() {
            return Err(field(
                &format!("{at}.name"),
                "only cluster-scoped kinds can be permitted by name; leave it out".to_owned(),
            ));
        }
        KindRule::new(rule, named).map_err(|error| field(&at, error.to_string()))?;
    }
    Ok(())
}

fn counted(list: &str, count: usize) -> Result<(), InvalidProject> {
    if count <= MAX_RULES {
        return Ok(());
    }
    Err(field(list, format!("has {count} rules; the limit is {MAX_RULES}: use globs")))
}

fn field(field: &str, problem: String) -> InvalidProject {
    InvalidProject::Field { field: field.to_owned(), problem }
}

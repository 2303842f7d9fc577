//! What kind of source a path is, by Argo CD's rules (util/app/discovery).

use super::RenderError;
use crate::application::ApplicationSource;
use crate::source::{EntryKind, SourceError, SourceTree, TreePath};

/// Kinds of sources.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SourceType {
    /// A directory of plain manifests.
    Directory,
    /// A Helm chart.
    Helm,
    /// A Kustomize overlay.
    Kustomize,
    /// A config management plugin.
    Plugin,
}

/// An explicit field wins; more than one is an error. Otherwise a file whose name ends in `Chart.yaml` makes it Helm, then a kustomization file makes it
/// Kustomize, then it is a directory.
pub fn detect(tree: &dyn SourceTree, path: &TreePath, source: &ApplicationSource) -> Result<SourceType, RenderError> {
    if !source.chart.is_empty() || source.repo_url.starts_with("oci://") {
        return Ok(SourceType::Helm);
    }
    let explicit: Vec<(&str, SourceType)> = [
        (source.helm.is_some(), "helm", SourceType::Helm),
        (source.kustomize.is_some(), "kustomize", SourceType::Kustomize),
        (source.directory.is_some(), "directory", SourceType::Directory),
        (source.plugin.is_some(), "plugin", SourceType::Plugin),
    ]
    .into_iter()
    .filter_map(|(given, name, kind)| given.then_some((name, kind)))
    .collect();
    match explicit.as_slice() {
        [] => by_files(tree, path),
        [(_, kind)] => Ok(*kind),
        several => {
            let names = several.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(" and ");
            Err(RenderError::Unsupported(format!("the source has {names}; give only one of them")))
        }
    }
}

fn by_files(tree: &dyn SourceTree, path: &TreePath) -> Result<SourceType, RenderError> {
    let entries = match tree.list(path) {
        Err(SourceError::WrongKind { path, .. }) => {
            return Err(SourceError::WrongKind { path, found: "a file", wanted: "a directory" }.into());
        }
        entries => entries?,
    };
    let has = |wanted: &dyn Fn(&str) -> bool| entries.iter().any(|e| e.kind == EntryKind::File && wanted(&e.name));
    if has(&|name| name.ends_with("Chart.yaml")) {
        return Ok(SourceType::Helm);
    }
    if has(&|name| matches!(name, "kustomization.yaml" | "kustomization.yml" | "Kustomization")) {
        return Ok(SourceType::Kustomize);
    }
    Ok(SourceType::Directory)
}

impl std::fmt::Display for SourceType {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Directory => "directory",
            Self::Helm => "Helm",
            Self::Kustomize => "Kustomize",
            Self::Plugin => "plugin",
        })
    }
}

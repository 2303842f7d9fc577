//! A directory of plain YAML and JSON.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{Limits, RenderError, Rendered};
use crate::application::DirectoryOptions;
use crate::canonical::canonicalize;
use crate::manifest::{Manifest, ResourceKey};
use crate::source::{Entry, EntryKind, SourceTree, TreePath};

/// A file with this anywhere in it is not read as manifests (Argo CD).
const SKIP_MARK: &str = "+argocd:skip-file-rendering";

struct Reader<'a> {
    tree: &'a dyn SourceTree,
    limits: &'a Limits,
    recurse: bool,
    files: usize,
    bytes: u64,
    objects: BTreeMap<ResourceKey, Manifest>,
    warnings: Vec<String>,
    repeated: Vec<ResourceKey>,
}

/// Reads the manifests of a directory.
pub(super) fn render(
    tree: &dyn SourceTree,
    path: &TreePath,
    options: &DirectoryOptions,
    limits: &Limits,
) -> Result<Rendered, RenderError> {
    for (given, name) in [(!options.include.is_empty(), "include"), (!options.exclude.is_empty(), "exclude")] {
        if given {
            return Err(RenderError::Unsupported(format!("spec.source.directory.{name} is not supported yet")));
        }
    }
    let mut reader = Reader {
        tree,
        limits,
        recurse: options.recurse,
        files: 0,
        bytes: 0,
        objects: BTreeMap::new(),
        warnings: vec![],
        repeated: vec![],
    };
    reader.directory(path, 0)?;
    Ok(Rendered {
        manifests: reader.objects.into_values().collect(),
        complete: true,
        warnings: reader.warnings,
        repeated: reader.repeated,
        reads: Default::default(),
    })
}

// === impl Reader ===

impl Reader<'_> {
    fn directory(&mut self, path: &TreePath, depth: usize) -> Result<(), RenderError> {
        if depth > self.limits.depth {
            return Err(limit(format!("directory depth at {path}"), self.limits.depth as u64));
        }
        for entry in self.tree.list(path)? {
            let at = path.join(&entry.name);
            match entry.kind {
                EntryKind::File => self.file(&at, &entry)?,
                EntryKind::Directory if self.recurse => self.directory(&at, depth + 1)?,
                EntryKind::Symlink if is_manifest_name(&entry.name) => {
                    let problem = "is a symbolic link; links are not followed: put the file itself here";
                    return Err(RenderError::Unsupported(format!("{at} {problem}")));
                }
                EntryKind::Directory | EntryKind::Symlink | EntryKind::Submodule => {}
            }
        }
        Ok(())
    }

    fn file(&mut self, at: &TreePath, entry: &Entry) -> Result<(), RenderError> {
        let name = entry.name.as_str();
        if name.ends_with(".jsonnet") {
            return Err(RenderError::Unsupported(format!("{at}: Jsonnet is not supported yet")));
        }
        if name.starts_with(".argocd-source") {
            return Err(RenderError::Unsupported(format!(
                "{at}: in-repository source overrides are not supported yet"
            )));
        }
        if !is_manifest_name(name) {
            return Ok(());
        }
        self.files += 1;
        self.bytes += entry.size;
        if self.files > self.limits.files {
            return Err(limit("the number of manifest files".into(), self.limits.files as u64));
        }
        if self.bytes > self.limits.bytes {
            return Err(limit(format!("the size of all manifest files, reached at {at},"), self.limits.bytes));
        }
        let bytes = self.tree.read(at, self.limits.bytes)?;
        let text = String::from_utf8(bytes).map_err(|_| RenderError::NotText { file: at.to_string() })?;
        if text.contains(SKIP_MARK) { Ok(()) } else { self.documents(at, &text) }
    }

    fn documents(&mut self, at: &TreePath, text: &str) -> Result<(), RenderError> {
        let limits = windlass_yaml::Limits { bytes: self.limits.bytes as usize, ..Default::default() };
        let documents = windlass_yaml::documents(text, &limits)
            .map_err(|error| RenderError::Yaml { file: at.to_string(), error })?;
        for document in documents {
            for duplicate in &document.duplicates {
                self.warnings.push(format!(
                    "{at}, line {}: {} stands twice; the last one counts",
                    duplicate.line, duplicate.path
                ));
            }
            self.object(at, document.line, document.value)?;
        }
        Ok(())
    }

    fn object(&mut self, at: &TreePath, line: usize, value: Value) -> Result<(), RenderError> {
        if !looks_like_object(&value) {
            self.warnings.push(format!("{at}, line {line}: has no apiVersion and kind and is ignored"));
            return Ok(());
        }
        if let Some(items) = list_items(&value) {
            for item in items {
                self.object(at, line, item.clone())?;
            }
            return Ok(());
        }
        if value.pointer("/metadata/name").is_none() && value.pointer("/metadata/generateName").is_some() {
            return Err(RenderError::Unsupported(format!(
                "{at}, line {line}: metadata.generateName is not supported yet; give a name"
            )));
        }
        let manifest =
            canonicalize(value).map_err(|error| RenderError::Manifest { file: at.to_string(), line, error })?;
        if self.objects.len() >= self.limits.objects {
            return Err(limit("the number of objects".into(), self.limits.objects as u64));
        }
        if let Some(earlier) = self.objects.insert(manifest.key.clone(), manifest) {
            self.repeated.push(earlier.key);
        }
        Ok(())
    }
}

fn limit(what: String, limit: u64) -> RenderError {
    RenderError::Limit { what, limit }
}

fn is_manifest_name(name: &str) -> bool {
    [".yaml", ".yml", ".json"].iter().any(|ending| name.ends_with(ending))
}

/// Values files and the like lie beside manifests; Argo CD passes over what has neither.
fn looks_like_object(value: &Value) -> bool {
    value.is_object() && value.get("apiVersion").is_some() && value.get("kind").is_some()
}

fn list_items(value: &Value) -> Option<&Vec<Value>> {
    let kind = value.get("kind")?.as_str()?;
    if kind.ends_with("List") { value.get("items")?.as_array() } else { None }
}

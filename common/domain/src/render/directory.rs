//! A directory of plain YAML and JSON.

use std::collections::BTreeMap;

use serde_json::Value;
use windlass_query::Glob;

use super::{Limits, RenderError, Rendered};
use crate::application::DirectoryOptions;
use crate::canonical::canonicalize;
use crate::manifest::{Manifest, ResourceKey};
use crate::source::{Entry, EntryKind, SourceTree, TreePath};

/// A file with this anywhere in it is not read as manifests (Argo CD).
const SKIP_MARK: &str = "+argocd:skip-file-rendering";

/// Which files are read, by their path below the source's. As in Argo CD, `exclude` is asked first, and without a separator: `*` crosses `/`.
struct Selection {
    recurse: bool,
    include: Option<Glob>,
    exclude: Option<Glob>,
}

struct Reader<'a> {
    tree: &'a dyn SourceTree,
    limits: &'a Limits,
    selection: Selection,
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
    let mut reader = Reader {
        tree,
        limits,
        selection: Selection::parse(options)?,
        files: 0,
        bytes: 0,
        objects: BTreeMap::new(),
        warnings: vec![],
        repeated: vec![],
    };
    reader.directory(path, "", 0)?;
    if reader.files == 0 && !options.include.is_empty() {
        reader.warnings.push(format!("spec.source.directory.include {:?} takes no file below {path}", options.include));
    }
    Ok(Rendered {
        manifests: reader.objects.into_values().collect(),
        complete: true,
        warnings: reader.warnings,
        repeated: reader.repeated,
        reads: Default::default(),
    })
}

// === impl Selection ===

impl Selection {
    fn parse(options: &DirectoryOptions) -> Result<Self, RenderError> {
        Ok(Self {
            recurse: options.recurse,
            include: glob("spec.source.directory.include", &options.include)?,
            exclude: glob("spec.source.directory.exclude", &options.exclude)?,
        })
    }

    fn takes(&self, below: &str) -> bool {
        !self.exclude.as_ref().is_some_and(|glob| glob.is_match(below))
            && self.include.as_ref().is_none_or(|glob| glob.is_match(below))
    }
}

/// Argo CD passes over a glob that it cannot read, and so takes too much or nothing at all; here it is an error.
fn glob(field: &'static str, pattern: &str) -> Result<Option<Glob>, RenderError> {
    if pattern.is_empty() {
        return Ok(None);
    }
    match Glob::gobwas(pattern, None) {
        Ok(glob) => Ok(Some(glob)),
        Err(error) => Err(RenderError::Field { field, problem: error.to_string() }),
    }
}

// === impl Reader ===

impl Reader<'_> {
    /// `below` is the path from the source's directory, with a `/` behind; empty for that directory itself.
    fn directory(&mut self, path: &TreePath, below: &str, depth: usize) -> Result<(), RenderError> {
        if depth > self.limits.depth {
            return Err(limit(format!("directory depth at {path}"), self.limits.depth as u64));
        }
        for entry in self.tree.list(path)? {
            let at = path.join(&entry.name);
            let below = format!("{below}{}", entry.name);
            match entry.kind {
                EntryKind::File => self.file(&at, &below, &entry)?,
                EntryKind::Directory if self.selection.recurse => {
                    self.directory(&at, &format!("{below}/"), depth + 1)?;
                }
                EntryKind::Symlink if is_manifest_name(&entry.name) && self.selection.takes(&below) => {
                    let problem = "is a symbolic link; links are not followed: put the file itself here";
                    return Err(RenderError::Unsupported(format!("{at} {problem}")));
                }
                EntryKind::Directory | EntryKind::Symlink | EntryKind::Submodule => {}
            }
        }
        Ok(())
    }

    fn file(&mut self, at: &TreePath, below: &str, entry: &Entry) -> Result<(), RenderError> {
        let name = entry.name.as_str();
        if name.starts_with(".argocd-source") {
            return Err(RenderError::Unsupported(format!(
                "{at}: in-repository source overrides are not supported yet"
            )));
        }
        let jsonnet = name.ends_with(".jsonnet");
        if !(jsonnet || is_manifest_name(name)) || !self.selection.takes(below) {
            return Ok(());
        }
        if jsonnet {
            return Err(RenderError::Unsupported(format!("{at}: Jsonnet is not supported yet")));
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
        let documents = windlass_yaml::documents(text, &limits).map_err(|error| unreadable(at, text, error))?;
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

/// The parser's words may quote what they are about.
fn unreadable(at: &TreePath, text: &str, error: windlass_yaml::Error) -> RenderError {
    let file = at.to_string();
    if text.contains("Secret") {
        return RenderError::SecretYaml { file, line: error.line, column: error.column };
    }
    RenderError::Yaml { file, error }
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

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
/// What stands in place of a file that Git LFS keeps elsewhere.
const LFS_POINTER: &str = "version https://git-lfs.github.com/spec/";
/// Links that lead to links.
const LINKS: usize = 8;

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

    /// Whether nothing below a directory would be read, as far as `exclude` says.
    fn excludes_below(&self, below: &str) -> bool {
        let all = |glob: &Glob| glob.is_match(&format!("{below}/x.yaml")) || glob.is_match(below);
        self.exclude.as_ref().is_some_and(all)
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
                    let target = self.follow(&at)?;
                    self.manifests(&at, &target, 0)?;
                }
                EntryKind::Submodule if self.selection.recurse && !self.selection.excludes_below(&below) => {
                    return Err(RenderError::Unsupported(format!(
                        "{at} is a git submodule, whose files are not fetched: put them into this repository, or leave it out with spec.source.directory.exclude {:?}",
                        format!("{below}/*")
                    )));
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
        self.manifests(at, at, entry.size)
    }

    /// The file that a link leads to, inside the repository; other links may be in between, not links to directories.
    fn follow(&self, link: &TreePath) -> Result<TreePath, RenderError> {
        let mut at = link.clone();
        for _ in 0..LINKS {
            let target = self.tree.read_link(&at)?;
            at = at.parent().resolve(&target).map_err(|_| {
                RenderError::Unsupported(format!(
                    "{link} is a symbolic link that leaves the repository: put the file itself here"
                ))
            })?;
            match self
                .tree
                .list(&at.parent())?
                .iter()
                .find(|entry| entry.name == at.file_name())
                .map(|entry| entry.kind)
            {
                Some(EntryKind::Symlink) => {}
                Some(EntryKind::File) => return Ok(at),
                _ => {
                    let problem = format!("is a symbolic link to {at}, where no file stands: put the file itself here");
                    return Err(RenderError::Unsupported(format!("{link} {problem}")));
                }
            }
        }
        Err(RenderError::Unsupported(format!(
            "{link} is a symbolic link behind which more than {LINKS} links follow each other"
        )))
    }

    /// `size` is what the listing says; a link's file is known when it is read.
    fn manifests(&mut self, at: &TreePath, file: &TreePath, size: u64) -> Result<(), RenderError> {
        self.files += 1;
        if self.files > self.limits.files {
            return Err(limit("the number of manifest files".into(), self.limits.files as u64));
        }
        let too_large =
            |limits: &Limits| limit(format!("the size of all manifest files, reached at {at},"), limits.bytes);
        if self.bytes + size > self.limits.bytes {
            return Err(too_large(self.limits));
        }
        let bytes = self.tree.read(file, self.limits.bytes)?;
        self.bytes += bytes.len() as u64;
        if self.bytes > self.limits.bytes {
            return Err(too_large(self.limits));
        }
        if bytes.starts_with(LFS_POINTER.as_bytes()) {
            return Err(RenderError::Unsupported(format!(
                "{at} is kept in Git LFS, which is not fetched: commit the file itself (git lfs untrack)"
            )));
        }
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

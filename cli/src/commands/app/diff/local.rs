//! Manifests of this machine: a file of them, or an application's directory, rendered as the hub would render it from git.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow, bail, ensure};
use serde_json::Value;
use windlass_domain::application::{ApplicationManifest, ApplicationSpec};
use windlass_domain::render::{self, Limits, RenderError};
use windlass_domain::source::{Entry, EntryKind, Reads, SourceError, SourceTree, TreePath};
use windlass_yaml::documents;

/// Most bytes of manifests that are sent.
const MOST: u64 = 8 << 20;

/// A folder of this machine as if it were a commit.
struct Folder {
    root: PathBuf,
}

/// Every object of a file, whatever the application's source is.
pub(super) fn of_file(file: &Path) -> anyhow::Result<Vec<Value>> {
    let name = file.display().to_string();
    let mut text = String::new();
    let opened = std::fs::File::open(file).with_context(|| name.clone())?;
    opened.take(MOST + 1).read_to_string(&mut text).with_context(|| name.clone())?;
    ensure!(text.len() as u64 <= MOST, "{name}: has more than {} MiB", MOST >> 20);
    let read = documents(&text, &windlass_yaml::Limits::default());
    let read = read.map_err(|e| anyhow!("{name}, line {}, column {}: {}", e.line, e.column, e.kind))?;
    let mut found = Vec::new();
    for document in read {
        match document.value.get("items").and_then(Value::as_array) {
            Some(items) => found.extend(items.iter().cloned()),
            None if document.value.get("kind").is_some() => found.push(document.value),
            None => {}
        }
    }
    ensure!(!found.is_empty(), "{name}: holds no manifest");
    Ok(found)
}

/// What the hub would make of a directory, as the source of this application: by its own rules of what is read. `root` is what its paths may not leave.
pub(super) fn of_directory(directory: &Path, root: Option<&Path>, application: &Value) -> anyhow::Result<Vec<Value>> {
    let spec = ApplicationManifest::parse(application).context("the hub's answer")?.spec;
    let root = root.unwrap_or(directory);
    let inside = within(directory, root)?;
    let rendered = render::render(&Folder { root: root.to_owned() }, &at(spec, &inside), &Limits::default());
    let rendered = rendered.map_err(|error| match error {
        RenderError::Unsupported(why) => {
            anyhow!("{why}; render it yourself and give the result as a file: --local manifests.yaml")
        }
        other => anyhow!("{other}"),
    })?;
    ensure!(
        !rendered.manifests.is_empty(),
        "{}: holds no manifest that the application would read",
        directory.display()
    );
    Ok(rendered.manifests.into_iter().map(|manifest| manifest.value).collect())
}

/// The path of a directory below another, as git writes it.
fn within(directory: &Path, root: &Path) -> anyhow::Result<String> {
    let real = |path: &Path| path.canonicalize().with_context(|| path.display().to_string());
    let (directory, root) = (real(directory)?, real(root)?);
    let inside = directory.strip_prefix(&root);
    let inside = inside.map_err(|_| anyhow!("{} is not below {}", directory.display(), root.display()))?;
    let parts: Option<Vec<&str>> = inside.components().map(|part| part.as_os_str().to_str()).collect();
    Ok(parts.with_context(|| format!("{}: its name is no UTF-8", directory.display()))?.join("/"))
}

/// The application with its one source there.
fn at(mut spec: ApplicationSpec, path: &str) -> ApplicationSpec {
    for source in spec.source.iter_mut().chain(spec.sources.iter_mut()) {
        path.clone_into(&mut source.path);
    }
    spec
}

// === impl Folder ===

impl Folder {
    fn file(&self, path: &TreePath) -> PathBuf {
        path.as_str().split('/').filter(|part| !part.is_empty()).fold(self.root.clone(), |file, part| file.join(part))
    }

    fn failed(path: &TreePath, error: &std::io::Error) -> SourceError {
        match error.kind() {
            std::io::ErrorKind::NotFound => SourceError::NotFound(path.to_string()),
            _ => SourceError::Backend { path: path.to_string(), cause: error.to_string() },
        }
    }

    fn wrong(path: &TreePath, metadata: &std::fs::Metadata, wanted: &'static str) -> SourceError {
        let found = if metadata.is_dir() { "a directory" } else { "a file" };
        SourceError::WrongKind { path: path.to_string(), found, wanted }
    }
}

impl SourceTree for Folder {
    fn list(&self, directory: &TreePath) -> Result<Vec<Entry>, SourceError> {
        let (place, failed) = (self.file(directory), |error: std::io::Error| Self::failed(directory, &error));
        let metadata = place.metadata().map_err(failed)?;
        if !metadata.is_dir() {
            return Err(Self::wrong(directory, &metadata, "a directory"));
        }
        let mut entries = Vec::new();
        for entry in std::fs::read_dir(place).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            // Not followed: whoever reads decides about links.
            let metadata = entry.metadata().map_err(failed)?;
            let kind = match metadata.file_type() {
                kind if kind.is_symlink() => EntryKind::Symlink,
                kind if kind.is_dir() => EntryKind::Directory,
                kind if kind.is_file() => EntryKind::File,
                // A socket or a pipe is nothing that a commit can hold.
                _ => continue,
            };
            let Ok(name) = entry.file_name().into_string() else { continue };
            if name == ".git" {
                continue;
            }
            entries.push(Entry { name, kind, size: if kind == EntryKind::File { metadata.len() } else { 0 } });
        }
        entries.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(entries)
    }

    fn read(&self, file: &TreePath, limit: u64) -> Result<Vec<u8>, SourceError> {
        let (place, failed) = (self.file(file), |error: std::io::Error| Self::failed(file, &error));
        let metadata = place.metadata().map_err(failed)?;
        if !metadata.is_file() {
            return Err(Self::wrong(file, &metadata, "a file"));
        }
        if metadata.len() > limit {
            return Err(SourceError::TooLarge { path: file.to_string(), size: metadata.len(), limit });
        }
        let mut bytes = Vec::new();
        // It may grow meanwhile.
        std::fs::File::open(place).map_err(failed)?.take(limit).read_to_end(&mut bytes).map_err(failed)?;
        Ok(bytes)
    }

    fn read_link(&self, link: &TreePath) -> Result<String, SourceError> {
        let target = std::fs::read_link(self.file(link)).map_err(|error| Self::failed(link, &error))?;
        target.into_os_string().into_string().map_err(|_| SourceError::NotFound(link.to_string()))
    }

    fn reads(&self) -> Reads {
        Reads::new()
    }
}

/// A file or a directory.
pub(super) fn manifests(path: &Path, root: Option<&Path>, application: &Value) -> anyhow::Result<Vec<Value>> {
    if path.is_dir() {
        return of_directory(path, root, application);
    }
    if root.is_some() {
        bail!("--local-repo-root is for a directory, and {} is a file", path.display());
    }
    of_file(path)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn application(source: Value) -> Value {
        json!({
            "apiVersion": "argoproj.io/v1alpha1", "kind": "Application",
            "metadata": { "name": "web", "namespace": "argocd" },
            "spec": { "project": "default", "source": source, "destination": { "name": "eu-1", "namespace": "web" } },
        })
    }

    fn map(name: &str) -> String {
        format!("apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {name}\n")
    }

    struct Removed(PathBuf);

    impl Drop for Removed {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }

    fn names(found: anyhow::Result<Vec<Value>>) -> Result<Vec<String>, String> {
        let name = |object: &Value| object["metadata"]["name"].as_str().unwrap_or_default().to_owned();
        found.map(|all| all.iter().map(name).collect()).map_err(|error| format!("{error:#}"))
    }

    #[test]
    fn a_directory_is_read_by_the_applications_own_rules() {
        let base = std::env::temp_dir().join(format!("windlass-local-diff-{}", std::process::id()));
        let _removed = Removed(base.clone());
        for (file, text) in [
            ("a.yaml", map("a")),
            ("b.txt", map("b")),
            ("sub/c.yml", map("c")),
            ("sub/dev.yaml", map("dev")),
            ("skipped.yaml", format!("# +argocd:skip-file-rendering\n{}", map("skipped"))),
            (
                "list.json",
                json!({ "apiVersion": "v1", "kind": "List", "items": [
                { "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": "listed" } }] })
                .to_string(),
            ),
        ] {
            let file = base.join(file);
            std::fs::create_dir_all(file.parent().expect("a folder")).expect("made");
            std::fs::write(file, text).expect("written");
        }
        let read = |directory: Value| {
            let source = json!({ "repoURL": "https://git.example/web", "path": "deploy", "directory": directory });
            names(manifests(&base, None, &application(source)))
        };
        let own = |all: &[&str]| Ok(all.iter().map(|one| (*one).to_owned()).collect::<Vec<_>>());
        assert_eq!(read(json!({})), own(&["a", "listed"]));
        assert_eq!(read(json!({ "recurse": true })), own(&["a", "c", "dev", "listed"]));
        assert_eq!(read(json!({ "recurse": true, "exclude": "*dev.yaml" })), own(&["a", "c", "listed"]));
        assert_eq!(read(json!({ "include": "a.*" })), own(&["a"]));
        let helm = json!({ "repoURL": "https://git.example/web", "path": "deploy", "helm": { "releaseName": "web" } });
        let refused = names(manifests(&base, None, &application(helm))).expect_err("it is no directory");
        assert!(refused.contains("render it yourself"), "{refused}");
        assert_eq!(names(manifests(&base.join("b.txt"), None, &Value::Null)), own(&["b"]), "a file is a file");
        let plain = application(json!({ "repoURL": "https://git.example/web", "path": "deploy" }));
        let outside =
            names(manifests(&base, Some(&base.join("sub")), &plain)).expect_err("a directory outside of its root");
        assert!(outside.contains("not below"), "{outside}");
    }
}

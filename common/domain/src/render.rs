//! From a commit's files to manifests: pure, deterministic, bounded.
//!
//! This version renders directories of plain YAML and JSON by Kubernetes' own YAML rules. What Argo CD would render otherwise (Helm, Kustomize, Jsonnet,
//! plugins, several sources, hydration) is recognised as Argo CD recognises it, and refused by name instead of being rendered wrongly.

use crate::application::{ApplicationSource, ApplicationSpec};
use crate::canonical::ManifestError;
use crate::manifest::{Manifest, ResourceKey};
use crate::source::{Reads, SourceError, SourceTree, TreePath};

mod detect;
mod directory;
mod unsupported;

pub use detect::{SourceType, detect};

/// Part of every compile's fingerprint: a build that renders otherwise has another one.
pub const RENDERER_VERSION: u32 = 2;

/// What a render may cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of one directory source in all (Argo CD: 10 MiB).
    pub bytes: u64,
    /// Files read.
    pub files: usize,
    /// Objects made.
    pub objects: usize,
    /// Levels of directories.
    pub depth: usize,
}

/// What a render made.
#[derive(Debug, Clone, PartialEq)]
pub struct Rendered {
    /// Manifests in canonical form, by key ascending; keys are unique.
    pub manifests: Vec<Manifest>,
    /// Whether everything that was asked for was there; only then may anything be pruned.
    pub complete: bool,
    /// What the author should know: (file and line, what).
    pub warnings: Vec<String>,
    /// Objects that the source has several times; the last one counts, as in Argo CD.
    pub repeated: Vec<ResourceKey>,
    /// Everything that was read.
    pub reads: Reads,
}

/// Why there is no render. The last good state stays.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum RenderError {
    /// A feature that this version does not have.
    #[error("{0}")]
    Unsupported(String),
    /// A field of the source cannot be read.
    #[error("{field}: {problem}")]
    Field {
        /// The field's path in the application.
        field: &'static str,
        /// What is wrong, and what would be right.
        problem: String,
    },
    /// The tree has no answer.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// A file is no YAML.
    #[error("{file}: {error}")]
    Yaml {
        /// The file's path in the repository.
        file: String,
        /// Line, column and problem.
        error: windlass_yaml::Error,
    },
    /// A file that may hold a Secret is no YAML: where, and not what stands there.
    #[error(
        "{file}: line {line}, column {column}: is not valid YAML; what stands there is not shown, because the file may hold a Secret"
    )]
    SecretYaml {
        /// The file's path in the repository.
        file: String,
        /// Where.
        line: usize,
        /// Where.
        column: usize,
    },
    /// A file is no text.
    #[error("{file}: is not UTF-8 text")]
    NotText {
        /// The file's path in the repository.
        file: String,
    },
    /// An object cannot be applied.
    #[error("{file}, line {line}: {error}")]
    Manifest {
        /// The file's path in the repository.
        file: String,
        /// Where its document begins.
        line: usize,
        /// What is wrong.
        error: ManifestError,
    },
    /// Too much.
    #[error("{what} exceeds the limit of {limit}; split the application, or raise the limit")]
    Limit {
        /// What was counted, and where.
        what: String,
        /// The limit.
        limit: u64,
    },
}

/// Renders the source of an application.
pub fn render(tree: &dyn SourceTree, spec: &ApplicationSpec, limits: &Limits) -> Result<Rendered, RenderError> {
    unsupported::refuse_in_spec(spec)?;
    let source = single_source(spec)?;
    let path = TreePath::parse(&source.path)?;
    match detect(tree, &path, source)? {
        SourceType::Directory => {}
        other => {
            return Err(RenderError::Unsupported(format!(
                "{}: {other} sources are not supported yet",
                describe(source)
            )));
        }
    }
    let mut rendered = directory::render(tree, &path, &source.directory.clone().unwrap_or_default(), limits)?;
    refuse_applications(&rendered.manifests)?;
    rendered.reads = tree.reads();
    Ok(rendered)
}

/// The one source of an application, with Argo CD's precedence: hydrator, then `sources`, then `source`.
pub fn single_source(spec: &ApplicationSpec) -> Result<&ApplicationSource, RenderError> {
    let unsupported = |what: &str| Err(RenderError::Unsupported(format!("{what} is not supported yet")));
    if spec.source_hydrator.is_some() {
        return unsupported("spec.sourceHydrator");
    }
    match (spec.sources.as_slice(), &spec.source) {
        ([], Some(source)) | ([source], _) => Ok(source),
        ([], None) => Err(RenderError::Unsupported("spec.source is missing: give repoURL and path".into())),
        (several, _) => unsupported(&format!("spec.sources with {} entries", several.len())),
    }
}

fn describe(source: &ApplicationSource) -> String {
    if source.chart.is_empty() { format!("path {:?}", source.path) } else { format!("chart {:?}", source.chart) }
}

// === impl Limits ===

impl Default for Limits {
    fn default() -> Self {
        Self { bytes: 10 << 20, files: 20_000, objects: 20_000, depth: 64 }
    }
}

// === impl RenderError ===

impl RenderError {
    /// Only where the repository could not be read.
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::Source(error) if error.is_retryable())
    }
}

/// Applying an application as an ordinary object would be worse than not applying it.
fn refuse_applications(manifests: &[Manifest]) -> Result<(), RenderError> {
    let is_application = |manifest: &&Manifest| {
        manifest.key.group == "argoproj.io"
            && matches!(manifest.key.kind.as_str(), "Application" | "AppProject" | "ApplicationSet")
    };
    match manifests.iter().find(is_application) {
        Some(manifest) => Err(RenderError::Unsupported(format!(
            "{}: applications that render applications are not supported yet",
            manifest.key
        ))),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests;

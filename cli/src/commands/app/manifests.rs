//! Reading Applications from files, by Kubernetes' own YAML rules.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::Args;
use serde_json::Value;
use windlass_domain::application::ApplicationManifest;
use windlass_yaml::{Limits, documents};

use crate::output;

#[derive(Args)]
pub(super) struct FileArgs {
    /// File with Applications (YAML or JSON, several documents are fine); `-` is stdin; may repeat.
    #[arg(short = 'f', long = "file", value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
}

/// One Application of a file.
pub(super) struct Document {
    pub(super) manifest: ApplicationManifest,
    /// As it stands in the file.
    pub(super) value: Value,
}

impl FileArgs {
    /// Every Application of every file. Nothing is returned when one of them is wrong, so that nothing is half done.
    pub(super) fn read(&self) -> anyhow::Result<Vec<Document>> {
        let mut found = Vec::new();
        for file in &self.files {
            read_file(file, &mut found).with_context(|| file.display().to_string())?;
        }
        if found.is_empty() {
            bail!("no Application found; give files of kind Application");
        }
        Ok(found)
    }
}

/// The header that says what a write did.
pub(super) const OUTCOME: &str = "x-windlass-outcome";

/// What a write did, in kubectl's words.
pub(super) fn word(outcome: &str) -> &str {
    match outcome {
        "changed" => "configured",
        "" => "applied",
        other => other,
    }
}

fn read_file(file: &Path, found: &mut Vec<Document>) -> anyhow::Result<()> {
    let text =
        if file == Path::new("-") { std::io::read_to_string(std::io::stdin()) } else { std::fs::read_to_string(file) };
    for document in documents(&text.context("cannot be read")?, &Limits::default())? {
        for duplicate in &document.duplicates {
            output::note(&format!(
                "warning: {}:{}: {} stands more than once; the last one counts",
                file.display(),
                duplicate.line,
                duplicate.path
            ));
        }
        for value in items(document.value) {
            let manifest = ApplicationManifest::parse(&value).with_context(|| format!("line {}", document.line))?;
            found.push(Document { manifest, value });
        }
    }
    Ok(())
}

/// The members of a `List`, or the document itself.
fn items(value: Value) -> Vec<Value> {
    match (value["kind"].as_str(), value["items"].as_array()) {
        (Some("List" | "ApplicationList"), Some(items)) => items.clone(),
        _ => vec![value],
    }
}

//! Objects from files: YAML or JSON, many documents, Lists taken apart.

use std::io::Read as _;
use std::path::Path;

use anyhow::Context as _;
use serde_json::Value;
use windlass_domain::objects;

/// The most bytes of one file; more is no manifest.
pub const MAX_BYTES: usize = 64 << 20;

/// Reads every object of a file, in order; `-` is standard input. What is no Kubernetes object is an error that names the file and the line.
pub fn read(path: &Path) -> anyhow::Result<Vec<Value>> {
    let name = name_of(path);
    let text = text_of(path).with_context(|| name.clone())?;
    let objects = objects::read(&text, MAX_BYTES).with_context(|| name)?;
    Ok(objects.into_iter().map(|object| object.value).collect())
}

/// What a file is called in messages.
pub fn name_of(path: &Path) -> String {
    if path == Path::new("-") { "standard input".into() } else { path.display().to_string() }
}

/// The text of a file of at most [`MAX_BYTES`] and one more, by which it is seen that it is too large.
pub fn text_of(path: &Path) -> std::io::Result<String> {
    let mut text = String::new();
    let most = MAX_BYTES as u64 + 1;
    if path == Path::new("-") {
        std::io::stdin().lock().take(most).read_to_string(&mut text)?;
    } else {
        std::fs::File::open(path)?.take(most).read_to_string(&mut text)?;
    }
    Ok(text)
}

//! Objects from files: YAML or JSON, many documents, Lists taken apart.

use std::io::Read as _;
use std::path::Path;

use anyhow::{Context as _, bail};
use serde_json::Value;
use windlass_domain::objects;

/// The most bytes of one file; more is no manifest.
const MAX_BYTES: usize = 64 << 20;

/// Reads every object of a file, in order; `-` is standard input. What is no Kubernetes object is an error that names the file and the line.
pub fn read(path: &Path) -> anyhow::Result<Vec<Value>> {
    let (name, text) = text_of(path)?;
    let objects = objects::read(&text, MAX_BYTES).with_context(|| name)?;
    Ok(objects.into_iter().map(|object| object.value).collect())
}

fn text_of(path: &Path) -> anyhow::Result<(String, String)> {
    let mut text = String::new();
    let (name, reader): (String, Box<dyn std::io::Read>) = if path == Path::new("-") {
        ("standard input".into(), Box::new(std::io::stdin()))
    } else {
        let name = path.display().to_string();
        let file = std::fs::File::open(path).with_context(|| name.clone())?;
        (name, Box::new(file))
    };
    let read = reader.take(MAX_BYTES as u64 + 1).read_to_string(&mut text).with_context(|| name.clone())?;
    if read > MAX_BYTES {
        bail!("{name}: more than {} MiB", MAX_BYTES >> 20);
    }
    Ok((name, text))
}

//! The OCI image layout (image-spec v1.1) of one image of one layer, as one archive: what `ctr images import`,
//! `podman load`, `skopeo copy oci-archive:` and `docker load` read.

use std::io::{BufWriter, Write as _};
use std::path::Path;

use anyhow::{Context as _, Result};
use flate2::{Compression, GzBuilder};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::layer::Layer;
use crate::tar::{Archive, Kind};

/// Nothing in an image says when it was made.
const CREATED: &str = "1970-01-01T00:00:00Z";

/// An image: a name, a file system and how it is run.
#[derive(Debug, Clone)]
pub struct Image {
    /// As a Pod names it: `localhost/windlass-agent:0.1.0`.
    pub name: String,
    /// Everything in it.
    pub layer: Layer,
    /// The program and its first arguments.
    pub entrypoint: Vec<String>,
    /// `NAME=value`.
    pub environment: Vec<String>,
    /// `UID:GID`.
    pub user: String,
    /// Where the program starts.
    pub working_directory: String,
    /// Annotations of the image (`org.opencontainers.image.*`).
    pub labels: Vec<(String, String)>,
}

/// Whether the layer is compressed, which a registry wants and a test on this machine does not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layers {
    /// gzip.
    Compressed,
    /// As it is.
    Plain,
}

/// What was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// `sha256:…` of the manifest, which is what a registry and a Pod call the image's digest.
    pub digest: String,
    /// Bytes of the layer as it is stored.
    pub stored: usize,
    /// Bytes of the layer unpacked.
    pub unpacked: usize,
}

struct Blob {
    digest: String,
    bytes: Vec<u8>,
}

// === impl Image ===

impl Image {
    /// Writes the layout to a file, which is replaced.
    ///
    /// # Errors
    /// A path that is too long, or a file that cannot be written.
    pub fn write(&self, layers: Layers, path: &Path) -> Result<Written> {
        let plain = self.layer.to_tar().with_context(|| format!("the layer of {}", self.name))?;
        let (diff_id, unpacked) = (digest(&plain), plain.len());
        let (media_type, layer) = match layers {
            Layers::Plain => ("application/vnd.oci.image.layer.v1.tar", Blob::new(plain)),
            Layers::Compressed => ("application/vnd.oci.image.layer.v1.tar+gzip", Blob::new(gzip(&plain)?)),
        };
        let config = Blob::json(&self.config(&diff_id))?;
        let manifest = Blob::json(&json!({
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": config.descriptor("application/vnd.oci.image.config.v1+json"),
            "layers": [layer.descriptor(media_type)],
        }))?;
        let written = Written { digest: manifest.digest.clone(), stored: layer.bytes.len(), unpacked };
        let index = self.index(&manifest);
        write(path, &index, &[manifest, config, layer]).with_context(|| format!("writing {}", path.display()))?;
        Ok(written)
    }

    fn config(&self, diff_id: &str) -> Value {
        let labels: serde_json::Map<String, Value> =
            self.labels.iter().map(|(key, value)| (key.clone(), json!(value))).collect();
        json!({
            "architecture": architecture(),
            "os": "linux",
            "created": CREATED,
            "config": {
                "User": self.user,
                "Env": self.environment,
                "Entrypoint": self.entrypoint,
                "WorkingDir": self.working_directory,
                "Labels": labels,
            },
            "rootfs": { "type": "layers", "diff_ids": [diff_id] },
            "history": [{ "created": CREATED, "created_by": "windlass-images" }],
        })
    }

    /// The image's name stands in the annotation that containerd reads, its tag in the standard one.
    fn index(&self, manifest: &Blob) -> Value {
        let mut descriptor = manifest.descriptor("application/vnd.oci.image.manifest.v1+json");
        let tag = self.name.rsplit('/').next().and_then(|last| last.split_once(':')).map_or("latest", |(_, tag)| tag);
        descriptor["platform"] = json!({ "architecture": architecture(), "os": "linux" });
        descriptor["annotations"] =
            json!({ "io.containerd.image.name": self.name, "org.opencontainers.image.ref.name": tag });
        json!({
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.index.v1+json",
            "manifests": [descriptor],
        })
    }
}

// === impl Blob ===

impl Blob {
    fn new(bytes: Vec<u8>) -> Self {
        Self { digest: digest(&bytes), bytes }
    }

    /// Keys of a `serde_json` map are sorted, so that the bytes are the same each time.
    fn json(value: &Value) -> Result<Self> {
        Ok(Self::new(serde_json::to_vec(value)?))
    }

    fn descriptor(&self, media_type: &str) -> Value {
        json!({ "mediaType": media_type, "digest": self.digest, "size": self.bytes.len() })
    }
}

fn write(path: &Path, index: &Value, blobs: &[Blob]) -> Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    // Beside its place and then moved: a reader never sees half an image.
    let unfinished = path.with_extension("unfinished");
    let mut archive = Archive::new(BufWriter::new(std::fs::File::create(&unfinished)?));
    archive.append("oci-layout", 0o644, 0, Kind::File(br#"{"imageLayoutVersion":"1.0.0"}"#))?;
    archive.append("index.json", 0o644, 0, Kind::File(&serde_json::to_vec(index)?))?;
    archive.append("blobs/", 0o755, 0, Kind::Directory)?;
    archive.append("blobs/sha256/", 0o755, 0, Kind::Directory)?;
    for blob in blobs {
        let name = blob.digest.trim_start_matches("sha256:");
        archive.append(&format!("blobs/sha256/{name}"), 0o644, 0, Kind::File(&blob.bytes))?;
    }
    archive.finish()?.flush()?;
    std::fs::rename(&unfinished, path)?;
    Ok(())
}

fn gzip(bytes: &[u8]) -> Result<Vec<u8>> {
    let mut encoder = GzBuilder::new().mtime(0).write(Vec::new(), Compression::new(6));
    encoder.write_all(bytes)?;
    Ok(encoder.finish()?)
}

fn digest(bytes: &[u8]) -> String {
    let hash = Sha256::digest(bytes);
    let digits: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{digits}")
}

/// This machine's architecture as Go, and with it every registry, says it.
fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image(layer: Layer) -> Image {
        Image {
            name: "localhost/thing:1.2".to_owned(),
            layer,
            entrypoint: vec!["/usr/bin/thing".to_owned()],
            environment: vec!["HOME=/".to_owned()],
            user: "65532:65532".to_owned(),
            working_directory: "/".to_owned(),
            labels: vec![("org.opencontainers.image.title".to_owned(), "thing".to_owned())],
        }
    }

    fn layer(message: &str) -> Layer {
        let mut layer = Layer::default();
        layer.file("/usr/bin/thing", 0o755, message.as_bytes());
        layer
    }

    #[test]
    fn the_same_input_is_the_same_image_and_another_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let paths = ["one", "two", "other"].map(|name| folder.path().join(name));
        for layers in [Layers::Compressed, Layers::Plain] {
            let one = image(layer("hello")).write(layers, &paths[0]).unwrap();
            let two = image(layer("hello")).write(layers, &paths[1]).unwrap();
            let other = image(layer("hullo")).write(layers, &paths[2]).unwrap();
            assert_eq!(one, two);
            assert_eq!(std::fs::read(&paths[0]).unwrap(), std::fs::read(&paths[1]).unwrap());
            assert_ne!(one.digest, other.digest);
        }
    }

    #[test]
    fn every_descriptor_names_a_blob_of_its_digest_and_size() {
        let folder = tempfile::tempdir().unwrap();
        let (path, unpacked) = (folder.path().join("image.tar"), folder.path().join("unpacked"));
        let written = image(layer("hello")).write(Layers::Compressed, &path).unwrap();
        std::fs::create_dir(&unpacked).unwrap();
        let tar = std::process::Command::new("tar").arg("-xf").arg(&path).arg("-C").arg(&unpacked).status().unwrap();
        assert!(tar.success());
        let json = |bytes: &[u8]| serde_json::from_slice::<Value>(bytes).unwrap();
        let blob = |descriptor: &Value| {
            let name = descriptor["digest"].as_str().unwrap();
            let bytes = std::fs::read(unpacked.join("blobs").join(name.replace(':', "/"))).unwrap();
            assert_eq!((digest(&bytes).as_str(), json!(bytes.len())), (name, descriptor["size"].clone()));
            bytes
        };
        let index = json(&std::fs::read(unpacked.join("index.json")).unwrap());
        let entry = &index["manifests"][0];
        assert_eq!(entry["digest"], written.digest);
        assert_eq!(entry["annotations"]["io.containerd.image.name"], "localhost/thing:1.2");
        assert_eq!(entry["annotations"]["org.opencontainers.image.ref.name"], "1.2");
        let manifest = json(&blob(entry));
        let config = json(&blob(&manifest["config"]));
        let mut plain = Vec::new();
        let stored = blob(&manifest["layers"][0]);
        std::io::Read::read_to_end(&mut flate2::read::GzDecoder::new(&stored[..]), &mut plain).unwrap();
        assert_eq!(config["rootfs"]["diff_ids"], json!([digest(&plain)]));
        assert_eq!((stored.len(), plain.len()), (written.stored, written.unpacked));
        assert_eq!(config["config"]["User"], "65532:65532");
    }
}

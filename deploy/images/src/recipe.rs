//! What a program of ours needs around it: what it links, certificates of authorities, time zones, a user and a place to
//! write.

use std::path::Path;

use anyhow::{Context as _, Result};

use crate::layer::Layer;
use crate::layout::Image;
use crate::linked;

/// The user and group that every image runs as.
pub const USER: u32 = 65532;
/// The only directory but `/tmp` that the user may write to; a volume is mounted here.
pub const HOME: &str = "/var/lib/windlass";

const CERTIFICATES: &str = "/etc/ssl/certs/ca-certificates.crt";
/// Where Linux distributions keep the bundle of authorities.
const BUNDLES: [&str; 3] = [CERTIFICATES, "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/ca-bundle.pem"];
const ZONES: &str = "/usr/share/zoneinfo";

/// The image of a program: it is at `/usr/bin/PROGRAM`, alone with what it needs, and runs as [`USER`] in [`HOME`].
///
/// # Errors
/// The program or one of its libraries cannot be read.
pub fn program(program: &Path, name: &str, version: &str) -> Result<Image> {
    let file = program.file_name().and_then(|file| file.to_str());
    let file = file.with_context(|| format!("{} has no name", program.display()))?;
    let mut layer = Layer::default();
    base(&mut layer);
    let inside = format!("/usr/bin/{file}");
    layer.file(&inside, 0o755, read(program)?);
    for library in linked::libraries(program)? {
        // At the path that the loader looked it up by, whatever links this machine has on the way.
        layer.file(&library.to_string_lossy(), 0o755, read(&library)?);
    }
    Ok(Image {
        name: name.to_owned(),
        layer,
        entrypoint: vec![inside],
        environment: vec!["PATH=/usr/bin".to_owned(), format!("HOME={HOME}"), format!("SSL_CERT_FILE={CERTIFICATES}")],
        user: format!("{USER}:{USER}"),
        working_directory: HOME.to_owned(),
        labels: vec![
            ("org.opencontainers.image.title".to_owned(), file.to_owned()),
            ("org.opencontainers.image.version".to_owned(), version.to_owned()),
            ("org.opencontainers.image.licenses".to_owned(), "Apache-2.0".to_owned()),
        ],
    })
}

/// Adds the authorities and time zones of this machine: what a hub needs to reach git servers, and both to read windows.
///
/// Returns what this machine does not have.
///
/// # Errors
/// A file that is there and cannot be read.
pub fn add_machine_data(image: &mut Image) -> Result<Vec<String>> {
    let mut missing = Vec::new();
    match BUNDLES.iter().map(Path::new).find(|path| path.is_file()) {
        Some(bundle) => image.layer.file(CERTIFICATES, 0o644, read(bundle)?),
        None => missing.push("no bundle of certificate authorities (Debian: ca-certificates)".to_owned()),
    }
    if Path::new(ZONES).join("UTC").exists() {
        add_zones(&mut image.layer, Path::new(ZONES))?;
    } else {
        missing.push(format!("no time zones in {ZONES} (Debian: tzdata)"));
    }
    Ok(missing)
}

fn base(layer: &mut Layer) {
    layer.file(
        "/etc/passwd",
        0o644,
        format!("root:x:0:0:root:/:/nologin\nwindlass:x:{USER}:{USER}::{HOME}:/nologin\n"),
    );
    layer.file("/etc/group", 0o644, format!("root:x:0:\nwindlass:x:{USER}:\n"));
    // glibc asks these two, in this order, and nothing else is there to ask.
    layer.file("/etc/nsswitch.conf", 0o644, *b"passwd: files\ngroup: files\nhosts: files dns\n");
    layer.directory("/tmp", 0o1777, 0);
    layer.directory(HOME, 0o700, USER);
}

/// Every zone but the copies with and without leap seconds.
fn add_zones(layer: &mut Layer, folder: &Path) -> Result<()> {
    for entry in std::fs::read_dir(folder).with_context(|| format!("reading {}", folder.display()))? {
        let path = entry.with_context(|| format!("reading {}", folder.display()))?.path();
        let name = path.to_string_lossy().into_owned();
        if matches!(
            path.file_name().and_then(|name| name.to_str()),
            Some("posix" | "right" | "posixrules" | "localtime")
        ) {
            continue;
        }
        match path.is_dir() {
            true => add_zones(layer, &path)?,
            // Through links: a zone is a few kilobytes, and a link may lead out of the folder.
            false => layer.file(&name, 0o644, read(&path)?),
        }
    }
    Ok(())
}

fn read(path: &Path) -> Result<Vec<u8>> {
    std::fs::read(path).with_context(|| format!("reading {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layout::Layers;

    #[test]
    fn a_program_is_made_twice_into_the_same_image() {
        let folder = tempfile::tempdir().unwrap();
        let itself = std::env::current_exe().unwrap();
        let make = |file: &str| {
            let mut image = program(&itself, "localhost/itself:1", "1").unwrap();
            add_machine_data(&mut image).unwrap();
            image.write(Layers::Plain, &folder.path().join(file)).unwrap()
        };
        assert_eq!(make("one.tar"), make("two.tar"));
    }

    #[test]
    fn what_a_program_runs_on_is_in_its_image() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        let image = program(Path::new("/bin/true"), "localhost/true:1", "1").unwrap();
        std::fs::write(root.join("layer.tar"), image.layer.to_tar().unwrap()).unwrap();
        let tar = std::process::Command::new("tar").args(["-xf", "layer.tar"]).current_dir(root).status().unwrap();
        assert!(tar.success());
        assert!(root.join("usr/bin/true").exists() && root.join("tmp").is_dir());
        for library in linked::libraries(Path::new("/bin/true")).unwrap() {
            assert!(root.join(library.strip_prefix("/").unwrap()).exists(), "{}", library.display());
        }
        assert!(std::fs::read_to_string(root.join("etc/passwd")).unwrap().contains("windlass:x:65532:65532"));
    }
}

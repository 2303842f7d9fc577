//! Archives in the `ustar` format of POSIX.1-2001, with every field that could differ between two machines at zero.

use std::io::{self, Write};

const BLOCK: usize = 512;
const NAME: usize = 100;
const PREFIX: usize = 155;

/// What an entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind<'a> {
    /// A file with these bytes.
    File(&'a [u8]),
    /// A directory.
    Directory,
    /// A symbolic link to this target, at most 100 bytes.
    Link(&'a str),
}

/// Writes one entry after the other; [`Archive::finish`] ends it.
pub(crate) struct Archive<W> {
    to: W,
}

// === impl Archive ===

impl<W: Write> Archive<W> {
    pub(crate) fn new(to: W) -> Self {
        Self { to }
    }

    /// Appends an entry of user and group `owner`. The path is relative, without `..`, at most 255 bytes in all, and
    /// splits at a `/` into at most 155 and 100; another one is an error of kind `InvalidInput`.
    pub(crate) fn append(&mut self, path: &str, mode: u32, owner: u32, kind: Kind<'_>) -> io::Result<()> {
        let (flag, contents, link) = match kind {
            Kind::File(contents) => (b'0', contents, ""),
            Kind::Directory => (b'5', &[][..], ""),
            Kind::Link(target) => (b'2', &[][..], target),
        };
        let (prefix, name) = split(path).ok_or_else(|| too_long(path))?;
        if link.len() > NAME {
            return Err(too_long(link));
        }
        let mut header = [0_u8; BLOCK];
        put(&mut header[..NAME], name.as_bytes());
        octal(&mut header[100..108], u64::from(mode));
        octal(&mut header[108..116], u64::from(owner));
        octal(&mut header[116..124], u64::from(owner));
        octal(&mut header[124..136], contents.len() as u64);
        octal(&mut header[136..148], 0);
        put(&mut header[148..156], &[b' '; 8]);
        header[156] = flag;
        put(&mut header[157..257], link.as_bytes());
        put(&mut header[257..265], b"ustar\x0000");
        put(&mut header[345..500], prefix.as_bytes());
        let sum: u64 = header.iter().map(|byte| u64::from(*byte)).sum();
        octal(&mut header[148..155], sum);
        self.to.write_all(&header)?;
        self.to.write_all(contents)?;
        self.to.write_all(&[0; BLOCK][..contents.len().next_multiple_of(BLOCK) - contents.len()])
    }

    /// Writes the end mark.
    pub(crate) fn finish(mut self) -> io::Result<W> {
        self.to.write_all(&[0; 2 * BLOCK])?;
        Ok(self.to)
    }
}

fn put(field: &mut [u8], bytes: &[u8]) {
    field[..bytes.len()].copy_from_slice(bytes);
}

/// Octal digits and a terminating NUL, which fill the field.
fn octal(field: &mut [u8], number: u64) {
    let width = field.len() - 1;
    let digits = format!("{number:0width$o}");
    put(field, digits.as_bytes());
}

/// Prefix and name of a path: the name alone where it fits.
fn split(path: &str) -> Option<(&str, &str)> {
    if path.len() <= NAME {
        return Some(("", path));
    }
    let cuts = path.char_indices().filter(|(_, c)| *c == '/').map(|(at, _)| at);
    cuts.map(|at| (&path[..at], &path[at + 1..])).find(|(prefix, name)| prefix.len() <= PREFIX && name.len() <= NAME)
}

fn too_long(path: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, format!("too long for an archive: {path}"))
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use super::*;

    fn listed(archive: &[u8]) -> String {
        let mut tar = Command::new("tar");
        tar.args(["--numeric-owner", "--utc", "-tvf", "-"]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = tar.spawn().expect("tar runs");
        child.stdin.take().expect("an input").write_all(archive).expect("tar reads");
        let output = child.wait_with_output().expect("tar ends");
        assert!(output.status.success());
        String::from_utf8(output.stdout).expect("text")
    }

    #[test]
    fn another_tar_reads_what_was_written() {
        let long = format!("{}/{}", "d".repeat(120), "f".repeat(90));
        let mut archive = Archive::new(Vec::new());
        archive.append("etc/", 0o755, 0, Kind::Directory).unwrap();
        archive.append("etc/file", 0o640, 65532, Kind::File(b"seven b")).unwrap();
        archive.append("etc/link", 0o777, 0, Kind::Link("file")).unwrap();
        archive.append(&long, 0o644, 0, Kind::File(&[7; 512])).unwrap();
        let archive = archive.finish().unwrap();
        assert_eq!(archive.len() % BLOCK, 0);
        let lines: Vec<String> =
            listed(&archive).lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
        let expected = [
            "drwxr-xr-x 0/0 0 1970-01-01 00:00 etc/".to_owned(),
            "-rw-r----- 65532/65532 7 1970-01-01 00:00 etc/file".to_owned(),
            "lrwxrwxrwx 0/0 0 1970-01-01 00:00 etc/link -> file".to_owned(),
            format!("-rw-r--r-- 0/0 512 1970-01-01 00:00 {long}"),
        ];
        assert_eq!(lines, expected);
    }

    #[test]
    fn a_path_that_does_not_fit_is_refused() {
        let mut archive = Archive::new(Vec::new());
        for path in ["x".repeat(101), format!("{}/x", "d".repeat(156))] {
            assert!(archive.append(&path, 0o644, 0, Kind::File(b"")).is_err(), "{path}");
        }
    }
}

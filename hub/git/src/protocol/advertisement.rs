//! What a server says first: its capabilities in version 2, all its refs in versions 0 and 1.

use super::pkt_line::{self, Packet};
use super::{Fault, RemoteRef, object_id};

/// What a server says first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Advertisement {
    pub(crate) dialect: Dialect,
    pub(crate) capabilities: Capabilities,
    /// Empty in version 2.
    pub(crate) refs: Vec<RemoteRef>,
}

/// Which protocol a server speaks, at best.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dialect {
    V2,
    V0,
}

/// Capability words, `key` or `key=value`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Capabilities(Vec<String>);

// === impl Capabilities ===

impl Capabilities {
    pub(crate) fn has(&self, key: &str) -> bool {
        self.values(key).next().is_some()
    }

    /// The values of a key; an empty one where it stands alone.
    pub(crate) fn values<'a>(&'a self, key: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter_map(move |word| {
            let (name, value) = word.split_once('=').unwrap_or((word, ""));
            (name == key).then_some(value)
        })
    }

    fn check_object_format(&self) -> Result<(), Fault> {
        match self.values("object-format").find(|format| *format != "sha1") {
            Some(other) => Err(Fault::ObjectFormat(crate::error::quote(other))),
            None => Ok(()),
        }
    }
}

// === impl Advertisement ===

impl Advertisement {
    /// Reads the answer to `GET info/refs?service=git-upload-pack`.
    pub(crate) fn parse(bytes: &[u8], max_refs: usize) -> Result<Self, Fault> {
        let packets = pkt_line::decode(bytes)?;
        let mut rest = packets.as_slice();
        if rest.first().and_then(Packet::line).is_some_and(|line| line.starts_with("# service=")) {
            rest = rest.get(2..).unwrap_or_default();
        }
        if let Some(fault) = rest.first().and_then(Packet::refusal) {
            return Err(fault);
        }
        if rest.last() != Some(&Packet::Flush) {
            return Err(Fault::malformed("the advertisement does not end with a flush"));
        }
        let found = match rest.first().and_then(Packet::line) {
            Some("version 2") => Self::v2(&rest[1..]),
            Some("version 1") => Self::v0(&rest[1..], max_refs)?,
            _ => Self::v0(rest, max_refs)?,
        };
        found.capabilities.check_object_format()?;
        Ok(found)
    }

    fn v2(packets: &[Packet]) -> Self {
        let words = packets.iter().filter_map(Packet::line).map(str::to_owned).collect();
        Self { dialect: Dialect::V2, capabilities: Capabilities(words), refs: Vec::new() }
    }

    fn v0(packets: &[Packet], max_refs: usize) -> Result<Self, Fault> {
        let mut found = Self { dialect: Dialect::V0, capabilities: Capabilities::default(), refs: Vec::new() };
        for packet in packets {
            match packet {
                Packet::Data(data) => found.v0_line(data)?,
                _ => break,
            }
            if found.refs.len() > max_refs {
                return Err(Fault::TooManyRefs(max_refs));
            }
        }
        for pair in found.capabilities.values("symref") {
            if let Some((name, target)) = pair.split_once(':')
                && let Some(found) = found.refs.iter_mut().find(|r| r.name == name)
            {
                found.symref = Some(target.to_owned());
            }
        }
        Ok(found)
    }

    /// `<id> <name>`, the first with `\0` and capabilities behind; `<name>^{}` peels the tag before it.
    fn v0_line(&mut self, data: &[u8]) -> Result<(), Fault> {
        let text = std::str::from_utf8(data).map_err(|_| Fault::malformed("a ref name is not UTF-8"))?;
        let text = text.strip_suffix('\n').unwrap_or(text);
        let (text, words) = text.split_once('\0').unwrap_or((text, ""));
        self.capabilities.0.extend(words.split_ascii_whitespace().map(str::to_owned));
        if text.starts_with("shallow ") {
            return Ok(());
        }
        let (id, name) = text.split_once(' ').ok_or_else(|| Fault::malformed("a ref line has no name"))?;
        let id = object_id(id)?;
        match (name.strip_suffix("^{}"), self.refs.last_mut()) {
            (Some("capabilities"), _) => {}
            (Some(tag), Some(last)) if last.name == tag => last.peeled = Some(id),
            (Some(_), _) => return Err(Fault::malformed("a peeled tag stands before its tag")),
            (None, _) => self.refs.push(RemoteRef { name: name.to_owned(), id, peeled: None, symref: None }),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    const B: &str = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";

    fn framed(lines: &[&str]) -> Vec<u8> {
        let mut out = Vec::new();
        pkt_line::line(&mut out, "# service=git-upload-pack");
        pkt_line::flush(&mut out);
        lines.iter().for_each(|line| pkt_line::line(&mut out, line));
        pkt_line::flush(&mut out);
        out
    }

    #[test]
    fn version_2_shows_capabilities() {
        let got = Advertisement::parse(&framed(&["version 2", "ls-refs=unborn", "fetch=shallow filter"]), 9).unwrap();
        assert_eq!(got.dialect, Dialect::V2);
        assert!(got.capabilities.has("ls-refs") && !got.capabilities.has("push"));
    }

    #[test]
    fn version_0_shows_refs() {
        let head = format!("{A} HEAD\0side-band-64k symref=HEAD:refs/heads/main");
        let lines =
            [head, format!("{A} refs/heads/main"), format!("{B} refs/tags/v1"), format!("{A} refs/tags/v1^{{}}")];
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        let got = Advertisement::parse(&framed(&lines), 9).unwrap();
        assert_eq!(got.dialect, Dialect::V0);
        assert_eq!(got.refs[0].symref.as_deref(), Some("refs/heads/main"));
        assert_eq!(got.refs[2].peeled, Some(git2::Oid::from_str(A).unwrap()));
        assert_eq!(Advertisement::parse(&framed(&lines), 2), Err(Fault::TooManyRefs(2)));
    }

    #[test]
    fn an_empty_repository_has_no_refs() {
        let line = format!("{} capabilities^{{}}\0side-band-64k", "0".repeat(40));
        let got = Advertisement::parse(&framed(&[&line]), 9).unwrap();
        assert!(got.refs.is_empty() && got.capabilities.has("side-band-64k"));
    }

    #[test]
    fn broken_answers_are_named() {
        assert!(Advertisement::parse(b"", 9).is_err());
        assert!(Advertisement::parse(&framed(&["nonsense"]), 9).is_err());
        assert!(Advertisement::parse(&framed(&["zz refs/heads/a"]), 9).is_err());
        let format = Advertisement::parse(&framed(&["version 2", "object-format=sha256"]), 9);
        assert_eq!(format, Err(Fault::ObjectFormat("sha256".into())));
        assert_eq!(Advertisement::parse(&framed(&["ERR gone"]), 9), Err(Fault::Refused("gone".into())));
    }
}

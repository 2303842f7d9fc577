//! The version 2 question for a few refs.

use super::pkt_line::{self, Packet};
use super::{Ask, Fault, RemoteRef, object_id};

/// The body of the request. Prefixes are hints: a server may answer more.
pub(crate) fn request(ask: Ask<'_>, agent: &str) -> Vec<u8> {
    let mut out = Vec::new();
    pkt_line::line(&mut out, "command=ls-refs");
    pkt_line::line(&mut out, &format!("agent={agent}"));
    pkt_line::delimiter(&mut out);
    pkt_line::line(&mut out, "peel");
    pkt_line::line(&mut out, "symrefs");
    match ask {
        Ask::Exact(names) | Ask::Under(names) => {
            names.iter().for_each(|name| pkt_line::line(&mut out, &format!("ref-prefix {name}")))
        }
        Ask::All => {
            pkt_line::line(&mut out, "ref-prefix refs/heads/");
            pkt_line::line(&mut out, "ref-prefix refs/tags/");
        }
    }
    pkt_line::flush(&mut out);
    out
}

/// The refs of the answer that were asked for.
pub(crate) fn parse(bytes: &[u8], ask: Ask<'_>, max_refs: usize) -> Result<Vec<RemoteRef>, Fault> {
    let packets = pkt_line::decode(bytes)?;
    let mut refs = Vec::new();
    for packet in &packets {
        if let Some(fault) = packet.refusal() {
            return Err(fault);
        }
        if *packet == Packet::Flush {
            return Ok(refs);
        }
        let line = packet.line().ok_or_else(|| Fault::malformed("a line of the ref list is not text"))?;
        if let Some(found) = parse_line(line)?
            && ask.covers(&found.name)
        {
            refs.push(found);
        }
        if refs.len() > max_refs {
            return Err(Fault::TooManyRefs(max_refs));
        }
    }
    Err(Fault::malformed("the ref list ends without a flush"))
}

/// `<id> <name>[ symref-target:<name>][ peeled:<id>]`.
fn parse_line(line: &str) -> Result<Option<RemoteRef>, Fault> {
    let mut words = line.split(' ');
    let (id, name) = (words.next().unwrap_or_default(), words.next());
    if id == "unborn" {
        return Ok(None);
    }
    let name = name.ok_or_else(|| Fault::malformed("a ref line has no name"))?.to_owned();
    let mut found = RemoteRef { name, id: object_id(id)?, peeled: None, symref: None };
    for word in words {
        if let Some(id) = word.strip_prefix("peeled:") {
            found.peeled = Some(object_id(id)?);
        } else if let Some(target) = word.strip_prefix("symref-target:") {
            found.symref = Some(target.to_owned());
        }
    }
    Ok(Some(found))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_asked_for_is_kept() {
        let a = "a".repeat(40);
        let mut bytes = Vec::new();
        pkt_line::line(&mut bytes, &format!("{a} HEAD symref-target:refs/heads/main"));
        pkt_line::line(&mut bytes, &format!("{a} refs/heads/mainline"));
        pkt_line::line(&mut bytes, &format!("{a} refs/tags/v1 peeled:{}", "b".repeat(40)));
        pkt_line::flush(&mut bytes);
        let names = ["HEAD".to_owned(), "refs/heads/main".to_owned()];
        let got = parse(&bytes, Ask::Exact(&names), 9).unwrap();
        assert_eq!(got.len(), 1);
        assert_eq!(got[0].symref.as_deref(), Some("refs/heads/main"));
        assert_eq!(parse(&bytes, Ask::All, 9).unwrap().len(), 2);
        let tags = ["refs/tags/v".to_owned()];
        assert_eq!(parse(&bytes, Ask::Under(&tags), 9).unwrap().len(), 1);
        assert_eq!(parse(&bytes, Ask::All, 1), Err(Fault::TooManyRefs(1)));
        assert!(parse(&bytes[..bytes.len() - 4], Ask::All, 9).is_err());
    }

    #[test]
    fn the_request_names_the_refs() {
        let text = String::from_utf8(request(Ask::Exact(&["refs/heads/x".to_owned()]), "w")).unwrap();
        assert_eq!(
            text,
            "0014command=ls-refs\n000cagent=w\n00010009peel\n000csymrefs\n001cref-prefix refs/heads/x\n0000"
        );
    }
}

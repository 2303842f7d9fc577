//! The request for a pack, and the pack out of its answer. One round trip: what we have is named up front together with `done`, so that the
//! server answers with the pack at once.

use bytes::Bytes;

use super::Fault;
use super::advertisement::{Capabilities, Dialect};
use super::pkt_line::{self, Packet};

/// What a fetch is about.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) wants: Vec<git2::Oid>,
    pub(crate) haves: Vec<git2::Oid>,
}

/// Takes the pack out of a stream of frames.
pub(crate) struct Demultiplexer {
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Before the pack: acknowledgements, section names.
    Preamble,
    Pack,
    Done,
}

// === impl Request ===

impl Request {
    pub(crate) fn encode(&self, dialect: Dialect, capabilities: &Capabilities, agent: &str) -> Result<Vec<u8>, Fault> {
        match dialect {
            Dialect::V2 => Ok(self.v2(agent)),
            Dialect::V0 => self.v0(capabilities, agent),
        }
    }

    fn v2(&self, agent: &str) -> Vec<u8> {
        let mut out = Vec::new();
        pkt_line::line(&mut out, "command=fetch");
        pkt_line::line(&mut out, &format!("agent={agent}"));
        pkt_line::delimiter(&mut out);
        // No thin packs: completing one writes into the pack in a way that a full disk turns into a crash (see `mirror::pack`).
        for word in ["no-progress", "ofs-delta"] {
            pkt_line::line(&mut out, word);
        }
        self.wants.iter().for_each(|id| pkt_line::line(&mut out, &format!("want {id}")));
        self.haves.iter().for_each(|id| pkt_line::line(&mut out, &format!("have {id}")));
        pkt_line::line(&mut out, "done");
        pkt_line::flush(&mut out);
        out
    }

    fn v0(&self, capabilities: &Capabilities, agent: &str) -> Result<Vec<u8>, Fault> {
        if !capabilities.has("side-band-64k") {
            return Err(Fault::malformed("it offers no side-band-64k, which every git server since 2006 does"));
        }
        let optional = ["ofs-delta", "no-progress"].into_iter().filter(|word| capabilities.has(word));
        let words: Vec<&str> = std::iter::once("side-band-64k").chain(optional).collect();
        let mut words = words.join(" ");
        if capabilities.has("agent") {
            words = format!("{words} agent={agent}");
        }
        let mut out = Vec::new();
        for (index, id) in self.wants.iter().enumerate() {
            let line = if index == 0 { format!("want {id} {words}") } else { format!("want {id}") };
            pkt_line::line(&mut out, &line);
        }
        pkt_line::flush(&mut out);
        self.haves.iter().for_each(|id| pkt_line::line(&mut out, &format!("have {id}")));
        pkt_line::line(&mut out, "done");
        Ok(out)
    }
}

// === impl Demultiplexer ===

impl Demultiplexer {
    pub(crate) fn new() -> Self {
        Self { state: State::Preamble }
    }

    /// Takes one frame; gives the piece of the pack in it, if any.
    pub(crate) fn take(&mut self, packet: Packet) -> Result<Option<Bytes>, Fault> {
        match (self.state, packet) {
            (State::Done, Packet::ResponseEnd) => Ok(None),
            (State::Done, _) => Err(Fault::malformed("it goes on after the end of the pack")),
            (State::Pack, Packet::Flush) => {
                self.state = State::Done;
                Ok(None)
            }
            (_, Packet::Data(data)) => self.data(data),
            (State::Preamble, Packet::Delimiter) => Ok(None),
            (_, other) => Err(Fault::malformed(format!("{other:?} before the end of the pack"))),
        }
    }

    fn data(&mut self, mut data: Bytes) -> Result<Option<Bytes>, Fault> {
        match data.first() {
            Some(1) => {
                self.state = State::Pack;
                Ok(Some(data.split_off(1)))
            }
            Some(2) => Ok(None),
            Some(3) => Err(Fault::Refused(crate::error::quote(&String::from_utf8_lossy(&data[1..])))),
            _ if self.state == State::Pack => Err(Fault::malformed("an unknown side band")),
            _ => self.preamble(Packet::Data(data)),
        }
    }

    fn preamble(&mut self, packet: Packet) -> Result<Option<Bytes>, Fault> {
        if let Some(fault) = packet.refusal() {
            return Err(fault);
        }
        match packet.line() {
            Some("packfile" | "NAK" | "acknowledgments" | "ready") => Ok(None),
            Some(line) if line.starts_with("ACK ") => Ok(None),
            _ => Err(Fault::malformed("something else than a pack")),
        }
    }

    /// Whether the pack ended as it should.
    pub(crate) fn is_done(&self) -> bool {
        self.state == State::Done
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(packets: &[&[u8]], flush: bool) -> Result<(Vec<u8>, bool), Fault> {
        let mut demultiplexer = Demultiplexer::new();
        let mut pack = Vec::new();
        let frames = packets.iter().map(|p| Packet::Data(Bytes::copy_from_slice(p)));
        for frame in frames.chain(flush.then_some(Packet::Flush)) {
            pack.extend(demultiplexer.take(frame)?.unwrap_or_default());
        }
        Ok((pack, demultiplexer.is_done()))
    }

    #[test]
    fn both_dialects_yield_the_pack() {
        let want = Ok((b"PACKxy".to_vec(), true));
        assert_eq!(run(&[b"packfile\n", b"\x01PACK", b"\x02counting", b"\x01xy"], true), want);
        assert_eq!(run(&[b"NAK\n", b"\x01PACKxy"], true), want);
        assert_eq!(run(&[b"ACK 1234\n", b"\x01PACKxy"], true), want);
    }

    #[test]
    fn a_cut_stream_is_not_done() {
        assert_eq!(run(&[b"packfile\n", b"\x01PACK"], false), Ok((b"PACK".to_vec(), false)));
        assert!(run(&[b"packfile\n"], true).is_err());
    }

    #[test]
    fn errors_are_quoted() {
        assert_eq!(
            run(&[b"ERR upload-pack: not our ref"], true),
            Err(Fault::Refused("upload-pack: not our ref".into()))
        );
        assert_eq!(run(&[b"packfile\n", b"\x03out of memory\n"], true), Err(Fault::Refused("out of memory".into())));
        assert!(run(&[b"<html>"], true).is_err());
    }
}

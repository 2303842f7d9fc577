//! pkt-line framing: four hex digits of length, then the rest.

use bytes::{Buf, Bytes, BytesMut};

use super::Fault;

/// One frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Packet {
    Data(Bytes),
    /// `0000`: end of a message.
    Flush,
    /// `0001`: end of a section.
    Delimiter,
    /// `0002`: end of a response.
    ResponseEnd,
}

/// Cuts a stream into frames, whatever pieces it arrives in. Holds at most one frame and one piece.
#[derive(Default)]
pub(crate) struct Decoder {
    buffer: BytesMut,
}

// === impl Packet ===

impl Packet {
    /// A text line without its newline.
    pub(crate) fn line(&self) -> Option<&str> {
        let Self::Data(data) = self else { return None };
        std::str::from_utf8(data).ok().map(|line| line.strip_suffix('\n').unwrap_or(line))
    }

    /// The server's words, where it gave up.
    pub(crate) fn refusal(&self) -> Option<Fault> {
        let Self::Data(data) = self else { return None };
        let words = data.strip_prefix(b"ERR ")?;
        Some(Fault::Refused(crate::error::quote(&String::from_utf8_lossy(words))))
    }
}

// === impl Decoder ===

impl Decoder {
    pub(crate) fn push(&mut self, piece: &[u8]) {
        self.buffer.extend_from_slice(piece);
    }

    /// The next frame, once all of it has arrived.
    pub(crate) fn next(&mut self) -> Result<Option<Packet>, Fault> {
        let Some(head) = self.buffer.first_chunk::<4>() else { return Ok(None) };
        let length = std::str::from_utf8(head).ok().filter(|h| h.bytes().all(|b| b.is_ascii_hexdigit()));
        let length = length.and_then(|hex| usize::from_str_radix(hex, 16).ok());
        let length = length.ok_or_else(|| Fault::malformed("a pkt-line does not begin with its length"))?;
        let packet = match length {
            0 => Packet::Flush,
            1 => Packet::Delimiter,
            2 => Packet::ResponseEnd,
            3 => return Err(Fault::malformed("a pkt-line has length 3")),
            _ if self.buffer.len() < length => return Ok(None),
            _ => {
                let mut frame = self.buffer.split_to(length);
                frame.advance(4);
                return Ok(Some(Packet::Data(frame.freeze())));
            }
        };
        self.buffer.advance(4);
        Ok(Some(packet))
    }

    /// Whether every byte so far belonged to a whole frame.
    pub(crate) fn is_drained(&self) -> bool {
        self.buffer.is_empty()
    }
}

/// All frames of a whole answer.
pub(crate) fn decode(bytes: &[u8]) -> Result<Vec<Packet>, Fault> {
    let mut decoder = Decoder::default();
    decoder.push(bytes);
    let mut packets = Vec::new();
    while let Some(packet) = decoder.next()? {
        packets.push(packet);
    }
    if decoder.is_drained() {
        Ok(packets)
    } else {
        Err(Fault::malformed("the answer ends in the middle of a pkt-line"))
    }
}

/// Appends a line; callers keep lines far below the 65516 bytes that a frame holds.
pub(crate) fn line(out: &mut Vec<u8>, line: &str) {
    out.extend_from_slice(format!("{:04x}{line}\n", line.len() + 5).as_bytes());
}

pub(crate) fn flush(out: &mut Vec<u8>) {
    out.extend_from_slice(b"0000");
}

pub(crate) fn delimiter(out: &mut Vec<u8>) {
    out.extend_from_slice(b"0001");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_survive_any_cut() {
        let mut bytes = Vec::new();
        line(&mut bytes, "hello");
        delimiter(&mut bytes);
        line(&mut bytes, "");
        flush(&mut bytes);
        let want = [
            Packet::Data(Bytes::from_static(b"hello\n")),
            Packet::Delimiter,
            Packet::Data(Bytes::from_static(b"\n")),
            Packet::Flush,
        ];
        assert_eq!(decode(&bytes).unwrap(), want);
        for cut in 1..bytes.len() {
            let mut decoder = Decoder::default();
            let mut got = Vec::new();
            for piece in [&bytes[..cut], &bytes[cut..]] {
                decoder.push(piece);
                while let Some(packet) = decoder.next().unwrap() {
                    got.push(packet);
                }
            }
            assert_eq!(got, want, "cut at {cut}");
        }
    }

    #[test]
    fn nonsense_is_refused() {
        for bytes in [&b"zzzz"[..], b"+004", b"0003", b"00", b"0009hel", b"<html>"] {
            assert!(decode(bytes).is_err(), "{bytes:?}");
        }
    }

    #[test]
    fn a_server_that_gives_up_is_quoted() {
        let packet = Packet::Data(Bytes::from_static(b"ERR not our ref\x1b[0m\n"));
        assert_eq!(packet.refusal(), Some(Fault::Refused("not our ref[0m".into())));
    }
}

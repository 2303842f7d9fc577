//! A look at a pack before libgit2 unpacks it: how many objects it announces, and how large each will be.
//!
//! A pack of a megabyte can hold objects of gigabytes: text of one letter compresses a thousandfold, and a delta may say "copy this" without end. libgit2 takes
//! an object's announced size for granted and makes room for it, so sizes are read here first, where they are announced: in the object's head, and for a
//! delta in the first bytes of what it inflates to.

use flate2::{Decompress, FlushDecompress, Status};

const COMMITS_TO_TAGS: std::ops::RangeInclusive<u8> = 1..=4;
const OFFSET_DELTA: u8 = 6;
const REFERENCE_DELTA: u8 = 7;
/// `PACK`, version and number of objects.
const HEAD: usize = 12;
/// No object takes less: a byte of head, eight of deflated nothing.
const LEAST: u64 = 9;
/// A delta begins with two numbers of at most ten bytes each.
const DELTA_HEAD: usize = 20;

/// What a pack may hold.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// Bytes of one object.
    pub(crate) object: u64,
    pub(crate) objects: u64,
}

/// Why a pack is not unpacked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// More objects than this limit.
    Objects(u64),
    /// An object of more bytes than this limit.
    Object(u64),
    Broken(&'static str),
}

/// Reads a pack as it passes, in any pieces.
pub(crate) struct Screen {
    limits: Limits,
    /// Bytes of the whole pack.
    length: u64,
    left: u64,
    at: At,
    inflate: Decompress,
    scratch: Vec<u8>,
}

/// Where in the pack the next byte stands.
enum At {
    Head(Vec<u8>),
    Object(Vec<u8>),
    /// Bytes of a delta's base id to pass over.
    BaseId {
        left: usize,
        size: u64,
    },
    BaseOffset {
        size: u64,
    },
    Body {
        size: u64,
        came: u64,
        delta: Option<Vec<u8>>,
    },
    /// The checksum, which libgit2 checks.
    Tail,
}

// === impl Screen ===

impl Screen {
    pub(crate) fn new(length: u64, limits: Limits) -> Self {
        let at = At::Head(Vec::with_capacity(HEAD));
        Self { limits, length, left: 0, at, inflate: Decompress::new(true), scratch: vec![0; 64 << 10] }
    }

    pub(crate) fn feed(&mut self, mut bytes: &[u8]) -> Result<(), Refusal> {
        while !bytes.is_empty() {
            let used = match &mut self.at {
                At::Tail => return Ok(()),
                At::Body { .. } => self.body(bytes)?,
                _ => self.byte(bytes[0]).map(|()| 1)?,
            };
            bytes = &bytes[used..];
        }
        Ok(())
    }

    /// One byte outside of deflated data.
    fn byte(&mut self, byte: u8) -> Result<(), Refusal> {
        let next = match &mut self.at {
            At::Head(head) => {
                head.push(byte);
                if head.len() < HEAD {
                    return Ok(());
                }
                let (announced, length) = (announced(head)?, self.length);
                if announced > self.limits.objects {
                    return Err(Refusal::Objects(self.limits.objects));
                }
                if announced.saturating_mul(LEAST) > length {
                    return Err(Refusal::Broken("it announces more objects than fit into it"));
                }
                self.left = announced;
                self.next_object()
            }
            At::Object(head) => {
                head.push(byte);
                if byte & 0x80 != 0 {
                    // Nine bytes say more than any object has.
                    return if head.len() < 9 { Ok(()) } else { Err(Refusal::Object(self.limits.object)) };
                }
                let (kind, size) = ((head[0] >> 4) & 7, size(head));
                if size > self.limits.object {
                    return Err(Refusal::Object(self.limits.object));
                }
                match kind {
                    OFFSET_DELTA => At::BaseOffset { size },
                    REFERENCE_DELTA => At::BaseId { left: 20, size },
                    kind if COMMITS_TO_TAGS.contains(&kind) => At::Body { size, came: 0, delta: None },
                    _ => return Err(Refusal::Broken("an object is of an unknown kind")),
                }
            }
            At::BaseId { left, size } => {
                *left -= 1;
                if *left > 0 {
                    return Ok(());
                }
                At::Body { size: *size, came: 0, delta: Some(Vec::new()) }
            }
            At::BaseOffset { size } if byte & 0x80 == 0 => At::Body { size: *size, came: 0, delta: Some(Vec::new()) },
            At::BaseOffset { .. } | At::Body { .. } | At::Tail => return Ok(()),
        };
        self.at = next;
        Ok(())
    }

    /// Inflates some of an object; how many bytes of `bytes` that took.
    fn body(&mut self, bytes: &[u8]) -> Result<usize, Refusal> {
        let At::Body { size, came, delta } = &mut self.at else { return Ok(0) };
        let (took, gave) = (self.inflate.total_in(), self.inflate.total_out());
        let status = self.inflate.decompress(bytes, &mut self.scratch, FlushDecompress::None);
        let status = status.map_err(|_| Refusal::Broken("an object cannot be inflated"))?;
        let used = (self.inflate.total_in() - took) as usize;
        let made = (self.inflate.total_out() - gave) as usize;
        *came += made as u64;
        if *came > *size {
            return Err(Refusal::Broken("an object is larger than it announces"));
        }
        if let Some(head) = delta.as_mut().filter(|head| head.len() < DELTA_HEAD) {
            let more = (DELTA_HEAD - head.len()).min(made);
            head.extend_from_slice(&self.scratch[..more]);
        }
        match status {
            Status::StreamEnd => {
                if delta.as_ref().and_then(|head| result_size(head)).is_some_and(|size| size > self.limits.object) {
                    return Err(Refusal::Object(self.limits.object));
                }
                self.inflate.reset(true);
                self.left -= 1;
                self.at = self.next_object();
            }
            // Neither read nor written: no progress would ever be made.
            _ if used == 0 && made == 0 => return Err(Refusal::Broken("an object cannot be inflated")),
            _ => {}
        }
        Ok(used)
    }

    fn next_object(&self) -> At {
        if self.left == 0 { At::Tail } else { At::Object(Vec::with_capacity(10)) }
    }
}

fn announced(head: &[u8]) -> Result<u64, Refusal> {
    let [b'P', b'A', b'C', b'K', 0, 0, 0, 2 | 3, a, b, c, d] = *head else {
        return Err(Refusal::Broken("it does not begin as a pack does"));
    };
    Ok(u64::from(u32::from_be_bytes([a, b, c, d])))
}

/// Four bits in the first byte, seven in each that follows.
fn size(head: &[u8]) -> u64 {
    let mut size = u64::from(head[0] & 0x0f);
    for (index, byte) in head.iter().enumerate().skip(1) {
        size |= u64::from(byte & 0x7f) << (4 + 7 * (index - 1)).min(63);
    }
    size
}

/// The second of a delta's two numbers.
fn result_size(head: &[u8]) -> Option<u64> {
    let first = head.iter().position(|byte| byte & 0x80 == 0)?;
    let rest = &head[first + 1..];
    let last = rest.iter().position(|byte| byte & 0x80 == 0)?;
    if last > 8 {
        return Some(u64::MAX);
    }
    Some(rest[..=last].iter().enumerate().fold(0, |size, (index, byte)| size | u64::from(byte & 0x7f) << (7 * index)))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    const LIMITS: Limits = Limits { object: 1 << 20, objects: 100 };

    fn deflated(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::best());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    /// An object's head: its kind, and the size it announces.
    fn head(kind: u8, size: u64) -> Vec<u8> {
        let mut out = vec![(kind << 4) | (size & 0x0f) as u8];
        let mut left = size >> 4;
        while left > 0 {
            *out.last_mut().unwrap() |= 0x80;
            out.push((left & 0x7f) as u8);
            left >>= 7;
        }
        out
    }

    fn number(mut value: u64) -> Vec<u8> {
        let mut out = Vec::new();
        loop {
            let byte = (value & 0x7f) as u8;
            value >>= 7;
            out.push(if value > 0 { byte | 0x80 } else { byte });
            if value == 0 {
                return out;
            }
        }
    }

    fn pack(count: u32, objects: &[Vec<u8>]) -> Vec<u8> {
        let mut out = b"PACK\0\0\0\x02".to_vec();
        out.extend_from_slice(&count.to_be_bytes());
        out.extend(objects.concat());
        out.extend_from_slice(&[0; 20]);
        out
    }

    fn blob(announced: u64, bytes: &[u8]) -> Vec<u8> {
        [head(3, announced), deflated(bytes)].concat()
    }

    fn delta(kind: u8, base: &[u8], result: u64) -> Vec<u8> {
        let body = [number(10), number(result), vec![0x90, 10]].concat();
        [head(kind, body.len() as u64), base.to_vec(), deflated(&body)].concat()
    }

    /// The same, in whatever pieces it comes.
    fn screened(pack: &[u8]) -> Result<(), Refusal> {
        let feed = |size: usize| {
            let mut screen = Screen::new(pack.len() as u64, LIMITS);
            pack.chunks(size).try_for_each(|piece| screen.feed(piece))
        };
        let whole = feed(pack.len());
        assert_eq!(feed(1), whole);
        assert_eq!(feed(7), whole);
        whole
    }

    #[test]
    fn sound_packs_pass() {
        let large = vec![b'x'; 300_000];
        let objects = [
            blob(0, b""),
            blob(5, b"hello"),
            blob(300_000, &large),
            delta(OFFSET_DELTA, &[0x81, 0x00], 1 << 20),
            delta(REFERENCE_DELTA, &[0xff; 20], 10),
        ];
        assert_eq!(screened(&pack(5, &objects)), Ok(()));
        assert_eq!(screened(&pack(0, &[])), Ok(()));
    }

    #[test]
    fn what_would_grow_too_large_is_refused_where_it_is_announced() {
        let too_large = Err(Refusal::Object(1 << 20));
        assert_eq!(screened(&pack(1, &[blob((1 << 20) + 1, b"")])), too_large);
        assert_eq!(screened(&pack(1, &[blob(u64::MAX, b"")])), too_large);
        for (kind, base) in [(OFFSET_DELTA, vec![0x05]), (REFERENCE_DELTA, vec![0; 20])] {
            for result in [(1 << 20) + 1, 1 << 40, u64::MAX] {
                assert_eq!(screened(&pack(1, &[delta(kind, &base, result)])), too_large, "{kind} {result}");
            }
        }
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        let broken = |bytes: &[u8]| assert!(matches!(screened(bytes), Err(Refusal::Broken(_))), "{bytes:?}");
        broken(&pack(50, &[]));
        broken(&pack(1, &[blob(3, b"hello")]));
        broken(&pack(1, &[[head(3, 3), vec![0xff; 30]].concat()]));
        broken(&pack(1, &[[head(0, 3), vec![0; 30]].concat()]));
        broken(&pack(1, &[[head(5, 3), vec![0; 30]].concat()]));
        broken(b"PACK\0\0\0\x09\0\0\0\x01xxxxxxxxxxxxxxx");
        assert_eq!(screened(&pack(101, &vec![blob(0, b""); 101])), Err(Refusal::Objects(100)));
    }
}

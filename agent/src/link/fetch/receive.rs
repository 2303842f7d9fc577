//! Putting the pieces of an answer together.

use std::collections::VecDeque;

use windlass_domain::digest::{Digest, DigestKey};
use windlass_proto::v1;

use super::super::content::{self, MAX_BYTES};
use super::{Error, Fetched, MAX_FETCH_BYTES};

/// An answer that is coming in: contents one after the other, in the order asked for.
pub(super) struct Receiver<'a> {
    key: &'a DigestKey,
    due: VecDeque<Digest>,
    compressed: Vec<u8>,
    bytes: usize,
    fetched: Fetched,
}

// === impl Receiver ===

impl<'a> Receiver<'a> {
    pub(super) fn new(asked: &[Digest], key: &'a DigestKey) -> Self {
        Self {
            key,
            due: asked.iter().copied().collect(),
            compressed: Vec::new(),
            bytes: 0,
            fetched: Fetched::default(),
        }
    }

    /// Whether everything came, or as much as one call may return.
    pub(super) fn is_finished(&self) -> bool {
        self.due.is_empty() || (self.bytes >= MAX_FETCH_BYTES && self.compressed.is_empty())
    }

    pub(super) fn push(&mut self, part: v1::FetchPart) -> Result<(), Error> {
        let digest = self.digest(&part)?;
        if part.not_found {
            self.due.pop_front();
            self.fetched.missing.push(digest);
            return Ok(());
        }
        let have = self.compressed.len();
        if part.offset != have as u64 || (part.data.is_empty() && !part.last) {
            return Err(Error::Answer(format!("a piece of {digest} begins at {}, not at {have}", part.offset)));
        }
        if have + part.data.len() > MAX_BYTES {
            return Err(content::NotContent::TooLong { digest }.into());
        }
        self.compressed.extend_from_slice(&part.data);
        if !part.last {
            return Ok(());
        }
        let bytes = content::open(digest, &std::mem::take(&mut self.compressed), self.key)?;
        self.bytes += bytes.len();
        self.due.pop_front();
        self.fetched.found.push((digest, bytes));
        Ok(())
    }

    /// The digest of a piece, which must be the one that is due.
    fn digest(&self, part: &v1::FetchPart) -> Result<Digest, Error> {
        let digest = windlass_proto::convert::digest("digest", &part.digest)
            .map_err(|error| Error::Answer(error.to_string()))?;
        match self.due.front() {
            Some(due) if *due == digest => Ok(digest),
            _ => Err(Error::Answer(format!("{digest} came, which was not due"))),
        }
    }

    pub(super) fn into_fetched(mut self) -> Fetched {
        self.fetched.rest.extend(self.due);
        self.fetched
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use windlass_proto::contents;

    fn content(seed: u8, len: usize) -> (Digest, Vec<u8>, bytes::Bytes) {
        // Hashes do not compress, so that the content takes several pieces.
        let mut bytes = Vec::new();
        while bytes.len() < len {
            bytes.extend_from_slice(&Digest::of(&[&bytes[..], &[seed]].concat()).to_bytes());
        }
        let compressed = zstd::encode_all(&bytes[..], 1).expect("bytes").into();
        (Digest::of(&bytes), bytes, compressed)
    }

    #[test]
    fn pieces_become_verified_contents() {
        let key = DigestKey::new([1; 32]);
        let (one, two, absent) = (content(1, 20), content(2, 4_000), Digest::of(b"absent"));
        let asked = [one.0, absent, two.0];
        let mut receiver = Receiver::new(&asked, &key);
        let answer = contents::parts(one.0, one.2.clone())
            .chain([contents::not_found(absent)])
            .chain(contents::parts(two.0, two.2.clone()));
        answer.for_each(|part| receiver.push(part).expect("a piece"));
        assert!(receiver.is_finished());
        let fetched = receiver.into_fetched();
        assert_eq!(
            (fetched.found, fetched.missing, fetched.rest),
            (vec![(one.0, one.1), (two.0, two.1)], vec![absent], vec![])
        );
    }

    #[test]
    fn what_was_not_asked_for_or_does_not_follow_is_refused() {
        let key = DigestKey::new([1; 32]);
        let (one, two) = (content(1, 20), content(2, 20));
        let first = |content: &(Digest, Vec<u8>, bytes::Bytes)| {
            contents::parts(content.0, content.2.clone()).next().expect("a piece")
        };
        assert!(matches!(Receiver::new(&[one.0], &key).push(first(&two)), Err(Error::Answer(_))));
        let late = v1::FetchPart { offset: 7, ..first(&one) };
        assert!(matches!(Receiver::new(&[one.0], &key).push(late), Err(Error::Answer(_))));
        let forged = v1::FetchPart { data: two.2, ..first(&one) };
        assert!(matches!(Receiver::new(&[one.0], &key).push(forged), Err(Error::Content(_))));
    }
}

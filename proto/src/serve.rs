//! Questions and answers on a `Serve` stream: cut into pieces, under a credit that the reader gives.
//!
//! The credit is the answer's own, beside HTTP/2's windows: the hub takes every frame off the connection at once and holds at most [`WINDOW`] of an answer that
//! nobody reads, so that one slow reader holds up neither the connection's other answers nor its fetches.

use bytes::Bytes;
use uuid::Uuid;

use crate::v1;
use crate::v1::serve_frame::Frame;

/// The most bytes in one [`v1::ServeData`].
pub const MAX_PIECE_BYTES: usize = 32 * 1024;
/// How much of an answer may be under way and unread.
pub const WINDOW: u64 = 256 * 1024;
/// What a piece counts for at least.
const LEAST_COST: u64 = 1024;
/// The most pieces that a [`WINDOW`] holds.
pub const MAX_PIECES: usize = 256;

/// What a piece takes of the credit.
pub fn cost(piece: &[u8]) -> u64 {
    (piece.len() as u64).max(LEAST_COST)
}

/// The pieces of a whole text, the last one marked; one empty piece for an empty text.
pub fn pieces(mut bytes: Bytes) -> impl Iterator<Item = v1::ServeFrame> + Send {
    let mut done = false;
    std::iter::from_fn(move || {
        if done {
            return None;
        }
        let piece = bytes.split_to(bytes.len().min(MAX_PIECE_BYTES));
        done = bytes.is_empty();
        Some(data(piece, done))
    })
}

/// A piece.
pub fn data(data: Bytes, last: bool) -> v1::ServeFrame {
    frame(Frame::Data(v1::ServeData { data, last }))
}

/// The first word.
pub fn open(id: Uuid) -> v1::ServeFrame {
    frame(Frame::Open(v1::ServeOpen { id: id.as_bytes().to_vec() }))
}

/// A credit.
pub fn credit(limit: u64) -> v1::ServeFrame {
    frame(Frame::Credit(v1::ServeCredit { limit }))
}

/// There is no answer.
pub fn error(error: impl Into<v1::ServeError>) -> v1::ServeFrame {
    frame(Frame::Error(error.into()))
}

fn frame(frame: Frame) -> v1::ServeFrame {
    v1::ServeFrame { frame: Some(frame) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_cut_into_pieces_of_which_the_last_is_marked() {
        for (len, want) in [(0, 1), (1, 1), (MAX_PIECE_BYTES, 1), (MAX_PIECE_BYTES + 1, 2), (3 * MAX_PIECE_BYTES, 3)] {
            let frames: Vec<_> = pieces(Bytes::from(vec![7; len])).collect();
            let datas: Vec<_> = frames
                .iter()
                .filter_map(|frame| match &frame.frame {
                    Some(Frame::Data(data)) => Some((data.data.len(), data.last)),
                    _ => None,
                })
                .collect();
            assert_eq!(datas.len(), want);
            assert_eq!(datas.iter().map(|(len, _)| len).sum::<usize>(), len);
            assert!(datas.iter().rev().skip(1).all(|(_, last)| !last) && datas.last().is_some_and(|(_, last)| *last));
        }
    }

    #[test]
    fn a_window_holds_as_many_pieces_as_the_hub_has_places_for() {
        assert_eq!(WINDOW / cost(b""), MAX_PIECES as u64);
        assert_eq!(cost(&[0; MAX_PIECE_BYTES]), MAX_PIECE_BYTES as u64);
    }
}

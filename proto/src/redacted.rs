//! `Debug` for messages that may carry parts of a Secret: lengths, never bytes. `JoinRequest` and `JoinReply` have no `Debug` at all.

use std::fmt::{Debug, Formatter, Result};

use crate::v1;

impl Debug for v1::Part {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        let Self { stream, part, last, data } = self;
        write!(f, "Part {{ stream: {stream}, part: {part}, last: {last}, data: {} bytes }}", data.len())
    }
}

impl Debug for v1::Content {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        write!(f, "Content {{ compressed: {} bytes }}", self.compressed.len())
    }
}

impl Debug for v1::ServeData {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        write!(f, "ServeData {{ last: {}, data: {} bytes }}", self.last, self.data.len())
    }
}

impl Debug for v1::FetchPart {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        let Self { offset, total, last, data, not_found, .. } = self;
        let bytes = data.len();
        write!(
            f,
            "FetchPart {{ offset: {offset}, total: {total}, last: {last}, not_found: {not_found}, data: {bytes} bytes }}"
        )
    }
}

//! Why an agent does not answer a question.

use windlass_domain::question::{RefusalCode, Refused};

use crate::v1;
use crate::v1::ServeErrorCode as Wire;

impl From<Refused> for v1::ServeError {
    fn from(refused: Refused) -> Self {
        let code = match refused.code {
            RefusalCode::NotFound => Wire::NotFound,
            RefusalCode::Forbidden => Wire::Forbidden,
            RefusalCode::Invalid => Wire::Invalid,
            RefusalCode::Unsupported => Wire::Unsupported,
            RefusalCode::Busy => Wire::Busy,
            RefusalCode::Deadline => Wire::Deadline,
            RefusalCode::TooLarge => Wire::TooLarge,
            RefusalCode::Unavailable => Wire::Unavailable,
            RefusalCode::Internal => Wire::Internal,
        };
        Self { code: code.into(), message: refused.message }
    }
}

/// A code that this build does not know is [`RefusalCode::Internal`]: the words beside it still say what is wrong.
impl From<v1::ServeError> for Refused {
    fn from(wire: v1::ServeError) -> Self {
        let code = match wire.code() {
            Wire::NotFound => RefusalCode::NotFound,
            Wire::Forbidden => RefusalCode::Forbidden,
            Wire::Invalid => RefusalCode::Invalid,
            Wire::Unsupported => RefusalCode::Unsupported,
            Wire::Busy => RefusalCode::Busy,
            Wire::Deadline => RefusalCode::Deadline,
            Wire::TooLarge => RefusalCode::TooLarge,
            Wire::Unavailable => RefusalCode::Unavailable,
            Wire::Internal | Wire::Unspecified => RefusalCode::Internal,
        };
        Self { code, message: wire.message }
    }
}

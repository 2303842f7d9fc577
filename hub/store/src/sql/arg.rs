//! Values that are bound to a query: three types that both engines have.

use uuid::Uuid;
use windlass_domain::digest::Digest;
use windlass_domain::time::{Timestamp, to_millis};

/// One bound value.
#[derive(Clone)]
pub(super) enum Arg {
    Text(Option<String>),
    Int(Option<i64>),
    Blob(Option<Vec<u8>>),
}

/// The arguments of a query, `$1` first.
macro_rules! args {
    ($($value:expr),* $(,)?) => { vec![$(crate::sql::arg::Arg::from($value)),*] };
}
pub(super) use args;

/// `$from, $from+1, ...`: `count` placeholders, for `IN (...)`.
pub(super) fn placeholders(from: usize, count: usize) -> String {
    (from..from + count).map(|n| format!("${n}")).collect::<Vec<_>>().join(", ")
}

macro_rules! arg_from {
    ($($source:ty => $variant:ident, $convert:expr;)*) => {$(
        impl From<$source> for Arg {
            fn from(value: $source) -> Self {
                Self::$variant(Some($convert(value)))
            }
        }
        impl From<Option<$source>> for Arg {
            fn from(value: Option<$source>) -> Self {
                Self::$variant(value.map($convert))
            }
        }
    )*};
}

arg_from! {
    String => Text, std::convert::identity;
    &str => Text, str::to_owned;
    &String => Text, String::clone;
    Uuid => Text, |id: Uuid| id.to_string();
    Digest => Text, |digest: Digest| digest.to_string();
    i64 => Int, std::convert::identity;
    // Revisions, epochs and generations start at 0 and go up by one.
    u64 => Int, |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
    bool => Int, i64::from;
    Timestamp => Int, to_millis;
    Vec<u8> => Blob, std::convert::identity;
}

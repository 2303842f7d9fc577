//! YAML as Kubernetes reads it.
//!
//! [`documents`] turns the text of one file into the JSON values Argo CD and kubectl would see:
//! the multi-document split of apimachinery's `YAMLOrJSONDecoder`, then Go's
//! `sigs.k8s.io/yaml` v1.6.0 (`YAMLToJSON`) for each part. That is YAML 1.1 as go-yaml v2 knows
//! it: `on`, `yes` and `n` are booleans in values **and keys**, `0777` is octal, the last of two
//! equal keys wins, a merge (`<<`) writes its entries at the place where it stands.
//!
//! ```text
//! text --split--> chunks --compose--> tree of positioned nodes --decode--> serde_json::Value
//!                         (granit)                              (scalar: what plain text means)
//! ```
//!
//! What Go accepts silently and a careful reader wants to know is reported beside the value:
//! duplicate keys, with path and position. [`documents_strict`] makes them an error.
//!
//! Everything is bounded by [`Limits`], so untrusted text costs bounded time and memory.
//!
//! # As Go does it, though it may surprise
//!
//! - Only the first document of a part counts: what follows `...` is ignored.
//! - A line that starts with `---` separates documents even inside a block scalar, and a `%YAML`
//!   directive before `---` is an error, as the split cuts between the two.
//! - A merge overwrites keys that stand **before** it; keys after it overwrite the merged ones.
//! - `1: a` and `"1": b` are two keys for Go, and which one the JSON object gets is random; here the
//!   last one wins, as with all duplicates.
//!
//! # Known differences
//!
//! Our parser reads YAML 1.2, Go's reads 1.1 loosely. `testdata/differences` holds an example of
//! each class, with Go's result, and `tests/oracle.rs` states ours.
//!
//! Refused here, accepted by Go (often by dropping the rest of the text):
//! - text after a complete root value (`"a" b`, `[a]]`, `one # comment` and a next line) or `...`;
//! - a comment without a blank before it (`[1]# c`, `"x"# c`, `|# c`);
//! - `[-]`, `[a:]`, `[?a]`, `[!t, a]`, flow indicators in tags, the escape `\'`, `|` on a line of its
//!   own at the parent's indentation, a block scalar of blank lines before a less indented comment, or
//!   one that is the whole document and not indented (empty for Go);
//! - a byte order mark inside a document, `.inf` or a null key in a value that a duplicate key
//!   replaces, and nesting beyond [`Limits::depth`] (Go: 10 000).
//!
//! Accepted here, refused by Go: tabs on blank lines, after `-` and at the start of a block scalar;
//! the escapes `\/` and `\ud83d\ude00` (legal JSON); `...` as the first line; `#` in tags; up to three
//! characters of YAML text after a JSON object.
//!
//! Read differently: only U+0085, U+2028 and U+2029, which are line breaks for Go (YAML 1.1) and
//! ordinary characters here.
#![deny(missing_docs)]

mod compose;
mod decode;
mod document;
mod error;
mod limits;
pub mod print;
mod scalar;
mod split;
mod tree;

pub use crate::document::{Document, Duplicate, documents, documents_strict};
pub use crate::error::{Error, ErrorKind};
pub use crate::limits::{Limit, Limits};

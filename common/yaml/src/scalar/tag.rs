//! The tags that mean something to go-yaml; it ignores all others.

use granit_parser::Tag as ParserTag;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tag {
    None,
    /// A lone `!`: the text is a string.
    NonSpecific,
    Str,
    Bool,
    Int,
    Float,
    Null,
    Timestamp,
    Binary,
    Merge,
    /// Ignored, but makes the text a string.
    Other,
}

const NAMESPACE: &str = "tag:yaml.org,2002:";

// === impl Tag ===

impl Tag {
    pub(crate) fn from_parser(tag: &ParserTag) -> Self {
        let (handle, suffix) = tag.parts();
        if handle.len() + suffix.len() == 1 && (handle == "!" || suffix == "!") {
            return Self::NonSpecific;
        }
        match tag.suffix_in_namespace(NAMESPACE).as_deref() {
            Some("str") => Self::Str,
            Some("bool") => Self::Bool,
            Some("int") => Self::Int,
            Some("float") => Self::Float,
            Some("null") => Self::Null,
            Some("timestamp") => Self::Timestamp,
            Some("binary") => Self::Binary,
            Some("merge") => Self::Merge,
            _ => Self::Other,
        }
    }

    /// For error messages; only tags that can fail need a name.
    pub(crate) fn short(self) -> &'static str {
        match self {
            Self::None | Self::NonSpecific | Self::Other => "!",
            Self::Str => "!!str",
            Self::Bool => "!!bool",
            Self::Int => "!!int",
            Self::Float => "!!float",
            Self::Null => "!!null",
            Self::Timestamp => "!!timestamp",
            Self::Binary => "!!binary",
            Self::Merge => "!!merge",
        }
    }
}

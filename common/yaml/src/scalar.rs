//! What the text of a scalar means: go-yaml v2's `resolve`, and what Go's JSON makes of the result.

mod binary;
mod number;
mod tag;
mod timestamp;

use std::borrow::Cow;

use serde_json::Value;

use crate::error::ErrorKind;
use crate::tree::RawScalar;

pub(crate) use crate::scalar::tag::Tag;

/// A scalar with its type.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Scalar<'a> {
    Null,
    Bool(bool),
    Int(i64),
    /// Above `i64::MAX`.
    Uint(u64),
    Float(f64),
    Text(Cow<'a, str>),
}

// === impl Scalar ===

impl<'a> Scalar<'a> {
    pub(crate) fn resolve(raw: &'a RawScalar<'_>) -> Result<Self, ErrorKind> {
        let text = raw.text.as_ref();
        match raw.tag {
            Tag::None if raw.plain => Ok(Self::implicit(text)),
            Tag::None | Tag::NonSpecific | Tag::Str | Tag::Merge | Tag::Other => Ok(Self::text(text)),
            Tag::Binary => binary::decode(text).map(|text| Self::Text(Cow::Owned(text))),
            Tag::Timestamp if timestamp::is_timestamp(text) => Ok(Self::text(text)),
            Tag::Bool | Tag::Int | Tag::Float | Tag::Null | Tag::Timestamp => Self::tagged(raw.tag, text),
        }
    }

    fn text(text: &'a str) -> Self {
        Self::Text(Cow::Borrowed(text))
    }

    /// A tag may name the type that the text has anyway, or turn an integer into a float.
    fn tagged(tag: Tag, text: &'a str) -> Result<Self, ErrorKind> {
        match (tag, Self::implicit(text)) {
            (Tag::Float, Self::Int(int)) => Ok(Self::Float(int as f64)),
            (Tag::Bool, found @ Self::Bool(_))
            | (Tag::Int, found @ (Self::Int(_) | Self::Uint(_)))
            | (Tag::Float, found @ Self::Float(_))
            | (Tag::Null, found @ Self::Null) => Ok(found),
            _ => Err(ErrorKind::Tag { tag: tag.short(), value: text.to_owned() }),
        }
    }

    /// The type of a plain text without a tag. Timestamps stay text.
    fn implicit(text: &'a str) -> Self {
        match text {
            "" | "~" | "null" | "Null" | "NULL" => Self::Null,
            "y" | "Y" | "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => Self::Bool(true),
            "n" | "N" | "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => Self::Bool(false),
            ".nan" | ".NaN" | ".NAN" => Self::Float(f64::NAN),
            ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" => Self::Float(f64::INFINITY),
            "-.inf" | "-.Inf" | "-.INF" => Self::Float(f64::NEG_INFINITY),
            _ => number::parse(text).unwrap_or_else(|| Self::text(text)),
        }
    }

    /// `None` for infinities and NaN, which JSON does not have.
    pub(crate) fn into_value(self) -> Option<Value> {
        Some(match self {
            Self::Null => Value::Null,
            Self::Bool(bool) => Value::Bool(bool),
            Self::Int(int) => Value::from(int),
            Self::Uint(uint) => Value::from(uint),
            Self::Float(float) => Value::Number(number::to_json(float)?),
            Self::Text(text) => Value::String(text.into_owned()),
        })
    }

    /// `Err` names what cannot be a key.
    pub(crate) fn into_key(self) -> Result<String, &'static str> {
        match self {
            Self::Null => Err("null"),
            Self::Uint(_) => Err("an integer above 9223372036854775807"),
            Self::Bool(bool) => Ok(bool.to_string()),
            Self::Int(int) => Ok(int.to_string()),
            Self::Float(float) => Ok(number::to_key(float)),
            Self::Text(text) => Ok(text.into_owned()),
        }
    }
}

//! Reading fields of an object whose types are not certain. Absent and null are the same, as in the typed objects of the apiserver; a wrong
//! type is an error that names the field, as Argo CD's conversion fails on it.

use serde_json::Value;

/// An object or a part of one, which knows where it is.
#[derive(Clone)]
pub(super) struct Part<'a> {
    value: Option<&'a Value>,
    path: String,
}

/// A field of the wrong type.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{path} is not {wanted}")]
pub(super) struct Malformed {
    path: String,
    wanted: &'static str,
}

/// A condition of a status, as all kinds write them.
#[derive(Debug, Clone, Copy)]
pub(super) struct Condition<'a> {
    pub(super) kind: &'a str,
    pub(super) status: &'a str,
    pub(super) reason: &'a str,
    pub(super) message: &'a str,
    /// When its status last changed, as written; empty where nobody says.
    pub(super) since: &'a str,
}

// === impl Part ===

impl<'a> Part<'a> {
    /// A whole object.
    pub(super) fn of(object: &'a Value) -> Self {
        Self { value: Some(object), path: String::new() }
    }

    /// A field of it.
    pub(super) fn field(&self, name: &str) -> Result<Self, Malformed> {
        let path = if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) };
        let value = match self.value {
            None => None,
            Some(Value::Object(map)) => map.get(name).filter(|value| !value.is_null()),
            Some(_) => return Err(self.not("an object")),
        };
        Ok(Self { value, path })
    }

    /// A field of a field, as `status.replicas`.
    pub(super) fn at(&self, path: &str) -> Result<Self, Malformed> {
        path.split('.').try_fold(self.clone(), |part, name| part.field(name))
    }

    /// Whether there is a value.
    pub(super) fn exists(&self) -> bool {
        self.value.is_some()
    }

    /// The integer at a path; `None` when absent.
    pub(super) fn int(&self, path: &str) -> Result<Option<i64>, Malformed> {
        let part = self.at(path)?;
        part.value.map(|value| value.as_i64().ok_or_else(|| part.not("an integer"))).transpose()
    }

    /// The integer at a path; 0 when absent, as in a typed status.
    pub(super) fn count(&self, path: &str) -> Result<i64, Malformed> {
        Ok(self.int(path)?.unwrap_or(0))
    }

    /// The text at a path; empty when absent.
    pub(super) fn text(&self, path: &str) -> Result<&'a str, Malformed> {
        let part = self.at(path)?;
        part.value.map_or(Ok(""), |value| value.as_str().ok_or_else(|| part.not("a string")))
    }

    /// The boolean at a path; false when absent.
    pub(super) fn is_true(&self, path: &str) -> Result<bool, Malformed> {
        let part = self.at(path)?;
        part.value.map_or(Ok(false), |value| value.as_bool().ok_or_else(|| part.not("a boolean")))
    }

    /// The elements of the list at a path; none when absent.
    pub(super) fn list(&self, path: &str) -> Result<Vec<Self>, Malformed> {
        let part = self.at(path)?;
        let items = part
            .value
            .map_or(Ok(&[][..]), |value| value.as_array().map(Vec::as_slice).ok_or_else(|| part.not("a list")))?;
        let element = |(i, value)| Self { value: Some(value), path: format!("{}[{i}]", part.path) };
        Ok(items.iter().enumerate().map(element).collect())
    }

    /// The entries of the map at a path, by key; none when absent.
    pub(super) fn entries(&self, path: &str) -> Result<Vec<(&'a str, Self)>, Malformed> {
        let part = self.at(path)?;
        let map = part.value.map(|value| value.as_object().ok_or_else(|| part.not("an object"))).transpose()?;
        let entry = |(key, value): (&'a String, &'a Value)| {
            (key.as_str(), Self { value: Some(value), path: format!("{}.{key}", part.path) })
        };
        Ok(map.into_iter().flatten().map(entry).collect())
    }

    /// `status.conditions`.
    pub(super) fn conditions(&self) -> Result<Vec<Condition<'a>>, Malformed> {
        self.list("status.conditions")?.iter().map(Condition::of).collect()
    }

    /// One of `status.conditions`.
    pub(super) fn condition(&self, kind: &str) -> Result<Option<Condition<'a>>, Malformed> {
        Ok(self.conditions()?.into_iter().find(|condition| condition.kind == kind))
    }

    /// Whether the object was changed since its controller last looked.
    pub(super) fn is_unobserved(&self) -> Result<bool, Malformed> {
        Ok(self.count("metadata.generation")? > self.count("status.observedGeneration")?)
    }

    /// An annotation; empty when absent.
    pub(super) fn annotation(&self, name: &str) -> Result<&'a str, Malformed> {
        self.at("metadata.annotations")?.field(name)?.text_here()
    }

    /// The integer that it is, if it is one.
    pub(super) fn int_here(&self) -> Option<i64> {
        self.value.and_then(Value::as_i64)
    }

    /// The text that it is; empty when absent.
    pub(super) fn text_here(&self) -> Result<&'a str, Malformed> {
        self.value.map_or(Ok(""), |value| value.as_str().ok_or_else(|| self.not("a string")))
    }

    fn not(&self, wanted: &'static str) -> Malformed {
        let path = if self.path.is_empty() { "the object".to_owned() } else { self.path.clone() };
        Malformed { path, wanted }
    }
}

// === impl Condition ===

impl<'a> Condition<'a> {
    /// Reads one.
    pub(super) fn of(part: &Part<'a>) -> Result<Self, Malformed> {
        Ok(Self {
            kind: part.text("type")?,
            status: part.text("status")?,
            reason: part.text("reason")?,
            message: part.text("message")?,
            since: part.text("lastTransitionTime")?,
        })
    }

    /// Whether its status is `True`.
    pub(super) fn is_true(&self) -> bool {
        self.status == "True"
    }

    /// Its message, or else what there is.
    pub(super) fn words(&self) -> String {
        match (self.message, self.reason) {
            ("", "") => format!("{} is {}", self.kind, self.status),
            ("", reason) => format!("{} is {}: {reason}", self.kind, self.status),
            (message, _) => message.to_owned(),
        }
    }

    /// What is waited for, and since when.
    pub(super) fn words_since(&self) -> String {
        if self.since.is_empty() { self.words() } else { format!("{} (since {})", self.words(), self.since) }
    }
}

// === impl Malformed ===

impl Malformed {
    /// At a path that no [`Part`] stands for.
    pub(super) fn at(path: &str, wanted: &'static str) -> Self {
        Self { path: path.to_owned(), wanted }
    }
}

//! The shapes that nearly all built-in actions have: set a field, set or remove an annotation, stamp a time, scale; and how they are tabled.

use serde_json::{Map, Value, json};

use super::subject::Subject;
use super::{Effect, Error, Offer, Parameter, Parameters};
use crate::time::Timestamp;

/// The built-in actions of one kind, or of every kind of a family of groups.
pub(super) struct Entry {
    /// API group; `*.x` is every group that ends in `.x`.
    pub(super) group: &'static str,
    /// Kind; `*` is every kind of the group.
    pub(super) kind: &'static str,
    actions: &'static [&'static [Builtin]],
}

/// One built-in action.
pub(super) struct Builtin {
    pub(super) name: &'static str,
    needs: &'static [&'static str],
    /// Defaults that depend on the object.
    defaults: Option<fn(&Subject<'_>, &str) -> Option<String>>,
    shape: Shape,
    unless: Option<fn(&Subject<'_>) -> Option<String>>,
}

/// A run of an action.
pub(super) struct Run<'a> {
    pub(super) subject: &'a Subject<'a>,
    pub(super) given: &'a Parameters,
    pub(super) now: Timestamp,
}

/// A value that is known beforehand.
#[derive(Clone, Copy)]
pub(super) enum Word {
    True,
    False,
    Text(&'static str),
}

enum Shape {
    /// A field gets a value.
    Set(&'static str, Word),
    /// An annotation gets a value.
    Annotate(&'static str, &'static str),
    /// Annotations go.
    Unannotate(&'static [&'static str]),
    /// An annotation in a map gets the time.
    Stamp(&'static str, &'static str),
    /// A field gets the number of parameter `replicas`.
    Scale(&'static str),
    /// What a function says.
    Own(fn(&Run<'_>) -> Result<Effect, Error>),
}

/// The parameter of everything that scales.
pub(super) const REPLICAS: &str = "replicas";
/// Where annotations of the object are.
const ANNOTATIONS: &str = "metadata.annotations";
/// More is a slip of the hand.
const MOST_REPLICAS: i64 = 1_000_000;

// === impl Entry ===

impl Entry {
    pub(super) const fn of(group: &'static str, kind: &'static str, actions: &'static [&'static [Builtin]]) -> Self {
        Self { group, kind, actions }
    }

    pub(super) fn actions(&self) -> impl Iterator<Item = &'static Builtin> + use<> {
        self.actions.iter().copied().flatten()
    }

    pub(super) fn covers(&self, group: &str, kind: &str) -> bool {
        let of_group = match self.group.strip_prefix('*') {
            Some(suffix) => group.ends_with(suffix),
            None => self.group == group,
        };
        of_group && (self.kind == "*" || self.kind == kind)
    }
}

// === impl Builtin ===

impl Builtin {
    const fn shaped(name: &'static str, shape: Shape) -> Self {
        Self { name, needs: &[], defaults: None, shape, unless: None }
    }

    /// Sets a field. Not possible while it has that value; for `False` while it is not true.
    pub(super) const fn set(name: &'static str, field: &'static str, word: Word) -> Self {
        Self::shaped(name, Shape::Set(field, word))
    }

    /// Sets an annotation. Not possible while it has that value.
    pub(super) const fn annotate(name: &'static str, annotation: &'static str, value: &'static str) -> Self {
        Self::shaped(name, Shape::Annotate(annotation, value))
    }

    /// Removes annotations. Not possible while there is none of them.
    pub(super) const fn unannotate(name: &'static str, annotations: &'static [&'static str]) -> Self {
        Self::shaped(name, Shape::Unannotate(annotations))
    }

    /// Sets an annotation to the time.
    pub(super) const fn stamp(name: &'static str, annotation: &'static str) -> Self {
        Self::shaped(name, Shape::Stamp(ANNOTATIONS, annotation))
    }

    /// As [`stamp`](Self::stamp), in another map than the object's own annotations.
    pub(super) const fn stamp_in(name: &'static str, map: &'static str, annotation: &'static str) -> Self {
        Self::shaped(name, Shape::Stamp(map, annotation))
    }

    /// Sets a field to a number of replicas.
    pub(super) const fn scale(name: &'static str, field: &'static str) -> Self {
        Self { needs: &[REPLICAS], ..Self::shaped(name, Shape::Scale(field)) }
    }

    /// Does what a function says.
    pub(super) const fn own(name: &'static str, effect: fn(&Run<'_>) -> Result<Effect, Error>) -> Self {
        Self::shaped(name, Shape::Own(effect))
    }

    /// Not possible either while this says why.
    pub(super) const fn unless(mut self, why: fn(&Subject<'_>) -> Option<String>) -> Self {
        self.unless = Some(why);
        self
    }

    /// Takes these parameters; the function says what they are by default.
    pub(super) const fn with(
        mut self,
        needs: &'static [&'static str],
        defaults: fn(&Subject<'_>, &str) -> Option<String>,
    ) -> Self {
        self.needs = needs;
        self.defaults = Some(defaults);
        self
    }

    pub(super) fn offer(&self, subject: &Subject<'_>) -> Offer {
        let reason = self.disabled(subject);
        Offer {
            name: self.name.to_owned(),
            params: self.parameters(subject),
            disabled: reason.is_some(),
            reason: reason.unwrap_or_default(),
            display_name: String::new(),
            icon_class: String::new(),
        }
    }

    pub(super) fn parameters(&self, subject: &Subject<'_>) -> Vec<Parameter> {
        let default = |name: &str| self.defaults.and_then(|default| default(subject, name));
        let one = |name: &&'static str| Parameter { name: (*name).to_owned(), default: default(name) };
        self.needs.iter().map(one).collect()
    }

    /// Why it is not possible now.
    pub(super) fn disabled(&self, subject: &Subject<'_>) -> Option<String> {
        if subject.at("metadata.deletionTimestamp").is_some() {
            return Some("the object is being deleted".to_owned());
        }
        self.shape.idle(subject).or_else(|| self.unless.and_then(|why| why(subject)))
    }

    pub(super) fn effect(&self, run: &Run<'_>) -> Result<Effect, Error> {
        Ok(Effect::patch(match self.shape {
            Shape::Set(field, word) => nest(field, word.value()),
            Shape::Annotate(annotation, value) => nest(ANNOTATIONS, json!({annotation: value})),
            Shape::Unannotate(annotations) => {
                let there = annotations.iter().filter(|name| run.subject.annotation(name).is_some());
                nest(ANNOTATIONS, there.map(|name| ((*name).to_owned(), Value::Null)).collect())
            }
            Shape::Stamp(map, annotation) => nest(map, json!({annotation: run.stamp()})),
            Shape::Scale(field) => nest(field, json!(run.replicas()?)),
            Shape::Own(effect) => return effect(run),
        }))
    }
}

// === impl Shape ===

impl Shape {
    /// Why it would change nothing.
    fn idle(&self, subject: &Subject<'_>) -> Option<String> {
        match self {
            Self::Set(field, Word::False) if !subject.is_true(field) => Some(format!("{field} is not true")),
            Self::Set(field, word) if subject.at(field) == Some(&word.value()) => {
                Some(format!("{field} is {} already", word.as_str()))
            }
            Self::Annotate(name, value) if subject.annotation(name) == Some(value) => {
                Some(format!("annotation {name} is {value:?} already"))
            }
            Self::Unannotate(names) if names.iter().all(|name| subject.annotation(name).is_none()) => {
                Some(format!("it has no annotation {}", names.join(" or ")))
            }
            _ => None,
        }
    }
}

// === impl Word ===

impl Word {
    fn value(self) -> Value {
        match self {
            Self::True => Value::Bool(true),
            Self::False => Value::Bool(false),
            Self::Text(text) => Value::from(text),
        }
    }

    fn as_str(self) -> &'static str {
        match self {
            Self::True => "true",
            Self::False => "false",
            Self::Text(text) => text,
        }
    }
}

// === impl Run ===

impl Run<'_> {
    /// The time as Kubernetes writes it.
    pub(super) fn stamp(&self) -> String {
        let seconds = Timestamp::from_second(self.now.as_second()).unwrap_or(self.now);
        seconds.to_string()
    }

    /// The value of a parameter; empty when there is none.
    pub(super) fn given(&self, name: &str) -> &str {
        self.given.get(name).map(String::as_str).unwrap_or_default()
    }

    /// The value of `replicas`.
    pub(super) fn replicas(&self) -> Result<i64, Error> {
        let number = self.given(REPLICAS).parse().ok().filter(|number| (0..=MOST_REPLICAS).contains(number));
        number.ok_or_else(|| Error::Parameter {
            name: REPLICAS.to_owned(),
            why: format!("{:?} is no whole number from 0 to {MOST_REPLICAS}", self.given(REPLICAS)),
        })
    }

    /// A name for what is made of the object now: cut to fit, with the second in it, so that a call that is sent twice makes one.
    pub(super) fn name(&self, most: usize) -> String {
        let suffix = self.now.strftime("%Y%m%d%H%M%S").to_string();
        let base: String = self.subject.name().chars().take(most.saturating_sub(suffix.len() + 1)).collect();
        format!("{}-{suffix}", base.trim_end_matches(['-', '.']))
    }
}

/// `spec.a` and a value as `{"spec": {"a": value}}`.
pub(super) fn nest(path: &str, value: Value) -> Value {
    path.rsplit('.').fold(value, |inner, name| Value::Object(Map::from_iter([(name.to_owned(), inner)])))
}

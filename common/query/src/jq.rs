//! jq path expressions, as `ignoreDifferences` has them: which places of an object an expression names.
//!
//! jaq evaluates; equal to gojq on a table that gojq wrote (`oracle/`). jq is a whole language: an expression may never end and take any memory. Nothing here
//! bounds that, so [`paths`] of expressions that strangers wrote runs only in a process of its own that somebody watches.

mod convert;
mod place;

use jaq_core::load::{self, Arena, File, Loader};
use jaq_core::{Compiler, Ctx, Filter, Vars, data::JustLut, unwrap_valr};
use jaq_json::Val;
use serde_json::Value;

pub use place::{Path, Step, remove};

/// Most bytes of an expression.
pub const MAX_EXPRESSION: usize = 2048;
/// Deepest brackets of an expression.
const MAX_DEPTH: usize = 64;
/// Most places that one expression may name: more than any object has that an apiserver takes.
const MAX_PATHS: usize = 100_000;
/// Filters of jq that jaq does not have.
const EXTRA: &str = "def IN(s): any(s == .; .); def IN(src; s): any(src == s; .); def leaf_paths: paths(scalars); \
    def toarray: if isarray then . else [.] end; def trimstr($x): ltrimstr($x) | rtrimstr($x);";
/// A stack for [`paths`], too: the parser descends with the text. Only what is used of it is ever mapped.
pub const STACK: usize = 64 << 20;

/// Why a text is no jq path expression.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidJq {
    /// Longer than [`MAX_EXPRESSION`].
    #[error("the expression has {0} bytes; the limit is {MAX_EXPRESSION}")]
    TooLong(usize),
    /// Brackets in brackets in brackets.
    #[error("the expression nests its brackets more than {MAX_DEPTH} deep")]
    TooDeep,
    /// It does not parse, or names a filter that there is not.
    #[error("{expression:?} is no jq expression: {problem}")]
    Malformed {
        /// As given.
        expression: String,
        /// What is wrong, and where.
        problem: String,
    },
}

/// Why an expression names nothing of an object.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JqError {
    /// It is none.
    #[error(transparent)]
    Invalid(#[from] InvalidJq),
    /// It failed on this object, as `.a[]` does where `a` is a number.
    #[error("jq: {0}")]
    Failed(String),
    /// It names more than any object has.
    #[error("jq: more than {MAX_PATHS} places")]
    TooMany,
}

/// Whether a text is a jq expression. Bounded by its length.
///
/// # Errors
/// What is wrong with it.
pub fn check(expression: &str) -> Result<(), InvalidJq> {
    bounded(expression)?;
    // First alone, so that what is wrong is said of the text as given, and that no bracket of its own ends `path(`.
    let parse = || {
        compile_code(expression, &format!("{EXTRA} {expression}"))?;
        Jq::new(expression).map(drop)
    };
    // A stack of its own: the parser's depth is the text's.
    std::thread::scope(|scope| {
        let parsing = std::thread::Builder::new().stack_size(STACK).spawn_scoped(scope, parse);
        let gone = || Err(malformed(expression, "it could not be parsed"));
        parsing.map_or_else(|_| gone(), |parsing| parsing.join().unwrap_or_else(|_| gone()))
    })
}

/// A path expression, ready to be evaluated.
pub struct Jq(Filter<JustLut<Val>>);

/// The places of an object that an expression names: [`Jq::new`] and [`Jq::paths`] in one.
///
/// # Errors
/// It is no expression, or it failed on this object.
pub fn paths(expression: &str, object: &Value) -> Result<Vec<Path>, JqError> {
    Jq::new(expression)?.paths(object)
}

// === impl Jq ===

impl Jq {
    /// Takes an expression; a [`STACK`] is wanted.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn new(expression: &str) -> Result<Self, InvalidJq> {
        bounded(expression)?;
        Ok(Self(compile_code(expression, &format!("{EXTRA} path({expression}\n)"))?))
    }

    /// The places of an object that it names, sorted, and none twice. A place need not be there: `.spec.replicas` names one in `{}`. An expression that fails
    /// anywhere names nothing, as `del(expression)` of gojq then changes nothing.
    ///
    /// # Errors
    /// It failed on this object. Whether it ends at all is up to the expression.
    pub fn paths(&self, object: &Value) -> Result<Vec<Path>, JqError> {
        let Self(filter) = self;
        let input = convert::value(object);
        let context = Ctx::<JustLut<Val>>::new(&filter.lut, Vars::new([]));
        let mut found: Vec<Path> = Vec::new();
        for output in filter.id.run((context, input)).map(unwrap_valr) {
            let output = output.map_err(|error| JqError::Failed(error.to_string().chars().take(300).collect()))?;
            for path in place::resolve(&output, object).ok_or_else(|| JqError::Failed("a path that is none".into()))? {
                if found.len() >= MAX_PATHS {
                    return Err(JqError::TooMany);
                }
                found.push(path);
            }
        }
        found.sort_unstable();
        found.dedup();
        Ok(found)
    }
}

fn bounded(expression: &str) -> Result<(), InvalidJq> {
    if expression.len() > MAX_EXPRESSION {
        return Err(InvalidJq::TooLong(expression.len()));
    }
    let mut depth = 0_usize;
    for c in expression.chars() {
        match c {
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > MAX_DEPTH {
            return Err(InvalidJq::TooDeep);
        }
    }
    Ok(())
}

fn malformed(expression: &str, problem: impl Into<String>) -> InvalidJq {
    InvalidJq::Malformed { expression: expression.to_owned(), problem: problem.into() }
}

fn compile_code(expression: &str, code: &str) -> Result<Filter<JustLut<Val>>, InvalidJq> {
    let arena = Arena::default();
    let defs = jaq_core::defs().chain(jaq_std::defs()).chain(jaq_json::defs());
    let funs = jaq_core::funs().chain(jaq_std::funs()).chain(jaq_json::funs());
    let modules = Loader::new(defs)
        .load(&arena, File { code, path: () })
        .map_err(|errors| malformed(expression, load_problem(code, &errors)))?;
    Compiler::default().with_funs(funs).compile(modules).map_err(|errors| {
        let undefined = errors.iter().flat_map(|(_, undefined)| undefined).next();
        let problem = undefined.map(|(name, what)| format!("there is no {} {name}", what.as_str()));
        malformed(expression, problem.unwrap_or_else(|| "it does not compile".into()))
    })
}

fn load_problem(code: &str, errors: &load::Errors<&str, ()>) -> String {
    let at = |part: &str| {
        let offset = load::span(code, part).start.min(code.len());
        let before = code.get(..offset).unwrap_or_default().chars().count().saturating_sub(EXTRA.len() + 1);
        format!("at character {}", before + 1)
    };
    match errors.first().map(|(_, error)| error) {
        Some(load::Error::Lex(problems)) => problems.first().map_or_else(
            || "it does not parse".into(),
            |(expect, part)| format!("{}, expected {}", at(part), expect.as_str()),
        ),
        Some(load::Error::Parse(problems)) => problems.first().map_or_else(
            || "it does not parse".into(),
            |(expect, part)| format!("{}, expected {}", at(part), expect.as_str()),
        ),
        Some(load::Error::Io(_)) => "it reads modules; there are none here".into(),
        None => "it does not parse".into(),
    }
}

#[cfg(test)]
mod tests;

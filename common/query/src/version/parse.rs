//! Texts to versions and comparators.

use semver::{BuildMetadata, Prerelease, Version};

use super::comparator::{Comparator, Given, Operator};
use super::{InvalidConstraint, MAX_VERSION};

/// What RE2's `\s` is: not all that Unicode calls a space.
const SPACES: [char; 5] = [' ', '\t', '\n', '\r', '\u{c}'];

/// A version, loosely.
pub(super) fn version(text: &str) -> Option<Version> {
    let (numbers, pre, rest) = split(text)?;
    if !rest.is_empty() || text.len() > MAX_VERSION {
        return None;
    }
    let mut parts = [0; 3];
    for (part, number) in parts.iter_mut().zip(numbers) {
        *part = number_of(number)?;
    }
    build(parts, pre)
}

/// Comparators that hold together: `>=1.2, <2 !=1.3`.
pub(super) fn alternative(text: &str) -> Result<Vec<Comparator>, InvalidConstraint> {
    let mut all = Vec::new();
    let mut rest = text;
    let mut begins = true;
    loop {
        let here = rest.trim_start_matches(SPACES);
        let malformed = || InvalidConstraint::Malformed { rest: if here.is_empty() { rest } else { here }.to_owned() };
        let (first, last, after) = range(here).filter(|(_, last, _)| last.is_none() || begins).ok_or_else(malformed)?;
        all.push(first);
        all.extend(last);
        let next = after.trim_start_matches(SPACES);
        let comma = next.strip_prefix(',');
        if next.is_empty() {
            return Ok(all);
        }
        if comma.is_none() && next.len() == after.len() {
            return Err(InvalidConstraint::Malformed { rest: next.to_owned() });
        }
        // A range stands first, or behind a comma.
        begins = comma.is_some();
        rest = comma.unwrap_or(next);
    }
}

/// `a - b`, or one comparator, and what follows.
fn range(text: &str) -> Option<(Comparator, Option<Comparator>, &str)> {
    let spelling = Operator::SPELLINGS.iter().find(|(spelling, _)| text.starts_with(spelling));
    if let Some((spelling, operator)) = spelling {
        let (first, after) = partial(text[spelling.len()..].trim_start_matches(SPACES), *operator)?;
        return Some((first, None, after));
    }
    let (first, after) = partial(text, Operator::Equal)?;
    let Some(last) = behind_hyphen(after) else { return Some((first, None, after)) };
    let (last, after) = partial(last, Operator::LessOrEqual)?;
    Some((Comparator { operator: Operator::GreaterOrEqual, ..first }, Some(last), after))
}

fn behind_hyphen(text: &str) -> Option<&str> {
    let hyphen = text.strip_prefix(SPACES)?.trim_start_matches(SPACES);
    Some(hyphen.strip_prefix('-')?.strip_prefix(SPACES)?.trim_start_matches(SPACES))
}

/// A version whose last parts may be missing or a wildcard.
fn partial(text: &str, operator: Operator) -> Option<(Comparator, &str)> {
    let (numbers, pre, rest) = split(text)?;
    if text.len() - rest.len() > MAX_VERSION {
        return None;
    }
    let mut parts = [0; 3];
    let mut given = Given::Nothing;
    // Behind a wildcard nothing is read.
    let written = numbers.into_iter().take_while(|number| !number.is_empty() && !is_wildcard(number));
    for ((part, number), so_far) in parts.iter_mut().zip(written).zip([Given::Major, Given::Minor, Given::All]) {
        *part = number_of(number)?;
        given = so_far;
    }
    Some((Comparator { operator, version: build(parts, pre)?, given }, rest))
}

/// The numbers (or wildcards; empty where missing) and prerelease at the beginning of a text, and what follows. Build metadata is dropped.
fn split(text: &str) -> Option<([&str; 3], &str, &str)> {
    let mut rest = text.strip_prefix('v').unwrap_or(text);
    let mut numbers = [""; 3];
    numbers[0] = take(&mut rest, is_number_part)?;
    for number in &mut numbers[1..] {
        let mut behind = rest.strip_prefix('.').unwrap_or_default();
        if let Some(found) = take(&mut behind, is_number_part) {
            (*number, rest) = (found, behind);
        } else {
            break;
        }
    }
    let pre = identifiers(&mut rest, '-');
    identifiers(&mut rest, '+');
    Some((numbers, pre, rest))
}

/// Dotted identifiers behind a mark; empty where there are none.
fn identifiers<'a>(rest: &mut &'a str, mark: char) -> &'a str {
    let Some(text) = rest.strip_prefix(mark) else { return "" };
    let mut after = text;
    if take(&mut after, is_identifier_part).is_none() {
        return "";
    }
    while let Some(mut behind) = after.strip_prefix('.') {
        if take(&mut behind, is_identifier_part).is_none() {
            break;
        }
        after = behind;
    }
    *rest = after;
    &text[..text.len() - after.len()]
}

/// The characters at the beginning that fit, at least one.
fn take<'a>(rest: &mut &'a str, fits: impl Fn(char) -> bool) -> Option<&'a str> {
    let end = rest.find(|c| !fits(c)).unwrap_or(rest.len());
    let (taken, after) = rest.split_at(end);
    *rest = after;
    (end > 0).then_some(taken)
}

fn build([major, minor, patch]: [u64; 3], pre: &str) -> Option<Version> {
    Some(Version { major, minor, patch, pre: Prerelease::new(pre).ok()?, build: BuildMetadata::EMPTY })
}

fn number_of(text: &str) -> Option<u64> {
    if text.is_empty() { Some(0) } else { text.parse().ok() }
}

fn is_number_part(c: char) -> bool {
    c.is_ascii_digit() || matches!(c, 'x' | 'X' | '*')
}

fn is_identifier_part(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '-'
}

fn is_wildcard(text: &str) -> bool {
    matches!(text, "x" | "X" | "*")
}

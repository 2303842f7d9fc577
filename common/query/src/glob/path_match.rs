//! The dialect of Go's `path.Match`.

use std::iter::Peekable;
use std::str::Chars;

use super::{class_item, literal};

const NOT_SLASH: &str = "[^/]";

/// The regular expression of a glob.
pub(super) fn expression(pattern: &str) -> Result<String, &'static str> {
    let mut rest = pattern.chars().peekable();
    let mut out = String::new();
    while let Some(c) = rest.next() {
        match c {
            '*' => {
                while rest.next_if_eq(&'*').is_some() {}
                out.push_str(NOT_SLASH);
                out.push('*');
            }
            '?' => out.push_str(NOT_SLASH),
            '[' => class(&mut rest, &mut out)?,
            '\\' => literal(&mut out, rest.next().ok_or("it ends with a backslash")?),
            c => literal(&mut out, c),
        }
    }
    Ok(out)
}

fn class(rest: &mut Peekable<Chars<'_>>, out: &mut String) -> Result<(), &'static str> {
    let negated = rest.next_if_eq(&'^').is_some();
    let mut items = String::new();
    let mut count = 0;
    while count == 0 || rest.next_if_eq(&']').is_none() {
        let low = bound(rest)?;
        let high = if rest.next_if_eq(&'-').is_some() { bound(rest)? } else { low };
        // A range that runs backwards is well-formed and matches nothing.
        if low <= high {
            class_item(&mut items, low, high);
        }
        count += 1;
    }
    out.push_str(match (items.is_empty(), negated) {
        (true, true) => ".",
        (true, false) => r"[^\x{0}-\x{10FFFF}]",
        (false, true) => "[^",
        (false, false) => "[",
    });
    if !items.is_empty() {
        out.push_str(&items);
        out.push(']');
    }
    Ok(())
}

fn bound(rest: &mut Peekable<Chars<'_>>) -> Result<char, &'static str> {
    const OPEN: &str = "a [ is not closed by ]";
    match rest.next().ok_or(OPEN)? {
        '-' | ']' => Err("in [], - and ] need a \\ before them"),
        '\\' => rest.next().ok_or(OPEN),
        c => Ok(c),
    }
}

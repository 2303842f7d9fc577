//! The dialect of `github.com/gobwas/glob`.

use std::iter::Peekable;
use std::str::Chars;

use super::{class_item, literal};

struct Reader<'a> {
    rest: Peekable<Chars<'a>>,
    /// One character that a wildcard may take.
    any: String,
    out: String,
    depth: usize,
}

/// The regular expression of a glob.
pub(super) fn expression(pattern: &str, separator: Option<char>) -> Result<String, &'static str> {
    if pattern.contains('\0') {
        return Err("it holds a NUL character");
    }
    if let Some((prefix, suffix)) = prefix_and_suffix(pattern, separator) {
        return Ok(overlapping(&prefix, &suffix));
    }
    let any = separator.map_or_else(|| ".".to_owned(), not_one_of);
    let mut reader = Reader { rest: pattern.chars().peekable(), any, out: String::new(), depth: 0 };
    while let Some(c) = reader.rest.next() {
        reader.character(c)?;
    }
    // An alternative that is not closed ends with the pattern.
    for _ in 0..reader.depth {
        reader.out.push(')');
    }
    Ok(reader.out)
}

/// The two texts of a pattern that is no more than a text, any text and a text.
fn prefix_and_suffix(pattern: &str, separator: Option<char>) -> Option<(String, String)> {
    let mut texts = [String::new(), String::new()];
    let mut stars = 0;
    let mut rest = pattern.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '?' | '[' | '{' => return None,
            '*' if texts[1].is_empty() => stars += 1,
            '*' => return None,
            '\\' => texts[usize::from(stars > 0)].extend(rest.next()),
            c => texts[usize::from(stars > 0)].push(c),
        }
    }
    let any_text = if separator.is_some() { stars == 2 } else { stars > 0 };
    let [prefix, suffix] = texts;
    (any_text && !prefix.is_empty() && !suffix.is_empty()).then_some((prefix, suffix))
}

/// gobwas lets the two texts of such a pattern share characters, and people rely on it: `env/**/a.yaml` takes `env/a.yaml`.
fn overlapping(prefix: &str, suffix: &str) -> String {
    let (from, to) = (regex::escape(prefix), regex::escape(suffix));
    let mut out = format!("{from}.*{to}");
    for (shared, _) in suffix.char_indices().skip(1).chain([(suffix.len(), ' ')]) {
        if prefix.ends_with(&suffix[..shared]) {
            out.push('|');
            out.push_str(&from);
            out.push_str(&regex::escape(&suffix[shared..]));
        }
    }
    out
}

fn not_one_of(separator: char) -> String {
    let mut class = "[^".to_owned();
    class_item(&mut class, separator, separator);
    class.push(']');
    class
}

// === impl Reader ===

impl Reader<'_> {
    fn character(&mut self, c: char) -> Result<(), &'static str> {
        match c {
            '*' if self.rest.next_if_eq(&'*').is_some() => self.out.push_str(".*"),
            '*' => {
                self.out.push_str(&self.any);
                self.out.push('*');
            }
            '?' => self.out.push_str(&self.any),
            '[' => self.class()?,
            '{' => {
                self.depth += 1;
                self.out.push_str("(?:");
            }
            '}' if self.depth > 0 => {
                self.depth -= 1;
                self.out.push(')');
            }
            ',' if self.depth > 0 => self.out.push('|'),
            // A backslash at the end stands for nothing.
            '\\' => self.rest.next().into_iter().for_each(|c| literal(&mut self.out, c)),
            c => literal(&mut self.out, c),
        }
        Ok(())
    }

    /// `[a-z]` or `[abc]`, not both: more than one range, or a range among characters, is refused or read as characters, as gobwas does.
    fn class(&mut self) -> Result<(), &'static str> {
        const OPEN: &str = "a [ is not closed by ]";
        let negated = self.rest.next_if_eq(&'!').is_some();
        self.out.push_str(if negated { "[^" } else { "[" });
        let first = self.rest.next().ok_or(OPEN)?;
        if self.rest.next_if_eq(&'-').is_some() {
            let last = self.rest.next().ok_or(OPEN)?;
            if last < first {
                return Err("a range in [] runs backwards");
            }
            self.rest.next_if_eq(&']').ok_or("only one range may stand in []: use {[a-z],[0-9]}")?;
            class_item(&mut self.out, first, last);
        } else {
            self.characters(first)?;
        }
        self.out.push(']');
        Ok(())
    }

    fn characters(&mut self, first: char) -> Result<(), &'static str> {
        let mut next = Some(first);
        let mut empty = true;
        loop {
            let c = match next {
                Some(']') if empty => return Err("[] holds nothing"),
                Some(']') => return Ok(()),
                Some('\\') => self.rest.next(),
                c => c,
            };
            let c = c.ok_or("a [ is not closed by ]")?;
            class_item(&mut self.out, c, c);
            empty = false;
            next = self.rest.next();
        }
    }
}

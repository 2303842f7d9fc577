//! Whether a text fits `!!timestamp`. (Without the tag it does not matter: go-yaml decodes
//! timestamps as the text they are.)

/// The four formats go-yaml allows: `2006-1-2`, with `T15:4:5.9Z07:00` or `t...`, or with
/// ` 15:4:5.9`.
pub(super) fn is_timestamp(text: &str) -> bool {
    is_complete(text).is_some()
}

fn is_complete(text: &str) -> Option<()> {
    let mut cursor = Cursor { rest: text };
    let year = cursor.digits(4..=4)?;
    cursor.literal('-')?;
    let month = cursor.digits(1..=2)?;
    cursor.literal('-')?;
    let day = cursor.digits(1..=2)?;
    if !(1..=12).contains(&month) || day < 1 || day > days_in(year, month) {
        return None;
    }
    match cursor.next() {
        None => return Some(()),
        Some('T' | 't') => {
            cursor.time()?;
            cursor.zone()?;
        }
        Some(' ') => cursor.time()?,
        Some(_) => return None,
    }
    cursor.rest.is_empty().then_some(())
}

fn days_in(year: u32, month: u32) -> u32 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400)) => 29,
        2 => 28,
        _ => 31,
    }
}

struct Cursor<'a> {
    rest: &'a str,
}

// === impl Cursor ===

impl Cursor<'_> {
    fn next(&mut self) -> Option<char> {
        let mut chars = self.rest.chars();
        let next = chars.next();
        self.rest = chars.as_str();
        next
    }

    fn literal(&mut self, expected: char) -> Option<()> {
        self.rest = self.rest.strip_prefix(expected)?;
        Some(())
    }

    fn digits(&mut self, count: std::ops::RangeInclusive<usize>) -> Option<u32> {
        let available = self.rest.bytes().take(*count.end()).take_while(u8::is_ascii_digit).count();
        if available < *count.start() {
            return None;
        }
        let (digits, rest) = self.rest.split_at(available);
        self.rest = rest;
        digits.parse().ok()
    }

    fn time(&mut self) -> Option<()> {
        let hour = self.digits(1..=2)?;
        self.literal(':')?;
        let minute = self.digits(1..=2)?;
        self.literal(':')?;
        let second = self.digits(1..=2)?;
        if self.rest.starts_with(['.', ',']) {
            let digits = self.rest[1..].bytes().take_while(u8::is_ascii_digit).count();
            self.rest = &self.rest[1 + digits..];
            (digits > 0).then_some(())?;
        }
        (hour < 24 && minute < 60 && second < 60).then_some(())
    }

    fn zone(&mut self) -> Option<()> {
        match self.next()? {
            'Z' => Some(()),
            '+' | '-' => {
                let hour = self.digits(2..=2)?;
                self.literal(':')?;
                let minute = self.digits(2..=2)?;
                (hour <= 24 && minute < 60).then_some(())
            }
            _ => None,
        }
    }
}

//! Numbers: go-yaml's grammar on the way in, Go's formats on the way out.

use serde_json::Number;

use super::Scalar;

/// The number that a plain text means, if it means one.
pub(super) fn parse(text: &str) -> Option<Scalar<'static>> {
    match text.as_bytes().first()? {
        b'.' => strip_float_underscores(text).and_then(|text| finite(&text)).map(Scalar::Float),
        b'0'..=b'9' | b'+' | b'-' => {
            let plain = text.replace('_', "");
            integer(&plain).or_else(|| float(&plain)).or_else(|| binary(&plain))
        }
        _ => None,
    }
}

/// A finite float as Go prints it in JSON, read back: 1.0 is the integer 1.
pub(super) fn to_json(float: f64) -> Option<Number> {
    // Go prints integral floats below 1e21 without an exponent, in shortest digits filled with
    // zeros, as Rust does.
    if float.fract() == 0.0 && float.abs() < 1e21 {
        let digits = float.to_string();
        if let Ok(int) = digits.parse::<i64>() {
            return Some(int.into());
        }
        if let Ok(uint) = digits.parse::<u64>() {
            return Some(uint.into());
        }
    }
    Number::from_f64(float)
}

/// A float as a key: Go's `FormatFloat(float, 'g', -1, 32)`, in single precision and with an
/// exponent outside 1e-4..1e6, and YAML's names for infinities and NaN.
pub(super) fn to_key(float: f64) -> String {
    let single = float as f32;
    if single.is_nan() {
        return ".nan".to_owned();
    }
    if single.is_infinite() {
        return if single > 0.0 { ".inf" } else { "-.inf" }.to_owned();
    }
    let scientific = format!("{single:e}");
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    match exponent.parse::<i32>().unwrap_or(0) {
        -4..6 => single.to_string(),
        exponent => format!("{mantissa}e{}{:02}", if exponent < 0 { '-' } else { '+' }, exponent.abs()),
    }
}

/// Go's `ParseInt(text, 0, 64)`, then `ParseUint`: a prefix names the base, a lone leading zero
/// means octal, a sign is for signed integers only.
fn integer(text: &str) -> Option<Scalar<'static>> {
    let (sign, digits) = split_sign(text);
    let (base, digits) = match digits.as_bytes() {
        [b'0', b'x' | b'X', _, ..] => (16, &digits[2..]),
        [b'0', b'o' | b'O', _, ..] => (8, &digits[2..]),
        [b'0', b'b' | b'B', _, ..] => (2, &digits[2..]),
        [b'0', _, ..] => (8, &digits[1..]),
        _ => (10, digits),
    };
    magnitude(sign, digits, base)
}

/// What go-yaml tries last: after `0b`, Go reads a signed number, so `0b-1` is -1.
fn binary(text: &str) -> Option<Scalar<'static>> {
    if let Some(digits) = text.strip_prefix("0b") {
        let (sign, digits) = split_sign(digits);
        return magnitude(sign, digits, 2);
    }
    magnitude(Some('-'), text.strip_prefix("-0b")?, 2)
}

fn split_sign(text: &str) -> (Option<char>, &str) {
    match text.as_bytes().first() {
        Some(b'-') => (Some('-'), &text[1..]),
        Some(b'+') => (Some('+'), &text[1..]),
        _ => (None, text),
    }
}

fn magnitude(sign: Option<char>, digits: &str, base: u32) -> Option<Scalar<'static>> {
    if digits.starts_with(['+', '-']) {
        return None;
    }
    let magnitude = u64::from_str_radix(digits, base).ok()?;
    match sign {
        Some('-') => 0i64.checked_sub_unsigned(magnitude).map(Scalar::Int),
        sign => match (i64::try_from(magnitude), sign) {
            (Ok(int), _) => Some(Scalar::Int(int)),
            (Err(_), None) => Some(Scalar::Uint(magnitude)),
            (Err(_), Some(_)) => None,
        },
    }
}

/// go-yaml's `yamlStyleFloat`: `[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?`
fn float(text: &str) -> Option<Scalar<'static>> {
    let (_, unsigned) = split_sign(text);
    let is_digits_and_exponent = unsigned.starts_with(|c: char| c.is_ascii_digit() || c == '.')
        && unsigned.bytes().all(|b| matches!(b, b'0'..=b'9' | b'.' | b'e' | b'E' | b'+' | b'-'));
    if is_digits_and_exponent { finite(text).map(Scalar::Float) } else { None }
}

/// Go reports an overflow where Rust rounds to infinity; the text then stays text.
fn finite(text: &str) -> Option<f64> {
    text.parse::<f64>().ok().filter(|float| float.is_finite())
}

/// Go's `ParseFloat` allows underscores between digits.
fn strip_float_underscores(text: &str) -> Option<String> {
    let bytes = text.as_bytes();
    let is_digit = |index: usize| bytes.get(index).is_some_and(u8::is_ascii_digit);
    let misplaced =
        |(index, &byte): (usize, &u8)| byte == b'_' && !(is_digit(index.wrapping_sub(1)) && is_digit(index + 1));
    if bytes.iter().enumerate().any(misplaced) { None } else { Some(text.replace('_', "")) }
}

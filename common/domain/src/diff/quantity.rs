//! Quantities: `1000m` is `1`, `1Gi` is `1024Mi`. The apiserver writes them in a form of its own.

use serde_json::Value;

/// Fields below which every value is a quantity.
const WITHIN: &[&str] =
    &["limits", "requests", "capacity", "hard", "default", "defaultRequest", "max", "min", "overhead", "allocatable"];
const FIELDS: &[&str] = &["sizeLimit", "averageValue", "divisor", "storage", "cpu", "memory"];

/// Whether two values are the same quantity at a path where one is expected.
pub(super) fn same(path: &str, one: &Value, other: &Value) -> bool {
    let mut parts = path.rsplit('.');
    let (last, parent) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let expected = WITHIN.contains(&parent)
        || FIELDS.contains(&last)
        || path.contains("['") && WITHIN.iter().any(|w| path.contains(w));
    expected && matches!((parse(one), parse(other)), (Some(one), Some(other)) if one == other)
}

/// The amount in thousand-millionths (`n`), exactly; `None` for what is no quantity or does not fit.
fn parse(value: &Value) -> Option<i128> {
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        _ => return None,
    };
    let split = text.find(|c: char| !(c.is_ascii_digit() || matches!(c, '.' | '-' | '+'))).unwrap_or(text.len());
    let (number, suffix) = text.split_at(split);
    let nano: i128 = 1_000_000_000;
    let unit: i128 = match suffix {
        "" => nano,
        "n" => 1,
        "u" => 1_000,
        "m" => 1_000_000,
        "k" => nano * 1_000,
        "M" => nano * 1_000_000,
        "G" => nano * 1_000_000_000,
        "T" => nano * 1_000_000_000_000,
        "P" => nano * 1_000_000_000_000_000,
        "Ki" => nano << 10,
        "Mi" => nano << 20,
        "Gi" => nano << 30,
        "Ti" => nano << 40,
        "Pi" => nano << 50,
        _ => {
            let exponent: u32 = suffix.strip_prefix(['e', 'E'])?.parse().ok().filter(|e| *e <= 18)?;
            nano * 10i128.pow(exponent)
        }
    };
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if fraction.len() > 9 {
        return None;
    }
    let scale = 10i128.pow(u32::try_from(fraction.len()).ok()?);
    let digits: i128 = format!("{whole}{fraction}").parse().ok()?;
    digits.checked_mul(unit)?.checked_div(scale)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_same_amount_is_the_same() {
        let path = "spec.template.spec.containers[name=web].resources.limits.cpu";
        for (one, other, want) in [
            (json!("1000m"), json!("1"), true),
            (json!(1), json!("1"), true),
            (json!("0.5"), json!("500m"), true),
            (json!("1Gi"), json!("1024Mi"), true),
            (json!("1e3"), json!("1k"), true),
            (json!("1G"), json!("1Gi"), false),
            (json!("x"), json!("x1"), false),
            (json!("99999999999999999999999999999P"), json!("1"), false),
        ] {
            assert_eq!(same(path, &one, &other), want, "{one} {other}");
        }
        assert!(!same("data.cpu-count", &json!("1000m"), &json!("1")), "a text is no quantity");
    }
}

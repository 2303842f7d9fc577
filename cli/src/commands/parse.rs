//! Values of flags.

use std::time::Duration;

use crate::view::Key;

/// `key=value`.
pub(crate) fn pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err("write key=value".to_owned()),
    }
}

/// `30s`, `5m`, `1h30m`; a bare number is seconds.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || "write 30s, 5m or 1h30m".to_owned();
    let (mut total, mut number) = (0u64, String::new());
    for c in text.chars() {
        let unit = match c {
            '0'..='9' => {
                number.push(c);
                continue;
            }
            's' => 1,
            'm' => 60,
            'h' => 3600,
            _ => return Err(wrong()),
        };
        let count: u64 = std::mem::take(&mut number).parse().map_err(|_| wrong())?;
        total = count.checked_mul(unit).and_then(|seconds| total.checked_add(seconds)).ok_or_else(wrong)?;
    }
    if !number.is_empty() {
        let seconds: u64 = number.parse().map_err(|_| wrong())?;
        total = total.checked_add(seconds).ok_or_else(wrong)?;
    }
    if total == 0 || text.is_empty() { Err(wrong()) } else { Ok(Duration::from_secs(total)) }
}

/// `GROUP:KIND:NAME` or `GROUP:KIND:NAMESPACE/NAME`, as `argocd` writes objects; the core group is empty.
pub(crate) fn key(text: &str) -> Result<Key, String> {
    let mut parts = text.splitn(3, ':');
    let (Some(group), Some(kind), Some(name)) = (parts.next(), parts.next(), parts.next()) else {
        return Err("write GROUP:KIND:NAME or GROUP:KIND:NAMESPACE/NAME, as in apps:Deployment:shop/web or :ConfigMap:shop/settings".to_owned());
    };
    let (namespace, name) = name.split_once('/').unwrap_or(("", name));
    if kind.is_empty() || name.is_empty() {
        return Err("kind and name must not be empty".to_owned());
    }
    let owned = str::to_owned;
    Ok(Key { group: owned(group), kind: owned(kind), namespace: owned(namespace), name: owned(name) })
}

/// `name` or `namespace/name` of an application.
pub(crate) fn application(text: &str) -> Result<windlass_domain::name::ApplicationName, String> {
    windlass_domain::name::ApplicationName::parse(text).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_add_up() {
        for (text, want) in [("30s", 30), ("5m", 300), ("1h30m", 5400), ("45", 45)] {
            assert_eq!(duration(text), Ok(Duration::from_secs(want)), "{text}");
        }
        for bad in ["", "m", "5x", "-1s", "0s", "99999999999999999999s"] {
            assert!(duration(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn objects_are_written_as_in_argocd() {
        let read = key("apps:Deployment:shop/web").expect("a key");
        assert_eq!(read.to_string(), "apps/Deployment shop/web");
        assert_eq!(key(":Namespace:shop").map(|key| key.to_string()), Ok("Namespace shop".to_owned()));
        for bad in ["web", "apps:Deployment", "::x", "a:b:"] {
            assert!(key(bad).is_err(), "{bad}");
        }
    }
}

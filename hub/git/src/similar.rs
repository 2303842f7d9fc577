//! Names that look like the one somebody meant.

/// Up to five names near `wanted`, nearest first.
pub(crate) fn similar<'a>(wanted: &str, names: impl Iterator<Item = &'a str>) -> Vec<String> {
    let mut near: Vec<(usize, &str)> = names.filter_map(|name| Some((distance(wanted, name)?, name))).collect();
    near.sort_unstable();
    near.dedup();
    near.truncate(5);
    near.into_iter().map(|(_, name)| name.to_owned()).collect()
}

/// A name that holds the other counts as near; otherwise a third of the letters may differ, two at least (swapped ones), half at most.
fn distance(wanted: &str, name: &str) -> Option<usize> {
    let (a, b) = (wanted.to_lowercase(), name.to_lowercase());
    if a.len() > 200 || b.len() > 200 {
        return None;
    }
    if b.contains(&a) || a.contains(&b) {
        return Some(a.len().abs_diff(b.len()).min(3));
    }
    let most = (a.len().max(b.len()) / 3).max(2).min(a.len() / 2);
    if a.len().abs_diff(b.len()) > most {
        return None;
    }
    let edits = levenshtein(a.as_bytes(), b.as_bytes());
    (edits <= most).then_some(edits)
}

fn levenshtein(a: &[u8], b: &[u8]) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let substituted = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_names_come_first() {
        let names = ["main", "master", "maine", "release/1.0", "mian"];
        assert_eq!(similar("mainn", names.into_iter()), ["main", "maine", "mian"]);
        assert_eq!(similar("mian", ["main"].into_iter()), ["main"]);
        assert_eq!(similar("1.0", names.into_iter()), ["release/1.0"]);
        assert!(similar("zzz", names.into_iter()).is_empty());
    }
}

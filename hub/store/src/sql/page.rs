//! Pages: how large, and where the next one begins. A token holds the sort key of the last item, sealed, so that pages stay put while things come and go.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::{Error, Result};
use crate::model::{ListQuery, Page};
use crate::seal::{Place, SealKey};

const DEFAULT_LIMIT: u32 = 100;
const MOST: u32 = 1000;
const LONGEST_SEARCH: usize = 300;
const LONGEST_TOKEN: usize = 4096;

/// The page size that a query asks for.
pub(super) fn limit(query: &ListQuery) -> usize {
    let limit = if query.limit == 0 { DEFAULT_LIMIT } else { query.limit.min(MOST) };
    limit as usize
}

/// The sort key that the page begins after. `list` names the list and its order: another list's token is refused.
pub(super) fn place<K: DeserializeOwned>(seal: &SealKey, query: &ListQuery, list: &str) -> Result<Option<K>> {
    let Some(token) = &query.after else { return Ok(None) };
    let bad = || Error::Invalid("the page token is not of this list: begin at its first page".into());
    if token.len() > LONGEST_TOKEN {
        return Err(bad());
    }
    let sealed = URL_SAFE_NO_PAD.decode(token).map_err(|_| bad())?;
    let bytes = seal.open(of(list), &sealed).map_err(|_| bad())?;
    serde_json::from_slice(&bytes).map(Some).map_err(|_| bad())
}

/// A page of rows that were read with one more than the limit.
pub(super) fn page<R, T, K: Serialize>(
    seal: &SealKey,
    mut rows: Vec<R>,
    query: &ListQuery,
    list: &str,
    (total, revision): (u64, u64),
    key: impl Fn(&R) -> Result<K>,
    item: impl FnMut(R) -> Result<T>,
) -> Result<Page<T>> {
    let limit = limit(query);
    let more = rows.len() > limit;
    rows.truncate(limit);
    let next = match rows.last() {
        Some(last) if more => Some(token(seal, list, key(last)?)?),
        _ => None,
    };
    let items = rows.into_iter().map(item).collect::<Result<Vec<_>>>()?;
    Ok(Page { items, total, next, revision })
}

/// Sealed: the last item of a page may be one that its reader must not see.
fn token<K: Serialize>(seal: &SealKey, list: &str, key: K) -> Result<String> {
    let bytes = serde_json::to_vec(&key).map_err(|error| Error::Invalid(error.to_string()))?;
    Ok(URL_SAFE_NO_PAD.encode(seal.seal(of(list), &bytes)?))
}

/// Another list's token does not open.
fn of(list: &str) -> Place<'_> {
    Place { table: "pages", row: list, column: "after" }
}

/// A pattern for `LIKE ... ESCAPE '\'` that finds the text anywhere, lower-case.
pub(super) fn containing(search: &str) -> Result<String> {
    if search.len() > LONGEST_SEARCH {
        return Err(Error::Invalid(format!("the search has {} bytes; the limit is {LONGEST_SEARCH}", search.len())));
    }
    let mut pattern = String::from("%");
    for letter in search.to_lowercase().chars() {
        if matches!(letter, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(letter);
    }
    pattern.push('%');
    Ok(pattern)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_leads_back_to_its_own_list_only() {
        let query = |after: &str| ListQuery { after: Some(after.to_owned()), ..ListQuery::default() };
        let seal = SealKey::from_bytes([7; 32]).expect("a key");
        let given = token(&seal, "clusters", ("eu-1", 7)).expect("a token");
        let readable = URL_SAFE_NO_PAD.decode(&given).expect("text");
        assert!(!readable.windows(4).any(|bytes| bytes == b"eu-1"), "a name that the caller may not see");
        assert_eq!(place(&seal, &query(&given), "clusters").expect("read"), Some(("eu-1".to_owned(), 7)));
        assert!(place::<(String, i64)>(&seal, &query(&given), "repositories").is_err());
        assert!(place::<(String, i64)>(&seal, &query("nonsense"), "clusters").is_err());
        assert_eq!(place::<(String, i64)>(&seal, &ListQuery::default(), "clusters").expect("read"), None);
    }

    #[test]
    fn wildcards_of_a_search_are_letters() {
        assert_eq!(containing("a%b_C\\").expect("a pattern"), "%a\\%b\\_c\\\\%");
        assert!(containing(&"x".repeat(301)).is_err());
    }
}

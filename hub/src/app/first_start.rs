//! The first administrator, made when the store has no principal.

use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result};
use uuid::Uuid;
use windlass_domain::access::Principal;
use windlass_domain::time::Timestamp;
use windlass_store::Store;
use zeroize::Zeroizing;

use crate::api::token::ApiToken;

const ADMIN: &str = "admin";
/// Ten years: the first credential must not lock its owner out.
const LIFETIME: Duration = Duration::from_secs(3650 * 86_400);

/// Makes the administrator and its token, once; the token's text, when it was made now.
///
/// The token is in a file before the store knows it, under a name that says it is not done: a hub that dies between the two finishes at its next start.
pub(super) async fn admin(store: &dyn Store, data_dir: &Path, now: Timestamp) -> Result<Option<Zeroizing<String>>> {
    let (begun, done) = (data_dir.join("admin-token.new"), data_dir.join("admin-token"));
    let token = match std::fs::read_to_string(&begun).map(Zeroizing::new) {
        Ok(text) => ApiToken::parse(&text).context("admin-token.new in the data directory is no token; delete it")?,
        Err(_) if store.has_principals().await? => return Ok(None),
        Err(_) => {
            let token = ApiToken::mint(Uuid::now_v7())?;
            write_private(&begun, &token.expose()).with_context(|| format!("{} cannot be written", begun.display()))?;
            token
        }
    };
    store.put_principal(&Principal::administrator(ADMIN), now).await?;
    if store.principal_by_token(token.id, token.hash(), now).await?.is_none() {
        store.put_token(&token.record(ADMIN, now + LIFETIME), now).await?;
    }
    std::fs::rename(&begun, &done).with_context(|| format!("{} cannot be written", done.display()))?;
    Ok(Some(token.expose()))
}

fn write_private(path: &Path, text: &str) -> std::io::Result<()> {
    let mut file = std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
    writeln!(file, "{text}")?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use windlass_domain::time::from_millis;
    use windlass_store::{SealKey, SqlStore, StoreUrl};

    use super::*;

    #[tokio::test]
    async fn the_admin_is_made_once_even_when_the_first_start_was_cut() {
        let folder = tempfile::tempdir().expect("a folder");
        let url = StoreUrl::sqlite(folder.path().join("store.db"));
        let store = SqlStore::open(&url, SealKey::from_bytes([1; 32]).expect("a key")).await.expect("a store");
        let now = from_millis(0);

        // As if the hub had died right after the principal was stored.
        let cut = ApiToken::mint(Uuid::now_v7()).expect("a token");
        write_private(&folder.path().join("admin-token.new"), &cut.expose()).expect("written");
        store.put_principal(&Principal::administrator(ADMIN), now).await.expect("stored");

        let shown = admin(&store, folder.path(), now).await.expect("made").expect("shown");
        assert_eq!(shown.as_str(), cut.expose().as_str());
        let known = store.principal_by_token(cut.id, cut.hash(), now).await.expect("read");
        assert_eq!(known.map(|principal| principal.name).as_deref(), Some(ADMIN));
        let file = std::fs::read_to_string(folder.path().join("admin-token")).expect("a file");
        assert_eq!(file.trim(), shown.as_str());
        assert!(admin(&store, folder.path(), now).await.expect("nothing to do").is_none());
    }
}

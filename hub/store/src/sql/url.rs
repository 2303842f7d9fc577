//! Which database a hub uses.

use std::path::PathBuf;

use crate::error::{Error, Result};

/// `sqlite:<path>`, a bare path, or `postgres://user:password@host/database`. Neither `Display` nor `Debug` shows the password.
#[derive(Clone, PartialEq, Eq)]
pub struct StoreUrl(pub(super) Engine);

#[derive(Clone, PartialEq, Eq)]
pub(super) enum Engine {
    Sqlite(PathBuf),
    Postgres(Box<url::Url>),
}

// === impl StoreUrl ===

impl StoreUrl {
    /// A SQLite database in this file.
    pub fn sqlite(path: impl Into<PathBuf>) -> Self {
        Self(Engine::Sqlite(path.into()))
    }

    /// Reads any of the three forms.
    pub fn parse(text: &str) -> Result<Self> {
        if text.starts_with("postgres://") || text.starts_with("postgresql://") {
            // The text is not repeated: it may hold a password.
            let url = url::Url::parse(text)
                .map_err(|error| Error::Invalid(format!("the store's PostgreSQL URL is malformed: {error}")))?;
            return Ok(Self(Engine::Postgres(Box::new(url))));
        }
        let path = match text.strip_prefix("sqlite:") {
            Some(path) => path.strip_prefix("//").unwrap_or(path),
            None if text.contains("://") => {
                return Err(Error::Invalid("the store's URL must be sqlite:<path>, a path, or postgres://...".into()));
            }
            None => text,
        };
        if path.is_empty() || path == ":memory:" || path.contains('\0') {
            return Err(Error::Invalid("the store needs the path of a file: sqlite:<path>".into()));
        }
        Ok(Self::sqlite(path))
    }

    /// Whether several hubs may share it.
    pub fn is_shared(&self) -> bool {
        matches!(self.0, Engine::Postgres(_))
    }
}

impl std::fmt::Display for StoreUrl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.0 {
            Engine::Sqlite(path) => write!(f, "sqlite:{}", path.display()),
            Engine::Postgres(url) => {
                let mut shown = (**url).clone();
                // Neither can fail: the scheme has a host. Parameters may hold a password too.
                let _ = shown.set_password(None);
                shown.set_query(None);
                f.write_str(shown.as_str())
            }
        }
    }
}

impl std::fmt::Debug for StoreUrl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Display::fmt(self, f)
    }
}

impl std::str::FromStr for StoreUrl {
    type Err = Error;
    fn from_str(text: &str) -> Result<Self> {
        Self::parse(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_engines_are_named_without_their_secrets() {
        for (given, want) in [
            ("sqlite:/var/lib/windlass/hub.db", "sqlite:/var/lib/windlass/hub.db"),
            ("sqlite:///var/lib/hub.db", "sqlite:/var/lib/hub.db"),
            ("hub.db", "sqlite:hub.db"),
            ("postgres://hub:canary@db:5433/windlass?password=canary", "postgres://hub@db:5433/windlass"),
        ] {
            let url = StoreUrl::parse(given).expect("a store");
            assert_eq!((url.to_string().as_str(), format!("{url:?}").as_str()), (want, want));
        }
    }

    #[test]
    fn what_is_no_store_is_refused() {
        for given in ["", "sqlite:", "sqlite::memory:", "mysql://x/y", "postgres://[::1/x"] {
            assert!(StoreUrl::parse(given).is_err(), "{given}");
        }
    }
}

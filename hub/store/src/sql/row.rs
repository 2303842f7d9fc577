//! A row of either engine, read by column name.

use serde::de::DeserializeOwned;
use sqlx::Row as _;
use sqlx::postgres::PgRow;
use sqlx::sqlite::SqliteRow;
use uuid::Uuid;
use windlass_domain::digest::Digest;
use windlass_domain::time::{Timestamp, from_millis};

use crate::error::{Error, Result};

/// One row.
pub(super) enum Row {
    Sqlite(SqliteRow),
    Postgres(PgRow),
}

// === impl Row ===

macro_rules! getters {
    ($($name:ident: $type:ty;)*) => {$(
        pub(super) fn $name(&self, column: &str) -> Result<$type> {
            match self {
                Self::Sqlite(row) => row.try_get(column),
                Self::Postgres(row) => row.try_get(column),
            }
            .map_err(Error::from)
        }
    )*};
}

impl Row {
    getters! {
        text: String;
        opt_text: Option<String>;
        int: i64;
        opt_int: Option<i64>;
        blob: Vec<u8>;
        opt_blob: Option<Vec<u8>>;
    }

    pub(super) fn number(&self, column: &str) -> Result<u64> {
        u64::try_from(self.int(column)?).map_err(|_| unreadable(column, "a negative number"))
    }

    pub(super) fn flag(&self, column: &str) -> Result<bool> {
        Ok(self.int(column)? != 0)
    }

    pub(super) fn uuid(&self, column: &str) -> Result<Uuid> {
        self.text(column)?.parse().map_err(|error| unreadable(column, error))
    }

    pub(super) fn digest(&self, column: &str) -> Result<Digest> {
        self.text(column)?.parse().map_err(|error| unreadable(column, error))
    }

    pub(super) fn opt_digest(&self, column: &str) -> Result<Option<Digest>> {
        self.opt_text(column)?.map(|text| text.parse().map_err(|error| unreadable(column, error))).transpose()
    }

    pub(super) fn time(&self, column: &str) -> Result<Timestamp> {
        self.int(column).map(from_millis)
    }

    pub(super) fn opt_time(&self, column: &str) -> Result<Option<Timestamp>> {
        Ok(self.opt_int(column)?.map(from_millis))
    }

    pub(super) fn json<T: DeserializeOwned>(&self, column: &str) -> Result<T> {
        serde_json::from_str(&self.text(column)?).map_err(|error| unreadable(column, error))
    }

    pub(super) fn opt_json<T: DeserializeOwned>(&self, column: &str) -> Result<Option<T>> {
        self.opt_text(column)?
            .map(|text| serde_json::from_str(&text).map_err(|error| unreadable(column, error)))
            .transpose()
    }
}

/// What a column holds is not what this version writes there.
pub(super) fn unreadable(column: &str, why: impl std::fmt::Display) -> Error {
    Error::Corrupt(format!("column {column}: {why}"))
}

/// A value as the JSON text of a column.
pub(super) fn json(value: &impl serde::Serialize) -> Result<String> {
    serde_json::to_string(value).map_err(|error| Error::Invalid(format!("it cannot be written as JSON: {error}")))
}

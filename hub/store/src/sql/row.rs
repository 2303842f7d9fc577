//! A row of either engine, read by column name.

use serde::de::DeserializeOwned;
use sqlx::Row as _;
use sqlx::postgres::PgRow;
use uuid::Uuid;
use windlass_domain::digest::Digest;
use windlass_domain::time::{Timestamp, from_millis};

use super::sqlite::SqliteRow;
use crate::error::{Error, Result};

/// One row.
pub(super) enum Row {
    Sqlite(SqliteRow),
    Postgres(PgRow),
}

// === impl Row ===

impl Row {
    fn opt_str(&self, column: &str) -> Result<Option<&str>> {
        match self {
            Self::Sqlite(row) => row.opt_text(column),
            Self::Postgres(row) => Ok(row.try_get(column)?),
        }
    }

    fn str(&self, column: &str) -> Result<&str> {
        self.opt_str(column)?.ok_or_else(|| null(column))
    }

    pub(super) fn text(&self, column: &str) -> Result<String> {
        self.str(column).map(str::to_owned)
    }

    pub(super) fn opt_text(&self, column: &str) -> Result<Option<String>> {
        Ok(self.opt_str(column)?.map(str::to_owned))
    }

    pub(super) fn opt_int(&self, column: &str) -> Result<Option<i64>> {
        match self {
            Self::Sqlite(row) => row.opt_int(column),
            Self::Postgres(row) => Ok(row.try_get(column)?),
        }
    }

    pub(super) fn int(&self, column: &str) -> Result<i64> {
        self.opt_int(column)?.ok_or_else(|| null(column))
    }

    pub(super) fn opt_blob(&self, column: &str) -> Result<Option<Vec<u8>>> {
        Ok(match self {
            Self::Sqlite(row) => row.opt_blob(column)?.map(<[u8]>::to_vec),
            Self::Postgres(row) => row.try_get(column)?,
        })
    }

    pub(super) fn blob(&self, column: &str) -> Result<Vec<u8>> {
        self.opt_blob(column)?.ok_or_else(|| null(column))
    }

    pub(super) fn number(&self, column: &str) -> Result<u64> {
        u64::try_from(self.int(column)?).map_err(|_| unreadable(column, "a negative number"))
    }

    pub(super) fn flag(&self, column: &str) -> Result<bool> {
        Ok(self.int(column)? != 0)
    }

    pub(super) fn uuid(&self, column: &str) -> Result<Uuid> {
        self.str(column)?.parse().map_err(|error| unreadable(column, error))
    }

    pub(super) fn digest(&self, column: &str) -> Result<Digest> {
        self.str(column)?.parse().map_err(|error| unreadable(column, error))
    }

    pub(super) fn opt_digest(&self, column: &str) -> Result<Option<Digest>> {
        self.opt_str(column)?.map(|text| text.parse().map_err(|error| unreadable(column, error))).transpose()
    }

    pub(super) fn time(&self, column: &str) -> Result<Timestamp> {
        self.int(column).map(from_millis)
    }

    pub(super) fn opt_time(&self, column: &str) -> Result<Option<Timestamp>> {
        Ok(self.opt_int(column)?.map(from_millis))
    }

    pub(super) fn json<T: DeserializeOwned>(&self, column: &str) -> Result<T> {
        serde_json::from_str(self.str(column)?).map_err(|error| unreadable(column, error))
    }

    pub(super) fn opt_json<T: DeserializeOwned>(&self, column: &str) -> Result<Option<T>> {
        self.opt_str(column)?
            .map(|text| serde_json::from_str(text).map_err(|error| unreadable(column, error)))
            .transpose()
    }
}

fn null(column: &str) -> Error {
    unreadable(column, "it is empty")
}

/// What a column holds is not what this version writes there.
pub(super) fn unreadable(column: &str, why: impl std::fmt::Display) -> Error {
    Error::Corrupt(format!("column {column}: {why}"))
}

/// A value as the JSON text of a column.
pub(super) fn json(value: &impl serde::Serialize) -> Result<String> {
    serde_json::to_string(value).map_err(|error| Error::Invalid(format!("it cannot be written as JSON: {error}")))
}

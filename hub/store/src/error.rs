//! What can go wrong in the store, and whether trying again may help.

/// Why the store did not do what it was asked. No variant holds a secret or a URL with a password.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// There is no such thing.
    #[error("{what} was not found")]
    NotFound {
        /// The thing, with its name: `application argocd/web`.
        what: String,
    },
    /// The thing is not as the caller expects, or the rule of its state forbids it. Nothing was written.
    #[error("{what}: {why}")]
    Conflict {
        /// The thing, with its name.
        what: String,
        /// The cause, and what would be right.
        why: String,
    },
    /// A newer session of this cluster has opened: nothing was written.
    #[error("a newer session of this cluster has taken over")]
    Fenced,
    /// The feed no longer knows what went before `floor`, or the cursor is of another history: list again, and watch from the list's revision.
    #[error(
        "the cursor is no longer in the feed, which begins after revision {floor}: list again and watch from there"
    )]
    CursorTooOld {
        /// The oldest cursor that can be resumed.
        floor: u64,
    },
    /// A newer windlass has brought the database to a schema that this build does not know. Nothing was written.
    #[error(
        "the database has schema version {found}, this build knows {known}: a newer windlass has written it; run that one, or restore the backup from before its first start"
    )]
    NewerSchema {
        /// The version that was found.
        found: i64,
        /// The newest version that this build knows.
        known: i64,
    },
    /// What was given breaks a rule or a limit, which is named.
    #[error("{0}")]
    Invalid(String),
    /// The database does not answer, or not in time. When it was a commit that failed, whether it took effect is not known.
    #[error("the database is not available: {cause}")]
    Unavailable {
        /// The engine's words.
        cause: String,
    },
    /// Another writer was in the way; nothing was written.
    #[error("another writer was in the way: {cause}")]
    Contended {
        /// The engine's words.
        cause: String,
    },
    /// The database has no room; nothing was written.
    #[error("the database has no room left: {cause}")]
    Full {
        /// The engine's words.
        cause: String,
    },
    /// What is stored cannot be read, or is not what it should be.
    #[error("the store holds something unreadable: {0}")]
    Corrupt(String),
}

/// A result of the store.
pub type Result<T> = std::result::Result<T, Error>;

// === impl Error ===

impl Error {
    /// Whether the same call may succeed later.
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::Unavailable { .. } | Self::Contended { .. } | Self::Full { .. })
    }

    /// Whether the call did nothing and may be made again at once.
    pub(crate) fn is_contention(&self) -> bool {
        matches!(self, Self::Contended { .. })
    }

    pub(crate) fn not_found(kind: &str, name: impl std::fmt::Display) -> Self {
        Self::NotFound { what: format!("{kind} {name}") }
    }

    pub(crate) fn conflict(what: impl Into<String>, why: impl Into<String>) -> Self {
        Self::Conflict { what: what.into(), why: why.into() }
    }

    /// The same error for another of those who shared a transaction.
    pub(crate) fn of_all(&self) -> Self {
        match self {
            Self::Contended { cause } => Self::Contended { cause: cause.clone() },
            Self::Full { cause } => Self::Full { cause: cause.clone() },
            Self::Corrupt(cause) => Self::Corrupt(cause.clone()),
            error => Self::Unavailable { cause: error.to_string() },
        }
    }

    fn of_postgres(error: &dyn sqlx::error::DatabaseError) -> Self {
        let cause = error.message().to_owned();
        match error.code().as_deref().unwrap_or_default() {
            // Serialization failure, deadlock, lock not available.
            "40001" | "40P01" | "55P03" => Self::Contended { cause },
            // Disk full, out of memory, configuration limit.
            "53100" | "53200" | "53400" => Self::Full { cause },
            // Data corrupted, index corrupted.
            "XX001" | "XX002" => Self::Corrupt(cause),
            _ if error.is_unique_violation() => Self::duplicate(),
            _ if error.is_foreign_key_violation() => Self::dangling(&cause),
            _ => Self::Unavailable { cause },
        }
    }

    fn of_sqlite(code: i32, cause: String) -> Self {
        match code {
            // BUSY, LOCKED and their extended codes.
            5 | 6 | 261 | 262 | 517 | 773 => Self::Contended { cause },
            13 => Self::Full { cause },
            // CORRUPT, NOTADB.
            11 | 26 => Self::Corrupt(cause),
            // CONSTRAINT_PRIMARYKEY, CONSTRAINT_UNIQUE.
            1555 | 2067 => Self::duplicate(),
            // CONSTRAINT_FOREIGNKEY.
            787 => Self::dangling(&cause),
            _ => Self::Unavailable { cause },
        }
    }

    fn duplicate() -> Self {
        Self::conflict("the record", "one with this name or id exists")
    }

    fn dangling(cause: &str) -> Self {
        Self::Invalid(format!("a record that is referred to does not exist: {cause}"))
    }
}

impl From<rusqlite::Error> for Error {
    fn from(error: rusqlite::Error) -> Self {
        match error {
            rusqlite::Error::SqliteFailure(code, cause) => {
                let cause = cause.unwrap_or_else(|| code.to_string());
                Self::of_sqlite(code.extended_code, cause)
            }
            rusqlite::Error::SqlInputError { error, msg, .. } => Self::of_sqlite(error.extended_code, msg),
            error => Self::Corrupt(error.to_string()),
        }
    }
}

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        use sqlx::Error as E;
        match error {
            E::Database(error) => Self::of_postgres(error.as_ref()),
            error @ (E::RowNotFound
            | E::TypeNotFound { .. }
            | E::ColumnIndexOutOfBounds { .. }
            | E::ColumnNotFound(_)
            | E::ColumnDecode { .. }
            | E::Decode(_)) => Self::Corrupt(error.to_string()),
            error => Self::Unavailable { cause: error.to_string() },
        }
    }
}

//! What goes into a statement and what comes out of it.

use std::sync::Arc;

use rusqlite::types::{ToSqlOutput, Value, ValueRef};
use rusqlite::{CachedStatement, Connection, ToSql};

use crate::error::{Error, Result};
use crate::sql::arg::Arg;

/// A row, as it was when it was read.
pub(in crate::sql) struct SqliteRow {
    columns: Arc<[String]>,
    values: Vec<Value>,
}

// === impl SqliteRow ===

impl SqliteRow {
    fn value(&self, column: &str) -> Result<&Value> {
        let place = self.columns.iter().position(|name| name == column);
        place
            .and_then(|place| self.values.get(place))
            .ok_or_else(|| Error::Corrupt(format!("column {column}: there is none")))
    }

    pub(in crate::sql) fn opt_text(&self, column: &str) -> Result<Option<&str>> {
        match self.value(column)? {
            Value::Null => Ok(None),
            Value::Text(text) => Ok(Some(text)),
            other => Err(unexpected(column, other)),
        }
    }

    pub(in crate::sql) fn opt_int(&self, column: &str) -> Result<Option<i64>> {
        match self.value(column)? {
            Value::Null => Ok(None),
            Value::Integer(number) => Ok(Some(*number)),
            other => Err(unexpected(column, other)),
        }
    }

    pub(in crate::sql) fn opt_blob(&self, column: &str) -> Result<Option<&[u8]>> {
        match self.value(column)? {
            Value::Null => Ok(None),
            Value::Blob(bytes) => Ok(Some(bytes)),
            other => Err(unexpected(column, other)),
        }
    }
}

fn unexpected(column: &str, value: &Value) -> Error {
    Error::Corrupt(format!("column {column}: unexpected {}", value.data_type()))
}

impl ToSql for Arg {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Self::Text(Some(text)) => ValueRef::Text(text.as_bytes()),
            Self::Int(Some(number)) => ValueRef::Integer(*number),
            Self::Blob(Some(bytes)) => ValueRef::Blob(bytes),
            Self::Text(None) | Self::Int(None) | Self::Blob(None) => ValueRef::Null,
        }))
    }
}

/// A statement with its arguments. SQLite numbers `$2` by its first place in the text; here, as in PostgreSQL, it is the second argument.
pub(super) fn prepared<'a>(
    connection: &'a Connection,
    text: &str,
    args: &[Arg],
) -> rusqlite::Result<CachedStatement<'a>> {
    let mut statement = connection.prepare_cached(text)?;
    for place in 1..=statement.parameter_count() {
        let number = statement.parameter_name(place).and_then(|name| name.strip_prefix('$')?.parse::<usize>().ok());
        let arg = number.and_then(|number| args.get(number.checked_sub(1)?));
        let arg = arg.ok_or(rusqlite::Error::InvalidParameterCount(args.len(), place))?;
        statement.raw_bind_parameter(place, arg)?;
    }
    Ok(statement)
}

pub(super) fn read(statement: &mut CachedStatement<'_>, most: usize) -> rusqlite::Result<Vec<SqliteRow>> {
    let count = statement.column_count();
    let (mut found, mut columns) = (Vec::new(), None);
    let mut rows = statement.raw_query();
    while found.len() < most
        && let Some(row) = rows.next()?
    {
        let names = || row.as_ref().column_names().into_iter().map(str::to_owned).collect();
        let columns: &Arc<[String]> = columns.get_or_insert_with(names);
        let values = (0..count).map(|place| row.get_ref(place).map(Value::try_from)?.map_err(rusqlite::Error::from));
        found.push(SqliteRow { columns: Arc::clone(columns), values: values.collect::<rusqlite::Result<_>>()? });
    }
    Ok(found)
}

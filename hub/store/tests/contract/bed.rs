//! An empty store of either engine, and what happens to it from outside.

use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use sqlx::{AssertSqlSafe, Connection, PgConnection, Row as _};
use tempfile::TempDir;
use windlass_store::{Error, Limits, SealKey, SqlStore, Store, StoreUrl};

use crate::postgres;

/// An empty store, opened. It derefs to the store.
pub(crate) struct Bed {
    pub(crate) store: Arc<SqlStore>,
    place: Place,
}

enum Place {
    /// A file in a folder of its own.
    Sqlite(TempDir),
    /// The URL of a schema of its own on the shared server.
    Postgres(String),
}

const KEY: [u8; 32] = [7; 32];

/// Few enough that a test reaches them.
pub(crate) const LIMITS: Limits =
    Limits { tombstones: 10, request_log: 10, answer: std::time::Duration::from_secs(15) };

// === impl Bed ===

impl Bed {
    pub(crate) async fn sqlite() -> Self {
        Self::at(Place::Sqlite(tempfile::tempdir().expect("a folder"))).await
    }

    /// `None` where there is no server.
    pub(crate) async fn postgres(test: &str) -> Option<Self> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let server = tokio::task::spawn_blocking(postgres::server).await.expect("a server")?;
        let schema = format!("t{}_{}", COUNT.fetch_add(1, Ordering::Relaxed), &test[..test.len().min(40)]);
        let place = Place::Postgres(server.url(&schema));
        place.meddle(format!("CREATE SCHEMA {schema}")).await;
        Some(Self::at(place).await)
    }

    async fn at(place: Place) -> Self {
        let store = Arc::new(open(&place.url(), KEY).await.expect("opened"));
        Self { store, place }
    }

    /// A second store on the same database, as after a restart or on another replica.
    pub(crate) async fn again(&self) -> SqlStore {
        self.with_key(KEY).await.expect("opened again")
    }

    /// Opens with another seal key.
    pub(crate) async fn with_key(&self, key: [u8; 32]) -> Result<SqlStore, Error> {
        open(&self.place.url(), key).await
    }

    /// Runs a statement behind the store's back.
    pub(crate) async fn meddle(&self, statement: &str) {
        self.place.meddle(statement.to_owned()).await;
    }

    /// Puts what an older version has left in this store's place: its migrations and its rows, as SQL.
    pub(crate) async fn become_older(&self, migrations: &str, rows: &str) {
        self.store.close().await;
        match &self.place {
            Place::Sqlite(folder) => {
                files(folder).for_each(|file| std::fs::remove_file(file.path()).expect("removed"));
                std::fs::File::create(folder.path().join("hub.db")).expect("a file");
                self.meddle(&format!("{}; {rows}", migrations.replace(" COLLATE \"C\"", ""))).await;
            }
            Place::Postgres(_) => {
                let schema = "DO $$ BEGIN EXECUTE 'DROP SCHEMA ' || current_schema() || ' CASCADE; CREATE SCHEMA ' || current_schema(); END $$";
                self.meddle(schema).await;
                self.meddle(&format!("{migrations}; {}", with_postgres_blobs(rows))).await;
            }
        }
    }

    /// Everything that lies in the database, byte for byte: SQLite's file and log, or every value of every table of PostgreSQL.
    pub(crate) async fn bytes(&self) -> Vec<u8> {
        match &self.place {
            Place::Sqlite(folder) => files(folder).flat_map(|file| std::fs::read(file.path()).expect("read")).collect(),
            Place::Postgres(url) => dump(url).await,
        }
    }

    /// The modes of SQLite's files.
    pub(crate) fn modes(&self) -> Vec<u32> {
        use std::os::unix::fs::PermissionsExt;
        let Place::Sqlite(folder) = &self.place else { return Vec::new() };
        files(folder).map(|file| file.metadata().expect("there").permissions().mode() & 0o777).collect()
    }
}

impl Deref for Bed {
    type Target = dyn Store;
    fn deref(&self) -> &Self::Target {
        self.store.as_ref()
    }
}

// === impl Place ===

impl Place {
    fn url(&self) -> StoreUrl {
        match self {
            Self::Sqlite(folder) => StoreUrl::sqlite(folder.path().join("hub.db")),
            Self::Postgres(url) => StoreUrl::parse(url).expect("a URL"),
        }
    }

    async fn meddle(&self, statement: String) {
        match self {
            Self::Sqlite(folder) => {
                let connection = rusqlite::Connection::open(folder.path().join("hub.db")).expect("a connection");
                connection.execute_batch(&statement).expect("run");
            }
            Self::Postgres(url) => {
                let mut connection = PgConnection::connect(url).await.expect("a connection");
                sqlx::raw_sql(AssertSqlSafe(statement)).execute(&mut connection).await.expect("run");
            }
        }
    }
}

async fn open(url: &StoreUrl, key: [u8; 32]) -> Result<SqlStore, Error> {
    SqlStore::open_with(url, SealKey::from_bytes(key).expect("a key"), LIMITS).await
}

fn files(folder: &TempDir) -> impl Iterator<Item = std::fs::DirEntry> {
    std::fs::read_dir(folder.path()).expect("a folder").map(|file| file.expect("a file"))
}

async fn dump(url: &str) -> Vec<u8> {
    let mut connection = PgConnection::connect(url).await.expect("a connection");
    let text = "SELECT table_name::text, column_name::text, data_type::text FROM information_schema.columns WHERE table_schema = current_schema()";
    let mut bytes = Vec::new();
    for column in sqlx::query(text).fetch_all(&mut connection).await.expect("columns") {
        let (table, name, kind): (String, String, String) = (column.get(0), column.get(1), column.get(2));
        let value = if kind == "bytea" { name.clone() } else { format!("convert_to({name}::text, 'UTF8')") };
        let text = AssertSqlSafe(format!("SELECT {value} FROM {table} WHERE {name} IS NOT NULL"));
        for row in sqlx::query(text).fetch_all(&mut connection).await.expect("rows") {
            bytes.extend(row.get::<Vec<u8>, _>(0));
        }
    }
    bytes
}

/// `X'0A'` in PostgreSQL's words.
fn with_postgres_blobs(rows: &str) -> String {
    let mut parts = rows.split(" X'");
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (hex, rest) = part.split_once('\'').expect("the end of a blob");
        text.push_str(&format!(" '\\x{hex}'::bytea{rest}"));
    }
    text
}

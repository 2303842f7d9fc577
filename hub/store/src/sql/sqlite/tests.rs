use super::super::arg::args;
use super::*;

async fn database(folder: &tempfile::TempDir) -> Sqlite {
    let database = Sqlite::open(&folder.path().join("hub.db")).await.expect("opened");
    let mut tx = database.write().await.expect("a transaction");
    tx.script("CREATE TABLE t (a TEXT, b BIGINT, c BLOB)").await.expect("made");
    tx.commit().await.expect("committed");
    database
}

async fn count(database: &Sqlite) -> i64 {
    let mut tx = database.read().await.expect("a transaction");
    let rows = tx.rows("SELECT COUNT(*) AS n FROM t", args![], 1).await.expect("counted");
    rows[0].opt_int("n").expect("a number").expect("one")
}

#[tokio::test]
async fn arguments_are_numbered_as_in_postgresql() {
    let folder = tempfile::tempdir().expect("a folder");
    let database = database(&folder).await;
    let mut tx = database.write().await.expect("a transaction");
    let text = "INSERT INTO t (c, b, a) VALUES ($3, $2, $1)";
    tx.execute(text, args!["text", 7_i64, vec![1_u8]]).await.expect("written");
    let row = tx.rows("SELECT * FROM t WHERE b = $2 AND a = $1", args!["text", 7_i64], 1).await.expect("read");
    assert_eq!((row[0].opt_text("a").ok(), row[0].opt_int("b").ok()), (Some(Some("text")), Some(Some(7))));
    assert_eq!(row[0].opt_blob("c").expect("a blob"), Some(&[1_u8][..]));
    assert!(row[0].opt_int("a").is_err() && row[0].opt_text("none").is_err(), "what is not there is not made up");
    assert!(tx.execute(text, args!["text", 7_i64]).await.is_err(), "an argument is missing");
}

#[tokio::test]
async fn what_is_given_up_has_changed_nothing_and_blocks_nobody() {
    let folder = tempfile::tempdir().expect("a folder");
    let database = database(&folder).await;
    for _ in 0..3 {
        let mut tx = database.write().await.expect("a transaction");
        tx.execute("INSERT INTO t (b) VALUES (1)", args![]).await.expect("written");
    }
    assert_eq!(count(&database).await, 0);
    let mut tx = database.write().await.expect("a transaction");
    tx.execute("INSERT INTO t (b) VALUES (1)", args![]).await.expect("written");
    tx.commit().await.expect("committed");
    assert_eq!(count(&database).await, 1);
}

#[tokio::test]
async fn a_lock_of_somebody_else_is_waited_for() {
    let folder = tempfile::tempdir().expect("a folder");
    let database = database(&folder).await;
    let other = Connection::open(folder.path().join("hub.db")).expect("a connection");
    other.execute_batch("BEGIN IMMEDIATE").expect("locked");
    let writing = tokio::spawn(async move { database.write().await.map(drop) });
    tokio::task::yield_now().await;
    assert!(!writing.is_finished());
    other.execute_batch("COMMIT").expect("given back");
    writing.await.expect("ran").expect("a transaction");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn writers_share_a_commit_and_who_gives_up_takes_back_its_own_only() {
    let folder = tempfile::tempdir().expect("a folder");
    let database = Arc::new(database(&folder).await);
    for round in 0..20 {
        let first = database.write().await.expect("a transaction");
        let writers: Vec<_> = (0..20_i64)
            .map(|number| {
                let database = Arc::clone(&database);
                tokio::spawn(async move {
                    let mut tx = database.write().await?;
                    tx.execute("INSERT INTO t (b) VALUES ($1)", args![number]).await?;
                    match number % 4 {
                        0 => {
                            drop(tx);
                            Ok(())
                        }
                        // What it says is refused by the database itself.
                        1 => tx.script("INSERT INTO nowhere VALUES (1)").await.or(Ok(())),
                        _ => {
                            tx.commit().await?;
                            let mut read = database.read().await?;
                            let mine = read.rows("SELECT b FROM t WHERE b = $1", args![number], 1).await?;
                            assert_eq!(mine.len(), 1, "what was answered is there");
                            Ok::<(), Error>(())
                        }
                    }
                })
            })
            .collect();
        while round % 2 == 0 && database.writer.waiting.load(Ordering::Acquire) < 20 {
            tokio::task::yield_now().await;
        }
        drop(first);
        for writer in writers {
            writer.await.expect("ran").expect("written");
        }
        assert_eq!(count(&database).await, 10 * (round + 1));
        assert!(database.writer.done.lock().is_empty());
    }
    database.close().await;
    assert!(database.write().await.is_err());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_seen_before_its_commit_is_waited_for() {
    let folder = tempfile::tempdir().expect("a folder");
    let database = Arc::new(database(&folder).await);
    let waiting = async |count: usize| {
        while database.writer.waiting.load(Ordering::Acquire) < count {
            tokio::task::yield_now().await;
        }
    };
    let first = database.write().await.expect("a transaction");
    let writer = tokio::spawn({
        let database = Arc::clone(&database);
        async move {
            let mut tx = database.write().await?;
            tx.execute("INSERT INTO t (b) VALUES (1)", args![]).await?;
            tx.commit().await
        }
    });
    waiting(1).await;
    let looker = tokio::spawn({
        let database = Arc::clone(&database);
        async move {
            let mut tx = database.write().await?;
            let seen = tx.rows("SELECT b FROM t", args![], 9).await?.len();
            drop(tx);
            database.settled().await?;
            Ok::<_, Error>((seen, count(&database).await))
        }
    });
    waiting(2).await;
    drop(first);
    assert_eq!(looker.await.expect("ran").expect("looked"), (1, 1), "what it saw is there for everybody");
    writer.await.expect("ran").expect("written");
    assert_eq!(database.glimpses(), 1);
}

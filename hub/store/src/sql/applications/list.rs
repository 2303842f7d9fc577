//! The list of applications: filtered, sorted and counted in SQL.

use serde::{Deserialize, Serialize};

use super::{record_columns, view, view_columns};
use crate::error::Result;
use crate::model::{ApplicationQuery, ApplicationSort, ApplicationView, Page};
use crate::sql::SqlStore;
use crate::sql::arg::{Arg, args};
use crate::sql::feed::revision;
use crate::sql::page::{containing, limit, page, place};
use crate::sql::rank;
use crate::sql::row::Row;
use crate::sql::target_views;

/// A `WHERE` clause that grows, with its arguments.
#[derive(Default)]
struct Filter {
    clauses: Vec<String>,
    args: Vec<Arg>,
}

/// The sort key of every order.
#[derive(Serialize, Deserialize)]
struct Key {
    calm: i64,
    revision: i64,
    namespace: String,
    name: String,
}

pub(in crate::sql) async fn list(store: &SqlStore, query: &ApplicationQuery) -> Result<Page<ApplicationView>> {
    let list = list_name(query.sort);
    let after: Option<Key> = place(&store.seal, &query.list, list)?;
    let mut filter = filter(query)?;
    let mut tx = store.db.read().await?;
    let count = format!("SELECT COUNT(*) AS total FROM applications a WHERE {}", filter.text());
    let total = tx.one(count, filter.args.clone()).await?.number("total")?;
    if let Some(key) = after {
        filter.begin_after(query.sort, key);
    }
    let most = filter.bind(limit(&query.list) as u64 + 1);
    let (columns, of_view) = (record_columns!(), view_columns!());
    let text = format!(
        "SELECT {columns}, {of_view} FROM applications a WHERE {} ORDER BY {} LIMIT {most}",
        filter.text(),
        order(query.sort)
    );
    let rows = tx.all(text, filter.args).await?;
    let revision = revision(&mut tx).await?;
    let mut page = page(&store.seal, rows, &query.list, list, (total, revision), key, |row| view(&row))?;
    let uids: Vec<_> = page.items.iter().map(|view| view.application.uid).collect();
    let mut groups = target_views::groups(&mut tx, &uids).await?;
    let mut targets = target_views::worst(&mut tx, &uids, target_views::most_of_each(uids.len())).await?;
    for view in &mut page.items {
        view.groups = groups.remove(&view.application.uid).unwrap_or_default();
        view.targets = targets.remove(&view.application.uid).unwrap_or_default();
    }
    Ok(page)
}

fn filter(query: &ApplicationQuery) -> Result<Filter> {
    let mut filter = Filter::default();
    if !query.list.search.is_empty() {
        // A search with a slash is for namespace and name.
        let column = if query.list.search.contains('/') { "a.namespace || '/' || a.name" } else { "a.name" };
        let pattern = filter.bind(containing(&query.list.search)?);
        filter.add(format!("{column} LIKE {pattern} ESCAPE '\\'"));
    }
    for (column, wanted) in [("a.project", &query.project), ("a.namespace", &query.namespace)] {
        if let Some(wanted) = wanted {
            let wanted = filter.bind(wanted);
            filter.add(format!("{column} = {wanted}"));
        }
    }
    for (column, wanted) in [("a.sync", query.sync.map(rank::of_sync)), ("a.health", query.health.map(rank::of_health))]
    {
        if let Some(wanted) = wanted {
            let wanted = filter.bind(wanted);
            filter.add(format!("{column} = {wanted}"));
        }
    }
    if let Some(cluster) = &query.cluster {
        let cluster = filter.bind(cluster);
        filter.add(format!("EXISTS (SELECT 1 FROM targets t JOIN clusters c ON c.uid = t.cluster WHERE t.application = a.uid AND c.name = {cluster})"));
    }
    for (name, value) in &query.labels {
        let (name, value) = (filter.bind(name), filter.bind(value));
        filter.add(format!("EXISTS (SELECT 1 FROM application_labels l WHERE l.application = a.uid AND l.name = {name} AND l.value = {value})"));
    }
    Ok(filter)
}

fn order(sort: ApplicationSort) -> &'static str {
    match sort {
        ApplicationSort::Name => "a.namespace, a.name",
        ApplicationSort::Attention => "a.calm, a.namespace, a.name",
        ApplicationSort::Changed => "a.revision DESC",
    }
}

fn list_name(sort: ApplicationSort) -> &'static str {
    match sort {
        ApplicationSort::Name => "applications by name",
        ApplicationSort::Attention => "applications by attention",
        ApplicationSort::Changed => "applications by change",
    }
}

fn key(row: &Row) -> Result<Key> {
    Ok(Key {
        calm: row.int("calm")?,
        revision: row.int("revision")?,
        namespace: row.text("namespace")?,
        name: row.text("name")?,
    })
}

// === impl Filter ===

impl Filter {
    fn text(&self) -> String {
        if self.clauses.is_empty() { "1 = 1".into() } else { self.clauses.join(" AND ") }
    }

    fn add(&mut self, clause: String) {
        self.clauses.push(clause);
    }

    /// Its placeholder.
    fn bind(&mut self, value: impl Into<Arg>) -> String {
        self.args.push(value.into());
        format!("${}", self.args.len())
    }

    fn begin_after(&mut self, sort: ApplicationSort, key: Key) {
        let from = self.args.len() + 1;
        let (clause, args) = match sort {
            ApplicationSort::Name => {
                (format!("(a.namespace, a.name) > (${from}, ${})", from + 1), args![key.namespace, key.name])
            }
            ApplicationSort::Attention => {
                let clause = format!("(a.calm, a.namespace, a.name) > (${from}, ${}, ${})", from + 1, from + 2);
                (clause, args![key.calm, key.namespace, key.name])
            }
            ApplicationSort::Changed => (format!("a.revision < ${from}"), args![key.revision]),
        };
        self.args.extend(args);
        self.add(clause);
    }
}

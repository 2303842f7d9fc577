//! Following one application on the watch until something is true of it.

use std::time::Duration;

use anyhow::bail;
use jiff::Timestamp;

use super::name::NameArgs;
use crate::client::{Client, Event, Problem};
use crate::output::{self, age, table};
use crate::view::{Application, Target};

/// What following has found.
pub(super) enum Verdict {
    /// It is so.
    Reached,
    /// Not yet; what is waited for.
    Waiting(String),
    /// It never will be.
    Failed(String),
}

/// Looks at the application at each of its changes, until the verdict is final. `None` is an application that is gone.
pub(super) async fn follow(
    client: &Client,
    name: &NameArgs,
    timeout: Duration,
    judge: impl Fn(Option<&Application>) -> Verdict,
) -> anyhow::Result<()> {
    let last = std::cell::RefCell::new(String::new());
    let followed = watch(client, name, |application| {
        let verdict = judge(application);
        if let Verdict::Waiting(what) = &verdict {
            progress(&last, name, what);
        }
        verdict
    });
    match tokio::time::timeout(timeout, followed).await {
        Ok(result) => result,
        Err(_) => bail!(
            "application {name}: not reached within {} s; last seen: {}; look at `windlass app get {name}`",
            timeout.as_secs(),
            last.borrow()
        ),
    }
}

async fn watch(
    client: &Client,
    name: &NameArgs,
    judge: impl Fn(Option<&Application>) -> Verdict,
) -> anyhow::Result<()> {
    let mut events = client.watch(Some(name.to_string()), None, true);
    loop {
        // A cluster's change moves the freshness of what the application reports.
        let application = match events.next().await? {
            Event::Change(change) if change.kind == "application" && change.deleted => None,
            Event::Change(change) if change.kind == "application" && change.object.is_some() => {
                change.object.map(serde_json::from_value).transpose()?
            }
            Event::Begin | Event::Change(_) => look(client, name).await?,
        };
        match judge(application.as_ref()) {
            Verdict::Reached => return Ok(()),
            Verdict::Failed(why) => bail!("application {name}: {why}"),
            Verdict::Waiting(_) => {}
        }
    }
}

async fn look(client: &Client, name: &NameArgs) -> anyhow::Result<Option<Application>> {
    match client.get(&name.path(), &[]).await {
        Ok(application) => Ok(Some(application)),
        Err(error)
            if error
                .downcast_ref::<Problem>()
                .is_some_and(|problem| problem.status == reqwest::StatusCode::NOT_FOUND) =>
        {
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// Says what changed, once.
fn progress(last: &std::cell::RefCell<String>, name: &NameArgs, what: &str) {
    let mut last = last.borrow_mut();
    if *last != what {
        output::note(&table::single_line(&format!("{}  {name}: {what}", Timestamp::now().strftime("%H:%M:%S"))));
        what.clone_into(&mut last);
    }
}

/// A target's state in a few words.
pub(super) fn words(target: &Target) -> String {
    let mut words = format!("{} {} {}", target.cluster, target.sync, target.health);
    if target.freshness.stale {
        words.push_str(&format!(" {}", age::freshness(&target.freshness, Timestamp::now())));
    }
    if !target.current {
        words.push_str(" (a newer commit is on its way)");
    } else if !target.health_message.is_empty() {
        words.push_str(&format!(" ({})", target.health_message));
    }
    words
}

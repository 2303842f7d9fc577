//! The agent's own Deployment: its image, changed when the hub asks and taken back when the new one does not come to be in sync; and a person's pause there.
//!
//! Every replica follows it, whoever holds the Lease: the old one that stands by while the new one has its turn is who takes the image back when that one
//! only hangs. What is written is decided in [`windlass_domain::upgrade::own`]; ADR 0012 has the reasons.

mod deployment;
mod trouble;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Mutex, watch};
use tokio_util::sync::CancellationToken;
use windlass_domain::install::NAME;
use windlass_domain::question::{RefusalCode, Refused};
use windlass_domain::time::Timestamp;
use windlass_domain::upgrade::own::{self, Action, Answer, Change, Progress, Request, Seen};
use windlass_runtime::clock::Clock;

use crate::home::{Home, Kind};
use crate::observe::client::Error;
use deployment::Deployment;

/// Time to the next try when the apiserver did not take a change.
const RETRY: Duration = Duration::from_secs(2);

/// This agent's Deployment, where it has one. Clones share it.
#[derive(Clone)]
pub struct Upgrades {
    inner: Arc<Inner>,
}

struct Inner {
    /// `None`: a process outside its cluster, or one without a Deployment.
    home: Option<Home>,
    clock: Clock,
    /// The marker of this process.
    mine: Option<String>,
    deployment: watch::Sender<Option<Deployment>>,
    leads: watch::Sender<bool>,
    in_sync: watch::Sender<bool>,
    /// One question writes at a time.
    turn: Mutex<()>,
}

// === impl Upgrades ===

impl Upgrades {
    /// Of a process that is not a Pod's.
    pub fn outside(clock: Clock) -> Self {
        Self::new(None, clock, None)
    }

    /// Of the Deployment in the agent's own namespace, read once. `mine` is the marker that this process was started with.
    pub(crate) async fn of(home: Home, clock: Clock, mine: Option<String>) -> Self {
        let upgrades = Self::new(Some(home), clock, mine);
        upgrades.look().await;
        upgrades
    }

    fn new(home: Option<Home>, clock: Clock, mine: Option<String>) -> Self {
        let inner = Inner {
            home,
            clock,
            mine,
            deployment: watch::Sender::new(None),
            leads: watch::Sender::new(false),
            in_sync: watch::Sender::new(false),
            turn: Mutex::default(),
        };
        Self { inner: Arc::new(inner) }
    }

    /// Whether this is the new agent of an upgrade that is not proven yet.
    pub fn is_on_trial(&self) -> bool {
        self.seen().is_some_and(|(seen, _)| seen.is_on_trial())
    }

    /// This process holds the Lease from now on.
    pub fn leads(&self) {
        self.inner.leads.send_replace(true);
    }

    /// This process was in sync with the hub.
    pub fn in_sync(&self) {
        self.inner.in_sync.send_replace(true);
    }

    /// Waits until the pause of the Deployment is another one than `known`, and says which; for ever where there is no Deployment.
    pub async fn pause_other_than(&self, known: Option<&str>) -> Option<String> {
        let mut deployment = self.inner.deployment.subscribe();
        let is_other = |found: &Option<Deployment>| pause(found) != known;
        // The sender is in `self`, so that it cannot be gone.
        let found = deployment.wait_for(is_other).await.ok().map(|found| pause(&found).map(str::to_owned));
        found.flatten()
    }

    /// Tells what [`is_on_trial`](Self::is_on_trial) says, now and at each change, for ever.
    pub async fn tell_trial(&self, tell: impl Fn(bool)) {
        let mut deployment = self.inner.deployment.subscribe();
        loop {
            tell(self.is_on_trial());
            // The sender is in `self`, so that it cannot be gone.
            let _ = deployment.changed().await;
        }
    }

    /// What a request of the hub means; what it asks for is written when this returns.
    ///
    /// # Errors
    /// The apiserver's, in words.
    pub async fn answer(&self, request: &Request) -> Result<Answer, Refused> {
        let _turn = self.inner.turn.lock().await;
        let Some(home) = &self.inner.home else { return Ok(impossible(OUTSIDE)) };
        self.look().await;
        let Some((seen, version)) = self.seen() else { return Ok(impossible(NO_DEPLOYMENT)) };
        let change = match own::asked(&seen, request, self.inner.clock.now()) {
            Err(answer) => return Ok(self.explained(home, &seen, answer).await),
            Ok(change) => change,
        };
        tracing::warn!(from = seen.image, upgrade = %request.id, "the hub asks for another image of the agent");
        match self.write(home, &version, &change).await {
            Ok(()) => {}
            Err(error) if error.refused().is_some_and(|refusal| matches!(refusal.code, 403 | 422)) => {
                return Ok(impossible(&format!("the agent may not change its own Deployment: {error}")));
            }
            Err(error) => {
                return Err(Refused::new(RefusalCode::Unavailable, format!("the agent's Deployment: {error}")));
            }
        }
        Ok(Answer {
            progress: Progress::UnderWay,
            image: change.template.map(|template| template.image).unwrap_or_default(),
            before: seen.image,
            message: "its Deployment was changed".into(),
        })
    }

    /// Whether the Lease may go to the replica that asks for it. What that needs is written when this returns.
    pub async fn hand_over_to(&self, replica: &str) -> bool {
        let Some(home) = &self.inner.home else { return false };
        self.look().await;
        let Some((seen, version)) = self.seen() else { return false };
        let Some(change) = seen.hand_over_to(replica) else { return false };
        match self.write(home, &version, &change).await {
            Ok(()) => true,
            Err(error) => {
                tracing::warn!(%error, "the agent's Lease is not given to the new replica yet");
                false
            }
        }
    }

    /// Follows the Deployment, and does what is to be done there, until `stop`.
    pub async fn keep(self, stop: CancellationToken) {
        let Some(home) = self.inner.home.clone() else { return };
        let (sender, raw) = watch::channel(None);
        tokio::select! {
            () = stop.cancelled() => {}
            () = home.follow_deployment(NAME, sender, stop.clone()) => {}
            () = self.take(raw) => {}
            () = self.act(&home) => {}
        }
    }

    async fn take(&self, mut raw: watch::Receiver<Option<serde_json::Value>>) {
        while raw.changed().await.is_ok() {
            let found = raw.borrow_and_update().as_ref().map(Deployment::of);
            self.inner.deployment.send_replace(found);
        }
    }

    async fn act(&self, home: &Home) {
        let inner = &self.inner;
        let (mut deployment, mut leads, mut in_sync) =
            (inner.deployment.subscribe(), inner.leads.subscribe(), inner.in_sync.subscribe());
        loop {
            let until = self.once(home).await;
            tokio::select! {
                _ = deployment.changed() => {}
                _ = leads.changed() => {}
                _ = in_sync.changed() => {}
                () = inner.clock.sleep_until(until.unwrap_or(Timestamp::MAX)), if until.is_some() => {}
            }
        }
    }

    /// What is to be done now, and when it should be looked at again.
    async fn once(&self, home: &Home) -> Option<Timestamp> {
        let (seen, version) = self.seen()?;
        let now = self.inner.clock.now();
        let mut change = match own::decide(&seen, now) {
            Action::Wait(until) => return until,
            Action::Change(change) => change,
        };
        if let Some(reason) = change.record.as_mut().and_then(|record| record.reverted.as_mut())
            && let Some(trouble) = trouble::of_new_pods(home, &seen.image).await
        {
            reason.push_str(&format!(" ({trouble})"));
        }
        match self.write(home, &version, &change).await {
            Ok(()) => tell(&change),
            Err(error) => tracing::warn!(%error, "the agent's Deployment could not be changed yet"),
        }
        Some(now + RETRY)
    }

    /// Names what keeps the new Pod from working while it does not.
    async fn explained(&self, home: &Home, seen: &Seen, mut answer: Answer) -> Answer {
        if answer.progress == Progress::UnderWay
            && let Some(trouble) = trouble::of_new_pods(home, &seen.image).await
        {
            answer.message = trouble;
        }
        answer
    }

    fn seen(&self) -> Option<(Seen, String)> {
        let inner = &self.inner;
        let deployment = inner.deployment.borrow();
        let found = deployment.as_ref()?;
        let seen = Seen {
            image: found.image.clone(),
            marker: found.marker.clone(),
            record: found.record.clone(),
            mine: inner.mine.clone(),
            leads: *inner.leads.borrow(),
            in_sync: *inner.in_sync.borrow(),
        };
        Some((seen, found.version.clone()))
    }

    /// Reads it now. An apiserver that does not answer, and one that forbids it, leave what was known.
    async fn look(&self) {
        let Some(home) = &self.inner.home else { return };
        match home.get(Kind::Deployment, NAME).await {
            Ok(found) => drop(self.inner.deployment.send_replace(found.as_ref().map(Deployment::of))),
            Err(error) => tracing::info!(%error, "the agent's own Deployment cannot be read"),
        }
    }

    async fn write(&self, home: &Home, version: &str, change: &Change) -> Result<(), Error> {
        let written = home.patch(Kind::Deployment, NAME, &deployment::patch(version, change)).await;
        if matches!(&written, Err(Error::Refused(refusal)) if refusal.code == 409) {
            // Somebody wrote it: what they wrote is decided about next.
            self.look().await;
        }
        self.inner.deployment.send_replace(Some(Deployment::of(&written?)));
        Ok(())
    }
}

const OUTSIDE: &str = "its agent is a process outside the cluster: it is not upgradable from here; replace its program and start it again";
const NO_DEPLOYMENT: &str = "its agent has no Deployment windlass-agent that it may read: it is not upgradable from here; install it by the command of windlass cluster token";

fn impossible(words: &str) -> Answer {
    Answer { progress: Progress::Impossible, image: String::new(), before: String::new(), message: words.to_owned() }
}

fn pause(found: &Option<Deployment>) -> Option<&str> {
    found.as_ref()?.pause.as_deref()
}

fn tell(change: &Change) {
    let Some(record) = &change.record else {
        tracing::info!("the upgrade of this agent is over");
        return;
    };
    if let Some(reason) = &record.reverted {
        tracing::error!(from = record.to, to = record.from, reason, "the agent's image was taken back");
    }
}

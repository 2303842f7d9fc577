//! Which replica of the agent works: the one that holds a Lease. Another takes over when the holder gives it back, or has said nothing for its duration.
//!
//! Each time it is taken its epoch grows, and what the holder keeps as Secrets is written under that epoch: a holder that lost it without noticing can
//! change nothing there any more. A holder that cannot reach the apiserver can write nowhere; it goes on if the Lease is still its own afterwards.

mod decide;

use std::time::Duration;

use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use windlass_runtime::clock::Clock;

use crate::home::{Home, Kind, OwnedSecret};
use crate::observe::client::Error;
use decide::{Record, Verdict, decide};

const NAME: &str = "windlass-agent";
/// A holder that says nothing for so long is gone.
const DURATION: Duration = Duration::from_secs(15);
const RENEW: Duration = Duration::from_secs(5);
const RETRY: Duration = Duration::from_secs(2);

/// The Lease, held. Keep it with [`keep`](Self::keep).
pub struct Held {
    home: Home,
    clock: Clock,
    me: String,
    epoch: u64,
    version: String,
}

// === impl Held ===

impl Held {
    /// Waits until the Lease is this replica's; `waiting` is told who else has it, whenever that changes. `kept` names the Secrets that hold epochs.
    pub async fn acquire(home: Home, clock: Clock, me: String, kept: &[&str], waiting: impl Fn(&str)) -> Self {
        let (mut seen, mut since, mut told) = (None, clock.now(), String::new());
        loop {
            let looked = look(&home, kept).await;
            let (record, least) = match looked {
                Ok(looked) => looked,
                Err(error) => {
                    tracing::warn!(%error, "the agent's Lease cannot be read yet");
                    clock.sleep(RETRY).await;
                    continue;
                }
            };
            if seen.as_ref() != Some(&record) {
                (seen, since) = (Some(record.clone()), clock.now());
            }
            let unchanged = clock.now().duration_since(since).unsigned_abs();
            match decide(record.as_ref(), unchanged, &me, least) {
                Verdict::Take { epoch } => match take(&home, &clock, &me, epoch, record.as_ref()).await {
                    Ok(version) => {
                        tracing::info!(epoch, replica = me, "this replica of the agent works");
                        return Self { home, clock, me, epoch, version };
                    }
                    Err(error) => {
                        tracing::info!(%error, "the agent's Lease could not be taken");
                        clock.sleep(RETRY).await;
                    }
                },
                Verdict::Wait(left) => {
                    let holder = record.map(|record| record.holder).unwrap_or_default();
                    if told != holder {
                        waiting(&holder);
                        told = holder;
                    }
                    clock.sleep(left).await;
                }
            }
        }
    }

    /// The epoch under which this replica writes.
    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    /// Renews it until it is somebody else's, and says whose; or until `stop`, and then gives it back.
    pub async fn keep(mut self, stop: CancellationToken) -> Option<String> {
        let mut wait = RENEW;
        loop {
            tokio::select! {
                () = stop.cancelled() => break,
                () = self.clock.sleep(wait) => {}
            }
            wait = match self.renew().await {
                Ok(None) => RENEW,
                Ok(lost @ Some(_)) => return lost,
                Err(error) => {
                    tracing::warn!(%error, "the agent's Lease could not be renewed yet");
                    RETRY
                }
            };
        }
        let given_back = lease(&self.clock, "", self.epoch, Duration::from_secs(1), &self.version);
        if let Err(error) = self.home.replace(Kind::Lease, NAME, &given_back).await {
            tracing::info!(%error, "the Lease was not given back; another replica waits for its end");
        }
        None
    }

    /// Who else holds it, if somebody does.
    async fn renew(&mut self) -> Result<Option<String>, Error> {
        let renewed = lease(&self.clock, &self.me, self.epoch, DURATION, &self.version);
        match self.home.replace(Kind::Lease, NAME, &renewed).await {
            Ok(written) => {
                self.version = record(&written).version;
                return Ok(None);
            }
            // Gone, or written by somebody: it is looked at below.
            Err(Error::Refused(refusal)) if matches!(refusal.code, 404 | 409) => {}
            Err(error) => return Err(error),
        }
        let Some(found) = self.home.get(Kind::Lease, NAME).await?.as_ref().map(record) else {
            self.version = take(&self.home, &self.clock, &self.me, self.epoch, None).await?;
            return Ok(None);
        };
        if found.holder != self.me || found.transitions != self.epoch {
            return Ok(Some(found.holder));
        }
        self.version = found.version;
        Ok(None)
    }
}

/// The Lease, and the highest epoch that its holders have left behind where the Lease itself is gone.
async fn look(home: &Home, kept: &[&str]) -> Result<(Option<Record>, u64), Error> {
    let found = home.get(Kind::Lease, NAME).await?.as_ref().map(record);
    let mut least = 0;
    if found.is_none() {
        for name in kept {
            least = least.max(OwnedSecret::epoch_of(home, name).await?);
        }
    }
    Ok((found, least))
}

/// Its new version.
async fn take(home: &Home, clock: &Clock, me: &str, epoch: u64, over: Option<&Record>) -> Result<String, Error> {
    let version = over.map(|record| record.version.as_str()).unwrap_or_default();
    let wanted = lease(clock, me, epoch, DURATION, version);
    let written = match over {
        Some(_) => home.replace(Kind::Lease, NAME, &wanted).await?,
        None => home.create(Kind::Lease, &wanted).await?,
    };
    Ok(record(&written).version)
}

fn lease(clock: &Clock, holder: &str, epoch: u64, duration: Duration, version: &str) -> Value {
    let now = clock.now().strftime("%Y-%m-%dT%H:%M:%S.%6fZ").to_string();
    let mut metadata = json!({"name": NAME, "labels": {"app.kubernetes.io/name": "windlass-agent"}});
    if !version.is_empty() {
        metadata["resourceVersion"] = version.into();
    }
    json!({
        "apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": metadata,
        "spec": {
            "holderIdentity": holder, "leaseDurationSeconds": duration.as_secs(), "leaseTransitions": epoch,
            "acquireTime": now, "renewTime": now,
        },
    })
}

fn record(lease: &Value) -> Record {
    let spec = &lease["spec"];
    Record {
        holder: spec["holderIdentity"].as_str().unwrap_or_default().to_owned(),
        duration: Duration::from_secs(spec["leaseDurationSeconds"].as_u64().unwrap_or_default()),
        transitions: spec["leaseTransitions"].as_u64().unwrap_or_default(),
        version: lease["metadata"]["resourceVersion"].as_str().unwrap_or_default().to_owned(),
    }
}

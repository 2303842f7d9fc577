//! Which replica of the agent works: the one that holds a Lease. Another takes over when the holder gives it back, or has said nothing for its duration.
//!
//! Each time it is taken its epoch grows, and what the holder keeps as Secrets is written under that epoch: a holder that lost it without noticing can
//! change nothing there any more. A holder that cannot reach the apiserver can write nowhere; it goes on if the Lease is still its own afterwards.

mod decide;

use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::oneshot;
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
/// The annotation by which a replica that stands by asks for the Lease.
const ASKS: &str = "windlass.dev/asks";

/// The Lease, held. Keep it with [`keep`](Self::keep).
pub struct Held {
    home: Home,
    clock: Clock,
    me: String,
    epoch: u64,
    version: String,
    /// Who asked for it since the last look.
    asker: Option<String>,
}

/// Who says what of the Lease is known here, and what is not.
pub struct Callbacks<W, T> {
    /// Is told who else has it, whenever that changes.
    pub waiting: W,
    /// Whether this replica should ask for it instead of waiting.
    pub is_urgent: T,
}

// === impl Held ===

impl Held {
    /// Waits until the Lease is this replica's. `kept` names the Secrets that hold epochs.
    pub async fn acquire(
        home: Home,
        clock: Clock,
        me: String,
        kept: &[&str],
        callbacks: Callbacks<impl Fn(&str), impl Fn() -> bool>,
    ) -> Self {
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
                        return Self { home, clock, me, epoch, version, asker: None };
                    }
                    Err(error) => {
                        tracing::info!(%error, "the agent's Lease could not be taken");
                        clock.sleep(RETRY).await;
                    }
                },
                Verdict::Wait(left) => {
                    let holder = record.map(|record| record.holder).unwrap_or_default();
                    if told != holder {
                        (callbacks.waiting)(&holder);
                        told = holder;
                    }
                    if (callbacks.is_urgent)()
                        && let Err(error) = ask(&home, &me).await
                    {
                        tracing::info!(%error, "the agent's Lease could not be asked for yet");
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

    /// Renews it until it is somebody else's, which `lost` is told; or until `stop`, and then gives it back. A replica that asks for it gets it where
    /// `may_have` says so: `lost` is told then too, and it is given when the work here has stopped.
    pub async fn keep<F: Future<Output = bool>>(
        mut self,
        stop: CancellationToken,
        may_have: impl Fn(String) -> F,
        lost: oneshot::Sender<String>,
    ) {
        let (mut wait, mut next, mut lost) = (RENEW, None, Some(lost));
        loop {
            tokio::select! {
                () = stop.cancelled() => break,
                () = self.clock.sleep(wait) => {}
            }
            wait = match self.renew().await {
                Ok(None) => RENEW,
                Ok(Some(holder)) => return tell(&mut lost, format!("the agent's Lease was taken over by {holder}")),
                Err(error) => {
                    tracing::warn!(%error, "the agent's Lease could not be renewed yet");
                    RETRY
                }
            };
            if let Some(asker) = self.asker.take()
                && next.is_none()
                && may_have(asker.clone()).await
            {
                tell(&mut lost, format!("the agent's Lease goes to {asker}, the agent of another version"));
                next = Some(asker);
            }
        }
        let (holder, duration) = match &next {
            Some(next) => (next.as_str(), DURATION),
            None => ("", Duration::from_secs(1)),
        };
        let given_back = lease(&self.clock, holder, self.epoch, duration, &self.version);
        if let Err(error) = self.home.replace(Kind::Lease, NAME, &given_back).await {
            tracing::info!(%error, "the Lease was not given back; another replica waits for its end");
        }
    }

    /// Who else holds it, if somebody does.
    async fn renew(&mut self) -> Result<Option<String>, Error> {
        if self.write().await? {
            return Ok(None);
        }
        let Some(lease) = self.home.get(Kind::Lease, NAME).await? else {
            self.version = take(&self.home, &self.clock, &self.me, self.epoch, None).await?;
            return Ok(None);
        };
        let found = record(&lease);
        if found.holder != self.me || found.transitions != self.epoch {
            return Ok(Some(found.holder));
        }
        self.asker = lease["metadata"]["annotations"][ASKS].as_str().map(str::to_owned);
        self.version = found.version;
        // What was written beside it has been read, and goes with this.
        self.write().await?;
        Ok(None)
    }

    /// Whether nobody else had written it, or removed it.
    async fn write(&mut self) -> Result<bool, Error> {
        let renewed = lease(&self.clock, &self.me, self.epoch, DURATION, &self.version);
        match self.home.replace(Kind::Lease, NAME, &renewed).await {
            Ok(written) => {
                self.version = record(&written).version;
                Ok(true)
            }
            Err(Error::Refused(refusal)) if matches!(refusal.code, 404 | 409) => Ok(false),
            Err(error) => Err(error),
        }
    }
}

/// Whoever would hear it is gone when the process ends.
fn tell(lost: &mut Option<oneshot::Sender<String>>, words: String) {
    if let Some(lost) = lost.take() {
        let _ = lost.send(words);
    }
}

/// Says on the Lease that this replica wants it.
async fn ask(home: &Home, me: &str) -> Result<(), Error> {
    let Some(mut lease) = home.get(Kind::Lease, NAME).await? else { return Ok(()) };
    if lease["metadata"]["annotations"][ASKS] != me {
        lease["metadata"]["annotations"][ASKS] = me.into();
        home.replace(Kind::Lease, NAME, &lease).await?;
    }
    Ok(())
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

//! What the hub says, made durable before it is believed.

use std::collections::BTreeSet;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use parking_lot::Mutex as Cell;
use serde::de::DeserializeOwned;
use tokio::sync::{Mutex, mpsc};
use tracing::{info, warn};
use uuid::Uuid;
use windlass_domain::cluster::ClusterFacts;
use windlass_domain::desired_state::{Delta, DesiredState, Position, Refused};
use windlass_domain::digest::Digest;
use windlass_domain::discovery::Discovery;
use windlass_domain::exchange::{FrozenTarget, MAX_FROZEN, distrusted_rows};
use windlass_domain::target::TargetRow;
use windlass_runtime::clock::Clock;

use crate::desired::Durable;
use crate::link::{Desired, Standing};
use crate::observe::Watches;
use crate::sync::input::Input;
use crate::sync::target::row_name;

const POSITION: &str = "position";
const FROZEN: &str = "frozen";
const CLUSTER: &str = "cluster";
/// A kind that is silent for longer, without an event or a bookmark, is stale.
const SILENCE: Duration = Duration::from_secs(120);

/// The rows that this agent holds, and where they stand. One delta is taken at a time.
pub struct Intake {
    durable: Durable,
    held: Mutex<Held>,
    stated: Cell<Stated>,
    cluster: Uuid,
    watches: Watches,
    clock: Clock,
    engine: mpsc::Sender<Input>,
}

struct Held {
    position: Option<Position>,
    state: DesiredState,
}

/// What `Hello` and comparisons say, kept beside so that they never wait for a write.
struct Stated {
    position: Option<Position>,
    rows: Digest,
    discovery: Discovery,
    facts: ClusterFacts,
    frozen: Vec<FrozenTarget>,
}

/// A durable record that is there and says nothing.
struct Unreadable;

/// A durable record, if it is there; one that cannot be read is named in the log.
fn read<T: DeserializeOwned>(durable: &Durable, name: &str) -> Result<Option<T>, Unreadable> {
    let Some(bytes) = durable.read(name) else { return Ok(None) };
    serde_json::from_slice(&bytes).map(Some).map_err(|error| {
        warn!(record = name, %error, "a durable record is unreadable; the hub is asked for its whole list");
        Unreadable
    })
}

// === impl Intake ===

impl Intake {
    /// Over what the durable copy holds.
    #[allow(clippy::too_many_arguments)] // each is one part, named by its type
    pub fn restore(
        cluster: Uuid,
        durable: Durable,
        watches: Watches,
        clock: Clock,
        discovery: Discovery,
        facts: ClusterFacts,
        engine: mpsc::Sender<Input>,
    ) -> Self {
        let rows = durable.with_prefix("row/").into_iter().filter_map(|(name, bytes)| {
            let row = serde_json::from_slice::<TargetRow>(&bytes);
            row.inspect_err(|error| warn!(record = name, %error, "a durable row is unreadable")).ok()
        });
        let mut state = DesiredState::of(rows);
        let mut position = read::<Position>(&durable, POSITION).unwrap_or_default();
        match read::<BTreeSet<Uuid>>(&durable, FROZEN) {
            Ok(frozen) => state.frozen = frozen.unwrap_or_default(),
            Err(Unreadable) => {
                // The engine leaves all of them alone too; the hub's whole list says which may be written to.
                position = None;
                state.frozen = state.rows.keys().copied().collect();
            }
        }
        if durable.read(CLUSTER).is_some_and(|before| before != cluster.as_bytes().as_slice()) {
            // The cluster joined anew: what an earlier record of it said is kept as it is until the hub says what holds now.
            warn!(
                "this state belongs to an earlier registration of the cluster; its targets are left alone until the hub lists them"
            );
            position = None;
            state.frozen = state.rows.keys().copied().collect();
        }
        let frozen = named(&state);
        let stated = Stated { position, rows: state.digest(), discovery, facts, frozen };
        Self {
            durable,
            held: Mutex::new(Held { position, state }),
            stated: Cell::new(stated),
            cluster,
            watches,
            clock,
            engine,
        }
    }

    /// The cluster's resource list changed.
    pub fn discovered(&self, discovery: Discovery) {
        self.stated.lock().discovery = discovery;
    }

    async fn take_delta(&self, delta: Delta) -> Result<(), String> {
        let mut held = self.held.lock().await;
        let next = held.state.advanced(held.position.as_ref(), &delta).map_err(|refused| {
            if refused == Refused::Digest && !delta.full {
                // What is held is not what the hub thinks: only the whole list mends that, so the next Hello asks for it.
                self.stated.lock().rows = distrusted_rows();
            }
            refused.to_string()
        })?;
        let mut writes: Vec<(String, Option<Bytes>)> = Vec::new();
        for row in &delta.rows {
            let bytes = serde_json::to_vec(row).map_err(|e| e.to_string())?;
            writes.push((row_name(row.application()), Some(bytes.into())));
        }
        writes.extend(delta.finished.iter().map(|application| (row_name(*application), None)));
        let position = serde_json::to_vec(&delta.to).map_err(|e| e.to_string())?;
        writes.push((POSITION.to_owned(), Some(position.into())));
        writes.push((CLUSTER.to_owned(), Some(Bytes::copy_from_slice(self.cluster.as_bytes()))));
        if next.frozen != held.state.frozen {
            let frozen = serde_json::to_vec(&next.frozen).map_err(|e| e.to_string())?;
            writes.push((FROZEN.to_owned(), Some(frozen.into())));
        }
        self.durable.write(writes).await.map_err(|e| format!("the rows could not be kept: {e}"))?;
        info!(
            generation = delta.to.generation,
            changed = delta.rows.len(),
            finished = delta.finished.len(),
            full = delta.full,
            "rows taken"
        );
        let first = held.position.is_none();
        held.position = Some(delta.to);
        let frozen = next.frozen.clone();
        let named = named(&next);
        held.state = next;
        {
            let mut stated = self.stated.lock();
            stated.position = Some(delta.to);
            stated.rows = delta.digest;
            stated.frozen = named;
        }
        let rows = Input::Rows { changed: delta.rows, finished: delta.finished, frozen, first };
        self.engine.send(rows).await.map_err(|_| "the agent is stopping".to_owned())
    }
}

/// The targets that the hub's list lacks, as it is told of them.
fn named(state: &DesiredState) -> Vec<FrozenTarget> {
    let name = |application: &Uuid| match state.rows.get(application) {
        Some(TargetRow::Present(spec)) => spec.name.to_string(),
        Some(TargetRow::Removing(removing)) => removing.name.to_string(),
        None => String::new(),
    };
    let frozen = state.frozen.iter().take(MAX_FROZEN);
    frozen.map(|application| FrozenTarget { application: *application, name: name(application) }).collect()
}

#[async_trait]
impl Desired for Intake {
    async fn standing(&self) -> Standing {
        let stated = self.stated.lock();
        Standing {
            position: stated.position,
            rows: stated.rows,
            discovery: stated.discovery.digest(),
            facts: stated.facts.clone(),
            frozen: stated.frozen.clone(),
        }
    }

    async fn take(&self, delta: Delta) -> Result<(), String> {
        self.take_delta(delta).await
    }

    async fn keep(&self, digest: Digest, bytes: Vec<u8>) {
        // The engine is gone only when the agent stops.
        let _ = self.engine.send(Input::Content { digest, bytes: bytes.into() }).await;
    }

    async fn discovery(&self) -> Discovery {
        self.stated.lock().discovery.clone()
    }

    fn watches_live(&self) -> bool {
        self.watches.watches_live(self.clock.now(), SILENCE)
    }
}

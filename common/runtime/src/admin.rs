//! The admin port: liveness, readiness, metrics and, under the feature `faults`, failpoints and the clock's offset. Plain HTTP/1, for a loopback or pod
//! address; it shows nothing that is secret and, in a release, changes nothing.

mod respond;

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use parking_lot::Mutex;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::metrics::Metrics;

/// How many connections are served at a time.
const MAX_CONNECTIONS: usize = 32;
/// How long a client may take for its request's head.
const HEAD_LIMIT: Duration = Duration::from_secs(10);

/// What the port serves.
#[derive(Debug, Clone)]
pub struct Admin {
    /// What `/readyz` says.
    pub readiness: Readiness,
    /// What `/metrics` says.
    pub metrics: Metrics,
    /// The clock that `/faults/clock` shifts.
    pub clock: Clock,
}

/// Named conditions, all of which must hold for the process to be ready. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct Readiness {
    conditions: Arc<Mutex<BTreeMap<&'static str, bool>>>,
}

// === impl Readiness ===

impl Readiness {
    /// Not ready before each of these is [`set`](Self::set).
    pub fn awaiting(conditions: &[&'static str]) -> Self {
        let conditions = conditions.iter().map(|name| (*name, false)).collect();
        Self { conditions: Arc::new(Mutex::new(conditions)) }
    }

    /// Says whether a condition holds.
    pub fn set(&self, condition: &'static str, holds: bool) {
        self.conditions.lock().insert(condition, holds);
    }

    /// The conditions that do not hold; ready when there are none.
    pub fn missing(&self) -> Vec<&'static str> {
        self.conditions.lock().iter().filter(|(_, holds)| !**holds).map(|(name, _)| *name).collect()
    }
}

// === impl Admin ===

impl Admin {
    /// One with its own registry, which has the process's start time.
    pub fn new(clock: Clock, readiness: Readiness) -> Self {
        let metrics = Metrics::new();
        metrics.gauge("process_start_time_seconds", "When the process began.").set(clock.now().as_second());
        Self { readiness, metrics, clock }
    }

    /// Serves until `shutdown`.
    pub async fn serve(self, listener: TcpListener, shutdown: CancellationToken) {
        let permits = Arc::new(Semaphore::new(MAX_CONNECTIONS));
        let admin = Arc::new(self);
        loop {
            let stream = tokio::select! {
                stream = accept(&listener) => stream,
                () = shutdown.cancelled() => return,
            };
            let Ok(permit) = Arc::clone(&permits).try_acquire_owned() else { continue };
            let (admin, shutdown) = (Arc::clone(&admin), shutdown.clone());
            tokio::spawn(async move {
                let _permit = permit;
                tokio::select! {
                    () = admin.connection(stream) => {}
                    () = shutdown.cancelled() => {}
                }
            });
        }
    }

    async fn connection(self: Arc<Self>, stream: TcpStream) {
        let service = service_fn(|request| {
            let admin = Arc::clone(&self);
            async move { Ok::<_, Infallible>(respond::to(&admin, request.method(), request.uri())) }
        });
        let served = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD_LIMIT)
            .serve_connection(TokioIo::new(stream), service)
            .await;
        if let Err(error) = served {
            tracing::debug!(%error, "an admin connection ended badly");
        }
    }
}

async fn accept(listener: &TcpListener) -> TcpStream {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => return stream,
            Err(error) => {
                tracing::warn!(%error, "the admin port cannot accept");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

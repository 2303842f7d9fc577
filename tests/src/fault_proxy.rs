//! A TCP proxy that can be told to misbehave while connections are open.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result};
use futures::future;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{AbortHandle, JoinSet};

use crate::ports;

/// What the proxy does with traffic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Fault {
    /// Forwards everything.
    #[default]
    Pass,
    /// Forwards every chunk this much later, in both directions.
    Delay(Duration),
    /// Keeps connections open, accepts new ones and forwards nothing: a peer that lost its power, or a dead NAT entry.
    /// What was sent meanwhile goes on its way when the fault is over.
    Stall,
    /// The same for what clients send; what servers send arrives.
    StallToServer,
    /// The same for what servers send; what clients send arrives.
    StallToClient,
    /// Resets open connections, and new ones after accepting them.
    Reset,
    /// Resets open connections and stops listening: new ones are refused.
    Refuse,
}

/// A proxy on 127.0.0.1 in front of one address. Dropping it closes its connections and ends it.
#[derive(Debug)]
pub struct FaultProxy {
    address: SocketAddr,
    fault: watch::Sender<Fault>,
    counts: Arc<Counts>,
    task: AbortHandle,
}

#[derive(Debug, Default)]
struct Counts {
    accepted: AtomicU64,
    bytes: AtomicU64,
}

impl FaultProxy {
    /// Starts forwarding to `upstream`, which need not listen yet.
    pub async fn start(upstream: SocketAddr) -> Result<Self> {
        let listener = ports::listen().await?;
        let address = listener.local_addr().context("reading the proxy's address")?;
        let (fault, watched) = watch::channel(Fault::Pass);
        let counts = Arc::new(Counts::default());
        let task = tokio::spawn(serve(listener, upstream, watched, Arc::clone(&counts))).abort_handle();
        Ok(Self { address, fault, counts, task })
    }

    /// Starts forwarding to a port of 127.0.0.1.
    pub async fn to_port(port: u16) -> Result<Self> {
        Self::start((Ipv4Addr::LOCALHOST, port).into()).await
    }

    /// Where the proxy listens, the same after [`Fault::Refuse`].
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Changes what happens to open and new connections.
    pub fn set(&self, fault: Fault) {
        self.fault.send_replace(fault);
    }

    /// How many connections were accepted so far.
    pub fn accepted(&self) -> u64 {
        self.counts.accepted.load(Ordering::Relaxed)
    }

    /// How many bytes were forwarded so far, both directions together.
    pub fn forwarded_bytes(&self) -> u64 {
        self.counts.bytes.load(Ordering::Relaxed)
    }
}

impl Drop for FaultProxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Owns the listener and the connections.
async fn serve(listener: TcpListener, upstream: SocketAddr, mut fault: watch::Receiver<Fault>, counts: Arc<Counts>) {
    let Ok(address) = listener.local_addr() else { return };
    let mut listener = Some(listener);
    let mut connections = JoinSet::new();
    loop {
        let now = *fault.borrow_and_update();
        match now {
            Fault::Refuse => listener = None,
            _ if listener.is_none() => listener = TcpListener::bind(address).await.ok(),
            _ => {}
        }
        tokio::select! {
            changed = fault.changed() => if changed.is_err() { return },
            Some(stream) = accept(listener.as_ref()) => {
                counts.accepted.fetch_add(1, Ordering::Relaxed);
                connections.spawn(connection(stream, upstream, fault.clone(), Arc::clone(&counts)));
            }
            Some(_) = connections.join_next() => {}
            // Nothing listens although it should: the old socket was not gone yet.
            () = tokio::time::sleep(Duration::from_millis(20)), if listener.is_none() && now != Fault::Refuse => {}
        }
    }
}

async fn accept(listener: Option<&TcpListener>) -> Option<TcpStream> {
    match listener {
        Some(listener) => listener.accept().await.ok().map(|(stream, _)| stream),
        None => std::future::pending().await,
    }
}

/// Forwards until both sides have ended, or resets both when the fault says so.
async fn connection(
    mut client: TcpStream,
    upstream: SocketAddr,
    mut fault: watch::Receiver<Fault>,
    counts: Arc<Counts>,
) {
    let mut watched = fault.clone();
    let connected = tokio::select! {
        connected = connect(upstream, &mut watched) => connected,
        _ = fault.wait_for(resets) => None,
    };
    let Some(mut server) = connected else { return reset(&client) };
    let _ = client.set_nodelay(true);
    let broken = {
        // Borrowed halves: owned ones would end the stream in order when they are dropped.
        let (from_client, to_client) = client.split();
        let (from_server, to_server) = server.split();
        let forward = future::join(
            pump(from_client, to_server, watched.clone(), Fault::StallToServer, &counts),
            pump(from_server, to_client, watched, Fault::StallToClient, &counts),
        );
        tokio::select! {
            _ = forward => false,
            _ = fault.wait_for(resets) => true,
        }
    };
    if broken {
        reset(&client);
        reset(&server);
    }
}

fn resets(fault: &Fault) -> bool {
    matches!(fault, Fault::Reset | Fault::Refuse)
}

/// Makes dropping the socket send a reset.
fn reset(stream: &TcpStream) {
    let _ = stream.set_zero_linger();
}

async fn connect(upstream: SocketAddr, fault: &mut watch::Receiver<Fault>) -> Option<TcpStream> {
    passable(fault, Fault::StallToServer).await;
    let server = TcpStream::connect(upstream).await.ok()?;
    let _ = server.set_nodelay(true);
    Some(server)
}

/// Copies one direction, then passes the end of the stream on.
async fn pump(
    mut from: ReadHalf<'_>,
    mut to: WriteHalf<'_>,
    mut fault: watch::Receiver<Fault>,
    stalled: Fault,
    counts: &Counts,
) {
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(length @ 1..) = from.read(&mut buffer).await {
        passable(&mut fault, stalled).await;
        if to.write_all(&buffer[..length]).await.is_err() {
            return;
        }
        counts.bytes.fetch_add(length as u64, Ordering::Relaxed);
    }
    passable(&mut fault, stalled).await;
    let _ = to.shutdown().await;
}

/// Returns when a chunk may go on: at once, after the delay, or when a stall is over.
async fn passable(fault: &mut watch::Receiver<Fault>, stalled: Fault) {
    let Ok(now) = fault.wait_for(|fault| *fault != Fault::Stall && *fault != stalled).await.map(|now| *now) else {
        return;
    };
    if let Fault::Delay(delay) = now {
        tokio::time::sleep(delay).await;
    }
}

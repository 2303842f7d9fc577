//! Free TCP ports on 127.0.0.1.

use std::collections::HashSet;
use std::net::{Ipv4Addr, TcpListener};

use anyhow::{Context as _, Result, bail};
use parking_lot::Mutex;

/// Below the range that Linux takes for outgoing connections (32768 and up): a server that is stopped for a while finds
/// its port free when it starts again.
const RANGE: std::ops::Range<u16> = 12_000..32_000;

static HANDED_OUT: Mutex<Option<HashSet<u16>>> = Mutex::new(None);

/// A port that nobody listens on now and that this process has not handed out before.
///
/// Another process may still take it first, so whoever starts a server on it tries again with a new one when it cannot
/// bind.
pub fn free_port() -> Result<u16> {
    for _ in 0..1000 {
        let port = rand::random_range(RANGE);
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() && claim(port) {
            return Ok(port);
        }
    }
    bail!("no free port on 127.0.0.1 in {RANGE:?} after 1000 tries")
}

/// `N` free ports, all different.
pub fn free_ports<const N: usize>() -> Result<[u16; N]> {
    let mut ports = [0; N];
    for port in &mut ports {
        *port = free_port()?;
    }
    Ok(ports)
}

/// A listener on a port of [`free_port`]'s range.
pub async fn listen() -> Result<tokio::net::TcpListener> {
    listen_on(Ipv4Addr::LOCALHOST).await
}

/// The same on another address of this machine.
pub async fn listen_on(address: Ipv4Addr) -> Result<tokio::net::TcpListener> {
    let mut last = None;
    for _ in 0..10 {
        match tokio::net::TcpListener::bind((address, free_port()?)).await {
            Ok(listener) => return Ok(listener),
            Err(error) => last = Some(error),
        }
    }
    Err(last.context("no attempt was made")?).with_context(|| format!("listening on a free port of {address}"))
}

fn claim(port: u16) -> bool {
    HANDED_OUT.lock().get_or_insert_default().insert(port)
}

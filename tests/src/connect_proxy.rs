//! An HTTP proxy that only makes tunnels (`CONNECT`), asks for a user, and remembers what it was asked.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use parking_lot::Mutex;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::task::{AbortHandle, JoinSet};

use crate::ports;

/// The longest head of a request.
const LINES: usize = 50;

/// A proxy on 127.0.0.1. Dropping it ends it and its tunnels.
#[derive(Debug)]
pub struct ConnectProxy {
    address: SocketAddr,
    shared: Arc<Mutex<State>>,
    /// Changes when all tunnels are to end.
    cut: watch::Sender<()>,
    accepting: AbortHandle,
}

#[derive(Debug, Default)]
struct State {
    /// `Basic …`, or nothing when everybody may.
    user: Option<String>,
    heads: Vec<Vec<String>>,
}

impl ConnectProxy {
    /// One that asks for a user and a password, where given.
    pub async fn start(user: Option<(&str, &str)>) -> Result<Self> {
        let listener = ports::listen().await?;
        let address = listener.local_addr().context("reading a proxy's address")?;
        let shared = Arc::new(Mutex::new(State { user: user.map(basic), heads: Vec::new() }));
        let state = Arc::clone(&shared);
        let (cut, ends) = watch::channel(());
        let accepting = tokio::spawn(async move {
            let mut tunnels = JoinSet::new();
            loop {
                tokio::select! {
                    accepted = listener.accept() => {
                        let Ok((client, _)) = accepted else { continue };
                        let (state, mut ends) = (Arc::clone(&state), ends.clone());
                        ends.mark_unchanged();
                        tunnels.spawn(async move {
                            tokio::select! {
                                // A client that goes away early is the client's business.
                                _ = tunnel(client, &state) => {}
                                _ = ends.changed() => {}
                            }
                        });
                    }
                    Some(_) = tunnels.join_next() => {}
                }
            }
        });
        Ok(Self { address, shared, cut, accepting: accepting.abort_handle() })
    }

    /// `http://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Asks for another password from now on; tunnels that stand are cut.
    pub fn set_user(&self, user: (&str, &str)) {
        self.shared.lock().user = Some(basic(user));
        self.cut.send_replace(());
    }

    /// What it was asked so far: the lines of each request's head.
    pub fn take(&self) -> Vec<Vec<String>> {
        std::mem::take(&mut self.shared.lock().heads)
    }
}

impl Drop for ConnectProxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

fn basic((user, password): (&str, &str)) -> String {
    format!("Basic {}", BASE64.encode(format!("{user}:{password}")))
}

async fn tunnel(client: TcpStream, state: &Mutex<State>) -> Result<()> {
    let mut client = BufReader::new(client);
    let mut head = Vec::new();
    loop {
        let mut line = String::new();
        if client.read_line(&mut line).await? == 0 || line.trim_end().is_empty() || head.len() >= LINES {
            break;
        }
        head.push(line.trim_end().to_owned());
    }
    let shown = head.iter().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("proxy-authorization").then(|| value.trim().to_owned())
    });
    let target = head.first().and_then(|line| line.strip_prefix("CONNECT ")).and_then(|rest| rest.split(' ').next());
    let target = target.map(str::to_owned);
    let allowed = {
        let mut state = state.lock();
        state.heads.push(head);
        state.user.is_none() || state.user == shown
    };
    let answer = match (allowed, target) {
        (false, _) => "407 Proxy Authentication Required",
        (true, None) => "405 Method Not Allowed",
        (true, Some(target)) => {
            let mut server = TcpStream::connect(&target).await?;
            client.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").await?;
            tokio::io::copy_bidirectional(&mut client, &mut server).await?;
            return Ok(());
        }
    };
    let refusal = format!("HTTP/1.1 {answer}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    client.write_all(refusal.as_bytes()).await?;
    Ok(())
}

//! A small CONNECT proxy that asks for a user, and repositories behind it.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;

use parking_lot::Mutex;
use windlass_git::{Error, Proxy};

use crate::Cache;
use crate::server::Server;
use crate::work_tree::WorkTree;

/// `me:pr0xy`
const USER: &str = "Basic bWU6cHIweHk=";

/// What the proxy was asked: the request line and the `Proxy-Authorization`, and whether anything else was said before the tunnel stood.
#[derive(Debug, Clone, PartialEq)]
struct Asked {
    line: String,
    user: Option<String>,
    others: Vec<String>,
}

struct Tunnels {
    address: SocketAddr,
    log: Arc<Mutex<Vec<Asked>>>,
}

impl Tunnels {
    /// `user` is the `Proxy-Authorization` that is asked for; `to` is the only place it connects to.
    fn start(user: Option<&'static str>, to: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let log = Arc::<Mutex<Vec<Asked>>>::default();
        let shared = Arc::clone(&log);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let log = Arc::clone(&shared);
                std::thread::spawn(move || drop(tunnel(stream.unwrap(), user, to, &log)));
            }
        });
        Self { address, log }
    }

    fn take(&self) -> Vec<Asked> {
        std::mem::take(&mut self.log.lock())
    }
}

fn tunnel(client: TcpStream, user: Option<&str>, to: SocketAddr, log: &Mutex<Vec<Asked>>) -> std::io::Result<()> {
    let mut reader = BufReader::new(client.try_clone()?);
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 || line.trim_end().is_empty() {
            break;
        }
        lines.push(line.trim_end().to_owned());
    }
    let mut lines = lines.into_iter();
    let line = lines.next().unwrap_or_default();
    let (own, others): (Vec<_>, Vec<_>) =
        lines.partition(|line| line.to_ascii_lowercase().starts_with("proxy-authorization:"));
    let shown = own.first().and_then(|line| line.split_once(": ")).map(|(_, value)| value.to_owned());
    log.lock().push(Asked { line: line.clone(), user: shown.clone(), others });
    let mut out = client.try_clone()?;
    if user.is_some() && shown.as_deref() != user {
        return out.write_all(
            b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
        );
    }
    if !line.starts_with(&format!("CONNECT localhost:{} ", to.port())) {
        return out.write_all(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    }
    let server = TcpStream::connect(to)?;
    out.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n")?;
    let (mut there, mut back) = (server.try_clone()?, server);
    let up = std::thread::spawn(move || copy(&mut reader, &mut there));
    drop(copy(&mut back, &mut out));
    let _ = out.shutdown(Shutdown::Both);
    let _ = up.join();
    Ok(())
}

fn copy(from: &mut impl Read, to: &mut TcpStream) -> std::io::Result<()> {
    let mut piece = [0; 16 << 10];
    loop {
        match from.read(&mut piece)? {
            0 => return to.shutdown(Shutdown::Write),
            length => to.write_all(&piece[..length])?,
        }
    }
}

fn served() -> (WorkTree, Server, String) {
    let work = WorkTree::new();
    let head = work.commit(&[("a", "one")]);
    let server = Server::start(work.path().to_owned());
    (work, server, head)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repository_is_reached_through_its_proxy() {
    let (_work, server, head) = served();
    let tunnels = Tunnels::start(Some(USER), server.address);
    let proxy = Proxy::parse(&format!("http://me:pr0xy@{}", tunnels.address), "").unwrap();
    let cache = Cache::new();
    let got = cache.git.resolve(&server.repository(".git").through(proxy), "main").await.unwrap();
    assert_eq!(got.revision.as_str(), head);
    let asked = tunnels.take();
    assert!(!asked.is_empty());
    for asked in &asked {
        assert_eq!(asked.line, format!("CONNECT localhost:{} HTTP/1.1", server.address.port()));
        assert_eq!(asked.user.as_deref(), Some(USER));
        let leaked = asked.others.iter().any(|line| line.to_ascii_lowercase().starts_with("authorization"));
        assert!(!leaked, "the repository's credentials are not the proxy's: {asked:?}");
    }
    let fetched = server.take_log();
    assert!(fetched.iter().any(|request| request.is_fetch()));
    assert!(fetched.iter().all(|request| request.header("proxy-authorization").is_none()), "nor the other way round");
}

#[tokio::test(flavor = "multi_thread")]
async fn hosts_of_no_proxy_are_reached_directly() {
    let (_work, server, _) = served();
    let tunnels = Tunnels::start(None, server.address);
    let proxy = |list| Proxy::parse(&tunnels.address.to_string(), list).unwrap();
    Cache::new().git.resolve(&server.repository(".git").through(proxy("other.example,localhost")), "").await.unwrap();
    assert_eq!(tunnels.take(), []);
    Cache::new().git.resolve(&server.repository(".git").through(proxy("other.example")), "").await.unwrap();
    assert!(!tunnels.take().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_proxy_refuses_is_named_without_its_password() {
    let (_work, server, _) = served();
    let tunnels = Tunnels::start(Some(USER), server.address);
    for user in ["", "me:hunter3@"] {
        let proxy = Proxy::parse(&format!("http://{user}{}", tunnels.address), "").unwrap();
        let error = Cache::new().git.resolve(&server.repository(".git").through(proxy), "").await.unwrap_err();
        assert!(matches!(error, Error::ProxyRefused { .. }) && !error.is_retryable(), "{error:?}");
        assert!(!format!("{error} {error:?}").contains("hunter3"), "{error:?}");
        assert!(error.to_string().contains("--proxy-password-file"), "{error}");
    }
    // A proxy that may not go there, and one that is not there.
    let elsewhere = SocketAddr::from(([127, 0, 0, 1], 9));
    let forbidding = Tunnels::start(None, elsewhere);
    for (address, words) in [(forbidding.address, "refused to connect to the repository's host"), (elsewhere, "")] {
        let proxy = Proxy::parse(&address.to_string(), "").unwrap();
        let error = Cache::new().git.resolve(&server.repository(".git").through(proxy), "").await.unwrap_err();
        assert!(matches!(error, Error::ProxyUnreachable { .. }) && error.is_retryable(), "{error:?}");
        assert!(error.to_string().contains(words) && error.to_string().contains(&address.to_string()), "{error}");
    }
    assert!(server.take_log().is_empty(), "nobody went round a proxy");
}

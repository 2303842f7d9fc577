//! The smallest HTTPS server that can run `git http-backend`, log what it is asked, and misbehave on request.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use rustls::pki_types::PrivateKeyDer;
use windlass_git::{Credentials, Repository, RepositoryUrl};

pub(crate) const PASSWORD: &str = "hunter2";

/// A running server; its threads end with the test process.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    pub(crate) ca_pem: String,
    state: Arc<State>,
}

struct State {
    projects: PathBuf,
    tls: Mutex<Arc<rustls::ServerConfig>>,
    connections: AtomicUsize,
    /// Changes with the certificate: connections of before are closed.
    epoch: AtomicUsize,
    bearer: Mutex<Option<String>>,
    log: Mutex<Vec<Request>>,
    mode: Mutex<Mode>,
}

/// How to behave.
#[derive(Clone, Default)]
pub(crate) struct Mode {
    /// Hide the client's wish for protocol version 2.
    pub(crate) version_0: bool,
    /// Send only this much of a pack, with a proper end of the HTTP answer.
    pub(crate) truncate_pack: Option<usize>,
    /// Redirect `info/refs` to this prefix instead of the server's own.
    pub(crate) redirect: Option<String>,
    /// Redirect POSTs to this prefix.
    pub(crate) redirect_post: Option<String>,
    /// Say nothing to anybody for so long.
    pub(crate) hang: Option<Duration>,
    /// Answer a fetch with this pack instead.
    pub(crate) pack: Option<Vec<u8>>,
    /// Answer `ls-refs` with this instead.
    pub(crate) refs: Option<Vec<u8>>,
    /// One byte per this time, for answers to POST.
    pub(crate) drip: Option<Duration>,
    /// One byte per this time, for packs.
    pub(crate) drip_pack: Option<Duration>,
    /// Flip the byte that stands so far before the end of a pack's answer.
    pub(crate) damage_pack: Option<usize>,
    /// Answer everything so.
    pub(crate) answer: Option<(String, String, String)>,
}

#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) target: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    /// Of the TCP connection.
    pub(crate) peer: SocketAddr,
}

impl Request {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v.as_str())
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(crate) fn is_fetch(&self) -> bool {
        self.method == "POST" && self.text().contains("want ")
    }
}

impl Server {
    /// Serves the repositories below a directory.
    pub(crate) fn start(projects: PathBuf) -> Self {
        Self::with(projects, certificates(None))
    }

    /// As [`start`](Self::start), for those only who show a certificate of the authority that is returned.
    pub(crate) fn demanding(projects: PathBuf) -> (Self, Certificates) {
        let clients = Certificates::new();
        (Self::with(projects, certificates(Some(&clients))), clients)
    }

    fn with(projects: PathBuf, (ca_pem, tls): (String, rustls::ServerConfig)) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(State {
            projects,
            tls: Mutex::new(Arc::new(tls)),
            connections: AtomicUsize::new(0),
            epoch: AtomicUsize::new(0),
            bearer: Mutex::default(),
            log: Mutex::default(),
            mode: Mutex::default(),
        });
        let shared = Arc::clone(&state);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let state = Arc::clone(&shared);
                std::thread::spawn(move || drop(state.connection(stream.unwrap())));
            }
        });
        Self { address, ca_pem, state }
    }

    pub(crate) fn repository(&self, path: &str) -> Repository {
        let url = RepositoryUrl::parse(&format!("https://localhost:{}/{path}", self.address.port())).unwrap();
        let credentials = Credentials::basic("me", PASSWORD);
        Repository::new(url).with_credentials(credentials).with_ca(&self.ca_pem)
    }

    pub(crate) fn set(&self, mode: Mode) {
        *self.state.mode.lock() = mode;
    }

    /// Takes this bearer token too.
    pub(crate) fn set_bearer(&self, token: &str) {
        *self.state.bearer.lock() = Some(format!("Bearer {token}"));
    }

    /// TCP connections so far.
    pub(crate) fn connections(&self) -> usize {
        self.state.connections.load(Ordering::SeqCst)
    }

    /// Is somebody else from now on.
    pub(crate) fn change_certificate(&self) {
        *self.state.tls.lock() = Arc::new(certificates(None).1);
        self.state.epoch.fetch_add(1, Ordering::SeqCst);
    }

    /// What was asked since the last call.
    pub(crate) fn take_log(&self) -> Vec<Request> {
        std::mem::take(&mut self.state.log.lock())
    }
}

impl State {
    fn connection(&self, socket: TcpStream) -> std::io::Result<()> {
        socket.set_nodelay(true)?;
        let peer = socket.peer_addr()?;
        self.connections.fetch_add(1, Ordering::SeqCst);
        let epoch = self.epoch.load(Ordering::SeqCst);
        let session = rustls::ServerConnection::new(Arc::clone(&self.tls.lock())).unwrap();
        let mut stream = BufReader::new(rustls::StreamOwned::new(session, socket));
        while let Some(request) = read_request(&mut stream, peer)? {
            if self.epoch.load(Ordering::SeqCst) != epoch {
                return Ok(());
            }
            self.log.lock().push(request.clone());
            let mode = self.mode.lock().clone();
            if let Some(time) = mode.hang {
                std::thread::sleep(time);
            }
            let (status, headers, body) = self.answer(&request, &mode);
            let mut head = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n", body.len());
            headers.iter().for_each(|(name, value)| head.push_str(&format!("{name}: {value}\r\n")));
            let out = stream.get_mut();
            let drip = mode.drip.filter(|_| request.method == "POST");
            match drip.or_else(|| mode.drip_pack.filter(|_| request.is_fetch())) {
                None => out.write_all(&[format!("{head}\r\n").as_bytes(), &body].concat())?,
                Some(pause) => {
                    out.write_all(format!("{head}\r\n").as_bytes())?;
                    for byte in body {
                        out.write_all(&[byte])?;
                        out.flush()?;
                        std::thread::sleep(pause);
                    }
                }
            }
            out.flush()?;
        }
        Ok(())
    }

    fn answer(&self, request: &Request, mode: &Mode) -> (String, Vec<(String, String)>, Vec<u8>) {
        let one = |name: &str, value: &str| vec![(name.to_owned(), value.to_owned())];
        if let Some((status, kind, body)) = &mode.answer {
            return (status.clone(), one("Content-Type", kind), body.clone().into_bytes());
        }
        // `me:hunter2`
        let shown = request.header("authorization");
        if shown != Some("Basic bWU6aHVudGVyMg==") && (shown.is_none() || shown != self.bearer.lock().as_deref()) {
            return ("401 Unauthorized".into(), one("WWW-Authenticate", "Basic realm=\"x\""), b"no".to_vec());
        }
        if let Some(prefix) = &mode.redirect
            && request.method == "GET"
            && !request.target.starts_with("/moved")
        {
            return ("301 Moved".into(), one("Location", &format!("{prefix}{}", request.target)), Vec::new());
        }
        if let Some(prefix) = mode.redirect_post.as_ref().filter(|_| request.method == "POST") {
            return ("307 Moved".into(), one("Location", &format!("{prefix}{}", request.target)), Vec::new());
        }
        let result = one("Content-Type", "application/x-git-upload-pack-result");
        if let Some(refs) = mode.refs.as_ref().filter(|_| request.text().contains("command=ls-refs")) {
            return ("200 OK".into(), result, refs.clone());
        }
        if let Some(pack) = mode.pack.as_ref().filter(|_| request.is_fetch()) {
            return ("200 OK".into(), result, side_band(pack));
        }
        let (status, headers, mut body) = self.backend(request, mode);
        if request.is_fetch()
            && let Some(length) = mode.truncate_pack
        {
            body.truncate(length);
        }
        if request.is_fetch()
            && let Some(from_end) = mode.damage_pack
        {
            let at = body.len() - from_end;
            body[at] ^= 0x55;
        }
        (status, headers, body)
    }

    /// Runs `git http-backend` as a CGI program.
    fn backend(&self, request: &Request, mode: &Mode) -> (String, Vec<(String, String)>, Vec<u8>) {
        let (path, query) = request.target.split_once('?').unwrap_or((&request.target, ""));
        let mut command = Command::new("git");
        command
            .arg("http-backend")
            .env("GIT_PROJECT_ROOT", &self.projects)
            .env("GIT_HTTP_EXPORT_ALL", "1")
            .env("PATH_INFO", path.strip_prefix("/moved").unwrap_or(path))
            .env("QUERY_STRING", query)
            .env("REQUEST_METHOD", &request.method)
            .env("REMOTE_USER", "me")
            .env("CONTENT_TYPE", request.header("content-type").unwrap_or_default())
            .env("CONTENT_LENGTH", request.body.len().to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        if let Some(version) = request.header("git-protocol").filter(|_| !mode.version_0) {
            command.env("HTTP_GIT_PROTOCOL", version);
        }
        let mut child = command.spawn().unwrap();
        child.stdin.take().unwrap().write_all(&request.body).unwrap();
        let output = child.wait_with_output().unwrap().stdout;
        let end = output.windows(4).position(|w| w == b"\r\n\r\n").unwrap();
        let head = String::from_utf8_lossy(&output[..end]).into_owned();
        let mut headers: Vec<(String, String)> =
            head.lines().filter_map(|l| l.split_once(": ")).map(|(n, v)| (n.to_owned(), v.to_owned())).collect();
        let status = headers.iter().position(|(name, _)| name == "Status").map(|index| headers.remove(index).1);
        (status.unwrap_or_else(|| "200 OK".into()), headers, output[end + 4..].to_vec())
    }
}

fn read_request(stream: &mut impl BufRead, peer: SocketAddr) -> std::io::Result<Option<Request>> {
    let mut line = String::new();
    if stream.read_line(&mut line)? == 0 {
        return Ok(None);
    }
    let mut words = line.split_whitespace().map(str::to_owned);
    let (method, target) = (words.next().unwrap(), words.next().unwrap());
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        stream.read_line(&mut line)?;
        let Some((name, value)) = line.trim_end().split_once(": ") else { break };
        headers.push((name.to_owned(), value.to_owned()));
    }
    let mut request = Request { method, target, headers, body: Vec::new(), peer };
    let length = request.header("content-length").map_or(0, |text| text.parse().unwrap());
    request.body = vec![0; length];
    stream.read_exact(&mut request.body)?;
    Ok(Some(request))
}

/// A pack as the answer to a fetch in protocol version 2.
fn side_band(pack: &[u8]) -> Vec<u8> {
    let mut out = b"000dpackfile\n".to_vec();
    for piece in pack.chunks(60_000) {
        out.extend_from_slice(format!("{:04x}\x01", piece.len() + 5).as_bytes());
        out.extend_from_slice(piece);
    }
    out.extend_from_slice(b"0000");
    out
}

/// An authority for clients.
pub(crate) struct Certificates {
    issuer: rcgen::Issuer<'static, rcgen::KeyPair>,
    der: rustls::pki_types::CertificateDer<'static>,
    pem: String,
}

impl Certificates {
    pub(crate) fn new() -> Self {
        let key = rcgen::KeyPair::generate().unwrap();
        let mut ca = rcgen::CertificateParams::new(Vec::new()).unwrap();
        ca.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let certificate = ca.self_signed(&key).unwrap();
        Self { der: certificate.der().clone(), pem: certificate.pem(), issuer: rcgen::Issuer::new(ca, key) }
    }

    /// A certificate and its key, PEM.
    pub(crate) fn issue(&self) -> (String, String) {
        let key = rcgen::KeyPair::generate().unwrap();
        let mut params = rcgen::CertificateParams::new(vec!["windlass".to_owned()]).unwrap();
        params.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ClientAuth];
        (params.signed_by(&key, &self.issuer).unwrap().pem(), key.serialize_pem())
    }
}

/// An authority of our own, and a certificate for localhost from it; `clients` is who may connect.
fn certificates(clients: Option<&Certificates>) -> (String, rustls::ServerConfig) {
    let servers = Certificates::new();
    let key = rcgen::KeyPair::generate().unwrap();
    let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
    let certificate = rcgen::CertificateParams::new(names).unwrap().signed_by(&key, &servers.issuer).unwrap();
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let tls = rustls::ServerConfig::builder();
    let tls = match clients {
        None => tls.with_no_client_auth(),
        Some(clients) => {
            let mut roots = rustls::RootCertStore::empty();
            roots.add(clients.der.clone()).unwrap();
            tls.with_client_cert_verifier(rustls::server::WebPkiClientVerifier::builder(roots.into()).build().unwrap())
        }
    };
    (servers.pem, tls.with_single_cert(vec![certificate.der().clone()], key).unwrap())
}

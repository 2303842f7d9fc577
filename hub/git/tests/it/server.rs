//! The smallest HTTPS server that can run `git http-backend`, log what it is asked, and misbehave on request.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Arc;
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
    tls: Arc<rustls::ServerConfig>,
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
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (ca_pem, tls) = certificates();
        let (log, mode) = (Mutex::default(), Mutex::default());
        let state = Arc::new(State { projects, tls: Arc::new(tls), log, mode });
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

    /// What was asked since the last call.
    pub(crate) fn take_log(&self) -> Vec<Request> {
        std::mem::take(&mut self.state.log.lock())
    }
}

impl State {
    fn connection(&self, socket: TcpStream) -> std::io::Result<()> {
        socket.set_nodelay(true)?;
        let peer = socket.peer_addr()?;
        let session = rustls::ServerConnection::new(Arc::clone(&self.tls)).unwrap();
        let mut stream = BufReader::new(rustls::StreamOwned::new(session, socket));
        while let Some(request) = read_request(&mut stream, peer)? {
            self.log.lock().push(request.clone());
            let mode = self.mode.lock().clone();
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
        if request.header("authorization") != Some("Basic bWU6aHVudGVyMg==") {
            return ("401 Unauthorized".into(), one("WWW-Authenticate", "Basic realm=\"x\""), b"no".to_vec());
        }
        if let Some(prefix) = &mode.redirect
            && request.method == "GET"
            && !request.target.starts_with("/moved")
        {
            return ("301 Moved".into(), one("Location", &format!("{prefix}{}", request.target)), Vec::new());
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

/// An authority of our own, and a certificate for localhost from it.
fn certificates() -> (String, rustls::ServerConfig) {
    let ca_key = rcgen::KeyPair::generate().unwrap();
    let mut ca = rcgen::CertificateParams::new(Vec::new()).unwrap();
    ca.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let ca_pem = ca.self_signed(&ca_key).unwrap().pem();
    let issuer = rcgen::Issuer::new(ca, ca_key);
    let key = rcgen::KeyPair::generate().unwrap();
    let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
    let certificate = rcgen::CertificateParams::new(names).unwrap().signed_by(&key, &issuer).unwrap();
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let tls = rustls::ServerConfig::builder().with_no_client_auth();
    (ca_pem, tls.with_single_cert(vec![certificate.der().clone()], key).unwrap())
}

//! What the server remembers of a request.

use std::process::Stdio;

use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode, Uri};
use tokio::io::AsyncWriteExt as _;

/// One request that the git server got.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GitRequest {
    /// GET or POST.
    pub method: Method,
    /// The path, without the query.
    pub path: String,
    /// `git-upload-pack` (reading) or `git-receive-pack` (pushing).
    pub service: Option<String>,
    /// The `Git-Protocol` header, such as `version=2`; without it the client speaks version 0.
    pub protocol: Option<String>,
    /// What it asks for: `info` (the first request, which in versions 0 and 1 also lists all refs), `ls-refs`, `fetch`
    /// or `push`.
    pub command: String,
    /// Whether it had the right credentials, or needed none.
    pub authorized: bool,
    /// How it was answered.
    pub status: StatusCode,
}

impl GitRequest {
    pub(super) async fn read(method: &Method, uri: &Uri, headers: &HeaderMap, body: &Bytes) -> Self {
        let path = uri.path().to_owned();
        let service = service(uri);
        let command = match service.as_deref() {
            _ if path.ends_with("/info/refs") => "info".to_owned(),
            Some("git-receive-pack") => "push".to_owned(),
            _ => command_of(headers, body).await.unwrap_or_else(|| "fetch".to_owned()),
        };
        let protocol = header(headers, "git-protocol").map(str::to_owned);
        Self { method: method.clone(), path, service, protocol, command, authorized: false, status: StatusCode::OK }
    }

    /// Whether it sends no objects: it asks for capabilities or refs only.
    pub fn is_refs_only(&self) -> bool {
        matches!(self.command.as_str(), "info" | "ls-refs")
    }
}

/// The value of a header, where it is text.
pub(super) fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

fn service(uri: &Uri) -> Option<String> {
    let asked = uri.query().and_then(|query| query.split('&').find_map(|pair| pair.strip_prefix("service=")));
    asked.or_else(|| uri.path().rsplit('/').next().filter(|last| last.starts_with("git-"))).map(str::to_owned)
}

/// The `command=` of the first packet line, which requests of protocol version 2 begin with.
async fn command_of(headers: &HeaderMap, body: &Bytes) -> Option<String> {
    let inflated;
    let body: &[u8] = if header(headers, "content-encoding").is_some_and(|encoding| encoding.contains("gzip")) {
        inflated = gunzip(body).await?;
        &inflated
    } else {
        body
    };
    let text = body.get(4..)?.strip_prefix(b"command=")?;
    let end = text.iter().position(|byte| !byte.is_ascii_lowercase() && *byte != b'-').unwrap_or(text.len());
    String::from_utf8(text[..end].to_vec()).ok()
}

/// git compresses requests above 1 kB; the tool of that name is on every machine that has git.
async fn gunzip(body: &[u8]) -> Option<Vec<u8>> {
    let mut command = tokio::process::Command::new("gzip");
    command.args(["-d", "-c"]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).kill_on_drop(true);
    let mut child = command.spawn().ok()?;
    let mut input = child.stdin.take()?;
    let (written, output) = tokio::join!(
        async move {
            let written = input.write_all(body).await;
            drop(input);
            written
        },
        child.wait_with_output()
    );
    written.ok()?;
    Some(output.ok()?.stdout)
}

//! `git http-backend` as a CGI program: one process a request, its answer streamed.

use std::convert::Infallible;
use std::io;
use std::process::Stdio;

use anyhow::{Context as _, Result};
use bytes::Bytes;
use futures::{StreamExt as _, stream};
use http::{Request, Response, StatusCode};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::process::{Child, ChildStdout, Command};
use tokio_util::io::ReaderStream;

use super::request::{GitRequest, header};
use super::{Packs, Shared};

pub(super) type Body = UnsyncBoxBody<Bytes, io::Error>;

/// Reads the whole request, remembers it, and answers it.
pub(super) async fn answer(request: Request<Incoming>, shared: &Shared) -> Result<Response<Body>, hyper::Error> {
    let (parts, body) = request.into_parts();
    // Also de-chunks: CGI wants to know the length.
    let body = body.collect().await?.to_bytes();
    let mut seen = GitRequest::read(&parts.method, &parts.uri, &parts.headers, &body).await;
    let shown = header(&parts.headers, "authorization");
    let (user, authorized, failing) = shared.with(|state| {
        let wanted = state.credentials.as_ref();
        let authorized = wanted.is_none_or(|credentials| shown == Some(credentials.header().as_str()));
        (wanted.map(|credentials| credentials.user.clone()), authorized, state.failing)
    });
    seen.authorized = authorized;
    if shared.with(|state| state.stalled) {
        std::future::pending::<()>().await;
    }
    let fetches = is_fetch(&parts, &body);
    let response = match failing {
        Some(status) => plain(status, "the scenario says so"),
        None if !authorized => challenge(),
        None => match run(&parts, body, shared, user).await {
            Ok(response) if fetches => given(response, shared.with(|state| state.packs)).await,
            Ok(response) => response,
            Err(error) => plain(StatusCode::INTERNAL_SERVER_ERROR, &format!("{error:#}")),
        },
    };
    seen.status = response.status();
    shared.with(|state| state.requests.push(seen));
    Ok(response)
}

/// Whether a pack is asked for, in any version of the protocol.
fn is_fetch(parts: &http::request::Parts, body: &Bytes) -> bool {
    let has = |word: &[u8]| body.windows(word.len()).any(|window| window == word);
    parts.uri.path().ends_with("/git-upload-pack") && (has(b"command=fetch") || has(b"want "))
}

/// The answer with a pack, or what the scenario makes of it.
async fn given(response: Response<Body>, packs: Packs) -> Response<Body> {
    if packs == Packs::Whole {
        return response;
    }
    let (mut head, body) = response.into_parts();
    // Half of nothing is nothing.
    let whole = body.collect().await.map(|body| body.to_bytes()).unwrap_or_default();
    let bytes = if packs == Packs::Cut { whole.slice(..whole.len() / 2) } else { empty_pack(&whole) };
    head.headers.remove(http::header::CONTENT_LENGTH);
    let body = Full::new(bytes).map_err(|never: Infallible| match never {});
    Response::from_parts(head, body.boxed_unsync())
}

/// What stands before the pack, then a pack of no objects with its checksum, on the first side band, and the end.
fn empty_pack(whole: &Bytes) -> Bytes {
    const PACK: &[u8] =
        b"PACK\0\0\0\x02\0\0\0\0\x02\x9d\x08\x82\x3b\xd8\xa8\xea\xb5\x10\xad\x6a\xc7\x5c\x82\x3c\xfd\x3e\xd3\x1e";
    let at = whole.windows(4).position(|window| window == b"PACK").unwrap_or(whole.len());
    // A length of four digits and the band stand before the pack's first bytes.
    let mut bytes = whole[..at.saturating_sub(5)].to_vec();
    bytes.extend(format!("{:04x}\x01", PACK.len() + 5).into_bytes());
    bytes.extend(PACK);
    bytes.extend(b"0000");
    bytes.into()
}

async fn run(
    parts: &http::request::Parts,
    body: Bytes,
    shared: &Shared,
    user: Option<String>,
) -> Result<Response<Body>> {
    let mut command = Command::new("git");
    command
        .arg("http-backend")
        .env("GIT_PROJECT_ROOT", &shared.root)
        .env("GIT_HTTP_EXPORT_ALL", "1")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("REQUEST_METHOD", parts.method.as_str())
        .env("PATH_INFO", parts.uri.path())
        .env("QUERY_STRING", parts.uri.query().unwrap_or_default())
        .env("REMOTE_ADDR", "127.0.0.1")
        // Somebody has to be logged in for a push.
        .env("REMOTE_USER", user.as_deref().unwrap_or("anonymous"))
        .env("CONTENT_LENGTH", body.len().to_string());
    for (name, variable) in [
        ("content-type", "CONTENT_TYPE"),
        ("content-encoding", "HTTP_CONTENT_ENCODING"),
        ("git-protocol", "HTTP_GIT_PROTOCOL"),
        ("git-protocol", "GIT_PROTOCOL"),
    ] {
        if let Some(value) = header(&parts.headers, name) {
            command.env(variable, value);
        }
    }
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).kill_on_drop(true);
    let mut child = command.spawn().context("starting git http-backend")?;
    let mut input = child.stdin.take().context("git http-backend has no standard input")?;
    // Beside the reading: the program may answer before it has read everything.
    tokio::spawn(async move { input.write_all(&body).await });
    let output = child.stdout.take().context("git http-backend has no standard output")?;
    read_answer(child, BufReader::new(output)).await
}

/// The header lines of CGI, then everything else as a stream that keeps the program alive.
async fn read_answer(child: Child, mut output: BufReader<ChildStdout>) -> Result<Response<Body>> {
    let mut response = Response::builder();
    let mut lines = 0;
    loop {
        let mut line = String::new();
        output.read_line(&mut line).await.context("reading the answer of git http-backend")?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        lines += 1;
        response = match (name, value.trim()) {
            ("Status", status) => response.status(status.split(' ').next().unwrap_or_default()),
            (name, value) => response.header(name, value),
        };
    }
    anyhow::ensure!(lines > 0, "git http-backend answered nothing");
    let chunks = stream::unfold((ReaderStream::new(output), child), |(mut chunks, child)| async move {
        chunks.next().await.map(|chunk| (chunk.map(Frame::data), (chunks, child)))
    });
    response.body(StreamBody::new(chunks).boxed_unsync()).context("reading the headers of git http-backend")
}

fn challenge() -> Response<Body> {
    let mut response = plain(StatusCode::UNAUTHORIZED, "who are you?");
    let value = http::HeaderValue::from_static("Basic realm=\"windlass test git server\"");
    response.headers_mut().insert(http::header::WWW_AUTHENTICATE, value);
    response
}

fn plain(status: StatusCode, text: &str) -> Response<Body> {
    let body = Full::new(Bytes::copy_from_slice(text.as_bytes())).map_err(|never: Infallible| match never {});
    let mut response = Response::new(body.boxed_unsync());
    *response.status_mut() = status;
    response
}

//! The message application of the demo and of the scenarios: it says its message over HTTP, and in its log who asked.
//!
//! The message is in the variable `MESSAGE`, as a Deployment gets it from a ConfigMap, so a changed one is said after a
//! restart.
#![allow(clippy::print_stdout, reason = "a container's log is its standard output")]

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

const PORT: u16 = 8080;
const PATIENCE: Duration = Duration::from_secs(5);

fn main() -> std::io::Result<()> {
    let message = std::env::var("MESSAGE").unwrap_or_else(|_| "nothing to say".to_owned());
    let listener = TcpListener::bind(("0.0.0.0", PORT))?;
    println!("listening on {PORT}; the message is {message:?}");
    for stream in listener.incoming() {
        // A client that goes away is no reason to end.
        if let Err(error) = stream.and_then(|stream| answer(stream, &message)) {
            println!("a request failed: {error}");
        }
    }
    Ok(())
}

fn answer(mut stream: TcpStream, message: &str) -> std::io::Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let mut lines = BufReader::new(stream.try_clone()?).lines();
    let request = lines.next().transpose()?.unwrap_or_default();
    while lines.next().transpose()?.is_some_and(|header| !header.is_empty()) {}
    let (status, body) = match request.split(' ').nth(1) {
        Some("/") => ("200 OK", format!("{message}\n")),
        Some("/healthz") => ("200 OK", "ok\n".to_owned()),
        _ => ("404 Not Found", "nothing here\n".to_owned()),
    };
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    stream.write_all(format!("{head}{body}").as_bytes())?;
    if !request.contains(" /healthz ") {
        println!("{}: {request}: {status}", stream.peer_addr()?.ip());
    }
    Ok(())
}

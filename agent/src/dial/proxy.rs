//! An HTTP proxy on the way to the hub: it is asked to CONNECT, and sees nothing but TLS.

use std::io;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use zeroize::Zeroizing;

use super::{Address, Error};

/// The longest answer that is read.
const MAX_ANSWER: usize = 8 * 1024;

/// `http://[user:password@]host:port`. It has no `Debug`: it may hold a password.
#[derive(Clone)]
pub struct Proxy {
    address: Address,
    /// `user:password` in base64.
    credentials: Option<Zeroizing<String>>,
}

impl FromStr for Proxy {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        // The text is not repeated: it may hold a password.
        let bad = || Error::Proxy("it is not of the form http://[user:password@]host:port".into());
        let rest = text.strip_prefix("http://").ok_or_else(bad)?.trim_end_matches('/');
        let (credentials, address) = match rest.rsplit_once('@') {
            Some((user, address)) => (Some(Zeroizing::new(STANDARD.encode(user))), address),
            None => (None, rest),
        };
        Ok(Self { address: address.parse().map_err(|_| bad())?, credentials })
    }
}

impl Proxy {
    /// A way to `to`, on which nothing was said yet.
    pub(super) async fn connect(&self, to: &Address) -> io::Result<TcpStream> {
        let mut stream = TcpStream::connect((self.address.host.as_str(), self.address.port)).await?;
        let mut request = Zeroizing::new(format!("CONNECT {to} HTTP/1.1\r\nHost: {to}\r\n"));
        if let Some(credentials) = &self.credentials {
            request.push_str(&format!("Proxy-Authorization: Basic {}\r\n", credentials.as_str()));
        }
        request.push_str("\r\n");
        stream.write_all(request.as_bytes()).await?;
        let status = answer(&mut stream).await?;
        let code = status.split(' ').nth(1).unwrap_or_default();
        if code.starts_with('2') {
            return Ok(stream);
        }
        Err(io::Error::other(format!(
            "the proxy {} answered {}",
            self.address,
            status.chars().take(100).collect::<String>()
        )))
    }
}

/// The status line. Not a byte beyond the answer's head is read: what follows is the hub's.
async fn answer(stream: &mut TcpStream) -> io::Result<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        if head.len() >= MAX_ANSWER {
            return Err(io::Error::other("the proxy's answer is too long"));
        }
        head.push(stream.read_u8().await?);
    }
    let text = String::from_utf8_lossy(&head);
    Ok(text.lines().next().unwrap_or_default().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_proxy_is_asked_once_and_leaves_the_rest_alone() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let played = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.expect("a connection");
            let mut asked = vec![0; 200];
            let length = stream.read(&mut asked).await.expect("a request");
            stream.write_all(b"HTTP/1.1 200 fine\r\nX: y\r\n\r\nhello").await.expect("an answer");
            String::from_utf8_lossy(&asked[..length]).into_owned()
        });
        let proxy: Proxy = format!("http://me:word@{address}").parse().map_err(|_| ()).expect("a proxy");
        let mut stream = proxy.connect(&Address::new("hub.test", 8444)).await.expect("a way");
        let mut rest = [0; 5];
        stream.read_exact(&mut rest).await.expect("the hub's word");
        assert_eq!(&rest, b"hello");
        let asked = played.await.expect("played");
        assert!(asked.starts_with("CONNECT hub.test:8444 HTTP/1.1\r\n"), "{asked}");
        assert!(asked.contains("Proxy-Authorization: Basic bWU6d29yZA==\r\n"), "{asked}");
    }

    #[test]
    fn another_kind_of_proxy_is_refused_without_its_password() {
        for text in ["socks5://h:1", "http://me:hunter2@h", "https://h:1", ""] {
            let refused = text.parse::<Proxy>().err().map(|error| error.to_string()).unwrap_or_default();
            assert!(!refused.is_empty() && !refused.contains("hunter2"), "{refused}");
        }
    }
}

//! A faulty way to PostgreSQL's socket: cut, silent or slow, as the test says.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::watch;

/// The name of PostgreSQL's socket in its folder.
const SOCKET: &str = ".s.PGSQL.5432";

/// What is wrong with the way.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Fault {
    /// Nothing.
    None,
    /// Connections end, and new ones are refused.
    Cut,
    /// Nothing passes, and nobody is told.
    Silence,
    /// Everything comes so late.
    Delay(Duration),
}

/// The proxy; it ends with the value.
pub(crate) struct Proxy {
    folder: Arc<TempDir>,
    fault: watch::Sender<Fault>,
}

// === impl Proxy ===

impl Proxy {
    /// A proxy to the server of a URL.
    pub(crate) fn start(direct: &str) -> Self {
        let server = PathBuf::from(folder_of(direct)).join(SOCKET);
        let folder = Arc::new(tempfile::tempdir().expect("a folder"));
        let listener = UnixListener::bind(folder.path().join(SOCKET)).expect("a socket");
        let (fault, faults) = watch::channel(Fault::None);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let (server, faults) = (server.clone(), faults.clone());
                tokio::spawn(async move {
                    if *faults.borrow() == Fault::Cut {
                        return;
                    }
                    let Ok(server) = UnixStream::connect(server).await else { return };
                    let ((from_client, to_client), (from_server, to_server)) =
                        (client.into_split(), server.into_split());
                    tokio::select! {
                        () = carry(from_client, to_server, faults.clone()) => {}
                        () = carry(from_server, to_client, faults.clone()) => {}
                        () = until_cut(faults) => {}
                    }
                });
            }
        });
        Self { folder, fault }
    }

    pub(crate) fn set(&self, fault: Fault) {
        self.fault.send_replace(fault);
    }

    /// The URL that leads through here.
    pub(crate) fn url(&self, direct: &str) -> String {
        direct.replace(folder_of(direct), &self.folder.path().display().to_string())
    }
}

fn folder_of(url: &str) -> &str {
    let rest = url.split_once("host=").expect("a socket's folder").1;
    rest.split('&').next().expect("a folder")
}

async fn until_cut(mut faults: watch::Receiver<Fault>) {
    // The test is over, when the sender is gone.
    let _ = faults.wait_for(|fault| *fault == Fault::Cut).await;
}

async fn carry(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, mut faults: watch::Receiver<Fault>) {
    let mut bytes = vec![0; 16 << 10];
    while let Ok(count @ 1..) = from.read(&mut bytes).await {
        let fault = *faults.borrow();
        if let Fault::Delay(delay) = fault {
            tokio::time::sleep(delay).await;
        }
        if faults.wait_for(|fault| *fault != Fault::Silence).await.is_err()
            || to.write_all(&bytes[..count]).await.is_err()
        {
            return;
        }
    }
}

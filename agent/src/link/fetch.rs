//! Contents by digest, over a connection of their own: opened on demand, closed when idle, so that nothing big stands before the session.

mod receive;

use std::time::Duration;

use tonic::transport::Channel;
use windlass_domain::digest::Digest;
use windlass_proto::contents::MAX_DIGESTS;
use windlass_proto::frame::MAX_GRPC_MESSAGE_BYTES;
use windlass_proto::v1;
use windlass_proto::v1::agent_client::AgentClient;
use windlass_runtime::clock::Clock;

use super::content::NotContent;
use super::second::Second;
use crate::dial;
use receive::Receiver;

/// How long the hub may be silent in the middle of an answer.
const SILENCE_LIMIT: Duration = Duration::from_secs(30);
/// The most bytes that one call returns, opened. What is left over is named, to be asked for next.
pub const MAX_FETCH_BYTES: usize = 64 * 1024 * 1024;

/// Fetches contents. Clones share the connection.
#[derive(Clone)]
pub struct Fetcher {
    second: Second,
    clock: Clock,
}

/// What a fetch brought.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Fetched {
    /// Verified contents, in the order asked for.
    pub found: Vec<(Digest, Vec<u8>)>,
    /// What the hub does not have for this cluster.
    pub missing: Vec<Digest>,
    /// What was not asked for yet, because the answer would have been too long.
    pub rest: Vec<Digest>,
}

/// Why contents did not come.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No connection.
    #[error(transparent)]
    Connect(#[from] dial::Error),
    /// The hub refused, or the connection broke.
    #[error("fetching from the hub: {0}")]
    Call(String),
    /// The hub was silent.
    #[error("fetching from the hub: no answer within {SILENCE_LIMIT:?}")]
    Silent,
    /// The answer makes no sense.
    #[error("fetching from the hub: {0}")]
    Answer(String),
    /// What came is not what the digest names. Nothing of it is kept.
    #[error(transparent)]
    Content(#[from] NotContent),
}

// === impl Error ===

impl Error {
    /// Whether the same fetch may work later. Even wrong bytes may be right another time: the hub may find and mend them.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Connect(error) => error.is_retryable(),
            Self::Call(_) | Self::Silent | Self::Answer(_) | Self::Content(_) => true,
        }
    }
}

// === impl Fetcher ===

impl Fetcher {
    pub(super) fn new(second: Second, clock: Clock) -> Self {
        Self { second, clock }
    }

    /// Fetches and verifies. Asks for at most a thousand digests and returns at most [`MAX_FETCH_BYTES`]; [`Fetched::rest`] names the others.
    pub async fn fetch(&self, digests: &[Digest]) -> Result<Fetched, Error> {
        if digests.is_empty() {
            return Ok(Fetched::default());
        }
        fail::fail_point!("agent::fetch::before");
        let channel = self.second.channel().await?;
        let fetched = self.ask(channel, digests).await;
        fail::fail_point!("agent::fetch::after");
        if matches!(fetched, Err(Error::Call(_) | Error::Silent)) {
            self.second.broke().await;
        }
        self.second.used().await;
        fetched
    }

    async fn ask(&self, channel: Channel, digests: &[Digest]) -> Result<Fetched, Error> {
        let (asked, later) = digests.split_at(digests.len().min(MAX_DIGESTS));
        let mut client = AgentClient::new(channel).max_decoding_message_size(MAX_GRPC_MESSAGE_BYTES);
        let request = v1::FetchRequest { digests: asked.iter().map(|digest| digest.to_bytes().to_vec()).collect() };
        let mut parts = self.in_time(client.fetch(request)).await?.into_inner();
        let identity = self.second.identity();
        let mut receiver = Receiver::new(asked, &identity.digest_key);
        while !receiver.is_finished() {
            match self.in_time(parts.message()).await? {
                Some(part) => receiver.push(part)?,
                None => return Err(Error::Answer("the answer ended early".into())),
            }
        }
        let mut fetched = receiver.into_fetched();
        fetched.rest.extend_from_slice(later);
        Ok(fetched)
    }

    async fn in_time<T>(&self, call: impl Future<Output = Result<T, tonic::Status>>) -> Result<T, Error> {
        let answer = self.clock.timeout(SILENCE_LIMIT, call).await.map_err(|_| Error::Silent)?;
        answer.map_err(|status| Error::Call(dial::describe(&status)))
    }
}

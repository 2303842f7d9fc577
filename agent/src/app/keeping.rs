//! Where this agent keeps who it is and what it knows: directories, or Secrets of its own namespace for one replica at a time.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result};
use tokio::sync::oneshot;
use windlass_domain::cluster::ClusterFacts;
use windlass_domain::identity::JoinFile;
use windlass_domain::upgrade::own::MARKER;
use windlass_runtime::clock::Clock;
use windlass_runtime::shutdown::Shutdown;
use zeroize::Zeroizing;

use super::joining::{JOIN_ENTRY, JoinSource, read_join};
use crate::args::{Args, SecretsIn};
use crate::desired::{DirectoryChunks, Durable, SealKey, SecretChunks};
use crate::home::{Home, OwnedSecret};
use crate::identity::{self, Files, Identity};
use crate::lease::{Callbacks, Held};
use crate::observe::Cluster;
use crate::upgrade::Upgrades;

/// The Secret of key, certificate and trust.
const IDENTITY: &str = "windlass-agent-identity";
const STATE: &str = "windlass-agent-state";
const SEAL_KEY: &str = "seal.key";
const JOIN_RETRY: Duration = Duration::from_secs(2);

/// Where, before anything of it was touched.
pub(super) enum Keeping {
    Directories { identity: PathBuf, state: PathBuf },
    Secrets { home: Home, replica: String },
}

/// What was opened.
pub(super) struct Kept {
    pub(super) files: Files,
    pub(super) durable: Durable,
    /// Says that another replica has taken over, or is about to; never, where there is only one.
    pub(super) lost: oneshot::Receiver<String>,
    /// Where a join file may come from.
    secrets: Option<Home>,
}

// === impl Keeping ===

impl Keeping {
    pub(super) async fn of(args: &Args, clock: &Clock) -> Result<Self> {
        let no_directory = args.identity_dir.is_none() && args.state_dir.is_none();
        let in_pod = own_namespace().filter(|_| args.kubeconfig.is_none() && no_directory);
        let namespace = match (&args.state, in_pod) {
            (Some(SecretsIn(Some(namespace))), _) => Some(namespace.clone()),
            (Some(SecretsIn(None)), in_pod) => in_pod,
            (None, Some(in_pod)) => Some(in_pod),
            (None, None) => {
                let or = |given: &Option<PathBuf>, default: &str| given.clone().unwrap_or_else(|| default.into());
                return Ok(Self::Directories {
                    identity: or(&args.identity_dir, "./windlass-agent/identity"),
                    state: or(&args.state_dir, "./windlass-agent/state"),
                });
            }
        };
        let cluster = Cluster::connect(args.kubeconfig.as_deref(), clock.clone()).await.context("the cluster")?;
        // Random where nobody named it: two replicas must never have the same name.
        let replica = args.replica.clone().unwrap_or_else(|| format!("agent-{}", uuid::Uuid::new_v4()));
        let namespace = namespace.unwrap_or_else(|| cluster.namespace().to_owned());
        Ok(Self::Secrets { home: Home::new(cluster, namespace), replica })
    }

    /// The agent's own namespace, where it has one.
    pub(super) fn namespace(&self) -> Option<String> {
        match self {
            Self::Directories { .. } => own_namespace(),
            Self::Secrets { home, .. } => Some(home.namespace().to_owned()),
        }
    }

    /// The agent's own Deployment, where it has one.
    pub(super) async fn upgrades(&self, clock: &Clock) -> Upgrades {
        match self {
            Self::Directories { .. } => Upgrades::outside(clock.clone()),
            Self::Secrets { home, .. } => {
                let mine = std::env::var(MARKER).ok().filter(|marker| !marker.is_empty());
                Upgrades::of(home.clone(), clock.clone(), mine).await
            }
        }
    }

    /// Waits, where replicas share it, until it is this one's; `standing_by` is called when another has it.
    pub(super) async fn open(
        self,
        clock: &Clock,
        shutdown: &Shutdown,
        upgrades: &Upgrades,
        standing_by: impl Fn(),
    ) -> Result<Kept> {
        let (tell, lost) = oneshot::channel();
        match self {
            Self::Directories { identity, state } => {
                let store = DirectoryChunks::open(state).await.context("the state directory")?;
                let files = Files::directory(identity);
                let durable = Durable::open(store, seal_key(&files).await?).await.context("the durable copy")?;
                // Kept open for as long as the process lives.
                std::mem::forget(tell);
                Ok(Kept { files, durable, lost, secrets: None })
            }
            Self::Secrets { home, replica } => {
                let waiting = |holder: &str| {
                    tracing::info!(holder, "another replica of the agent works; this one stands by");
                    standing_by();
                };
                let callbacks = Callbacks { waiting, is_urgent: || upgrades.is_on_trial() };
                let held = Held::acquire(home.clone(), clock.clone(), replica, &[IDENTITY, STATE], callbacks).await;
                let (epoch, token, asked) = (held.epoch(), shutdown.token(), upgrades.clone());
                upgrades.leads();
                let may_have = move |replica: String| {
                    let upgrades = asked.clone();
                    async move { upgrades.hand_over_to(&replica).await }
                };
                shutdown.spawn(held.keep(token, may_have, tell));
                let files = OwnedSecret::take(home.clone(), IDENTITY, "identity", epoch).await;
                let files = Files::secret(files.context("the agent's identity")?);
                let store = SecretChunks::open(home.clone(), epoch).await.context("the durable copy")?;
                let durable = Durable::open(store, seal_key(&files).await?).await.context("the durable copy")?;
                Ok(Kept { files, durable, lost, secrets: Some(home) })
            }
        }
    }
}

// === impl Kept ===

impl Kept {
    /// The identity that is kept, or a new one by joining.
    pub(super) async fn identity(&self, args: &Args, facts: &ClusterFacts, clock: &Clock) -> Result<Identity> {
        let files = self.files.clone();
        if let Some(identity) = tokio::task::spawn_blocking(move || Identity::load(&files)).await?? {
            let identity = self.joined_again(identity, args, facts, clock).await;
            return Ok(self.in_this_cluster(identity, facts, clock).await);
        }
        match (&args.join, &self.secrets) {
            (Some(path), _) => {
                let text = std::fs::read(path).with_context(|| format!("the join file {}", path.display()))?;
                Ok(self.join(&read_join(&text, &path.display().to_string())?, facts, clock).await?)
            }
            (None, Some(home)) => self.join_by_secret(home, &args.join_secret, facts, clock).await,
            (None, None) => anyhow::bail!(
                "this agent has not joined a hub: run `windlass cluster add NAME -o join.json` and start it with --join join.json"
            ),
        }
    }

    /// Where join files come from.
    pub(super) fn source(&self, args: &Args) -> Option<JoinSource> {
        match (&args.join, &self.secrets) {
            (Some(path), _) => Some(JoinSource::File(path.clone())),
            (None, Some(home)) => Some(JoinSource::Secret(home.clone(), args.join_secret.clone())),
            (None, None) => None,
        }
    }

    /// A new join file is used at once; where that does not work, it is tried again while there is no session.
    async fn joined_again(&self, identity: Identity, args: &Args, facts: &ClusterFacts, clock: &Clock) -> Identity {
        let Some(source) = self.source(args) else { return identity };
        let joined = async {
            let Some((_, file)) = source.news(&self.files).await? else { return anyhow::Ok(None) };
            Ok(Some(identity::rejoin(&file, &identity, &self.files, facts, clock).await?))
        };
        match joined.await {
            Ok(Some(joined)) => {
                tracing::info!(serial = joined.serial, "joined again, with a new key");
                joined
            }
            Ok(None) => identity,
            Err(error) => {
                tracing::error!("joining again by {} did not work: {error:#}", source.place());
                identity
            }
        }
    }

    /// An identity of another cluster waits until an operator confirms this one.
    async fn in_this_cluster(&self, identity: Identity, facts: &ClusterFacts, clock: &Clock) -> Identity {
        let (known, found) = (&identity.kube_system_uid, &facts.kube_system_uid);
        if known == found || known.is_empty() || found.is_empty() {
            return identity;
        }
        let forget = || async {
            let records = self.durable.names("").into_iter().map(|name| (name, None)).collect();
            self.durable.write(records).await.map_err(|error| identity::Error::File {
                path: "the durable copy".into(),
                source: std::io::Error::other(error),
            })
        };
        identity::confirmed(identity, &self.files, found, clock, forget).await
    }

    /// Waits for a Secret that joins. One that is refused is not tried again; a new one in its place is.
    async fn join_by_secret(&self, home: &Home, name: &str, facts: &ClusterFacts, clock: &Clock) -> Result<Identity> {
        let (mut refused, mut told): (Option<Zeroizing<Vec<u8>>>, bool) = (None, false);
        loop {
            let found = home.entry(name, JOIN_ENTRY).await;
            match found {
                Ok(Some(text)) if !text.is_empty() && refused.as_deref() != Some(&*text) => {
                    let place = format!("{JOIN_ENTRY} of Secret {}/{name}", home.namespace());
                    let joined = match read_join(&text, &place) {
                        Ok(file) => self.join(&file, facts, clock).await.map_err(anyhow::Error::from),
                        Err(error) => Err(error),
                    };
                    match joined {
                        Ok(identity) => return Ok(identity),
                        Err(error) => {
                            tracing::error!("{error:#}; put a new join file into Secret {}/{name}", home.namespace())
                        }
                    }
                    refused = Some(text);
                }
                Ok(_) if refused.is_none() && !told => {
                    tracing::info!("waiting for {JOIN_ENTRY} in Secret {}/{name}", home.namespace());
                    told = true;
                }
                Ok(_) => {}
                Err(error) => tracing::warn!(%error, "Secret {}/{name} cannot be read yet", home.namespace()),
            }
            clock.sleep(JOIN_RETRY).await;
        }
    }

    async fn join(&self, file: &JoinFile, facts: &ClusterFacts, clock: &Clock) -> Result<Identity, identity::Error> {
        let identity = identity::join(file, &self.files, facts, clock).await?;
        tracing::info!(cluster = %identity.cluster, hub = file.hub, "joined");
        Ok(identity)
    }
}

/// The namespace of the agent's own Pod.
fn own_namespace() -> Option<String> {
    let told = std::fs::read_to_string(Path::new("/var/run/secrets/kubernetes.io/serviceaccount/namespace")).ok()?;
    Some(told.trim().to_owned()).filter(|name| !name.is_empty())
}

/// The key of the durable copy lies beside the agent's own, outside what it seals.
async fn seal_key(files: &Files) -> Result<SealKey> {
    let files = files.clone();
    let key = tokio::task::spawn_blocking(move || {
        if let Some(bytes) = files.read(SEAL_KEY)? {
            let bytes: [u8; 32] =
                bytes.as_slice().try_into().map_err(|_| anyhow::anyhow!("{SEAL_KEY} is not a key of 32 bytes"))?;
            return Ok(SealKey::new(bytes));
        }
        let key = SealKey::generate()?;
        files.write(SEAL_KEY, key.expose())?;
        Ok(key)
    });
    key.await?
}

//! What the operator said: read once, checked whole, every problem named at once.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use clap::Parser;
use secrecy::SecretString;

use crate::in_cluster::InCluster;

/// The Windlass hub: tracks git repositories and streams desired state to the agents of a fleet of clusters.
#[derive(Parser)]
#[command(name = "windlass-hub", version)]
pub struct Args {
    /// Directory for the SQLite store, the seal key, the git cache, `ca.pem` and the first admin's token.
    #[arg(long, default_value = "./windlass-data", value_name = "DIR")]
    pub data_dir: PathBuf,
    /// The store: a path (SQLite) or postgres://... [default: store.db in the data directory]. A URL with a password belongs in --store-file or the
    /// variable: other users of the machine can read arguments.
    #[arg(long, env = "WINDLASS_STORE", hide_env_values = true, value_name = "STORE")]
    pub store: Option<SecretString>,
    /// A file that holds what --store would.
    #[arg(long, value_name = "FILE", conflicts_with = "store")]
    pub store_file: Option<PathBuf>,
    /// The key that secrets in the store are sealed with; made at the first start [default: seal.key in the data directory].
    #[arg(long, value_name = "FILE")]
    pub seal_key_file: Option<PathBuf>,
    /// Where the API and `Join` listen.
    #[arg(long, default_value = "0.0.0.0:8443", value_name = "ADDRESS")]
    pub api_listen: SocketAddr,
    /// Where agents connect.
    #[arg(long, default_value = "0.0.0.0:8444", value_name = "ADDRESS")]
    pub agents_listen: SocketAddr,
    /// Where health, readiness and metrics are served, without TLS.
    #[arg(long, default_value = "127.0.0.1:8445", value_name = "ADDRESS")]
    pub admin_listen: SocketAddr,
    /// How people and joining agents reach the API: https://host:port.
    #[arg(long, env = "WINDLASS_ADVERTISE_API", value_name = "URL")]
    pub advertise_api: Option<String>,
    /// How agents reach this hub: host:port.
    #[arg(long, env = "WINDLASS_ADVERTISE_AGENTS", value_name = "HOST:PORT")]
    pub advertise_agents: Option<String>,
    /// The image of agents, as install manifests name it.
    #[arg(long, env = "WINDLASS_AGENT_IMAGE", default_value = windlass_domain::install::IMAGE, value_name = "IMAGE")]
    pub agent_image: String,
    /// Run as a Pod: the first admin's token goes to Secret windlass-hub-admin of the Pod's namespace, this cluster is registered as `in-cluster`, and its
    /// join file goes to Secret windlass-system/windlass-agent-join.
    #[arg(long)]
    pub in_cluster: bool,
    /// How Pods reach the hub, of --in-cluster: a name of its Service.
    #[arg(long, default_value = "windlass-hub.windlass.svc", value_name = "HOST")]
    pub in_cluster_host: String,
    /// Of --in-cluster: hand over the first admin's token, and do not register this cluster.
    #[arg(long, requires = "in_cluster")]
    pub without_own_cluster: bool,
    /// The files of the Pod's service account.
    #[arg(long, default_value = "/var/run/secrets/kubernetes.io/serviceaccount", value_name = "DIR", hide = true)]
    pub service_account_dir: PathBuf,
    /// A further DNS name or IP address for the server certificates; may be repeated.
    #[arg(long = "name", value_name = "NAME")]
    pub names: Vec<String>,
    /// Time between two looks at a repository, as `10s`, `2m` or `500ms`.
    #[arg(long, default_value = "10s", value_parser = duration, value_name = "TIME")]
    pub poll_interval: Duration,
    /// TLS handshakes of one address at a time, on each listener; its others wait. Raise it where very many agents share one address (NAT, a proxy).
    #[arg(long, default_value_t = 64, value_name = "NUMBER")]
    pub handshakes_per_address: usize,
    /// Accept repositories on the hub's own disk: whoever may create applications can then read what the hub can.
    #[arg(long)]
    pub allow_local_repositories: bool,
    /// A file to which every revocation of an agent's certificate is appended, and which is heeded whatever the store says: keep it apart from the store, so
    /// that a store restored from a backup still refuses what was revoked since.
    #[arg(long, value_name = "FILE")]
    pub revocations: Option<PathBuf>,
    /// A cluster whose certificate ended longer ago than this may only report when it comes back, until `windlass cluster approve`; at most 90d.
    #[arg(long, default_value = "14d", value_parser = duration, value_name = "TIME")]
    pub report_only_after: Duration,
}

/// How others reach this hub, as written into join files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Advertised {
    /// `https://host:port` of the API.
    pub api_url: String,
    /// `host:port` of the agents listener.
    pub agents_address: String,
    /// The image of agents that install manifests name.
    pub agent_image: String,
}

/// Checked arguments. It holds no file's content but the store's address.
#[derive(Clone)]
pub struct Config {
    /// Where the hub keeps what is its own.
    pub data_dir: PathBuf,
    /// The store's address; it may hold a password.
    pub store: SecretString,
    /// The seal key's file.
    pub seal_key_file: PathBuf,
    /// The API listener.
    pub api_listen: SocketAddr,
    /// The agents listener.
    pub agents_listen: SocketAddr,
    /// The admin listener.
    pub admin_listen: SocketAddr,
    /// The API's host and port as others say it; the port may be the one that is bound.
    pub advertise_api: Option<String>,
    /// The agents listener's.
    pub advertise_agents: Option<String>,
    /// The image of agents.
    pub agent_image: String,
    /// Where the hub is, when it runs in a cluster.
    pub in_cluster: Option<InCluster>,
    /// Further names for the server certificates.
    pub names: Vec<String>,
    /// Time between two looks at a repository.
    pub poll_interval: Duration,
    /// TLS handshakes of one address at a time, on each listener.
    pub handshakes_per_address: usize,
    /// Whether repositories on the hub's own disk are accepted.
    pub allow_local_repositories: bool,
    /// The list of revocations outside the store.
    pub revocations: Option<PathBuf>,
    /// After so long beyond its certificate's end a cluster may only report.
    pub report_only_after: Duration,
}

/// Everything that is wrong with the arguments.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", .0.join("\n"))]
pub struct InvalidArgs(pub Vec<String>);

// === impl Args ===

impl TryFrom<Args> for Config {
    type Error = InvalidArgs;

    fn try_from(args: Args) -> Result<Self, InvalidArgs> {
        let mut problems = Vec::new();
        let store = args.store(&mut problems);
        if let Some(url) = &args.advertise_api {
            problems.extend(check_api_url(url).err());
        }
        if let Some(address) = &args.advertise_agents {
            problems.extend(
                split_host(address).is_none().then(|| format!("--advertise-agents {address:?} is not host:port")),
            );
        }
        if args.poll_interval < Duration::from_millis(100) {
            problems.push("--poll-interval must be at least 100ms".into());
        }
        if args.handshakes_per_address == 0 {
            problems.push("--handshakes-per-address must be at least 1".into());
        }
        let listens = [
            ("--api-listen", args.api_listen),
            ("--agents-listen", args.agents_listen),
            ("--admin-listen", args.admin_listen),
        ];
        for (index, (flag, address)) in listens.iter().enumerate() {
            for (other, _) in listens[..index].iter().filter(|(_, other)| other == address && address.port() != 0) {
                problems.push(format!("{flag} and {other} are both {address}"));
            }
        }
        let Some(store) = store.filter(|_| problems.is_empty()) else { return Err(InvalidArgs(problems)) };
        Ok(Self {
            store,
            seal_key_file: args.seal_key_file.unwrap_or_else(|| args.data_dir.join("seal.key")),
            data_dir: args.data_dir,
            api_listen: args.api_listen,
            agents_listen: args.agents_listen,
            admin_listen: args.admin_listen,
            advertise_api: args.advertise_api,
            advertise_agents: args.advertise_agents,
            agent_image: args.agent_image,
            in_cluster: args.in_cluster.then_some(InCluster {
                service_account: args.service_account_dir,
                host: args.in_cluster_host,
                api_port: args.api_listen.port(),
                agents_port: args.agents_listen.port(),
                own_cluster: !args.without_own_cluster,
            }),
            names: args.names,
            poll_interval: args.poll_interval,
            handshakes_per_address: args.handshakes_per_address,
            allow_local_repositories: args.allow_local_repositories,
            revocations: args.revocations,
            report_only_after: args.report_only_after,
        })
    }
}

impl Args {
    fn store(&self, problems: &mut Vec<String>) -> Option<SecretString> {
        if let Some(store) = &self.store {
            return Some(store.clone());
        }
        let Some(path) = &self.store_file else {
            return Some(self.data_dir.join("store.db").to_string_lossy().into_owned().into());
        };
        match std::fs::read_to_string(path) {
            Ok(text) => Some(text.trim().to_owned().into()),
            Err(error) => {
                problems.push(format!("--store-file {}: {error}", path.display()));
                None
            }
        }
    }
}

// === impl Config ===

impl Config {
    /// How others reach the hub once it listens: what was given, or the bound address, or `localhost` where that is every interface.
    pub fn advertised(&self, api: SocketAddr, agents: SocketAddr) -> Advertised {
        let place = |bound: SocketAddr| {
            let host = if bound.ip().is_unspecified() { "localhost".to_owned() } else { host_text(bound.ip()) };
            format!("{host}:{}", bound.port())
        };
        let api_url = self.advertise_api.as_ref().map(|url| url.trim_end_matches('/').to_owned());
        Advertised {
            api_url: api_url.unwrap_or_else(|| format!("https://{}", place(api))),
            agents_address: self.advertise_agents.clone().unwrap_or_else(|| place(agents)),
            agent_image: self.agent_image.clone(),
        }
    }

    /// Every name that a server certificate should hold, each once.
    pub fn certificate_names(&self, advertised: &Advertised) -> Vec<String> {
        let mut names = self.names.clone();
        let api = advertised.api_url.trim_start_matches("https://");
        names.extend([api, &advertised.agents_address].into_iter().filter_map(split_host));
        names.extend(self.in_cluster.iter().map(|place| place.host.clone()));
        names.extend(["localhost", "127.0.0.1", "::1"].map(str::to_owned));
        names.extend(hostname());
        names.sort_unstable();
        names.dedup();
        names
    }
}

fn check_api_url(text: &str) -> Result<(), String> {
    let bad = |why: &str| Err(format!("--advertise-api {text:?}: {why}"));
    match url::Url::parse(text) {
        Err(error) => bad(&error.to_string()),
        Ok(url) if url.scheme() != "https" => bad("must begin with https://"),
        Ok(url) if !matches!(url.path(), "" | "/") || url.query().is_some() => bad("must be https://host:port alone"),
        Ok(url) if !url.username().is_empty() || url.password().is_some() => bad("must hold no user name or password"),
        Ok(_) => Ok(()),
    }
}

/// The host of `host:port` or `host`; brackets of an IPv6 address are dropped.
fn split_host(place: &str) -> Option<String> {
    let host = match place.rsplit_once(':') {
        Some((host, port)) if port.parse::<u16>().is_ok() => host,
        Some(_) => return None,
        None => place,
    };
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    (!bare.is_empty() && !bare.contains('/')).then(|| bare.to_owned())
}

fn host_text(address: IpAddr) -> String {
    match address {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => format!("[{address}]"),
    }
}

fn hostname() -> Option<String> {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").ok()?.trim().to_ascii_lowercase();
    // A machine may have a name that no certificate can hold; it is then left out.
    rustls_pki_types::DnsName::try_from(name.as_str()).is_ok().then_some(name)
}

fn duration(text: &str) -> Result<Duration, String> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let number: u64 = number.parse().map_err(|_| "expected a number and a unit, as in 10s".to_owned())?;
    match unit {
        "ms" => Ok(Duration::from_millis(number)),
        "s" => Ok(Duration::from_secs(number)),
        "m" => Ok(Duration::from_secs(number.saturating_mul(60))),
        "h" => Ok(Duration::from_secs(number.saturating_mul(3600))),
        "d" => Ok(Duration::from_secs(number.saturating_mul(86_400))),
        _ => Err("the unit must be ms, s, m, h or d".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(args: &[&str]) -> Result<Config, InvalidArgs> {
        let args = Args::try_parse_from([&["windlass-hub"], args].concat()).expect("arguments of the right form");
        Config::try_from(args)
    }

    #[test]
    fn every_problem_is_named_at_once() {
        let args = [
            "--advertise-api",
            "http://x",
            "--advertise-agents",
            "x:y",
            "--poll-interval",
            "1ms",
            "--api-listen",
            "127.0.0.1:8444",
            "--agents-listen",
            "127.0.0.1:8444",
        ];
        let InvalidArgs(problems) = config(&args).map(|_| ()).expect_err("problems");
        assert_eq!(problems.len(), 4, "{problems:?}");
    }

    #[test]
    fn what_is_advertised_is_in_the_certificate() {
        let config = config(&["--advertise-api", "https://hub.example:443/", "--name", "10.0.0.1"])
            .unwrap_or_else(|error| panic!("{error}"));
        let advertised = config.advertised(([0, 0, 0, 0], 1).into(), ([0, 0, 0, 0], 2).into());
        assert_eq!(
            advertised,
            Advertised {
                api_url: "https://hub.example:443".into(),
                agents_address: "localhost:2".into(),
                agent_image: windlass_domain::install::IMAGE.into()
            }
        );
        let names = config.certificate_names(&advertised);
        for name in ["hub.example", "localhost", "127.0.0.1", "::1", "10.0.0.1"] {
            assert!(names.iter().any(|n| n == name), "{name} in {names:?}");
        }
    }
}

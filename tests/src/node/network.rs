//! The network that a control plane and its real nodes share: a bridge of this machine, and a guard that removes it.
//!
//! Everything that a node leaves outside its folder and its namespaces has a name made of a number, the place: the bridge,
//! the interface to the node, the control groups. A place belongs to whoever holds the socket of its name, which the kernel
//! lets go with the last process that has it. So a process that finds a place free knows that whatever has its name is
//! left over, and removes it before anything else.

use std::net::Ipv4Addr;
use std::os::fd::OwnedFd;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixListener};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};

/// How many networks there can be on a machine at a time.
const PLACES: u8 = 32;
/// For a moment, somebody who cleans up holds all that are free.
const CLAIMING: Duration = Duration::from_secs(20);
/// The guard's share of the end: processes die, control groups empty.
const CLEANING: Duration = Duration::from_secs(15);
const CLEAN: &str = include_str!("clean.sh");

/// A bridge with an address of this machine. Dropping it ends what runs on it and removes it; when this process is killed,
/// its guard does the same.
#[derive(Debug)]
pub struct Network {
    place: u8,
    guard: Child,
    // Held until the guard, which has it too, is done.
    _claim: UnixListener,
}

// === impl Network ===

impl Network {
    /// Takes a free place, removes what dead runs have left in any, and makes the bridge.
    pub fn claim() -> Result<Self> {
        let mut free = free_places()?;
        let marks: Vec<String> = free.iter().map(|(place, _)| mark(*place)).collect();
        let cleaned = Command::new("bash").args(["-c", CLEAN, "clean"]).args(marks).status().context("running bash")?;
        ensure!(cleaned.success(), "what earlier nodes left could not be removed: {cleaned}");
        let (place, claim) = free.swap_remove(0);
        drop(free);
        let guard = guard(place, &claim)?;
        let network = Self { place, guard, _claim: claim };
        network.make().context("making a bridge")?;
        Ok(network)
    }

    /// The name of everything that this network and its node have on the machine.
    pub fn mark(&self) -> String {
        mark(self.place)
    }

    /// The machine's address on the bridge: servers that listen here are reached by nodes and Pods.
    pub fn host(&self) -> Ipv4Addr {
        Ipv4Addr::new(10, 199, self.place, 1)
    }

    /// The address of the node.
    pub fn node(&self) -> Ipv4Addr {
        Ipv4Addr::new(10, 199, self.place, 2)
    }

    /// Bits of the network's part of an address.
    pub fn prefix_length(&self) -> u8 {
        24
    }

    /// The addresses of the node's Pods; they are known on the node alone.
    pub fn pods(&self) -> String {
        format!("10.245.{}.0/24", self.place)
    }

    /// Gives the namespace of this process an interface `eth0` on the bridge.
    pub(super) fn connect(&self, process: u32) -> Result<()> {
        let (mark, peer, namespace) = (self.mark(), format!("{}p", self.mark()), process.to_string());
        ip(&["link", "add", &peer, "type", "veth", "peer", "name", "eth0", "netns", &namespace])?;
        ip(&["link", "set", &peer, "master", &mark, "up"])
    }

    fn make(&self) -> Result<()> {
        let mark = self.mark();
        ip(&["link", "add", &mark, "type", "bridge"])?;
        ip(&["address", "add", &format!("{}/{}", self.host(), self.prefix_length()), "dev", &mark])?;
        ip(&["link", "set", &mark, "up"])
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        // The end of its input is what the guard waits for.
        drop(self.guard.stdin.take());
        let started = Instant::now();
        while started.elapsed() < CLEANING {
            if !matches!(self.guard.try_wait(), Ok(None)) {
                return;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

fn free_places() -> Result<Vec<(u8, UnixListener)>> {
    let started = Instant::now();
    loop {
        let free: Vec<_> = (0..PLACES).filter_map(|place| Some((place, claimed(place).ok()?))).collect();
        if !free.is_empty() {
            return Ok(free);
        }
        ensure!(started.elapsed() < CLAIMING, "all {PLACES} places for networks of nodes are taken");
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn mark(place: u8) -> String {
    format!("wlnode{place}")
}

/// The place's socket, in the abstract namespace: nothing of it is on a disk.
fn claimed(place: u8) -> Result<UnixListener> {
    let address = SocketAddr::from_abstract_name(format!("windlass-node-{place}"))?;
    Ok(UnixListener::bind_addr(&address)?)
}

/// A process that outlives this one by as long as cleaning takes. It holds the claim as its standard output.
fn guard(place: u8, claim: &UnixListener) -> Result<Child> {
    let script = format!("cat >/dev/null\n{CLEAN}");
    let held = OwnedFd::from(claim.try_clone().context("sharing a claim")?);
    let mut command = Command::new("bash");
    command.args(["-c", &script, "guard of a node's network", &mark(place)]).current_dir("/");
    // A group of its own: Ctrl-C at a terminal is not for it.
    command.process_group(0).stdin(Stdio::piped()).stdout(held).stderr(Stdio::null());
    command.spawn().context("starting the guard of a network")
}

fn ip(arguments: &[&str]) -> Result<()> {
    let output = Command::new("ip").args(arguments).output().context("running ip")?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "ip {}: {}", arguments.join(" "), said.trim());
    Ok(())
}

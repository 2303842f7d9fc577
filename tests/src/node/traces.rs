//! What a node could leave on the machine, for those who say that it leaves nothing.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result};

/// Settings of the kernel that a kubelet, kube-proxy or container runtime would like to change.
const SETTINGS: [&str; 11] = [
    "vm/overcommit_memory",
    "vm/panic_on_oom",
    "kernel/panic",
    "kernel/panic_on_oops",
    "kernel/keys/root_maxkeys",
    "kernel/keys/root_maxbytes",
    "net/ipv4/ip_forward",
    "net/ipv4/conf/all/route_localnet",
    "net/ipv4/conf/all/forwarding",
    "net/netfilter/nf_conntrack_max",
    "net/bridge/bridge-nf-call-iptables",
];
/// Folders that they make where they may.
const FOLDERS: [&str; 10] = [
    "/etc/cni",
    "/opt/cni",
    "/opt/containerd",
    "/run/containerd",
    "/run/netns",
    "/usr/libexec/kubernetes/kubelet-plugins",
    "/var/lib/cni",
    "/var/lib/kubelet",
    "/var/log/containers",
    "/var/log/pods",
];

/// The machine's own state that nodes must not change: settings, folders, packet filters and routes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Machine(BTreeSet<String>);

// === impl Machine ===

impl Machine {
    /// As it is now. Interfaces, addresses and processes of others come and go, and are not in it.
    pub fn now() -> Result<Self> {
        let mut seen = BTreeSet::new();
        for setting in SETTINGS {
            let value = std::fs::read_to_string(Path::new("/proc/sys").join(setting)).unwrap_or_default();
            seen.insert(format!("{setting} = {}", value.trim()));
        }
        for folder in FOLDERS.iter().filter(|folder| Path::new(folder).exists()) {
            seen.insert(format!("folder {folder}"));
        }
        seen.extend(lines("nft", &["list", "ruleset"])?);
        // A route over the bridge of a network goes with the bridge.
        let routes = lines("ip", &["route", "show", "table", "all"])?;
        seen.extend(routes.into_iter().filter(|route| !route.contains("wlnode")));
        Ok(Self(seen))
    }

    /// What is there and was not before, and the other way round, one sentence each.
    pub fn changes_since(&self, before: &Self) -> Vec<String> {
        let new = self.0.difference(&before.0).map(|line| format!("new: {line}"));
        new.chain(before.0.difference(&self.0).map(|line| format!("gone: {line}"))).collect()
    }
}

/// What is there of the node with this mark and folder: interfaces, control groups, mounts, processes.
pub fn of(mark: &str, folder: &Path) -> Result<Vec<String>> {
    let mut found = Vec::new();
    for name in entries("/sys/class/net")?.filter(|name| *name == mark || *name == format!("{mark}p")) {
        found.push(format!("interface {name}"));
    }
    found.extend(
        lines("find", &["/sys/fs/cgroup", "-type", "d", "-name", mark])?
            .into_iter()
            .map(|path| format!("control group {path}")),
    );
    let folder = folder.display().to_string();
    let mounts = std::fs::read_to_string("/proc/self/mountinfo").context("reading the mounts")?;
    found.extend(mounts.lines().filter(|line| line.contains(&folder)).map(|line| format!("mount {line}")));
    for process in entries("/proc")?.filter(|name| name.bytes().all(|byte| byte.is_ascii_digit())) {
        let of_it = |file: &str| std::fs::read(format!("/proc/{process}/{file}")).unwrap_or_default();
        let line = String::from_utf8_lossy(&of_it("cmdline")).replace('\0', " ");
        let grouped = String::from_utf8_lossy(&of_it("cgroup")).lines().any(|line| line.contains(&format!("/{mark}")));
        let ours = line.contains(&format!("{folder}/inside.sh")) || line.contains(&format!("network {mark}"));
        if (grouped || ours) && !is_ended(&of_it("stat")) {
            found.push(format!("process {process} {line}"));
        }
    }
    Ok(found)
}

/// What is dead and not yet reaped by init.
fn is_ended(stat: &[u8]) -> bool {
    let text = String::from_utf8_lossy(stat);
    text.rsplit_once(") ").is_none_or(|(_, rest)| rest.starts_with(['Z', 'X']))
}

fn entries(folder: &str) -> Result<impl Iterator<Item = String>> {
    let read = std::fs::read_dir(folder).with_context(|| format!("reading {folder}"))?;
    Ok(read.flatten().filter_map(|entry| entry.file_name().into_string().ok()))
}

fn lines(program: &str, arguments: &[&str]) -> Result<Vec<String>> {
    let output = Command::new(program).args(arguments).output().with_context(|| format!("running {program}"))?;
    Ok(String::from_utf8_lossy(&output.stdout).lines().map(|line| line.trim().to_owned()).collect())
}

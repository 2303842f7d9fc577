//! Whether a machine can run a real node.

use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::process::Command;

/// What runs in namespaces that end with it, to see whether a node could: a bridge, a pair of interfaces, rules, mounts.
const TRIAL: &str = "set -e
ip link add trial type bridge
ip link add one type veth peer name two
nft add table ip trial
iptables -t nat -n -L >/dev/null
mount -t tmpfs tmpfs /tmp
mount -o remount,bind,ro /
mount -t cgroup -o memory cgroup /tmp";

/// Programs of the machine that a node needs, and the Debian package of each.
const TOOLS: [(&str, &str); 6] = [
    ("unshare", "util-linux"),
    ("ip", "iproute2"),
    ("runc", "runc"),
    ("iptables", "iptables"),
    ("nft", "nftables"),
    ("mount", "mount"),
];

/// Nothing when a real node can run here, or else why not, as a sentence without its end.
pub fn refusal() -> Option<String> {
    if std::env::var("WINDLASS_NODE").is_ok_and(|wish| wish == "kwok") {
        return Some("WINDLASS_NODE=kwok asks for simulated nodes".to_owned());
    }
    if !std::fs::metadata("/proc/self").is_ok_and(|itself| itself.uid() == 0) {
        return Some("it takes root".to_owned());
    }
    if let Some((tool, package)) = TOOLS.iter().find(|(tool, _)| !is_installed(tool)) {
        return Some(format!("{tool} is not installed (Debian: {package})"));
    }
    // What runs Pods here uses the control groups of version 1; nobody has tried it on the others.
    if !Path::new("/sys/fs/cgroup/memory/cgroup.procs").exists() {
        return Some("it takes control groups of version 1 with a memory controller".to_owned());
    }
    let mut trial = Command::new("unshare");
    trial.args(["--mount", "--net", "--pid", "--cgroup", "--uts", "--ipc", "--fork", "--kill-child", "--mount-proc"]);
    match trial.args(["--propagation", "slave", "bash", "-c", TRIAL]).output() {
        Ok(output) if output.status.success() => None,
        Ok(output) => Some(format!("a trial was refused: {}", String::from_utf8_lossy(&output.stderr).trim())),
        Err(error) => Some(format!("unshare does not run: {error}")),
    }
}

fn is_installed(tool: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(tool).is_file())
}

#!/usr/bin/env bash
# Whether this machine can run a real node. It prints why not, as a sentence without its end, and exits 1; nothing is changed.
no() {
  echo "$*"
  exit 1
}

[ "${WINDLASS_NODE:-}" != kwok ] || no 'WINDLASS_NODE=kwok asks for simulated nodes'
[ "$(id -u)" -eq 0 ] || no 'it takes root'
[ "$(uname -s)" = Linux ] || no 'it takes Linux'
# What runs Pods here uses the control groups of version 1; nobody has tried it on the others.
[ -e /sys/fs/cgroup/memory/cgroup.procs ] || no 'it takes control groups of version 1, and this machine has others'
while read -r tool package; do
  command -v "$tool" >/dev/null 2>&1 || no "$tool is not installed (Debian: $package)"
done <<'TOOLS'
unshare util-linux
mount mount
ip iproute2
runc runc
iptables iptables
nft nftables
TOOLS

# In namespaces that end with it: a bridge, a pair of interfaces, rules, mounts.
trial='set -e
ip link add trial type bridge
ip link add one type veth peer name two
nft add table ip trial
iptables -t nat -n -L >/dev/null
mount -o remount,bind,ro /
mount -t tmpfs tmpfs /tmp
mount -t cgroup -o memory cgroup /tmp'
namespaces=(--mount --net --pid --cgroup --uts --ipc --fork --kill-child --mount-proc --propagation slave)
said=$(unshare "${namespaces[@]}" bash -c "$trial" 2>&1 >/dev/null </dev/null) || no "a trial was refused: ${said%%$'\n'*}"

#!/usr/bin/env bash
# The first process of a node, in namespaces of its own. What it may write of this machine is its own folder: everything else
# is read-only, or memory that goes with it. It stays to reap what is orphaned; when it is killed, all others are too.
# Arguments: the node's folder, the folder of programs, the node's name, its address, its gateway, its prefix length.
set -euo pipefail
folder=$1 programs=$2 name=$3 address=$4 gateway=$5 prefix=$6
logs=$folder/logs
# First, because a mount with files that are open for writing cannot become read-only.
mount --make-rshared /
mount --bind "$folder" "$folder"
mount --make-rshared "$folder"
exec >"$logs/inside.log" 2>&1
PS4="+ \t "; set -x

# === A network of its own, from which nothing leaves the machine ===
hostname "$name"
ip link set lo up
until ip link show eth0 >/dev/null 2>&1; do sleep 0.02; done
ip address add "$address/$prefix" dev eth0
ip link set eth0 up
# Services: kube-proxy rewrites their addresses on the way out, which needs a way out. Anything else fails at once.
ip route add 10.96.0.0/16 via "$gateway"
ip route add unreachable default
echo 1 >/proc/sys/net/ipv4/ip_forward

# === A file system that is read-only but for the node's folder ===
mount -o remount,bind,ro /
for place in /run /var/lib /var/log /tmp; do
  # The node's folder or its programs may be below one of these.
  case "$folder:$programs" in "$place"/* | *":$place"/*) continue ;; esac
  mount -t tmpfs -o mode=755 tmpfs "$place"
done
mkdir -p /var/lib/kubelet /var/lib/cni /var/log/pods /var/log/containers 2>/dev/null || true
for place in /var/lib/kubelet /var/log/pods; do
  mkdir -p "$folder/root$place"
  mount --bind "$folder/root$place" "$place"
done

# === Control groups: only those below its own ===
umount -R /sys/fs/cgroup
mount -t tmpfs -o mode=755 tmpfs /sys/fs/cgroup
while IFS=: read -r _ controllers _; do
  [ -n "$controllers" ] || continue
  mkdir -p "/sys/fs/cgroup/${controllers#name=}"
  case $controllers in
    name=*) mount -t cgroup -o "none,$controllers" cgroup "/sys/fs/cgroup/${controllers#name=}" ;;
    *) mount -t cgroup -o "$controllers" cgroup "/sys/fs/cgroup/$controllers" ;;
  esac
done </proc/self/cgroup

# === Settings of the kernel: those of the machine cannot be written, and what the kubelet wants to set it finds set ===
mount --bind /proc/sys /proc/sys
mount -o remount,bind,ro /proc/sys
mount --bind /proc/sys/net /proc/sys/net
mount -o remount,bind,rw /proc/sys/net
mkdir -p "$folder/settings"
while read -r setting value; do
  echo "$value" >"$folder/settings/${setting//\//-}"
  mount --bind "$folder/settings/${setting//\//-}" "/proc/sys/$setting"
done <<'SETTINGS'
vm/overcommit_memory 1
vm/panic_on_oom 0
kernel/panic 10
kernel/panic_on_oops 1
kernel/keys/root_maxkeys 1000000
kernel/keys/root_maxbytes 25000000
SETTINGS

# === The programs of a node ===
export PATH=$programs:$PATH TMPDIR=$folder/tmp
mkdir -p "$TMPDIR"
containerd --config "$folder/containerd.toml" >"$logs/containerd.log" 2>&1 &
until [ -S "$folder/containerd.sock" ]; do sleep 0.05; done
kubelet --config "$folder/kubelet.json" --kubeconfig "$folder/kubelet.kubeconfig" --hostname-override "$name" \
  --node-ip "$address" --cert-dir "$folder/pki" >"$logs/kubelet.log" 2>&1 &
coredns -conf "$folder/Corefile" >"$logs/coredns.log" 2>&1 &
# Without its Node object kube-proxy waits half a minute and then takes loopback for the node's address.
until [ -e "$folder/registered" ]; do sleep 0.05; done
kube-proxy --config "$folder/kube-proxy.json" >"$logs/kube-proxy.log" 2>&1 &

set +x
while :; do
  wait || true
  sleep 1
done

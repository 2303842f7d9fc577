#!/usr/bin/env bash
# Builds the programs of a real node once per machine and prints, as the last line of standard output, the folder that
# holds them: kubelet and kube-proxy, containerd with its shim and ctr, network plugins, CoreDNS, pause. runc, iptables and
# nft are the machine's own. A folder that exists is complete; two runs at once build once.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

kubernetes=$(awk '$1 == "k8s.io/kubernetes" { print $2 }' go.mod)
key=$({ cat {,runtime/,dns/}go.{mod,sum} node/main.go pause/main.go dns/main.go node.sh; go version; } | sha256sum | cut -c1-16)
cache=${WINDLASS_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/windlass}/node
target=$cache/$key

mkdir -p "$cache"
exec 9>"$cache/$key.lock"
if ! flock -n 9; then
  echo "waiting for another build of the node's programs…"
  flock 9
fi

build() { # what, folder of the module, package, place of the result, more linker flags
  local began=$SECONDS
  # The lock is closed for the compiler, so that a build daemon or a killed run never keeps it.
  (cd "$2" && CGO_ENABLED=0 nice go build -mod=readonly -trimpath -buildvcs=false -ldflags "-s -w ${5-}" -o "$4" "$3") 9>&-
  echo "  $1 ($((SECONDS - began)) s)"
}

if [ ! -d "$target" ]; then
  echo "building the programs of a real node, Kubernetes $kubernetes (once per machine, about 5 minutes)…"
  started=$SECONDS
  scratch=$(mktemp -d "$cache/$key.building.XXXXXX")
  trap 'rm -rf "$scratch"' EXIT

  IFS=. read -r major minor _ <<<"${kubernetes#v}"
  version=k8s.io/component-base/version
  stamp="-X $version.gitVersion=$kubernetes -X $version.gitMajor=$major -X $version.gitMinor=$minor -X $version.gitTreeState=clean"
  build 'kubelet and kube-proxy' . ./node "$scratch/node" "$stamp"
  ln -s node "$scratch/kubelet"
  ln -s node "$scratch/kube-proxy"
  build 'containerd and network plugins' runtime tool "$scratch/"
  build CoreDNS dns . "$scratch/coredns"
  build pause . ./pause "$scratch/pause"
  chmod 755 "$scratch"
  mv -T "$scratch" "$target"
  trap - EXIT
  echo "built the programs of a real node in $((SECONDS - started)) s"
fi

echo "$target"

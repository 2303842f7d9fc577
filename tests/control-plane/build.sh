#!/usr/bin/env bash
# Builds the Kubernetes control plane of main.go once per machine and prints, as the last line of standard output, the
# folder that holds it: a drop-in KUBEBUILDER_ASSETS (kube-apiserver, etcd, kubectl), with kube-controller-manager,
# kube-scheduler, kwok and kwok.yaml beside them. A folder that exists is complete; two runs at once build once.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

kubernetes=$(awk '$1 == "k8s.io/kubernetes" { print $2 }' go.mod)
go_version=$(go version)
key=$({ cat go.sum go.mod main.go build.sh; echo "$go_version"; } | sha256sum | cut -c1-16)
cache=${WINDLASS_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/windlass}/control-plane
target=$cache/$key

mkdir -p "$cache"
exec 9>"$cache/$key.lock"
if ! flock -n 9; then
  echo "waiting for another build of the Kubernetes control plane…"
  flock 9
fi

if [ ! -d "$target" ]; then
  echo "building the Kubernetes control plane $kubernetes (once per machine, about 8 minutes)…"
  started=$SECONDS
  scratch=$(mktemp -d "$cache/$key.building.XXXXXX")
  trap 'rm -rf "$scratch"' EXIT

  IFS=. read -r major minor _ <<<"${kubernetes#v}"
  version=k8s.io/component-base/version
  # Without these the server calls itself v0.0.0-master+$Format:%H$, which kubectl cannot parse.
  ldflags="-s -w -X $version.gitVersion=$kubernetes -X $version.gitMajor=$major -X $version.gitMinor=$minor -X $version.gitTreeState=clean"
  # The lock is closed for the compiler, so that a build daemon or a killed run never keeps it.
  CGO_ENABLED=0 nice go build -mod=readonly -trimpath -buildvcs=false -ldflags "$ldflags" -o "$scratch/kubernetes" . 9>&-
  for name in etcd kube-apiserver kube-controller-manager kube-scheduler kubectl kwok; do
    ln -s kubernetes "$scratch/$name"
  done
  "$scratch/kubernetes" kwok-config >"$scratch/kwok.yaml"
  chmod 755 "$scratch"
  mv -T "$scratch" "$target"
  trap - EXIT
  echo "built the Kubernetes control plane in $((SECONDS - started)) s"
fi

echo "$target"

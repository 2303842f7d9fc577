#!/usr/bin/env bash
# Builds helm once per machine from its Go modules, pinned by helm/go.{mod,sum}, and prints, as the last line of standard
# output, the folder that holds it. A folder that exists is complete; two runs at once build once.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

version=$(awk '$1 == "helm.sh/helm/v4" { print $2 }' helm/go.mod)
key=$({ cat helm/go.{mod,sum} helm.sh; go version; } | sha256sum | cut -c1-16)
cache=${WINDLASS_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/windlass}/helm
target=$cache/$key

mkdir -p "$cache"
exec 9>"$cache/$key.lock"
if ! flock -n 9; then
  echo "waiting for another build of helm…"
  flock 9
fi

if [ ! -d "$target" ]; then
  echo "building helm $version (once per machine, about 3 minutes)…"
  started=$SECONDS
  scratch=$(mktemp -d "$cache/$key.building.XXXXXX")
  trap 'rm -rf "$scratch"' EXIT
  # The lock is closed for the compiler, so that a build daemon or a killed run never keeps it.
  (cd helm && CGO_ENABLED=0 nice go build -mod=readonly -trimpath -buildvcs=false -ldflags "-s -w -X helm.sh/helm/v4/internal/version.version=$version" \
    -o "$scratch/helm" helm.sh/helm/v4/cmd/helm) 9>&-
  chmod 755 "$scratch"
  mv -T "$scratch" "$target"
  trap - EXIT
  echo "built helm in $((SECONDS - started)) s"
fi

echo "$target"

#!/usr/bin/env bash
# Becomes the first process of a node: in control groups of its own, then in namespaces of its own.
# Arguments: the node's mark (the name of its control groups), the folder with inside.sh, and what that one gets.
set -euo pipefail
mark=$1 folder=$2
shift 2

# As it is now: moving changes it.
groups=$(cat /proc/self/cgroup)
while IFS=: read -r _ controllers path; do
  [ -n "$controllers" ] || continue
  above=/sys/fs/cgroup/${controllers#name=}${path%/}
  mkdir -p "$above/$mark"
  if [ -e "$above/cpuset.cpus" ]; then
    for file in cpuset.cpus cpuset.mems; do cat "$above/$file" >"$above/$mark/$file"; done
  fi
  echo $$ >"$above/$mark/cgroup.procs"
done <<<"$groups"

exec unshare --mount --pid --net --cgroup --uts --ipc --fork --kill-child --mount-proc --propagation slave \
  bash "$folder/inside.sh" "$folder" "$@"

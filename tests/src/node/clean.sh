# Removes what the nodes with these marks have left on the machine: processes, control groups, interfaces. Idempotent.
# Their mounts and addresses were in namespaces that ended with their processes.
for mark in "$@"; do
  mapfile -t groups < <(find /sys/fs/cgroup -type d -name "$mark" 2>/dev/null)
  for attempt in $(seq 200); do
    left=$(for group in "${groups[@]}"; do find "$group" -name cgroup.procs -exec cat {} + 2>/dev/null; done | sort -u)
    [ -n "$left" ] || break
    # Two commands: one that has ended by itself must not keep the others alive.
    for process in $left; do kill -s KILL "$process" 2>/dev/null; done
    sleep 0.05
  done
  for group in "${groups[@]}"; do find "$group" -depth -type d -exec rmdir {} + 2>/dev/null; done
  for interface in "$mark" "${mark}p"; do
    if [ -e "/sys/class/net/$interface" ]; then ip link delete "$interface"; fi
  done
done
true

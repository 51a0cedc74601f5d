# The first process of a node, in mount and PID namespaces of its own: gives the node its own files and takes in orphans.
# usage: node.sh FOLDER
set -eu
mount --make-rshared /  # what a kubelet mounts is to be seen by the containers that ask for it
own() { mkdir -p "$1" "$2"; mount --bind "$1" "$2"; }
mount -t tmpfs -o mode=755 run /run
mkdir -p /run/lock
own "$1/kubelet" /var/lib/kubelet
own "$1/containerd" /var/lib/containerd
own "$1/var-lib-cni" /var/lib/cni
own "$1/log" /var/log
# The machine's, which a kubelet would set for itself: it finds them as it wants them, and they stay as they are.
pretend() { [ -e "/proc/sys/$2" ] || return 0; echo "$3" >"$1/sysctl-$(basename "$2")"; mount --bind "$1/sysctl-$(basename "$2")" "/proc/sys/$2"; }
pretend "$1" vm/overcommit_memory 1
pretend "$1" vm/panic_on_oom 0
pretend "$1" kernel/panic 10
pretend "$1" kernel/panic_on_oops 1
pretend "$1" kernel/keys/root_maxkeys 1000000
pretend "$1" kernel/keys/root_maxbytes 25000000
touch "$1/begun"
while :; do sleep 1; done  # a shell that waits for one child reaps all

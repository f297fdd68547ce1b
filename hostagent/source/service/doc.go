// Package service watches that what must run on the node runs: systemd's units,
// over D-Bus, processes by name, which also finds what runs in containers or
// without systemd, and containers by name. A process that ends is told by the
// kernel at once (pidfd); one that begins is found within a second. A container
// has a control group as long as it runs, which the kernel tells at once as well
// (inotify); its name is read from the files of Docker, podman, CRI-O or
// containerd, whose daemons are not asked.
package service

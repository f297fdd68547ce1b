// Package service watches that what must run on the node runs: systemd's units,
// over D-Bus, and processes by name, which also finds what runs in containers or
// without systemd. A process that ends is told by the kernel at once (pidfd);
// one that begins is found within a second.
package service

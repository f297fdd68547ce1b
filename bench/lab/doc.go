// Package lab makes small networks out of Linux network namespaces, with real
// exporters in them: hypervisor nodes with an Open vSwitch of their own
// (userspace datapath, so that nothing of the machine's is touched), instances
// behind its ports, and a management network on which a collector listens.
//
//	collector's namespace: br-mgmt 10.200.0.1 ── eth0 of each node (10.200.0.11 …)
//	                       br-data ──────────── eth1 of each node, a port of its br0
//	node's namespace:      br0 ── tap-NAME ───── eth0 of instance NAME (10.9.0.1 …)
//
// A Hypervisor is a node with a libvirtd of its own beside it, whose guests are
// virtual machines of QEMU (without KVM) on brq0, a Linux bridge, or on br0; its
// programs see their sockets where a compute node has them. The host agent is
// tested there against libvirt's and the kernel's own figures while everything
// breaks that can.
//
// Folder scenarios holds what happens to such nodes and which alert is to follow
// within what time; package play makes it happen beside weir, package scenario
// counts. `make lab` plays everything and writes bench/results/lab.md, lab.json
// and a timeline of each scenario; a test plays a short selection.
//
// Where hsflowd, the Host sFlow daemon, is in PATH, nodes are played on which it
// speaks instead of weir-agent. It is no package of Debian: without it the report
// says which scenarios were not played, and counts each as a target missed.
//
// Guests have names, UUIDs and MAC addresses that no other node's have, and their
// QEMUs are reaped as soon as they end, as on a compute node: libvirt waits for that.
//
// It needs root and the Debian packages that .ci/packages lists, for guests also
// a kernel that it unpacks.
// Without them its tests skip and say so; with WEIR_TEST_ALL=1 they fail.
// Everything carries the test's process number in its name and is removed when
// the test ends; what a killed test left behind is removed by the next one.
package lab

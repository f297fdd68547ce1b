// Package filter watches the node's packet filters: nftables, which announces
// every change and who made it, and legacy iptables, which announces nothing and
// is asked twice a second. It tells each table's number of rules and a digest of
// them, so that a change is told apart from a flush, and a rule that was
// exchanged from one that was only hit: counters are no part of the digest.
//
// Legacy tables that do not exist are not asked for, since asking creates them;
// legacy ebtables does not say which exist and is left alone for that reason
// (ebtables of today is nftables' bridge family).
package filter

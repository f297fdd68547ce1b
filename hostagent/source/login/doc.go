// Package login tells who logs in to the node and out of it, and counts the
// logins that failed. It asks logind over D-Bus where there is one, else it
// follows wtmp; failures are in btmp alone.
package login

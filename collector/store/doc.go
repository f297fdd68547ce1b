// Package store keeps what must outlive the process in one SQLite file of the
// state directory: state.db. Every change is one transaction, so that a process
// killed at any time leaves the state before or after it.
package store

// Package store keeps what must outlive the process in one SQLite file of the
// state directory: state.db. Every change is one transaction, so that a process
// killed at any time leaves the state before or after it.
//
// The same file has the history of alerts, an AlertLog: every change in its
// order, each with a hash over the one before it, so that VerifyAlerts finds the
// first that was changed afterwards. Rows are removed for age and for room, from
// the oldest on, and the hash that the first one left follows stays; evidence is
// removed earlier, and its digest stays.
//
// It also has the incidents as they are shown, with their timelines: Incidents
// writes them, within bounds of its own.
package store

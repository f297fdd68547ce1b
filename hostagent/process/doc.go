// Package process is about the agent's own process: which capabilities it
// keeps, who sends it signals, and what it tells systemd.
package process

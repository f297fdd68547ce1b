//go:build race

package packet

// slowdown is what the race detector may cost.
const slowdown = 20

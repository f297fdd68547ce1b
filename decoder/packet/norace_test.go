//go:build !race

package packet

const slowdown = 1

// Command weir-agent is the host agent: it tells a collector by sFlow what a
// compute node does, and what happens to it.
package main

import (
	"context"
	"os"

	"github.com/rs/zerolog"
)

// version may be set when linking: -X main.version=1.2.3.
var version string

func main() {
	zerolog.TimeFieldFormat = "2006-01-02T15:04:05.000Z07:00"
	os.Exit(execute(context.Background(), os.Args[1:], streams{os.Stdin, os.Stdout, os.Stderr}))
}

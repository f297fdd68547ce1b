// Command weir is an sFlow v5 collector that detects large flows and faults of
// compute nodes.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/rs/zerolog"
	_ "golang.org/x/crypto/x509roots/fallback" // who is trusted on machines without certificates, such as the image
)

// version may be set when linking: -X main.version=1.2.3.
var version string

func main() {
	zerolog.TimeFieldFormat = "2006-01-02T15:04:05.000Z07:00"
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	code := execute(ctx, os.Args[1:], streams{os.Stdin, os.Stdout, os.Stderr})
	stop()
	os.Exit(code)
}

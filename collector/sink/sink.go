// Package sink takes alert changes out of the collector. Each sink has a
// bounded queue and a goroutine of its own, so that a slow receiver costs its
// own oldest changes and delays nobody.
package sink

import (
	"context"

	"weir/detect"
)

// Sink sends alert changes somewhere.
type Sink interface {
	// Send sends the batch, in order. The batch is valid until it returns.
	// What an error leaves unsent is lost, unless Send itself tries again.
	Send(ctx context.Context, batch []detect.Alert) error
}

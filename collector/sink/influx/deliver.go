package influx

import (
	"bytes"
	"context"
	"strconv"
	"strings"
)

// Bounds of the requests that one block may take: to find its bad lines, and to
// split it for a server that takes little at a time.
const (
	maxSearches = 64
	maxSplits   = 4096
)

// writer sends one block and judges the answer.
type writer interface {
	send(ctx context.Context, block []byte) answer
}

// delivery takes one block to the server: it is split where it is too large,
// and where the server refuses it, until only the lines are left that it
// refuses. Sending lines twice changes nothing.
type delivery struct {
	w        writer
	searches int // left
	splits   int // left
	rejected []reject
}

// deliver sends the block. Where the verdict is accepted, the rejects are what
// the server refused of it for good; otherwise the whole block is still to be
// delivered.
func deliver(ctx context.Context, w writer, block []byte) (answer, []reject) {
	d := &delivery{w: w, searches: maxSearches, splits: maxSplits}
	a := d.send(ctx, block)
	if a.verdict != accepted {
		return a, nil
	}
	return a, d.rejected
}

func (d *delivery) send(ctx context.Context, block []byte) answer {
	a := d.w.send(ctx, block)
	half, n := middle(block), lines(block)
	split := half > 0
	switch a.verdict {
	case tooLarge:
		d.splits--
		split = split && d.splits > 0
	case rejected:
		d.searches--
		split = split && d.searches > 0 && !allDropped(a.message, n)
	default:
		return a
	}
	if !split {
		d.rejected = append(d.rejected, reject{bytes.Clone(block), n, a})
		return answer{verdict: accepted}
	}
	if a := d.send(ctx, block[:half]); a.verdict != accepted {
		return a
	}
	return d.send(ctx, block[half:])
}

// allDropped reports whether the server says that it dropped all n points, as it
// does where all are older than it keeps them.
func allDropped(message string, n int) bool {
	_, count, ok := strings.Cut(message, "dropped=")
	got, err := strconv.Atoi(strings.TrimRight(count, " ."))
	return ok && err == nil && got >= n
}

// middle returns where the second half of the lines begins, 0 where there is
// only one line.
func middle(block []byte) int {
	at := len(block) / 2
	if i := bytes.IndexByte(block[at:], '\n'); i >= 0 && at+i+1 < len(block) {
		return at + i + 1
	}
	return bytes.LastIndexByte(block[:at], '\n') + 1
}

// lines counts the points of a block.
func lines(block []byte) int { return bytes.Count(block, []byte{'\n'}) }

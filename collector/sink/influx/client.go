package influx

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	influxdb2 "github.com/influxdata/influxdb-client-go/v2"
	"github.com/influxdata/influxdb-client-go/v2/api"
	apihttp "github.com/influxdata/influxdb-client-go/v2/api/http"
)

// client writes blocks to one bucket. Of the library only the blocking writer
// is used: it keeps nothing and tells everything.
type client struct {
	influxdb2.Client
	write api.WriteAPIBlocking
	http  *http.Client
}

func newClient(cfg *Config) *client {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost = 4
	h := &http.Client{Transport: transport, Timeout: cfg.Timeout}
	c := influxdb2.NewClientWithOptions(cfg.URL, cfg.Token, influxdb2.DefaultOptions().
		SetUseGZip(true).SetApplicationName("weir").SetLogLevel(0).
		SetHTTPClient(h))
	return &client{Client: c, write: c.WriteAPIBlocking(cfg.Org, cfg.Bucket), http: h}
}

// verdict is what an answer says about a block.
type verdict uint8

const (
	accepted  verdict = iota
	later             // keep it and try again: the server or the way to it
	operator          // keep it: a setting is wrong, or the server's
	tooLarge          // split it
	rejected          // its content is wrong, or some of it
	forgotten         // we were told to stop
)

// answer is a verdict with what the server said.
type answer struct {
	verdict verdict
	status  int           // of HTTP; 0 without an answer
	after   time.Duration // not before; 0 nothing said
	message string        // one line
}

// send writes a block.
func (c *client) send(ctx context.Context, block []byte) answer {
	// The copy is the one allocation that a block costs.
	return judge(ctx, c.write.WriteRecord(ctx, string(block)))
}

// judge classifies an answer.
func judge(ctx context.Context, err error) answer {
	if err == nil {
		return answer{verdict: accepted}
	}
	if ctx.Err() != nil && errors.Is(ctx.Err(), context.Canceled) {
		return answer{verdict: forgotten}
	}
	a := answer{verdict: later, message: oneLine(err.Error())}
	e, ok := errors.AsType[*apihttp.Error](err)
	if !ok || e.StatusCode == 0 {
		return a
	}
	a.status, a.after = e.StatusCode, time.Duration(e.RetryAfter)*time.Second
	// 1.8 tells some of what it has to say in a header alone.
	if a.message = oneLine(cmp.Or(e.Message, e.Header.Get("X-Influxdb-Error"))); a.message == "" {
		a.message = http.StatusText(e.StatusCode)
	}
	switch e.StatusCode {
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound:
		a.verdict = operator
	case http.StatusRequestEntityTooLarge:
		a.verdict = tooLarge
	case http.StatusBadRequest, http.StatusUnprocessableEntity:
		a.verdict = rejected
	}
	if missingBucket(a.message) {
		a.verdict = operator
	}
	return a
}

// missingBucket recognises a missing database or policy of 1.x, which reports
// the latter as its own failure.
func missingBucket(message string) bool {
	return strings.Contains(message, "database not found") || strings.Contains(message, "bucket not found") ||
		strings.Contains(message, "retention policy not found")
}

// maxMessage bounds what is kept of a server's message, in octets.
const maxMessage = 512

// oneLine makes one bounded line of what a server says.
func oneLine(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, s)
	return strings.TrimSpace(cut(s, maxMessage))
}

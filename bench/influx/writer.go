package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"time"

	influxdb2 "github.com/influxdata/influxdb-client-go/v2"
	"github.com/rs/zerolog"

	"weir/collector/sink/influx"
)

// writer is one of those that are compared.
type writer interface {
	// put hands over n records from a number on, and returns once it may go on.
	put(from, n int)
	// close ends in good order and tells what it counts as lost.
	close() string
}

// record appends record i: a point that no other record overwrites.
func record(b []byte, i int) []byte {
	return fmt.Appendf(b, "record,i=%d v=%di %d\n", i%100, i, 1795332604000000000+i)
}

// sinkWriter is the sink of the collector.
type sinkWriter struct {
	s   *influx.Sink
	buf []byte
}

func (w *sinkWriter) put(from, n int) {
	w.buf = w.buf[:0]
	for i := range n {
		w.buf = record(w.buf, from+i)
	}
	w.s.WriteLines(w.buf, n)
}

func (w *sinkWriter) close() string {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	for st := w.s.Stats(); st.Spool.Points+int64(st.MemoryPoints) > 0 && ctx.Err() == nil; st = w.s.Stats() {
		time.Sleep(10 * time.Millisecond)
	}
	_ = w.s.Close(ctx)
	st := w.s.Stats()
	return fmt.Sprint(st.Dropped + st.Rejected)
}

// stockWriter is the library's own non-blocking writer with its defaults.
type stockWriter struct {
	client influxdb2.Client
	errors chan int
}

func newStock(url string) *stockWriter {
	w := &stockWriter{client: influxdb2.NewClientWithOptions(url, "", influxdb2.DefaultOptions().SetLogLevel(0)), errors: make(chan int)}
	api := w.client.WriteAPI("", "weir")
	errs := api.Errors()
	go func() {
		n := 0
		for range errs {
			n++
		}
		w.errors <- n
	}()
	return w
}

func (w *stockWriter) put(from, n int) {
	api := w.client.WriteAPI("", "weir")
	var b []byte
	for i := range n {
		b = record(b[:0], from+i)
		api.WriteRecord(string(bytes.TrimSuffix(b, []byte("\n"))))
	}
}

func (w *stockWriter) close() string {
	w.client.Close()
	return fmt.Sprintf("%d errors told", <-w.errors)
}

// write is the process that is killed. Each line it says has the number of the
// next record, and the longest wait so far.
func write(role, url, dir string, from, rate int) {
	var w writer
	if role == "sink" {
		s := influx.New(influx.Config{URL: url, Bucket: "weir", Series: 1000, Dir: dir, Spool: 1 << 30, Log: zerolog.New(os.Stderr)})
		fmt.Println("gap", s.Stats().Gap)
		w = &sinkWriter{s: s}
	} else {
		fmt.Println("gap 0")
		w = newStock(url)
	}
	end := make(chan struct{})
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		close(end)
	}()
	const batch = 10 * time.Millisecond
	next, longest := time.Now(), time.Duration(0)
	for {
		next = next.Add(batch)
		select {
		case <-end:
			fmt.Println("told", w.close())
			return
		case <-time.After(time.Until(next)):
		}
		start := time.Now()
		n := rate * int(batch) / int(time.Second)
		w.put(from, n)
		from += n
		longest = max(longest, time.Since(start))
		fmt.Println("handed", from, int64(longest))
	}
}

package lab

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"weir/decoder/sflow"
	"weir/decoder/witness"
)

// heard keeps what agents said while the test listened, decoded by the
// project's codec. Its methods may be called while it listens.
type heard struct {
	t    *testing.T
	conn net.PacketConn
	done chan struct{}

	mu        sync.Mutex
	datagrams [][]byte
	largest   int
	said      []said
	records   map[sflow.DataSource]map[sflow.Format]record
	unread    []string // what could not be decoded
	sequences map[string]sflow.Seq
	gaps      int
}

// said is one statement of an agent.
type said struct {
	at            time.Time // of arrival
	class, entity string
	value         map[string]string
}

// record is the last counter record of its format and data source.
type record struct {
	at   time.Time
	body any // *sflow.VirtCPU …
}

// hear listens on the collector's address until the test ends.
func hear(t *testing.T, l *Lab) *heard {
	t.Helper()
	h := &heard{t: t, done: make(chan struct{}), records: map[sflow.DataSource]map[sflow.Format]record{}, sequences: map[string]sflow.Seq{}}
	l.In(l.Collector, func() {
		var err error
		if h.conn, err = net.ListenPacket("udp", CollectorAddr+":6343"); err != nil {
			t.Fatal(err)
		}
	})
	go h.listen()
	t.Cleanup(func() {
		h.conn.Close()
		<-h.done
	})
	return h
}

func (h *heard) listen() {
	defer close(h.done)
	for {
		b := make([]byte, sflow.MaxPayload)
		n, _, err := h.conn.ReadFrom(b)
		if errors.Is(err, net.ErrClosed) || errors.Is(err, os.ErrDeadlineExceeded) {
			return
		}
		if err != nil {
			h.t.Error(err)
			return
		}
		h.take(bytes.Clone(b[:n]), time.Now())
	}
}

// take decodes everything in a datagram, which it keeps.
func (h *heard) take(b []byte, at time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.datagrams = append(h.datagrams, b)
	h.largest = max(h.largest, len(b))
	var d sflow.Datagram
	if err := d.Decode(b); err != nil {
		h.fail("datagram: %v", err)
		return
	}
	who := fmt.Sprintf("%v/%d", d.Agent, d.SubAgent)
	if last, ok := h.sequences[who]; ok && d.Sequence.Sub(last) != 1 {
		h.gaps++
	}
	h.sequences[who] = d.Sequence
	for s, err := range d.Samples() {
		switch {
		case err != nil:
		case s.Format == sflow.FormatRTMetric:
			err = h.statement(s, at)
		case s.Format == sflow.FormatCounterSample || s.Format == sflow.FormatCounterSampleExpanded:
			err = h.counters(s, at)
		}
		if err != nil {
			h.fail("sample %v: %v", s.Format, err)
		}
	}
}

func (h *heard) fail(format string, args ...any) {
	if len(h.unread) < 20 {
		h.unread = append(h.unread, fmt.Sprintf(format, args...))
	}
}

func (h *heard) statement(smp sflow.Sample, at time.Time) error {
	var m sflow.RTMetric
	if err := m.Decode(smp); err != nil {
		return err
	}
	w, ok := witness.Parse(&m)
	if !ok {
		return fmt.Errorf("data source %q is no statement's", m.DataSource)
	}
	s := said{at: at, class: string(w.Class), entity: witness.Unescape(w.Entity), value: map[string]string{}}
	for p, err := range w.Pairs.All() {
		if err != nil {
			return err
		}
		text := string(p.Text)
		if p.Type != sflow.MetricString {
			text = fmt.Sprintf("%.0f", p.Float())
		}
		s.value[string(p.Name)] = text
	}
	h.said = append(h.said, s)
	return nil
}

func (h *heard) counters(smp sflow.Sample, at time.Time) error {
	var c sflow.CounterSample
	if err := c.Decode(smp); err != nil {
		return err
	}
	for r, err := range c.Records() {
		if err != nil {
			return err
		}
		x := sflow.NewCounterRecord(r.Format)
		if x == nil {
			return fmt.Errorf("counter record %v is not known", r.Format)
		}
		if err := x.Decode(r); err != nil {
			return err
		}
		if h.records[c.Source] == nil {
			h.records[c.Source] = map[sflow.Format]record{}
		}
		h.records[c.Source][r.Format] = record{at, x}
	}
	return nil
}

// events returns the events of a name about a subject since a time, each once.
// An empty name or subject is any.
func (h *heard) events(name, subject string, since time.Time) []said {
	h.mu.Lock()
	defer h.mu.Unlock()
	var all []said
	ids := map[string]bool{}
	for _, s := range h.said {
		if s.class != witness.ClassEvent || name != "" && s.entity != name || s.at.Before(since) || s.value[witness.Repeat] != "0" || subject != "" && s.value[witness.Subject] != subject {
			continue
		}
		if id := s.value[witness.ID]; !ids[id] {
			ids[id] = true
			all = append(all, s)
		}
	}
	return all
}

// event waits for an event and returns it.
func (h *heard) event(l *Lab, name, subject string, since time.Time, within time.Duration) said {
	h.t.Helper()
	for end := time.Now().Add(within); ; time.Sleep(5 * time.Millisecond) {
		if all := h.events(name, subject, since); len(all) > 0 {
			return all[0]
		}
		if time.Now().After(end) {
			h.t.Errorf("no event %s about %q within %v; events heard since: %s", name, subject, within, h.names(since))
			return said{value: map[string]string{}}
		}
	}
}

// names lists the events since a time.
func (h *heard) names(since time.Time) string {
	h.mu.Lock()
	defer h.mu.Unlock()
	var names []string
	for _, s := range h.said {
		if s.class == witness.ClassEvent && !s.at.Before(since) && s.value[witness.Repeat] == "0" {
			names = append(names, s.entity+"("+s.value[witness.Subject]+")")
		}
	}
	return strings.Join(names, " ")
}

// state returns the last statement of a class about an entity.
func (h *heard) state(class, entity string) (said, bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, s := range slices.Backward(h.said) {
		if s.class == class && s.entity == entity {
			return s, true
		}
	}
	return said{}, false
}

// wantState waits until the last statement of a class about an entity has the
// values.
func (h *heard) wantState(class, entity string, want map[string]string) {
	h.t.Helper()
	var s said
	for end := time.Now().Add(soon); ; time.Sleep(20 * time.Millisecond) {
		s, _ = h.state(class, entity)
		same := true
		for k, v := range want {
			same = same && s.value[k] == v
		}
		if same {
			return
		}
		if time.Now().After(end) {
			h.t.Errorf("%s of %s (-want +got):\n%s", class, entity, cmp.Diff(want, s.value))
			return
		}
	}
}

// beats returns the longest time between two heartbeats since a time, the time
// until now included.
func (h *heard) beats(since time.Time) time.Duration {
	h.mu.Lock()
	defer h.mu.Unlock()
	longest, last := time.Duration(0), since
	for _, s := range h.said {
		if s.class == witness.ClassHeartbeat && s.at.After(since) {
			longest, last = max(longest, s.at.Sub(last)), s.at
		}
	}
	return max(longest, time.Since(last))
}

// instance returns the data source of a domain, by the UUID in its host_descr.
func (h *heard) instance(uuid string) (sflow.DataSource, bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for ds, records := range h.records {
		if d, ok := records[sflow.FormatHostDescr].body.(*sflow.HostDescr); ok && fmt.Sprintf("%x-%x-%x-%x-%x", d.UUID[:4], d.UUID[4:6], d.UUID[6:8], d.UUID[8:10], d.UUID[10:]) == uuid {
			return ds, true
		}
	}
	return sflow.DataSource{}, false
}

// last returns the last record of type T of a data source that came after a
// time, nil where there is none.
func last[T any](h *heard, ds sflow.DataSource, f sflow.Format, after time.Time) *T {
	h.mu.Lock()
	defer h.mu.Unlock()
	r := h.records[ds][f]
	if x, ok := r.body.(*T); ok && r.at.After(after) {
		return x
	}
	return nil
}

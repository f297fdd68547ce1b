package fact

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"weir/decoder/sflow"
	"weir/decoder/witness"
)

// TestNamesWithControlCharacters: whatever names say on the wire, escaped or not,
// what is told of them can be printed on one line.
func TestNamesWithControlCharacters(t *testing.T) {
	f := newFeed(t)
	const evil = "cn1\x1b[2J\r\n\u202eroot\x00\xff"
	f.send(func(b *sflow.Builder) {
		b.CounterSample(&sflow.CounterSample{Source: sflow.DataSource{Index: 3}}, false, &sflow.IfCounters{Index: 3, Status: 3}, &sflow.PortName{Name: sflow.Text(evil)})
		b.CounterSample(&sflow.CounterSample{Source: sflow.DataSource{Class: sflow.ClassEntity, Index: 1}}, false, &sflow.HostDescr{Hostname: sflow.Text(evil)})
		for _, class := range []string{witness.ClassHeartbeat, witness.ClassInstance, witness.ClassEvent} {
			var st witness.Statement
			st.Begin(class, evil)
			st.Add(witness.String(witness.ID, class), witness.String(witness.Subject, evil), witness.String(witness.NovaName, evil))
			b.Sample(st.Metric())
		}
	})
	told := f.tick(100 * time.Millisecond)
	names := 0
	for _, x := range told {
		if x.Detail == nil {
			continue
		}
		all := []string{x.Detail.Name, x.Detail.Entity}
		for _, p := range x.Detail.Pairs {
			all = append(all, p.Text)
		}
		for _, name := range all {
			if !utf8.ValidString(name) || strings.ContainsAny(name, "\x1b\r\n\x00\u202e") {
				t.Errorf("kind %d tells %q", x.Kind, name)
			}
			if strings.Contains(name, "root") {
				names++
			}
		}
	}
	if names < 9 {
		t.Errorf("%d names are left, want all: %+v", names, told)
	}
}

// TestPortThatNeverSpoke: counters of a tap at zero are told now and then, and
// that they move.
func TestPortThatNeverSpoke(t *testing.T) {
	f := newFeed(t)
	var got []uint64
	for i := range 30 {
		in := sflow.Counter64(0)
		if i > 24 {
			in = 100
		}
		f.send(func(b *sflow.Builder) {
			b.CounterSample(&sflow.CounterSample{Source: sflow.DataSource{Index: 3}}, false, &sflow.IfCounters{Index: 3, Status: 3, InOctets: in, OutOctets: sflow.Counter64(i)}, &sflow.PortName{Name: sflow.Text("tap1")})
		})
		for _, x := range f.tick(time.Second) {
			if x.Kind == PortSpoke {
				got = append(got, x.A)
			}
		}
	}
	if len(got) != 4 || got[0] != 0 || got[2] != 0 || got[3] != 1 {
		t.Errorf("told %v, want 0 every ten seconds, then 1", got)
	}
}

// TestPortRest: counts above 16 bits are the largest.
func TestPortRest(t *testing.T) {
	r := PortRest{Reset: 1, Unreachable: cut16(1 << 20), Probes: 3, Replies: 4}
	if got := UnpackPortRest(r.Pack()); got != r || got.Unreachable != 1<<16-1 {
		t.Errorf("%+v", got)
	}
}

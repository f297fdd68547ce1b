package series

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	points "weir/collector/series"
)

// polled adds a point of an interface with all that is kept of it. The first poll
// of one has no rates.
func (f *feed) polled(at time.Time, agent string, index int, first, up bool, load float64) {
	values := map[string]points.Value{"oper_up": points.Yes(up), "admin_up": points.Yes(true)}
	if !first {
		for i, name := range []string{"in_bits_per_second", "out_bits_per_second", "in_packets_per_second", "out_packets_per_second"} {
			values[name] = points.Number(load / []float64{1, 2, 8000, 8000}[i])
		}
	}
	f.add("if_counters", at, []string{agent, agent, fmt.Sprint(index), fmt.Sprint("Ethernet", index)}, values)
}

// Of more interfaces than there are places for, those with traffic are kept, each
// with all its series, and what is left is for other things; what is not kept is
// told, with what would keep it.
func TestInterfacesWithTrafficComeFirst(t *testing.T) {
	const agents, ports, limit = 20, 50, 1200 // of 6,000 series
	busy := func(port int) bool { return port%10 == 9 }
	now := time.Now().Truncate(time.Second)
	var log bytes.Buffer
	s := open(t, Config{Dir: t.TempDir(), Log: zerolog.New(&log), Series: limit})
	f := &feed{t: t}
	for round := range 4 {
		for a := range agents {
			for p := range ports {
				load := 0.0
				if busy(p) {
					load = 1e6
				}
				f.polled(now.Add(time.Duration(round)*20*time.Second), fmt.Sprint("10.0.0.", a), p, round == 0, p%3 > 0, load)
			}
			f.give(s)
		}
	}
	at := now.Add(61 * time.Second)
	f.add("host_cpu", at, []string{"10.0.1.1", "node1", "node1"}, map[string]points.Value{"load_one": points.Number(1)})
	f.give(s)
	kept, whole, carrying, others := 0, 0, 0, 0
	for l, n := range values(t, s, `count by (agent, ifindex) ({__name__=~"weir_interface_.+"})`, at) {
		kept++
		if n == 6 {
			whole++
		}
		var agent, port int
		if _, err := fmt.Sscanf(l, `{agent="10.0.0.%d", ifindex="%d"}`, &agent, &port); err != nil {
			t.Fatal(l, err)
		}
		if busy(port) {
			carrying++
		}
	}
	others = len(values(t, s, `{__name__=~"weir_.+",__name__!~"weir_interface.+"}`, at))
	if whole != kept || others == 0 {
		t.Errorf("%d interfaces kept, %d of them with all six series; %d series of a host", kept, whole, others)
	}
	// Some idle ones came before all were known; of those with traffic no fewer
	// than the places that idle ones leave.
	if least := (limit/idleShare - limit/othersShare) / 6; carrying < least {
		t.Errorf("%d of %d interfaces with traffic are kept, want %d at least", carrying, agents*ports/10, least)
	}
	s.scarcity(at)
	s.scarcity(at.Add(shortFor))
	s.scarcity(at.Add(shortFor + time.Second))
	st := s.Stats()
	if want := agents*ports*6 - kept*6; st.Lacking != want {
		t.Errorf("%d series are said not to be kept, want %d", st.Lacking, want)
	}
	if n := strings.Count(log.String(), "\n"); n != 1 || !strings.Contains(log.String(), "history.series_most allows 1200; 8001 keeps all") {
		t.Errorf("told: %s", log.String())
	}
	// With as many places as it says all are kept, the idle ones too.
	s = open(t, Config{Dir: t.TempDir(), Log: discard, Series: 8001})
	for round := range 2 {
		for a := range agents {
			for p := range ports {
				f.polled(now.Add(time.Duration(round)*20*time.Second), fmt.Sprint("10.0.0.", a), p, round == 0, true, 0)
			}
			f.give(s)
		}
	}
	if st := s.Stats(); st.Series != agents*ports*6 || st.Refused != 0 || st.Shortage() != "" {
		t.Errorf("with enough places: %+v", st)
	}
}

// What was refused long ago is not said to be lacking.
func TestLackIsForgotten(t *testing.T) {
	var s scarce
	at := time.Unix(1_700_000_000, 0)
	k := entryKey{tags: [points.MaxTags]string{"a"}}
	s.refuse(&k, 6, at)
	s.refuse(&k, 6, at.Add(time.Minute))
	for after, want := range map[time.Duration]int{2 * time.Minute: 6} {
		if got := s.lack(at.Add(after)); got != want {
			t.Errorf("after %v: %d, want %d", after, got, want)
		}
	}
	if a, b := s.lack(at.Add(lackFor+time.Minute)), s.lack(at.Add(2*lackFor+3*time.Minute)); a != 6 || b != 0 {
		t.Errorf("after one and two spans: %d, %d, want 6, 0", a, b)
	}
}

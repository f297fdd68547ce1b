package filter

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"weir/bench/lab"
	"weir/decoder/witness"
	"weir/hostagent/source"
)

// heard keeps what a source tells, with the time it was told.
type heard struct {
	mu   sync.Mutex
	list []source.Event
	at   []time.Time
}

func (h *heard) Emit(e source.Event) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.list, h.at = append(h.list, e), append(h.at, time.Now())
}

func (*heard) Push(*source.Snapshot) {}

func (h *heard) lines() (out []string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, e := range h.list {
		out = append(out, strings.TrimSpace(fmt.Sprintf("%s %s %s>%s %s %s", e.Name, e.Subject, e.Before, e.After, pair(&e, witness.Policy), e.Command)))
	}
	return out
}

func pair(e *source.Event, name string) string {
	for _, p := range e.More {
		if p.Name == name {
			return p.Text
		}
	}
	return "-"
}

func (h *heard) clear() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.list, h.at = nil, nil
}

// room is a namespace with a Source running in it.
type room struct {
	*lab.Lab
	t   *testing.T
	ns  string
	src *Source
	*heard
}

func newRoom(t *testing.T) *room {
	t.Helper()
	r := &room{Lab: lab.NewBare(t, "nft", "iptables-nft", "iptables-nft-restore", "iptables-legacy", "ip6tables-legacy", "iptables-legacy-restore"), t: t, heard: &heard{}, src: New()}
	r.ns = r.Namespace("node")
	ctx, cancel := context.WithCancel(context.Background())
	done := r.Go(r.ns, func() {
		if err := r.src.Run(ctx, r.heard); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(func() { cancel(); <-done })
	r.Eventually(5*time.Second, "running", func() bool {
		r.src.mu.Lock()
		defer r.src.mu.Unlock()
		return r.src.fresh
	})
	return r
}

// run runs a command, with input where it begins with "<text>|".
func (r *room) run(cmd string) {
	r.t.Helper()
	if in, c, ok := strings.Cut(cmd, "|"); ok {
		file := filepath.Join(r.t.TempDir(), "in")
		if err := os.WriteFile(file, []byte(in), 0o600); err != nil {
			r.t.Fatal(err)
		}
		r.Exec(r.ns, "sh", "-c", c+" < "+file)
		return
	}
	r.Exec(r.ns, strings.Fields(cmd)...)
}

const (
	threeRules = "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD DROP [0:0]\n:OUTPUT ACCEPT [0:0]\n:sg - [0:0]\n" +
		"-A FORWARD -j sg\n-A sg -p tcp --dport 22 -j ACCEPT\n-A sg -s 10.0.0.0/8 -j RETURN\nCOMMIT\n"
	empty = "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\nCOMMIT\n"
)

func TestChangesAreToldWithTheirCause(t *testing.T) {
	r := newRoom(t)
	for _, c := range []struct {
		do   string
		want []string // of the event: name subject before>after policy command
	}{
		{"nft add table inet guard", nil},
		{"nft add chain inet guard in { type filter hook input priority 0; policy drop; }", []string{"rules_changed root/nft/inet guard 0>0 DROP nft"}},
		{"nft add rule inet guard in tcp dport 22 counter accept", []string{"rules_changed root/nft/inet guard 0>1 DROP nft"}},
		{"nft add rule inet guard in udp dport 53 accept", []string{"rules_changed root/nft/inet guard 1>2 DROP nft"}},
		{"nft replace rule inet guard in handle 3 tcp dport 23 accept", []string{"rules_changed root/nft/inet guard 2>2 DROP nft"}},
		{"nft flush table inet guard", []string{"rules_flushed root/nft/inet guard 2>0 DROP nft"}},
		{"nft flush ruleset", nil},
		{threeRules + "|iptables-nft-restore", []string{"rules_changed root/nft/ip filter 0>3 DROP iptables-nft-re"}},
		{"iptables-nft -D sg -s 10.0.0.0/8 -j RETURN", []string{"rules_changed root/nft/ip filter 3>2 DROP iptables-nft"}},
		{"iptables-nft -F", []string{"rules_flushed root/nft/ip filter 2>0 DROP iptables-nft"}},
		{threeRules + "|iptables-nft-restore", []string{"rules_changed root/nft/ip filter 0>3 DROP iptables-nft-re"}},
		{empty + "|iptables-nft-restore", []string{"rules_flushed root/nft/ip filter 3>0 ACCEPT iptables-nft-re"}},
		{threeRules + "|iptables-nft-restore", []string{"rules_changed root/nft/ip filter 0>3 DROP iptables-nft-re"}},
		{"nft flush ruleset", []string{"rules_flushed root/nft/ip filter 3>0 ACCEPT nft"}},
		{"nft add table bridge b", nil},
		{"nft add chain bridge b f", nil},
		{"nft add rule bridge b f accept", []string{"rules_changed root/nft/bridge b 0>1 ACCEPT nft"}},
		{"nft delete table bridge b", []string{"rules_flushed root/nft/bridge b 1>0 ACCEPT nft"}},

		{threeRules + "|iptables-legacy-restore", []string{"rules_changed root/iptables/filter 0>3 DROP"}},
		// As long as before: found at the next whole reading.
		{"iptables-legacy -R sg 1 -p tcp --dport 23 -j ACCEPT", []string{"rules_changed root/iptables/filter 3>3 DROP"}},
		{"iptables-legacy -A sg -j DROP", []string{"rules_changed root/iptables/filter 3>4 DROP"}},
		{"iptables-legacy -F", []string{"rules_flushed root/iptables/filter 4>0 DROP"}},
		{threeRules + "|iptables-legacy-restore", []string{"rules_changed root/iptables/filter 0>3 DROP"}},
		{empty + "|iptables-legacy-restore", []string{"rules_flushed root/iptables/filter 3>0 ACCEPT"}},
		{"ip6tables-legacy -A FORWARD -p tcp -j ACCEPT", []string{"rules_changed root/ip6tables/filter 0>1 ACCEPT"}},
		{"ip6tables-legacy -F", []string{"rules_flushed root/ip6tables/filter 1>0 ACCEPT"}},
	} {
		time.Sleep(100 * time.Millisecond)
		r.clear()
		r.run(c.do)
		if c.want == nil {
			continue
		}
		r.Eventually(wholeEvery+time.Second, c.do+" told", func() bool { return len(r.lines()) >= len(c.want) })
		if got := r.lines(); !slices.Equal(got, c.want) {
			t.Errorf("%s: told %q, want %q", c.do, got, c.want)
		}
	}
}

// Rules that are hit stay the same rules; a restore of what is there changes
// nothing either.
func TestCountersAreNoChange(t *testing.T) {
	r := newRoom(t)
	r.run("table inet guard {\n chain out {\n type filter hook output priority 0\n counter accept\n ip protocol icmp counter\n }\n }\n|nft -f -")
	r.run(threeRules + "|iptables-legacy-restore")
	read := func() (s State) {
		r.In(r.ns, func() {
			reader, err := NewReader()
			if err != nil {
				t.Error(err)
				return
			}
			defer reader.Close()
			if s, err = reader.Read(nil); err != nil {
				t.Error(err)
			}
		})
		s.Generation = 0
		return s
	}
	before := read()
	r.In(r.ns, func() {
		c, err := net.Dial("udp", "127.0.0.1:9")
		if err != nil {
			t.Error(err)
			return
		}
		defer c.Close()
		for range 3 {
			_, _ = c.Write([]byte("hit")) // refused, but it passed the filter
		}
	})
	if after := read(); !slices.Equal(before.Tables, after.Tables) {
		t.Errorf("hits changed %+v to %+v", before.Tables, after.Tables)
	}
	r.run(threeRules + "|iptables-legacy-restore")
	if after := read(); !slices.Equal(before.Tables, after.Tables) {
		t.Errorf("restoring the same changed %+v to %+v", before.Tables, after.Tables)
	}
	if n := len(before.Tables); n != 2 {
		t.Errorf("%d tables, want 2: %+v", n, before.Tables)
	}
}

// Looking must not create the legacy tables it looks for.
func TestLookingCreatesNothing(t *testing.T) {
	r := newRoom(t)
	time.Sleep(3 * legacyEvery)
	for _, f := range []string{"ip_tables_names", "ip6_tables_names"} {
		if got := r.Exec(r.ns, "cat", "/proc/net/"+f); got != "" {
			t.Errorf("%s lists %q after looking, want nothing", f, got)
		}
	}
}

// TestToldInTime measures from before the command is started to the event. The
// slowest of a hundred is only held against the bound where nothing else runs on
// the machine (WEIR_TEST_FULL=1); else the fastest tenth is.
func TestToldInTime(t *testing.T) {
	r := newRoom(t)
	r.run("table inet guard {\n chain in {\n type filter hook input priority 0\n }\n }\n|nft -f -")
	r.run(threeRules + "|iptables-legacy-restore")
	told := func(rules string) (at time.Time) { // the event of that change: one of before may come late
		r.Eventually(3*time.Second, rules+" told", func() bool {
			i := slices.IndexFunc(r.lines(), func(line string) bool { return strings.Contains(line, " "+rules+" ") })
			if i < 0 {
				return false
			}
			r.mu.Lock()
			defer r.mu.Unlock()
			at = r.at[i]
			return true
		})
		return at
	}
	told("0>3")
	for _, c := range []struct {
		tool, do string
		undo     string
		done     string // rules before and after
		undone   string
		times    int
		bound    time.Duration
	}{
		{"nft", "nft add rule inet guard in accept", "nft flush chain inet guard in", "0>1", "1>0", 30, 50 * time.Millisecond},
		{"iptables-legacy", "iptables-legacy -A sg -j DROP", "iptables-legacy -D sg -j DROP", "3>4", "4>3", 5, time.Second},
	} {
		var took []time.Duration
		for range c.times {
			for _, step := range [][2]string{{c.do, c.done}, {c.undo, c.undone}} {
				time.Sleep(20 * time.Millisecond)
				r.clear()
				start := time.Now()
				r.run(step[0])
				took = append(took, told(step[1]).Sub(start))
			}
		}
		slices.Sort(took)
		p99 := took[len(took)*99/100]
		held := took[len(took)/10]
		if os.Getenv("WEIR_TEST_FULL") == "1" {
			held = p99
		}
		t.Logf("%s, command to event, %d times: p50 %v, p99 %v", c.tool, len(took), took[len(took)/2].Round(10*time.Microsecond), p99.Round(10*time.Microsecond))
		if held > c.bound {
			t.Errorf("%s: %v, want at most %v", c.tool, held, c.bound)
		}
	}
}

func TestStateIsTold(t *testing.T) {
	r := newRoom(t)
	r.run("table ip a {\n chain c {\n type filter hook forward priority 0; policy drop\n accept\n accept\n }\n }\n|nft -f -")
	r.run("table ip b {\n chain c {\n accept\n }\n }\n|nft -f -")
	r.run(threeRules + "|iptables-legacy-restore")
	var text string
	r.Eventually(3*time.Second, "all read", func() bool {
		var snap source.Snapshot
		r.In(r.ns, func() {
			if err := r.src.Collect(time.Time{}, &snap); err != nil {
				t.Error(err)
			}
		})
		text = told(t, &snap)
		return strings.Contains(text, "weir/filter/root/iptables rules=3")
	})
	for _, want := range []string{"weir/filter/root/ip rules=3 digest=", "tables=2 policy=DROP generation=", "weir/filter/root/iptables rules=3 digest=", "weir/conntrack/root count=", "max="} {
		if !strings.Contains(text, want) {
			t.Errorf("state has no %q:\n%s", want, text)
		}
	}
}

func TestNoPermissionIsAnError(t *testing.T) {
	l := lab.NewBare(t)
	ns := l.Namespace("node")
	var err, collected error
	src := New()
	<-l.Go(ns, func() {
		if err := unix.Capset(&unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}, &make([]unix.CapUserData, 2)[0]); err != nil {
			t.Error(err)
		}
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		err = src.Run(ctx, &heard{})
		var snap source.Snapshot
		collected = src.Collect(time.Time{}, &snap)
	})
	if err == nil || !strings.Contains(err.Error(), "not permitted") {
		t.Errorf("Run without a capability: %v", err)
	}
	if collected == nil || !strings.Contains(collected.Error(), "not permitted") {
		t.Errorf("Collect without a capability: %v", collected)
	}
}

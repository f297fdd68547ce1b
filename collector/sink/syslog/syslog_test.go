package syslog

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"weir/collector/sink/message"
	"weir/collector/sink/sinktest"
	"weir/detect"
)

// rfc5424 is the grammar of section 6, as far as we use it.
var rfc5424 = regexp.MustCompile(`^<(\d{1,3})>1 \S+ [!-~]{1,255} weir \d+ [!-~]{1,32} \[weir@32473((?: [a-z]+="(?:[^"\\\]]|\\["\\\]])*")+)\] ([ -~]{1,160})$`)

func TestSyslogMessageIsOfTheGrammar(t *testing.T) {
	c := &Config{Facility: 16, Host: "noc 1"}
	w := &message.Writer{Site: "fra1"}
	for _, name := range []string{"Ethernet12", sinktest.Hostile, strings.Repeat(`]"\`, 500)} {
		a := sinktest.Alert(1, detect.Start, name)
		a.Incident = name
		a.Kind = "large flow\n"
		got := Format(c, w, &a)
		m := rfc5424.FindStringSubmatch(got)
		if m == nil || len(got) > 2048 {
			t.Errorf("%d octets: %q", len(got), got)
			continue
		}
		if m[1] != "130" {
			t.Errorf("priority %s, want local0.crit", m[1])
		}
	}
}

func TestSyslogSeverity(t *testing.T) {
	for _, c := range []struct {
		change detect.Change
		s      detect.Severity
		want   int
	}{{detect.Start, detect.Critical, 2}, {detect.Start, detect.Warning, 4}, {detect.Start, detect.Info, 6}, {detect.End, detect.Critical, 5}} {
		a := sinktest.Alert(1, c.change, "x")
		a.Severity = c.s
		if got := severity(&a); got != c.want {
			t.Errorf("%s %s: %d, want %d", c.change, c.s, got, c.want)
		}
	}
}

func TestRsyslogTakesItApart(t *testing.T) {
	cert, key, trust := sinktest.Certificate(t, t.TempDir())
	srv := sinktest.NewRsyslog(t, cert, key)
	n := 0
	for _, c := range []struct{ network, address string }{{"udp", srv.UDP}, {"tcp", srv.TCP}, {"tls", srv.TLS}} {
		t.Run(c.network, func(t *testing.T) {
			s := New(Config{Network: c.network, Address: c.address, Trust: trust, Facility: 16, Host: "noc1"}, &message.Writer{Site: "fra1"})
			defer s.Close()
			if err := s.Probe(t.Context()); err != nil {
				t.Fatal(err)
			}
			batch := []detect.Alert{sinktest.Alert(1, detect.Start, "Ethernet12"), sinktest.Alert(2, detect.Start, sinktest.Hostile+"\n<0>1 - evil - - - - all is well"), sinktest.Alert(1, detect.End, "x")}
			if err := s.Send(t.Context(), batch); err != nil {
				t.Fatal(err)
			}
			n += len(batch)
			sinktest.Await(t, "the messages", func() bool { return len(srv.Lines(t)) >= n })
			lines := srv.Lines(t)
			if len(lines) != n {
				t.Fatalf("%d messages, want %d", len(lines), n)
			}
			got := lines[n-3:]
			if g := got[0]; g.Priority != "130" || g.Host != "noc1" || g.App != "weir" || g.MsgID != "large_flow" ||
				!strings.HasPrefix(g.Time, "2026-03-01T11:59:52.612") ||
				!strings.HasPrefix(g.Data, fmt.Sprintf(`[weir@32473 id="%s" key="%s" change="start" state="confirmed" severity="critical" kind="large_flow" site="fra1" subject="`, batch[0].ID, batch[0].Key)) ||
				strings.TrimSpace(g.Text) != "CRITICAL fra1: Large flow 1.2 Gbit/s (0.9-1.5) 10.0.0.1:443 -> 10.0.1.9:51332 TCP on leaf1 Ethernet12, 0.6 s after its first sample" {
				t.Errorf("%+v", g)
			}
			for _, g := range got {
				if g.Host != "noc1" || !strings.HasSuffix(g.Data, `"]`) || strings.Contains(g.Text, "weir@32473") {
					t.Errorf("%+v", g)
				}
			}
			if got[2].Priority != "133" {
				t.Errorf("the end has priority %s, want local0.notice", got[2].Priority)
			}
		})
	}
}

// A message after the server has closed the connection is not lost.
func TestSyslogOutlivesARestartOfTheServer(t *testing.T) {
	srv := sinktest.NewRsyslog(t, "", "")
	s := New(Config{Network: "tcp", Address: srv.TCP, Host: "noc1"}, &message.Writer{})
	defer s.Close()
	a := sinktest.Alert(1, detect.Start, "x")
	if err := s.Send(t.Context(), []detect.Alert{a}); err != nil {
		t.Fatal(err)
	}
	sinktest.Await(t, "the first message", func() bool { return len(srv.Lines(t)) == 1 })
	srv.Stop()
	if err := s.Send(t.Context(), []detect.Alert{a}); err == nil {
		t.Error("sent to a server that is gone")
	}
	srv.Restart(t)
	if err := s.Send(t.Context(), []detect.Alert{a}); err != nil {
		t.Fatal(err)
	}
	sinktest.Await(t, "the message", func() bool { return len(srv.Lines(t)) == 2 })
}

func FuzzFormat(f *testing.F) {
	f.Add(sinktest.Hostile, "id")
	f.Fuzz(func(t *testing.T, name, id string) {
		a := sinktest.Alert(1, detect.Start, name)
		a.Incident, a.Reason = id, name
		if got := Format(&Config{Facility: 1, Host: id}, &message.Writer{Site: name}, &a); !rfc5424.MatchString(got) {
			t.Fatalf("%q", got)
		}
	})
}

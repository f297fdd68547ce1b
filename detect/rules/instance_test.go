package rules

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"weir/decoder"
	"weir/decoder/sflow"
	"weir/detect/keys"
)

const (
	web = "dead0300-0000-4000-8000-000000000001"
	db  = "dead0300-0000-4000-8000-000000000002"
)

// instances are web behind port 7 and db behind port 9 of agent 1.
func instances() *keys.Instances {
	w, _ := keys.ParseUUID(web)
	d, _ := keys.ParseUUID(db)
	in := &keys.Instances{}
	in.Set(keys.NewInstanceTable([]keys.InstancePort{{Agent: 1, Index: 7, Instance: w}, {Agent: 1, Index: 9, Instance: d}}, map[keys.UUID]keys.InstanceName{w: {Name: "web"}}))
	return in
}

func port(n uint32) sflow.Port { return sflow.Port{Value: n} }

func TestFilterByInstance(t *testing.T) {
	received := func(f *decoder.Flow) { f.Sample.Input = port(3) }
	nobody := func(f *decoder.Flow) { f.Sample.Input, f.Sample.Output = port(3), port(4) }
	for _, c := range []struct {
		text   string
		change func(*decoder.Flow)
		want   bool
	}{
		{"instance = " + web, nil, true},
		{"instance = " + strings.ToUpper(web), nil, true},
		{"instance = " + db, nil, false},
		{"instance = " + db, received, true},
		{"instance in (" + db + ", " + web + ")", nil, true},
		{"instance != " + web, nil, false},
		{"instance != " + web, nobody, true},
		{"instance = none", nil, false},
		{"instance = none", nobody, true},
		{"instance != none and dst_port = 443", nil, true},
		{"instance not in (none, " + db + ")", received, false},
	} {
		t.Run(c.text, func(t *testing.T) {
			filter, err := ParseFilter(c.text)
			if err != nil {
				t.Fatal(err)
			}
			var v view
			v.SetInstances(instances())
			f := flow()
			if c.change != nil {
				c.change(f)
			}
			v.set(f, false)
			if got := filter.match(&v); got != c.want {
				t.Errorf("%v, want %v", got, c.want)
			}
		})
	}
}

// elsewhere says that every packet was counted at another place.
type elsewhere struct{}

func (elsewhere) Again(*decoder.Flow) bool { return true }

func TestRuleByInstance(t *testing.T) {
	mixed := func(f *decoder.Flow, i int) { // web sends, db receives, and most is nobody's
		f.Sample.Input, f.Sample.Output = port(3), port(4)
		switch i % 10 {
		case 0:
			f.Sample.Input = port(7)
		case 1, 2:
			f.Sample.Output = port(9)
		}
	}
	for _, c := range []struct {
		name   string
		change func(s *Spec)
		again  bool
		want   string // alerts that start
	}{
		{"a key", func(*Spec) {}, false, "r instance=" + db},
		{"a key, at the cut", func(s *Spec) { s.At = "cut" }, true, "r instance=" + db},
		{"a key that is not, at the cut", func(s *Spec) { s.Key, s.At = []string{"dst"}, "cut" }, true, ""},
		{"a filter", func(s *Spec) { s.Key, s.Filter, s.Threshold = []string{"dst"}, "instance = "+web, "5kpps" }, false, "r dst=192.0.2.80"},
		{"a filter, at the cut", func(s *Spec) { s.Key, s.Filter, s.Threshold, s.At = []string{"dst"}, "instance = "+web, "5kpps", "cut" }, true, "r dst=192.0.2.80"},
		{"distinct", func(s *Spec) { s.Key, s.Value, s.Threshold = []string{"dst"}, "distinct(instance)", "2" }, false, "r dst=192.0.2.80"},
		{"distinct, more than there are", func(s *Spec) { s.Key, s.Value, s.Threshold = []string{"dst"}, "distinct(instance)", "3" }, false, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, 1, spec(func(s *Spec) { s.Key, s.Window, s.Threshold = []string{"instance"}, "5s", "15kpps" }, c.change))
			if !w.set.Instances() && c.want != "" {
				t.Error("nobody asks for instances")
			}
			w.tables[0].SetInstances(instances())
			if c.again {
				w.tables[0].Elsewhere = elsewhere{}
			}
			w.send(0, 100, 10*time.Second, mixed) // 100 kpps, of which 20 of db and 10 of web
			var got []string
			for _, r := range w.reports {
				if r.Start {
					got = append(got, r.Rule.Name+" "+r.Key.String())
				}
			}
			if diff := cmp.Diff(c.want, strings.Join(got, "\n")); diff != "" {
				t.Errorf("alerts (-want +got)\n%s", diff)
			}
		})
	}
}

func TestRuleByInstanceDoesNotAllocate(t *testing.T) {
	set := newSet(t, spec(func(s *Spec) { s.Key, s.Filter = []string{"instance", "dst"}, "instance != none" }))
	table := NewTable(set, 1, 1)
	table.SetInstances(instances())
	f, ns := flow(), begin.UnixNano()
	if n := testing.AllocsPerRun(10_000, func() {
		ns += 1000
		f.Sample.Input.Value = 7 + uint32(ns/1000)%3
		table.Sample(f, ns)
	}); n != 0 {
		t.Errorf("%v allocations per sample", n)
	}
}

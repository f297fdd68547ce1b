package site

import (
	"maps"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"weir/decoder"
	"weir/decoder/sflow"
	"weir/decoder/witness"
	"weir/detect/keys"
)

// TestInstancesAreWhereTheirPortsAre: the table follows what instances there are,
// where they are and what they are called, and is not made anew for nothing.
func TestInstancesAreWhereTheirPortsAre(t *testing.T) {
	w := newWorld(t)
	a, b := w.node(2), w.node(1)
	in := &keys.Instances{}
	// at reads the instance of a packet that enters by a port of a node.
	d, err := keys.Parse("instance")
	if err != nil {
		t.Fatal(err)
	}
	at := func(a *actor, index uint32) string {
		var r keys.Reader
		r.SetInstances(in)
		f := decoder.Flow{Arrival: &decoder.Arrival{}, Est: decoder.FlowEst{Vantage: decoder.Vantage{Agent: a.number}}}
		f.Sample.Input = sflow.Port{Value: index}
		var key [keys.MaxSize]byte
		r.Set(&f, false)
		if !r.Key(&d, &key) {
			return ""
		}
		k := d.Read(&key)
		k.Name(in)
		return k.Fields()["instance"]
	}
	step := func(d time.Duration) (fresh int) {
		for range d / (100 * time.Millisecond) {
			w.run(100 * time.Millisecond)
			if table := w.site.Instances(); table != nil {
				in.Set(table)
				fresh++
			}
		}
		return fresh
	}
	want := func(when string, all map[string]string) {
		t.Helper()
		got := map[string]string{}
		for _, x := range []*actor{a, b} {
			for i := range uint32(5) {
				if name := at(x, 10+i); name != "" {
					got[x.name+"/"+string(rune('0'+i))] = name
				}
			}
		}
		if diff := cmp.Diff(all, got); diff != "" {
			t.Errorf("%s (-want +got)\n%s", when, diff)
		}
	}
	twin := func(x *actor) string { return "web-0/" + x.instances[0] }
	step(3 * time.Second)
	all := map[string]string{"cn1/0": twin(a), "cn1/1": "web-1", "cn2/0": twin(b)}
	want("at first", all)
	if n := step(20 * time.Second); n != 0 {
		t.Errorf("%d new tables while nothing changed", n)
	}

	a.said(witness.ClassInstance, a.instances[0], str(witness.NovaName, "api"), str(witness.State, "running"), str(witness.Taps, a.tap(0)+"="+a.mac(0)))
	step(2 * time.Second)
	renamed := maps.Clone(all)
	renamed["cn1/0"], renamed["cn2/0"] = "api", "web-0"
	want("renamed", renamed)

	// api moves to the other node, under another ifIndex.
	b.link(a.tap(0), 13, "up")
	b.event(witness.InstanceMigratedIn, a.instances[0])
	b.said(witness.ClassInstance, a.instances[0], str(witness.NovaName, "api"), str(witness.State, "running"), str(witness.Taps, a.tap(0)+"="+a.mac(0)))
	step(2 * time.Second)
	want("moved", map[string]string{"cn1/1": "web-1", "cn2/0": "web-0", "cn2/3": "api"})

	b.event(witness.LinkRemoved, a.tap(0))
	step(2 * time.Second)
	want("its port is gone", map[string]string{"cn1/1": "web-1", "cn2/0": "web-0"})
}

// TestInstanceNamesAreOneEach: tenants choose names; none passes for another's.
func TestInstanceNamesAreOneEach(t *testing.T) {
	uuids := []string{"00000000-0000-4000-8000-000000000001", "00000000-0000-4000-8000-000000000002", "00000000-0000-4000-8000-000000000003"}
	for _, c := range []struct {
		name string
		in   [3]string
		want [3]string // "" is shown as the UUID
	}{
		{"apart", [3]string{"a", "b", "c"}, [3]string{"a", "b", "c"}},
		{"two alike", [3]string{"a", "a", "c"}, [3]string{"a/" + uuids[0], "a/" + uuids[1], "c"}},
		{"all alike", [3]string{"a", "a", "a"}, [3]string{"a/" + uuids[0], "a/" + uuids[1], "a/" + uuids[2]}},
		{"no name", [3]string{"", "b", "c"}, [3]string{"", "b", "c"}},
		{"another's UUID", [3]string{"", uuids[0], "c"}, [3]string{"", uuids[0] + "/" + uuids[1], "c"}},
		{"another's long name", [3]string{"a", "a", "a/" + uuids[0]}, [3]string{"a/" + uuids[0], "a/" + uuids[1], "a/" + uuids[0] + "/" + uuids[2]}},
		{"as if it were none", [3]string{"-", "b", "c"}, [3]string{"-/" + uuids[0], "b", "c"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := New(Config{})
			want := map[keys.UUID]keys.InstanceName{}
			for i, name := range c.in {
				x := s.instance(uuids[i])
				x.name, x.project = name, "acme"
				u, _ := keys.ParseUUID(uuids[i])
				want[u] = keys.InstanceName{Name: c.want[i], Project: "acme"}
			}
			s.instance("no uuid").name = "z"
			if diff := cmp.Diff(want, s.instanceNames()); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

package keys

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"weir/decoder"
	"weir/decoder/sflow"
	"weir/detect/heavy"
)

func uuid(n byte) UUID { return UUID{0xde, 0xad, 15: n} }

// placed knows instances 1 to 3 behind ports 11 to 13 of agent 1, and 4 behind
// port 11 of agent 2.
func placed() *Instances {
	in := &Instances{}
	in.Set(NewInstanceTable([]InstancePort{
		{1, 11, uuid(1)}, {1, 12, uuid(2)}, {1, 13, uuid(3)}, {2, 11, uuid(4)}, {1, 14, UUID{}}, {0, 15, uuid(5)},
	}, map[UUID]InstanceName{uuid(1): {"web-1", "shop"}, uuid(2): {Name: "web-2"}, uuid(4): {Name: "db"}}))
	return in
}

// through makes f a sample of agent 1 between two ports, taken at the first.
func through(f *decoder.Flow, input, output uint32) {
	f.Est.Vantage = decoder.Vantage{Agent: 1}
	f.Sample.Source = sflow.DataSource{Index: input}
	f.Sample.Input, f.Sample.Output = sflow.Port{Value: input}, sflow.Port{Value: output}
}

func TestInstanceIsThatOfThePortSampledAt(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(f *decoder.Flow)
		want   byte // 0: none
	}{
		{"it sends", func(*decoder.Flow) {}, 1},
		{"it receives", func(f *decoder.Flow) { through(f, 3, 12) }, 2},
		{"one to another, sampled where it enters", func(f *decoder.Flow) { through(f, 11, 12) }, 1},
		{"one to another, sampled where it leaves", func(f *decoder.Flow) { through(f, 11, 12); f.Est.Vantage.Source = 1 }, 2},
		{"it sends, sampled where it leaves the node", func(f *decoder.Flow) { f.Est.Vantage.Source = 1 }, 1},
		{"no port is an instance's", func(f *decoder.Flow) { through(f, 3, 4) }, 0},
		{"only the data source is named", func(f *decoder.Flow) { through(f, 0, 0); f.Sample.Source.Index = 13 }, 3},
		{"a data source that is no interface", func(f *decoder.Flow) {
			through(f, 0, 0)
			f.Sample.Source = sflow.DataSource{Class: sflow.ClassLogical, Index: 13}
		}, 0},
		{"many outputs", func(f *decoder.Flow) { through(f, 3, 12); f.Sample.Output.Format = sflow.PortMultiple }, 0},
		{"the same ifIndex elsewhere", func(f *decoder.Flow) { f.Est.Vantage.Agent = 2 }, 4},
		{"an agent without instances", func(f *decoder.Flow) { f.Est.Vantage.Agent = 3 }, 0},
		{"a port of nobody", func(f *decoder.Flow) { through(f, 14, 15) }, 0},
		{"no number of an agent", func(f *decoder.Flow) { through(f, 15, 15); f.Est.Vantage.Agent = 0 }, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := flow()
			through(f, 11, 3)
			c.change(f)
			want := UUID{}
			if c.want != 0 {
				want = uuid(c.want)
			}
			hi, lo := placed().of(f)
			if got := (UUID(be.AppendUint64(be.AppendUint64(nil, hi), lo))); got != want {
				t.Errorf("instance %v, want %v", got, want)
			}
		})
	}
}

func TestInstancesWithoutTableKnowNone(t *testing.T) {
	f := flow()
	through(f, 11, 3)
	var none *Instances
	for _, in := range []*Instances{none, {}} {
		if hi, lo := in.of(f); hi|lo != 0 {
			t.Errorf("instance %x %x", hi, lo)
		}
		if got := in.Name(uuid(1)) + in.Project(uuid(1)); got != uuid(1).String() {
			t.Errorf("name %q", got)
		}
	}
}

func TestInstanceTableIsBounded(t *testing.T) {
	ports := make([]InstancePort, MaxInstancePorts+7)
	for i := range ports {
		ports[i] = InstancePort{1, uint32(i + 1), uuid(1)}
	}
	table := NewInstanceTable(ports, nil)
	if table.Ports() != MaxInstancePorts || table.Refused != 7 {
		t.Errorf("%d ports, %d refused", table.Ports(), table.Refused)
	}
	if n := len(table.slots) * 24; n > 13<<20 {
		t.Errorf("%d octets", n)
	}
	if hi, _ := table.of(1, MaxInstancePorts); hi == 0 {
		t.Error("the last port for which there is place is not found")
	}
	if hi, _ := table.of(1, MaxInstancePorts+1); hi != 0 {
		t.Error("a port for which there is no place is found")
	}
}

// byInstance returns the samples of definition at, by key.
func byInstance(s *Set, at int) map[string]uint64 {
	got := map[string]uint64{}
	for _, it := range s.Top(at, 10, heavy.At(slot, time.Second)) {
		it.Key.Name(s.now.instances)
		got[it.Key.String()] = it.Samples
	}
	return got
}

func TestSetCountsByInstance(t *testing.T) {
	s := newSet(t, 64, 3, mustParse("instance", "packets"), mustParse("instance,dst_port", "bytes"), mustParse("dst_port", "packets distinct(instance)"))
	in := placed()
	s.SetInstances(in)
	f := flow()
	f.Est.Vantage = decoder.Vantage{Agent: 1}
	count := func(n int, input, output uint32, again bool) {
		through(f, input, output)
		for range n {
			s.UpdateTimes(f, slot, 1, again)
		}
	}
	count(5, 11, 3, false)
	count(2, 3, 11, true) // its packet was sampled where it entered the site: it is the instance's all the same
	count(3, 12, 3, false)
	count(4, 3, 4, false)
	count(6, 3, 4, true) // nobody's, and counted elsewhere
	count(1, 13, 3, false)
	want := map[string]uint64{"instance=web-1": 7, "instance=web-2": 3, "instance=-": 4, "instance=" + uuid(3).String(): 1}
	if diff := cmp.Diff(want, byInstance(s, 0)); diff != "" {
		t.Errorf("samples (-want +got)\n%s", diff)
	}
	if got := byInstance(s, 1); got["instance=web-1 dst_port=443"] != 7 || got["instance=- dst_port=443"] != 4 {
		t.Errorf("with a port: %v", got)
	}
	if c := s.Counts(0); c.Again != 6 || c.Missing != 0 {
		t.Errorf("%d again, %d missing", c.Again, c.Missing)
	}
	top := s.Top(2, 1, heavy.At(slot, time.Second))
	if d := top[0].Distinct.Estimate(); d < 2.5 || d > 3.5 {
		t.Errorf("%v distinct instances, want 3", d)
	}

	// The instance moves: what comes from its new port is its own.
	in.Set(NewInstanceTable([]InstancePort{{2, 77, uuid(1)}}, map[UUID]InstanceName{uuid(1): {Name: "web-1"}}))
	through(f, 77, 3)
	f.Est.Vantage.Agent = 2
	s.Update(f, slot)
	through(f, 11, 3)
	s.Update(f, slot)
	if got := byInstance(s, 0); got["instance=web-1"] != 8 || got["instance=-"] != 5 {
		t.Errorf("after it moved: %v", got)
	}
}

func TestReaderHasNoKeyWithoutInstance(t *testing.T) {
	d := mustParse("instance", "packets")
	var r Reader
	r.SetInstances(placed())
	f, b := flow(), [MaxSize]byte{}
	through(f, 3, 4)
	if r.Set(f, false); r.Key(&d, &b) || r.Instance() {
		t.Error("a packet of no instance has a key")
	}
	through(f, 12, 4)
	if r.Set(f, false); !r.Key(&d, &b) || !r.Instance() {
		t.Fatal("a packet of an instance has no key")
	}
	k := d.Read(&b)
	named := k
	named.Name(placed())
	if u, ok := k.Instance(); !ok || u != uuid(2) || k.String() != "instance="+uuid(2).String() || named.String() != "instance=web-2" || named.Unnamed() != k {
		t.Errorf("key %v, named %v", k, named)
	}
	if text, err := named.MarshalJSON(); err != nil || string(text) != `{"instance":"web-2"}` {
		t.Errorf("%s, %v", text, err)
	}
}

func TestUpdateByInstanceDoesNotAllocate(t *testing.T) {
	s := newSet(t, 1024, 5, mustParse("instance", "bytes"), mustParse("instance,dst", "packets distinct(src)"))
	s.SetInstances(placed())
	f := flow()
	f.Est.Vantage = decoder.Vantage{Agent: 1}
	i := uint32(0)
	if n := testing.AllocsPerRun(20_000, func() {
		i++
		through(f, 10+i%5, 3)
		s.UpdateTimes(f, slot+int64(i/500), 1, i%3 == 0)
	}); n != 0 {
		t.Errorf("%v allocations per sample", n)
	}
}

func TestParseUUID(t *testing.T) {
	const text = "dead0300-0000-4000-8000-00000000000a"
	for in, want := range map[string]bool{
		text: true, strings.ToUpper(text): true, strings.ReplaceAll(text, "-", ""): true,
		"": false, "web-1": false, text[:35]: false, text + "0": false, strings.Replace(text, "d", "g", 1): false, strings.Replace(text, "-", "_", 1): false,
	} {
		u, ok := ParseUUID(in)
		if ok != want || ok && u.String() != text {
			t.Errorf("%q: %v, %v", in, u, ok)
		}
	}
	if (UUID{}).String() != "-" {
		t.Error("none is not -")
	}
}

// BenchmarkInstances is the look-up of one sample among the ports of a large site.
func BenchmarkInstances(b *testing.B) {
	var ports []InstancePort
	for i := range uint32(100_000) {
		ports = append(ports, InstancePort{1 + i/50, 10 + i%50, uuid(byte(i))})
	}
	in := &Instances{}
	in.Set(NewInstanceTable(ports, nil))
	f := flow()
	i := uint32(0)
	b.ReportAllocs()
	for b.Loop() {
		i += 7919
		through(f, 3, 10+i%50)
		f.Est.Vantage.Agent = 1 + i%2000
		in.of(f)
	}
}

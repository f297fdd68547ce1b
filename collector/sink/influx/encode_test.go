package influx

import (
	"math"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"weir/collector/series"
)

var testClass = &series.Class{
	Name: "if_counters", Tags: []string{"agent", "if_name"},
	Fields: []series.Field{{Name: "in_octets"}, {Name: "load"}, {Name: "text"}},
}

func point(at int64, tags [2]string, values ...series.Value) *series.Point {
	return &series.Point{Class: testClass, At: at, Tags: [series.MaxTags]string{tags[0], tags[1]}, Values: values}
}

func TestEncoderWritesLineProtocol(t *testing.T) {
	unknown := series.Value{}
	for _, c := range []struct {
		name string
		site string
		p    *series.Point
		want string
	}{
		{"all kinds", "north", point(12, [2]string{"192.0.2.1", "swp1"}, series.Whole(7), series.Number(0.25), series.Words("up")), "if_counters,site=north,agent=192.0.2.1,if_name=swp1 in_octets=7i,load=0.25,text=\"up\" 12\n"},
		{"unknown is left out", "north", point(12, [2]string{"a", ""}, unknown, series.Number(3)), "if_counters,site=north,agent=a load=3 12\n"},
		{"no site", "", point(12, [2]string{"a", "b"}, series.Whole(0)), "if_counters,agent=a,if_name=b in_octets=0i 12\n"},
		{"nothing known is no point", "n", point(12, [2]string{"a", "b"}, unknown), ""},
		{"signed numbers end", "n", point(-5, [2]string{"a", "b"}, series.Whole(math.MaxUint64)), "if_counters,site=n,agent=a,if_name=b in_octets=9223372036854775807i -5\n"},
		{"no number is unknown", "n", point(1, [2]string{"a", "b"}, series.Whole(1), series.Number(math.NaN())), "if_counters,site=n,agent=a,if_name=b in_octets=1i 1\n"},
		{"large and small numbers", "n", point(1, [2]string{"a", "b"}, unknown, series.Number(1e300)), "if_counters,site=n,agent=a,if_name=b load=1e+300 1\n"},

		{"separators in a tag", "two words", point(1, [2]string{"a,if_name=x load=9", "="}, series.Whole(1)), `if_counters,site=two\ words,agent=a\,if_name\=x\ load\=9,if_name=\= in_octets=1i 1` + "\n"},
		{"lines in a tag", "n", point(1, [2]string{"a\nweir value=1 1\r\n", "\t\x00\x7f\u2028\u0085"}, series.Whole(1)), `if_counters,site=n,agent=a_weir\ value\=1\ 1__,if_name=_____ in_octets=1i 1` + "\n"},
		{"backslash in a tag", "n", point(1, [2]string{`a\`, `\,`}, series.Whole(1)), `if_counters,site=n,agent=a_,if_name=_\, in_octets=1i 1` + "\n"},
		{"no UTF-8 in a tag", "n", point(1, [2]string{"\xff\xc3(", "é世"}, series.Whole(1)), "if_counters,site=n,agent=__(,if_name=é世 in_octets=1i 1\n"},
		{"quotes in a text", "n", point(1, [2]string{"a", "b"}, series.Whole(1), unknown, series.Words("\"\\\n, x=1\x00é")), `if_counters,site=n,agent=a,if_name=b in_octets=1i,text="\"\\ , x=1 é" 1` + "\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := newEncoder(c.site, 10, 0)
			e.add(c.p)
			got, n := e.take(nil)
			if diff := cmp.Diff(c.want, string(got)); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
			if n != strings.Count(c.want, "\n") {
				t.Errorf("counts %d points", n)
			}
		})
	}
}

func TestNumbersKeepNineDigits(t *testing.T) {
	for _, f := range []float64{0, 1, 0.5, 100, 1e-3, 0.001234567891, 1e-7, 999.9999999996, 1234.5678901, 999999.9999999, 1e6 + 0.001, 123456789.0123,
		1e9 + 0.4, 1e15, 1 << 53, 1e300, 1.2999999523162842, 5e-324, math.MaxFloat64} {
		for _, f := range []float64{f, -f} {
			text := string(appendFloat(nil, f))
			got, err := strconv.ParseFloat(text, 64)
			if err != nil || math.Abs(got-f) > 1e-9*math.Abs(f) && math.Abs(got-f) > 0.5e-9 {
				t.Errorf("%v is written as %s (%v)", f, text, err)
			}
			if strings.Contains(text, ".") && strings.HasSuffix(text, "0") && !strings.Contains(text, "e") {
				t.Errorf("%v is written as %s, with a zero too many", f, text)
			}
		}
	}
}

func TestEncoderBoundsWhatAgentsSay(t *testing.T) {
	e := newEncoder("n", 10, 0)
	junk := strings.Repeat("é", 32<<10)
	e.add(point(1, [2]string{junk, junk}, series.Whole(1), series.Value{}, series.Words(junk)))
	b, _ := e.take(nil)
	if len(b) > 2*maxTag+maxText+200 {
		t.Errorf("a line of %d octets", len(b))
	}
	if !utf8.Valid(b) {
		t.Error("a rune is cut")
	}
}

func TestEncoderBoundsSeries(t *testing.T) {
	e := newEncoder("n", 3, int64(24*time.Hour))
	write := func(at time.Duration, agent string) bool {
		return e.add(point(int64(at), [2]string{agent, ""}, series.Whole(1)))
	}
	for _, a := range []string{"a", "b", "c"} {
		if !write(0, a) {
			t.Fatalf("series %s is refused", a)
		}
	}
	if write(time.Second, "d") || !write(time.Second, "a") {
		t.Error("the bound does not hold, or refuses what is known")
	}
	write(20*time.Hour, "b")
	if !write(26*time.Hour, "d") {
		t.Error("series that the server has forgotten keep their place")
	}
	if !write(26*time.Hour, "b") || !write(26*time.Hour, "a") || write(26*time.Hour, "c") {
		t.Error("after a day the wrong series are forgotten")
	}
	if e.limit.refused != 2 {
		t.Errorf("refused %d, want 2", e.limit.refused)
	}
	b, n := e.take(nil)
	if got := strings.Count(string(b), "\n"); got != n || n != 8 {
		t.Errorf("%d lines, %d points, want 8", got, n)
	}
}

// FuzzEncoder: whatever agents say, a point is one line with the tags and fields
// of its class.
func FuzzEncoder(f *testing.F) {
	f.Add("agent", "swp1", "text")
	f.Add(`a\`, ",x=1 y=2 3\n", `"`)
	f.Add("\\,\\=\\ ", "\xff\n", `\"\`)
	f.Fuzz(func(t *testing.T, a, b, text string) {
		e := newEncoder("s", 10, 0)
		e.add(point(1, [2]string{a, b}, series.Whole(1), series.Value{}, series.Words(text)))
		line, _ := e.take(nil)
		tags, fields := split(t, string(line))
		want := []string{"if_counters", "site"}
		if a != "" {
			want = append(want, "agent")
		}
		if b != "" {
			want = append(want, "if_name")
		}
		if diff := cmp.Diff(want, tags); diff != "" {
			t.Errorf("tags of %q (-want +got)\n%s", line, diff)
		}
		want = []string{"in_octets"}
		if text != "" {
			want = append(want, "text")
		}
		if diff := cmp.Diff(want, fields); diff != "" {
			t.Errorf("fields of %q (-want +got)\n%s", line, diff)
		}
	})
}

// split reads a line as its definition says, independently of the encoder: names
// of tags, the measurement first, and of fields.
func split(t *testing.T, line string) (tags, fields []string) {
	t.Helper()
	if strings.Count(line, "\n") != 1 || !strings.HasSuffix(line, " 1\n") {
		t.Fatalf("not one line with its time: %q", line)
	}
	line = strings.TrimSuffix(line, " 1\n")
	part, inValue, quoted, escaped, section := "", false, false, false, 0
	end := func() {
		if section == 0 {
			tags = append(tags, part)
		} else {
			fields = append(fields, part)
		}
		part, inValue = "", false
	}
	for _, r := range line {
		switch {
		case escaped:
			escaped = false
			if !inValue {
				part += string(r)
			}
		case r == '\\':
			escaped = true
		case quoted:
			quoted = r != '"'
		case section == 1 && r == '"':
			quoted = true
		case r == ',':
			end()
		case r == ' ':
			end()
			section++
		case r == '=':
			if inValue {
				t.Fatalf("a bare = in a value: %q", line)
			}
			inValue = true
		case !inValue:
			part += string(r)
		}
	}
	if escaped || quoted || section != 1 {
		t.Fatalf("does not end where it should: %q", line)
	}
	end()
	return tags, fields
}

func TestEncoderAllocatesNothing(t *testing.T) {
	e := newEncoder("north", 1000, 0)
	p := interfacePoint(1)
	buf := make([]byte, 0, 1<<20)
	e.block = buf
	n := testing.AllocsPerRun(100, func() {
		for range 100 {
			e.add(p)
		}
		b, _ := e.take(buf)
		buf = b
	})
	if n != 0 {
		t.Errorf("%v allocations per block", n)
	}
}

// interfacePoint is a point of an interface, with all its fields.
func interfacePoint(i uint64) *series.Point {
	var class *series.Class
	for _, c := range series.Classes() {
		if c.Name == "if_counters" {
			class = c
		}
	}
	p := &series.Point{Class: class, At: 1795332604000000000 + int64(i), Tags: [series.MaxTags]string{"10.255.0.11", "leaf1", "49", "Ethernet49"}}
	for j := range class.Fields {
		if class.Fields[j].Counter {
			p.Values = append(p.Values, series.Whole(1_000_000_000_000+i*uint64(j)))
		} else {
			p.Values = append(p.Values, series.Number(float64(float32(123456.789)*float32(j))))
		}
	}
	return p
}

func BenchmarkEncode(b *testing.B) {
	for _, c := range []struct {
		name   string
		fields int
	}{{"interface with all 27 fields", 27}, {"point with 3 fields", 3}} {
		b.Run(c.name, func(b *testing.B) {
			e := newEncoder("north", 200000, 0)
			points := make([]*series.Point, 1000)
			for i := range points {
				p := *interfacePoint(uint64(i))
				p.Tags[3] = "Ethernet" + string(rune('0'+i%10))
				p.Values = p.Values[:c.fields]
				points[i] = &p
			}
			buf := make([]byte, 0, 1<<20)
			e.block = buf
			b.ReportAllocs()
			octets, i, start := 0, 0, processorTime()
			for b.Loop() {
				e.add(points[i%len(points)])
				if i++; len(e.block) >= blockSize {
					octets += len(e.block)
					buf, _ = e.take(buf)
				}
			}
			b.ReportMetric(float64(b.N)/(processorTime()-start).Seconds(), "points/core-s")
			b.SetBytes(int64(octets / max(b.N, 1)))
		})
	}
}

// processorTime is what this process has used: on a machine that is shared the
// clock tells little.
func processorTime() time.Duration {
	var ru syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &ru)
	return time.Duration(ru.Utime.Nano() + ru.Stime.Nano())
}

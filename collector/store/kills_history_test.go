package store

import (
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/rs/zerolog"

	"weir/collector/record"
	points "weir/collector/series"
	"weir/collector/store/evidence"
	"weir/collector/store/flows"
	"weir/collector/store/series"
	"weir/decoder"
	"weir/decoder/packet"
	"weir/detect"
)

// killDay is when the flow samples and series of the tests begin, which are of fast
// days: rowStep lies between two samples, pointStep between two points of a series.
var killDay = time.Date(2025, 3, 1, 0, 0, 0, 0, time.UTC)

const (
	rowStep  = 100 * time.Millisecond
	hourRows = uint64(time.Hour / rowStep)
	// firstRow is the first sample, just before an hour ends: the rollup of the oldest
	// hour that has minutes is not made anew, for some of these may be deleted.
	firstRow  = hourRows - 10
	pointStep = 90 * time.Second
	ever      = 1 << 62
)

// flowSample is the i-th, of one of a few addresses.
func flowSample(f *decoder.Flow, i int) {
	f.Arrival.At = killDay.Add(time.Duration(i) * rowStep)
	f.Header.HasKey, f.Header.Depth, f.FrameLength = true, 3, 1000
	f.Header.Key.Src = netip.AddrFrom4([4]byte{10, 0, 0, byte(i % 20)}).As16()
	f.Header.Key.Dst, f.Header.Key.Proto = netip.AddrFrom4([4]byte{10, 0, 1, byte(i % 7)}).As16(), 6
	f.Header.Key.V6 = false
	f.Est.SamplingRate, f.Est.Vantage.Agent = 10, 1
}

// oneAgent implements flows.Names.
type oneAgent struct{}

func (oneAgent) Agent(uint32) netip.Addr { return netip.MustParseAddr("192.0.2.1") }
func (oneAgent) Domain(uint32) string    { return "" }

func flowsConfig(dir string) flows.Config {
	return flows.Config{
		Dir: dir, MaxBytes: 2 << 20, MaxAge: ever, Rollups: 16 << 20, RollupsAge: ever, Names: oneAgent{}, Flush: 5 * time.Millisecond,
	}
}

// openFlows looks at the flow samples, and has them written in batches: a journal
// becomes a segment once it has an eighth of the limit, at which the oldest go.
func (v *victim) openFlows() {
	cfg := flowsConfig(v.path("history"))
	cfg.Step = func(at string) {
		switch p := v; at {
		case "created":
			p.begin(ofSegment, p.done(ofSegment)+1)
		case "written":
			p.begin(ofMinutes, p.done(ofMinutes)+1)
		case "rollup":
			p.end(ofMinutes, p.done(ofMinutes)+1)
		case "converted":
			p.end(ofSegment, p.done(ofSegment)+1)
		case "hours":
			p.begin(ofHours, p.done(ofHours)+1)
		case "rolled":
			p.end(ofHours, p.done(ofHours)+1)
		}
	}
	if left, err := filepath.Glob(filepath.Join(cfg.Dir, journals)); err != nil || len(left) <= 1 { // for more there is no room beside those that follow
		v.must(err)
		cfg.Quick = int64(v.page.done(ofJournal) % 2) // now and then Run makes segments of what a kill left
	}
	x := record.NewExchange(2)
	s, err := flows.Open(cfg, x)
	v.must(err)
	if st := s.Stats(); st.Err != "" && st.Cut == 0 || st.Broken > 0 {
		v.wrong("flow samples: %+v", st)
	}
	next := v.lookAtFlows(cfg.Dir)
	v.page.settle(ofJournal, next)
	w := x.NewWriter()
	v.runs(s.Run)
	i, f := int(next), &decoder.Flow{Arrival: &decoder.Arrival{}}
	rows := uint64(0)
	v.work = append(v.work, func() {
		n := 1 + i%997
		v.begin(ofJournal, uint64(i+n))
		for range n {
			flowSample(f, i)
			w.Add(f)
			i++
		}
		w.Flush()
		for rows += uint64(n); ; time.Sleep(20 * time.Microsecond) {
			st := s.Stats()
			if st.Lost+st.Thinned > 0 {
				v.wrong("flow samples: %+v", st)
			}
			if st.Rows == rows {
				break
			}
		}
		v.page.end(ofJournal, uint64(i))
		for time.Sleep(time.Millisecond); v.newestJournal(cfg.Dir) > enoughJournal; time.Sleep(time.Millisecond) {
		}
	})
}

const (
	journals = "*.journal"
	// enoughJournal is how many octets of samples are written while the segment of
	// those before is being made, however long that takes: a journal with 26,214 takes
	// no more, since its segment may have a quarter of the limit. One is six octets.
	enoughJournal = 6 * 20_000
)

// newestJournal returns how many octets the journal has that was begun last.
func (v *victim) newestJournal(dir string) int64 {
	all, err := filepath.Glob(filepath.Join(dir, journals))
	if v.must(err); len(all) == 0 {
		return 0
	}
	info, err := os.Stat(slices.Max(all))
	if err != nil {
		return 0 // it is a segment
	}
	return info.Size()
}

// lookAtFlows returns the number of the next sample. Those that are there follow each
// other, each once, up to those that were written; and each hour of the rollups has
// just as many as an hour has.
func (v *victim) lookAtFlows(dir string) uint64 {
	q := flows.Query{From: killDay, To: killDay.Add(10_000 * time.Hour), Add: true, Samples: true}
	r, err := flows.Scan(context.Background(), dir, q)
	v.must(err)
	done, under := v.page.done(ofJournal), v.page.under(ofJournal)
	if r.Total.Samples == 0 {
		if done > firstRow || r.Broken != "" {
			v.wrong("flow samples: none are there of %d, %s", done, r.Broken)
		}
		return firstRow
	}
	first, last := uint64(r.Total.First.Sub(killDay)/rowStep), uint64(r.Total.Last.Sub(killDay)/rowStep)
	if r.Broken != "" || r.Total.Samples != last-first+1 || last+1 < done || last+1 > max(done, under) {
		v.wrong("flow samples: %d are there, from number %d to %d; %d were written, up to %d were under way; %s", r.Total.Samples, first, last, done, under, r.Broken)
	}
	q.Samples, q.Step, q.By = false, time.Hour, nil
	r, err = flows.Scan(context.Background(), dir, q)
	v.must(err)
	sum := uint64(0)
	for _, h := range r.Rows {
		if h.Step == 0 {
			continue
		}
		sum += h.Samples
		if want := min(hourRows, last+1-uint64(h.Step)*hourRows); h.Samples != want {
			v.wrong("rollups: hour %d has %d flow samples, want %d", h.Step, h.Samples, want)
		}
	}
	if want := last + 1 - min(hourRows, last+1); sum != want {
		v.wrong("rollups: %d flow samples, want %d", sum, want)
	}
	return last + 1
}

func seriesConfig(dir string) series.Config {
	return series.Config{Dir: dir, MaxBytes: 16 << 20, MaxAge: 3650 * 24 * time.Hour, Compact: 20 * time.Millisecond, Log: zerolog.Nop()}
}

// addPort adds a point of an interface.
func addPort(b *points.Batch, at time.Time, agent string, index int, in float64) {
	for _, c := range points.Classes() {
		if c.Name != "if_counters" {
			continue
		}
		p, values := b.Add(c, at.UnixNano())
		copy(p.Tags[:], []string{agent, agent, fmt.Sprint(index), fmt.Sprint("tap", index)})
		for i := range c.Fields {
			switch c.Fields[i].Name {
			case "in_bits_per_second":
				values = append(values, points.Number(in))
			default:
				values = append(values, points.Value{})
			}
		}
		b.Done(values)
	}
}

const killPorts = 8

// openedSeries opens series, runs them and waits until they are read.
func (v *victim) openedSeries(cfg series.Config, runs func(func(context.Context))) *series.Store {
	s, err := series.Open(cfg)
	v.must(err)
	runs(s.Run)
	for begun := time.Now(); !s.Stats().Ready; time.Sleep(time.Millisecond) {
		if st := s.Stats(); st.Err != "" || time.Since(begun) > killPatience {
			v.wrong("series: %+v", st)
		}
	}
	return s
}

// openSeries looks at the time series, and has a point of each written, and blocks
// made of them.
func (v *victim) openSeries() {
	cfg := seriesConfig(filepath.Join(v.disk, "series"))
	cfg.Step = func(at string) {
		switch p := v; at {
		case "compact":
			p.begin(ofBlocks, p.done(ofBlocks)+1)
		case "compacted":
			p.end(ofBlocks, p.done(ofBlocks)+1)
		}
	}
	s := v.openedSeries(cfg, v.runs)
	v.found(ofSamples, v.lookAtSeries(s, killPorts))
	var b points.Batch
	v.work = append(v.work, func() {
		v.next(ofSamples, func(n uint64) {
			for p := range killPorts {
				addPort(&b, killDay.Add(time.Duration(n)*pointStep), "192.0.2.1", p, float64(n))
			}
			s.Write(&b)
			b.Reset()
			if st := s.Stats(); st.Err != "" || st.Lost+st.Late+st.Thinned+st.Refused > 0 {
				v.wrong("series: %+v", st)
			}
		})
		time.Sleep(200 * time.Microsecond)
	})
}

// lookAtSeries returns the number of the last point of each series, of which there are
// so many. Points follow each other without a gap, with the values that they had.
func (v *victim) lookAtSeries(s *series.Store, want int) (last uint64) {
	q, err := s.Querier(math.MinInt64, math.MaxInt64)
	v.must(err)
	defer q.Close()
	set := q.Select(context.Background(), false, nil, labels.MustNewMatcher(labels.MatchEqual, "__name__", "weir_interface_in_bits_per_second"))
	found := 0
	for set.Next() {
		n, began := uint64(0), false
		for it := set.At().Iterator(nil); it.Next() != 0; {
			ms, x := it.At()
			i := uint64(time.UnixMilli(ms).Sub(killDay) / pointStep)
			if began && i != n+1 || uint64(x) != i {
				v.wrong("series %s: point %d of value %v follows %d", set.At().Labels(), i, x, n)
			}
			n, began = i, true
		}
		if found > 0 && n != last {
			v.wrong("series %s: ends with point %d, others with %d", set.At().Labels(), n, last)
		}
		last = n
		found++
	}
	v.must(set.Err())
	if found != want && (found > 0 || v.page.done(ofSamples) > 0) {
		v.wrong("%d series are there, want %d", found, want)
	}
	return last
}

const killEvidence = 400 << 10 // octets of all files, so that the oldest go

// packetTo is a flow sample of an Ethernet frame.
func packetTo(at time.Time, src, dst string) *decoder.Flow {
	b := []byte{2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0, 0x45, 0, 4, 0, 0, 1, 0, 0, 64, 6, 0, 0}
	s, d := netip.MustParseAddr(src).As4(), netip.MustParseAddr(dst).As4()
	b = append(append(append(b, s[:]...), d[:]...), 4, 0, 0, 80, 0, 0, 0, 1, 0, 0, 0, 2, 0x50, 0x10, 0xff, 0xff, 0, 0, 0, 0)
	f := &decoder.Flow{Arrival: &decoder.Arrival{At: at}}
	f.HeaderBytes, f.HeaderProtocol, f.FrameLength = b, packet.ProtocolEthernet, 1038
	f.Header.Decode(packet.ProtocolEthernet, b)
	f.Est.Vantage.Agent, f.Est.SamplingRate = 1, 1000
	return f
}

// headersIn counts the packets of a capture file, which must be whole.
func (v *victim) headersIn(dir, id string) (n int) {
	b, err := evidence.Read(dir, id)
	v.must(err)
	for len(b) > 0 {
		if len(b) < 12 {
			v.wrong("evidence %s is cut", id)
		}
		size := binary.LittleEndian.Uint32(b[4:])
		if size < 12 || uint64(size) > uint64(len(b)) || binary.LittleEndian.Uint32(b[size-4:]) != size {
			v.wrong("evidence %s is not whole", id)
		}
		if binary.LittleEndian.Uint32(b) == 6 {
			n++
		}
		b = b[size:]
	}
	return n
}

// openEvidence looks at the evidence, and has headers of one alert after the other
// kept, the oldest files deleted at the limit.
func (v *victim) openEvidence() {
	dir := v.path("evidence")
	ring := record.NewRing(false)
	k, err := evidence.Open(evidence.Config{Dir: dir, MaxBytes: killEvidence, MaxAge: time.Hour, Agent: oneAgent{}.Agent, Rings: []*record.Ring{ring}})
	v.must(err)
	const headers = 400
	all, err := evidence.List(dir)
	v.must(err)
	sum, last := int64(0), uint64(0)
	for _, f := range all {
		var n uint64
		_, err := fmt.Sscanf(f.ID, "e-%d", &n)
		v.must(err)
		sum, last = sum+f.Size, max(last, n)
		if n := v.headersIn(dir, f.ID); n != headers {
			v.wrong("evidence %s has %d headers", f.ID, n)
		}
	}
	if sum > killEvidence {
		v.wrong("evidence has %d octets, %d are the limit", sum, killEvidence)
	}
	v.found(ofEvidence, last)
	for j := range headers {
		ring.Add(packetTo(killDay.Add(time.Duration(j)), "10.0.0.1", "10.0.0.2"))
	}
	ring.Flush()
	begun := last
	v.work = append(v.work, func() {
		if v.page.done(ofEvidence) > begun+200 {
			forever() // as many as may wait for more headers
		}
		v.next(ofEvidence, func(n uint64) {
			k.Put(&detect.Alert{ID: fmt.Sprintf("e-%d", n), Change: detect.Start, Kind: "large_flow", Subject: saidJSON(`{"victim":"10.0.0.2/32"}`), Evidence: saidJSON("it was so")})
			k.Gather(time.Now())
			if st := k.Stats(); st.Err != "" || st.Refused > 0 {
				v.wrong("evidence: %+v", st)
			}
		})
	})
}

// openBackups looks at the copies of the state: one that has a state file has a whole
// one.
func (v *victim) openBackups() {
	dir := v.path("backups")
	v.must(os.MkdirAll(dir, 0o700))
	entries, err := os.ReadDir(dir)
	v.must(err)
	last := uint64(0)
	for _, e := range entries {
		var n uint64
		_, err := fmt.Sscan(e.Name(), &n)
		v.must(err)
		to := filepath.Join(dir, e.Name())
		if _, err := os.Stat(filepath.Join(to, stateFile)); err != nil {
			v.must(os.RemoveAll(to))
			continue
		}
		v.wholeDatabase(filepath.Join(to, stateFile))
		v.wholeChain(to)
		last = max(last, n)
	}
	if done := v.page.done(ofBackup); last < done || last > done+1 {
		v.wrong("backup: number %d is there, %d was done", last, done)
	}
	v.page.settle(ofBackup, last)
	v.work = append(v.work, func() {
		v.next(ofBackup, func(n uint64) {
			to := filepath.Join(dir, fmt.Sprint(n))
			v.must(os.Mkdir(to, 0o700))
			_, err := Backup(context.Background(), v.path("state"), to)
			v.must(err)
		})
		v.must(os.RemoveAll(filepath.Join(dir, fmt.Sprint(v.page.done(ofBackup)-1))))
	})
}

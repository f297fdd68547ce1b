package collector

import (
	"os"
	"runtime"
	"slices"
	"sync"
	"syscall"
	"time"

	"weir/collector/series"
	"weir/collector/web"
	"weir/detect"
)

// pointWriter takes points as time series. It keeps nothing of the batch.
type pointWriter interface{ Write(*series.Batch) }

// points is the one place where time series are made: it takes what the shards
// have gathered, asks for what is a state, and hands both to all writers. All
// methods may be called on nil, which does nothing.
type points struct {
	app      *app
	writers  []pointWriter
	interval time.Duration // of states and sums
	limit    int           // of changes
	gathers  []*series.Gather
	batch    series.Batch
	tops     series.Tops
	alerts   series.Alerts
	host     string // tag collector
	stop     chan struct{}
	ended    sync.Once
	done     sync.WaitGroup

	mu      sync.Mutex // guards what follows
	changes []detect.Alert
	dropped uint64 // changes for which there was no room
}

// newPoints returns what makes points for the writers, nil where there are none.
func newPoints(a *app, writers ...pointWriter) *points {
	if len(writers) == 0 {
		return nil
	}
	o := &points{app: a, writers: writers, interval: a.cfg.Influx.Interval, limit: a.cfg.Limits.SinkQueue, stop: make(chan struct{})}
	if o.host, _ = os.Hostname(); o.host == "" {
		o.host = "unknown"
	}
	for _, s := range a.shards {
		g := series.NewGather(series.Config{Interval: o.interval}, s.Registry(), a.shared)
		s.Gather(g)
		o.gathers = append(o.gathers, g)
	}
	return o
}

// start begins. The writers must take points by then.
func (o *points) start() {
	if o != nil {
		o.done.Go(o.run)
	}
}

// close hands on what there is and ends; the writers are closed after it. It
// may be called twice.
func (o *points) close() {
	if o == nil {
		return
	}
	o.ended.Do(func() { close(o.stop) })
	o.done.Wait()
}

// skipped returns how many points and changes found no room before the writers.
func (o *points) skipped() uint64 {
	if o == nil {
		return 0
	}
	o.mu.Lock()
	n := o.dropped
	o.mu.Unlock()
	for _, g := range o.gathers {
		n += g.Dropped()
	}
	return n
}

// write hands a batch to all writers.
func (o *points) write(b *series.Batch) {
	for _, w := range o.writers {
		w.Write(b)
	}
}

// alert takes a change of an alert, and never waits.
func (o *points) alert(al *detect.Alert) {
	if o == nil {
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.changes) >= o.limit {
		o.dropped++
		return
	}
	o.changes = append(o.changes, *al)
}

func (o *points) run() {
	t := time.NewTicker(tick)
	defer t.Stop()
	next := time.Now().Add(o.interval)
	for {
		select {
		case <-o.stop:
			o.collect()
			return
		case now := <-t.C:
			o.collect()
			if !now.Before(next) {
				for !now.Before(next) {
					next = next.Add(o.interval)
				}
				o.state(now)
			}
		}
	}
}

// collect writes what has come since the last time.
func (o *points) collect() {
	for _, g := range o.gathers {
		if b := g.Take(); b != nil {
			o.write(b)
			g.Give(b)
		}
	}
	o.mu.Lock()
	changes := o.changes
	o.changes = nil
	o.mu.Unlock()
	for i := range changes {
		o.alerts.Change(&o.batch, &changes[i])
	}
	o.flushBatch()
}

func (o *points) flushBatch() {
	o.write(&o.batch)
	o.batch.Reset()
}

// state writes what is a state, as of now.
func (o *points) state(now time.Time) {
	a := o.app
	series.AddAgents(&o.batch, a.shared.Agents(), now)
	window := detect.TopWindows[len(detect.TopWindows)-1]
	for _, w := range slices.Backward(detect.TopWindows[:]) {
		if w >= o.interval {
			window = w
		}
	}
	for i, d := range a.engine.TopDefinitions() {
		if top, ok := a.engine.Top(i, series.Slots, window); ok && !time.Time(top.To).IsZero() {
			o.tops.Add(&o.batch, d.String(), &top, now)
		}
	}
	o.alerts.State(&o.batch, now)
	s := a.Status()
	o.own(&s, now)
	o.flushBatch()
}

// own adds the collector's own figures.
func (o *points) own(s *web.Status, now time.Time) {
	at, b := now.UnixNano(), &o.batch
	p, v := b.Add(series.Weir, at)
	p.Tags[0] = o.host
	sum := func(all []web.Count) (n uint64) {
		for i := range all {
			n += all[i].Count
		}
		return n
	}
	named := func(names ...string) (n uint64) {
		for i := range s.Samples {
			if slices.Contains(names, s.Samples[i].Key) {
				n += s.Samples[i].Count
			}
		}
		return n
	}
	interfaces := 0
	for i := range s.Bounds {
		if s.Bounds[i].Name == "interfaces" {
			interfaces = s.Bounds[i].Used
		}
	}
	memory, cpu := usage()
	dropped := uint64(0)
	for _, g := range o.gathers {
		dropped += g.Dropped()
	}
	b.Done(append(v, series.Whole(s.Datagrams), series.Whole(s.Octets), series.Number(s.DatagramsPerSecond),
		series.Whole(named("0:1", "0:3")), series.Whole(named("0:2", "0:4")), series.Whole(named("0:5")),
		series.Whole(sum(s.Errors)), series.Whole(s.SocketDropped), series.Whole(s.Truncated),
		series.Whole(s.LostDatagrams), series.Whole(s.LostSamples), series.Whole(sum(s.Refused)), series.Whole(sum(s.SkippedRecords)),
		series.Number(s.LossPercent), series.Number(s.DecodeSeconds), series.Whole(uint64(s.Agents)), series.Whole(uint64(interfaces)),
		series.Whole(sum(s.AlertsOpen)), memory, cpu, series.Whole(uint64(runtime.NumGoroutine())),
		series.Number(now.Sub(s.Started).Seconds()), series.Yes(s.Ready()), series.Whole(dropped)))
	for i := range s.Sinks {
		k := &s.Sinks[i]
		p, v := b.Add(series.WeirSink, at)
		p.Tags[0], p.Tags[1] = o.host, k.Name
		b.Done(append(v, series.Whole(uint64(k.Queued)), series.Whole(uint64(k.Limit)), series.Whole(k.Sent), series.Whole(k.Failed), series.Whole(k.Dropped)))
	}
	if s.Influx != nil {
		o.ownSink(s.Influx, at)
	}
	for i := range s.Bounds {
		k := &s.Bounds[i]
		p, v := b.Add(series.WeirBound, at)
		p.Tags[0], p.Tags[1] = o.host, k.Name
		b.Done(append(v, series.Whole(uint64(k.Used)), series.Whole(uint64(k.Limit)), series.Whole(k.Refused)))
	}
	for i := range s.SkippedRecords {
		k := &s.SkippedRecords[i]
		p, v := b.Add(series.WeirSkipped, at)
		p.Tags[0], p.Tags[1], p.Tags[2] = o.host, k.Key, k.Name
		b.Done(append(v, series.Whole(k.Count)))
	}
}

// ownSink adds what has become of the points.
func (o *points) ownSink(s *web.InfluxStatus, at int64) {
	p, v := o.batch.Add(series.WeirSink, at)
	p.Tags[0], p.Tags[1] = o.host, "influx"
	o.batch.Done(append(v, series.Whole(uint64(s.MemoryPoints)+uint64(s.SpoolPoints)), series.Value{}, series.Whole(s.Sent), series.Value{},
		series.Whole(s.Dropped+s.Gap+s.Skipped), series.Whole(s.Rejected), series.Whole(s.Refused), series.Whole(s.Retries),
		series.Whole(uint64(s.MemoryOctets)), series.Whole(uint64(s.SpoolOctets)), series.Whole(uint64(s.SpoolPoints)),
		series.Whole(uint64(s.Series)), series.Number(s.OldestSeconds), series.Yes(s.Failing == "")))
}

// usage returns the memory and the processor time of this process; unknown
// where the kernel does not tell.
func usage() (memory, cpu series.Value) {
	var ru syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &ru) == nil {
		cpu = series.Number(float64(ru.Utime.Nano()+ru.Stime.Nano()) / 1e9)
	}
	return residentMemory(), cpu
}

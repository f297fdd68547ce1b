package collector

import (
	"context"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"weir/collector/config"
	"weir/collector/series"
	"weir/collector/sink/influx"
	"weir/collector/web"
	"weir/detect"
)

// influxOut writes time series: it takes what the shards have gathered, asks
// for what is a state, and hands both to the sink.
type influxOut struct {
	app     *app
	cfg     config.Influx
	limit   int // of changes
	sink    *influx.Sink
	gathers []*series.Gather
	batch   series.Batch
	tops    series.Tops
	alerts  series.Alerts
	host    string // tag collector
	stop    chan struct{}
	ended   sync.Once
	done    sync.WaitGroup

	mu      sync.Mutex // guards what follows
	changes []detect.Alert
	dropped uint64 // changes for which there was no room
}

// newInflux returns what writes time series, nil where nothing is configured.
func newInflux(a *app) (*influxOut, error) {
	cfg := a.cfg.Influx
	if cfg.URL == "" {
		return nil, nil
	}
	o := &influxOut{app: a, cfg: cfg, limit: a.cfg.Limits.SinkQueue, stop: make(chan struct{})}
	if o.host, _ = os.Hostname(); o.host == "" {
		o.host = "unknown"
	}
	for _, s := range a.shards {
		g := series.NewGather(series.Config{Interval: cfg.Interval}, s.Registry(), a.shared)
		s.Gather(g)
		o.gathers = append(o.gathers, g)
	}
	o.sink = influx.New(influx.Config{
		URL: cfg.URL, Token: cfg.Token.Reveal(), Org: cfg.Org, Bucket: cfg.Bucket, Site: a.cfg.Site,
		Series: cfg.Series, Retention: cfg.Retention, Log: a.log,
		Dir: filepath.Join(a.cfg.StateDir, "influx"), Spool: int64(cfg.Spool),
	})
	return o, nil
}

// start begins writing. All methods may be called on nil, which does nothing.
func (o *influxOut) start() {
	if o != nil {
		o.done.Go(o.run)
	}
}

// close writes what there is and ends. It may be called twice.
func (o *influxOut) close() {
	if o == nil {
		return
	}
	o.ended.Do(func() { close(o.stop) })
	o.done.Wait()
	ctx, cancel := context.WithTimeout(context.Background(), drainTime)
	defer cancel()
	if err := o.sink.Close(ctx); err != nil {
		o.app.log.Error().Err(err).Msg("time series are incomplete")
	}
}

// addTo adds the sink to the status.
func (o *influxOut) addTo(s *web.Status) {
	if o == nil {
		return
	}
	st := o.sink.Stats()
	c := web.Component{Name: "influx", Ready: st.Failing == "" || st.SpoolError == "", Detail: st.Failing}
	if st.SpoolError != "" {
		c.Detail = strings.TrimPrefix(c.Detail+"; the spool cannot be used: "+st.SpoolError, "; ")
	}
	s.Components = append(s.Components, c)
	o.mu.Lock()
	skipped := o.dropped
	o.mu.Unlock()
	for _, g := range o.gathers {
		skipped += g.Dropped()
	}
	s.Influx = &web.InfluxStatus{
		URL: o.cfg.URL, Failing: st.Failing, NoSpool: st.SpoolError,
		Accepted: st.Accepted, Sent: st.Sent, Rejected: st.Rejected, Refused: st.Refused, Dropped: st.Dropped, Gap: st.Gap,
		Skipped: skipped, Corrupt: st.Spool.CorruptBytes, Retries: st.Retries,
		MemoryPoints: st.MemoryPoints, MemoryOctets: st.MemoryBytes, SpoolPoints: st.Spool.Points, SpoolOctets: st.Spool.Bytes,
		OldestSeconds: st.SpoolOldest.Seconds(), Series: st.Series,
	}
	s.Bounds = append(s.Bounds,
		web.Bound{Name: "influx_spool_bytes", Used: int(st.Spool.Bytes), Limit: int(o.cfg.Spool), Refused: st.Dropped},
		web.Bound{Name: "influx_series", Used: st.Series, Limit: o.cfg.Series, Refused: st.Refused})
}

// alert takes a change of an alert, and never waits.
func (o *influxOut) alert(al *detect.Alert) {
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

func (o *influxOut) run() {
	t := time.NewTicker(tick)
	defer t.Stop()
	next := time.Now().Add(o.cfg.Interval)
	for {
		select {
		case <-o.stop:
			o.collect()
			return
		case now := <-t.C:
			o.collect()
			if !now.Before(next) {
				for !now.Before(next) {
					next = next.Add(o.cfg.Interval)
				}
				o.state(now)
			}
		}
	}
}

// collect writes what has come since the last time.
func (o *influxOut) collect() {
	for _, g := range o.gathers {
		if b := g.Take(); b != nil {
			o.sink.Write(b)
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

func (o *influxOut) flushBatch() {
	o.sink.Write(&o.batch)
	o.batch.Reset()
}

// state writes what is a state, as of now.
func (o *influxOut) state(now time.Time) {
	a := o.app
	series.AddAgents(&o.batch, a.shared.Agents(), now)
	window := detect.TopWindows[len(detect.TopWindows)-1]
	for _, w := range slices.Backward(detect.TopWindows[:]) {
		if w >= o.cfg.Interval {
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
func (o *influxOut) own(s *web.Status, now time.Time) {
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
	o.ownSink(s.Influx, at)
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
func (o *influxOut) ownSink(s *web.InfluxStatus, at int64) {
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

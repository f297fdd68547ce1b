package collector

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"time"

	"weir/collector/agents"
	"weir/collector/config"
	"weir/collector/shard"
	"weir/collector/sink/logline"
	"weir/collector/udp/capture"
	"weir/decoder"
	"weir/detect"
	"weir/detect/site"
)

// A capture's clock is its own. A step beyond these starts a new epoch: what
// was learned of time is void, and open alerts end with reason "clock".
const (
	maxForward  = 60 * time.Second
	maxBackward = time.Second
)

// replaySeed keys the hashes of a replay, so that it is the same every time.
const replaySeed = 1

// replay is the pipeline of one shard on the clock of captures.
type replay struct {
	shared *agents.Shared
	shard  *shard.Shard
	detect *detect.Shard
	engine *detect.Engine
	site   *siteWatch
	emit   func(*detect.Alert)

	started  bool
	now      time.Time // of the data; never goes backwards within an epoch
	next     time.Time // of the next tick
	last     time.Time // of the last hand-over
	epochs   int
	alerts   int
	failed   error // of writing alerts
	progress progress
	noise    noise
}

// Replay reads capture files through the whole pipeline, on their own clock.
// The same files give the same alerts, byte for byte.
func Replay(ctx context.Context, cfg config.Config, files []string, io IO) error {
	r := newReplay(cfg, io)
	if err := labelsFromFiles(&cfg, r.shared); err != nil {
		return err
	}
	lines := logline.New(io.Alerts, io.AlertsJSON)
	severity := cfg.Severity.Table()
	r.emit = func(a *detect.Alert) {
		severity.Apply(a)
		r.alerts++
		if err := lines.Send(ctx, []detect.Alert{*a}); err != nil && r.failed == nil {
			r.failed = fmt.Errorf("alerts could not be written: %w", err)
		}
	}
	return r.run(ctx, files, io)
}

// newReplay returns a replay that only lacks emit.
func newReplay(cfg config.Config, io IO) *replay {
	shared := agents.NewShared(agentsConfig(cfg))
	dc := detectConfig(cfg, 1)
	dc.Top.Off = true // nobody asks a replay
	d := detect.NewShard(dc, replaySeed)
	sh := shard.New(agents.NewRegistry(shared), d)
	r := &replay{
		shared: shared, detect: d,
		shard:    sh,
		site:     newSiteWatch(site.Config{Watched: cfg.WatchedProjects}, agentKeys(&cfg), []*shard.Shard{sh}),
		engine:   detect.NewEngine(dc, []*detect.Shard{d}, shared),
		progress: progress{w: io.Progress},
	}
	r.site.placed, r.site.named = r.engine.Instances(), shared
	return r
}

func (r *replay) run(ctx context.Context, files []string, io IO) error {
	begin := time.Now()
	for _, f := range files {
		if err := r.file(ctx, f, io); err != nil {
			r.progress.clear()
			return err
		}
	}
	if r.started {
		r.hand()
		r.engine.Close(r.now, r.emit, detect.ReasonEndOfData)
		r.site.site.Close(r.now, r.emit, detect.ReasonEndOfData)
	}
	r.progress.clear()
	r.summary(io, time.Since(begin))
	return r.failed
}

func (r *replay) file(ctx context.Context, name string, out IO) error {
	f, err := capture.Open(name, capture.Options{AnyPort: out.AnyPort})
	if err != nil {
		return err
	}
	defer f.Close()
	for n := 0; ; n++ {
		if n%256 == 0 {
			if err := ctx.Err(); err != nil {
				r.progress.clear()
				return fmt.Errorf("replay of %s was stopped", name)
			}
			r.progress.show(filepath.Base(name), f.BytesRead(), f.Size())
		}
		g, err := f.Next()
		switch {
		case errors.Is(err, io.EOF):
			if s := f.Stats(); s.Datagrams == 0 {
				r.progress.clear()
				out.Log.Warn().Str("file", name).Uint64("packets", s.Packets).Uint64("to_other_udp_ports", s.OtherPort).
					Msgf("no datagram to UDP port %d in this capture; --any-port reads those to other ports", capture.DefaultPort)
			}
			return nil
		case errors.Is(err, capture.ErrCut):
			r.progress.clear()
			out.Log.Warn().Str("file", name).Int("datagrams", n).Msg("the capture is cut in the middle; it was read up to there")
			return nil
		case err != nil:
			return err
		}
		r.datagram(&g)
		for _, b := range r.shard.TakeBad() {
			r.progress.clear()
			log := out.Log.With().Str("file", filepath.Base(name)).Int("datagram", n+1).Logger()
			r.noise.log(&log, r.now, &b)
		}
		if r.failed != nil {
			return r.failed
		}
	}
}

func (r *replay) datagram(g *capture.Datagram) {
	r.advance(g.At)
	r.shard.Datagram(g.Payload, g.From, g.At)
	if r.shard.Urgent() && r.now.Sub(r.last) >= coalesce {
		r.hand()
	}
}

// advance moves the clock to at, with all ticks between.
func (r *replay) advance(at time.Time) {
	switch {
	case !r.started:
		r.started = true
		r.begin(at)
	case at.Sub(r.now) > maxForward || r.now.Sub(at) > maxBackward:
		r.hand()
		r.engine.Epoch(r.now, r.emit)
		r.site.epoch(r.now, r.emit)
		r.detect.Reset()
		r.shard.Epoch(at)
		r.noise.epoch()
		r.epochs++
		r.begin(at)
	case at.After(r.now):
		for !r.next.After(at) {
			r.now = r.next
			r.hand()
			r.next = r.next.Add(tick)
		}
		r.now = at
	}
}

func (r *replay) begin(at time.Time) {
	r.now, r.last = at, time.Time{}
	r.next = at.Truncate(tick).Add(tick)
}

// hand lets the engine see what the shard has gathered.
func (r *replay) hand() {
	r.last = r.now
	r.shard.Tick(r.now, 0)
	r.engine.Tick(r.now, r.emit)
	r.site.step(r.now, r.emit)
}

func (r *replay) summary(out IO, took time.Duration) {
	var s shard.Snapshot
	r.shard.Tick(r.now, 0)
	r.shard.Snapshot(&s)
	var samples, bad uint64
	for _, n := range s.Decoder.Samples {
		samples += n
	}
	for _, n := range s.Decoder.SampleErrors {
		bad += n
	}
	var unread uint64
	for _, n := range s.Decoder.DatagramErrors {
		unread += n
	}
	out.Log.Info().Uint64("datagrams", s.Decoder.Datagrams).Uint64("unreadable_datagrams", unread).
		Uint64("flow_samples", s.Decoder.Samples[decoder.KindFlow]+s.Decoder.Samples[decoder.KindFlowExpanded]).
		Uint64("samples", samples).Uint64("bad_samples", bad).Int("agents", len(r.shared.Agents())).
		Int("clock_jumps", r.epochs).Int("alert_changes", r.alerts).
		Str("took", took.Round(time.Millisecond).String()).Msg("replayed")
}

// progress is one line that is written over, for a person at a terminal.
type progress struct {
	w     io.Writer
	last  time.Time
	shown bool
}

func (p *progress) show(name string, done, size int64) {
	if p.w == nil || time.Since(p.last) < 200*time.Millisecond {
		return
	}
	p.last, p.shown = time.Now(), true
	if size > 0 {
		fmt.Fprintf(p.w, "\r\033[K%s: %d%% of %.1f MB", name, 100*done/size, float64(size)/1e6)
	} else {
		fmt.Fprintf(p.w, "\r\033[K%s: %.1f MB", name, float64(done)/1e6)
	}
}

func (p *progress) clear() {
	if p.shown {
		fmt.Fprint(p.w, "\r\033[K")
		p.shown = false
	}
}

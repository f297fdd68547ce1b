package collector

import (
	"cmp"
	"context"
	"fmt"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"

	"weir/collector/agents"
	flowrecord "weir/collector/record"
	"weir/collector/store"
	"weir/collector/store/flows"
	"weir/collector/web"
)

// blocksPerShard is how many blocks of records a shard may fill while the disk
// is slow: at 100,000 samples a second a third of a second.
const blocksPerShard = 8

// history keeps flow samples on disk. All methods may be called on nil, which
// does nothing.
type history struct {
	flows   *flows.Store
	writers int
	background
}

// holdHistory keeps other collectors out of the directory of history.
func (a *app) holdHistory() (err error) {
	if !a.cfg.History.Off {
		if a.held, err = store.OpenHistory(a.cfg.HistoryDir()); err == nil {
			a.linkHistory()
		}
	}
	return err
}

// quickJournals is how many octets of journals become segments before anything is
// received: some tenths of a second's work.
const quickJournals = 8 << 20

// newHistory returns what keeps history, nil where it is off.
func newHistory(a *app) (*history, error) {
	if a.cfg.History.Off {
		return nil, nil
	}
	x := flowrecord.NewExchange(blocksPerShard * len(a.shards))
	h := a.cfg.HistoryBounds()
	s, err := flows.Open(flows.Config{
		Dir: a.cfg.FlowsDir(), MaxBytes: int64(h.Flows), MaxAge: h.FlowsAge, Names: flowNames{a.shared},
		Rollups: int64(h.Rollups), RollupsAge: h.RollupsAge, Quick: quickJournals,
		Damaged: func(path string, why error) {
			a.log.Error().Err(why).Str("file", path).Msg("a file of the flow history is damaged and was set aside: answers lack what it has; put a copy back under its name without .bad, or delete it, and look at the disk")
		},
	}, x)
	if err != nil {
		return nil, err
	}
	for _, sh := range a.shards {
		sh.Record(x.NewWriter())
	}
	return &history{flows: s, writers: len(a.shards)}, nil
}

func (h *history) start() {
	if h != nil {
		h.run(h.flows.Run)
	}
}

// close keeps what is there and ends.
func (h *history) close() {
	if h != nil {
		h.end()
	}
}

// addTo adds the history to the status.
func (h *history) addTo(s *web.Status) {
	if h == nil {
		return
	}
	st := h.flows.Stats()
	detail := st.Err
	if st.Bad > 0 {
		detail = strings.TrimPrefix(fmt.Sprintf("%s; %d damaged files are set aside (%s/*.bad): put copies back without .bad, or delete them", detail, st.Bad, h.flows.Dir()), "; ")
	}
	s.Components = append(s.Components, web.Component{Name: "history", Ready: true, Detail: detail})
	s.DamagedFiles = append(s.DamagedFiles, web.Count{Key: "flows", Count: st.Broken})
	s.Bounds = append(s.Bounds, web.Bound{Name: "history_flow_bytes", Used: int(st.Bytes), Limit: int(st.MaxBytes), Refused: st.Lost},
		web.Bound{Name: "history_rollup_bytes", Used: int(st.Rollups), Limit: int(st.MaxRollups)},
		web.Bound{Name: "history_samples_a_second", Limit: h.writers * flowrecord.Samples, Refused: st.Thinned})
}

// flowNames tells what numbers in a record stand for.
type flowNames struct{ *agents.Shared }

// Agent implements flows.Names.
func (n flowNames) Agent(number uint32) netip.Addr {
	a, _ := n.Shared.Agent(number)
	return a
}

func (n flowNames) Domain(domain uint32) string {
	if domain == 0 {
		return ""
	}
	return n.Shared.Domain(domain)
}

// maxAnswer bounds how many rows the page is told.
const maxAnswer = 1000

// Flows implements web.PageSource.
func (a *app) Flows(ctx context.Context, v url.Values) (any, error) {
	if a.history == nil {
		return nil, errHistoryOff
	}
	ask := flows.Ask{
		From: cmp.Or(v.Get("from"), "-15m"), To: cmp.Or(v.Get("to"), "now"), Filter: v.Get("filter"), By: v.Get("by"), Order: v.Get("order"), Top: 20, Add: v.Get("add") == "true", Samples: v.Get("samples") == "true",
	}
	ask.Instances = func() ([]flows.Instance, error) { return a.instances(ctx) }
	var err error
	if t := v.Get("top"); t != "" {
		if ask.Top, err = strconv.Atoi(t); err != nil || ask.Top < 1 || ask.Top > maxAnswer {
			return nil, asked(fmt.Errorf("top %q: write a number from 1 to %d", t, maxAnswer))
		}
	}
	if t := v.Get("step"); t != "" {
		if ask.Step, err = time.ParseDuration(t); err != nil {
			return nil, asked(fmt.Errorf("step %q: write a length of time such as 1m", t))
		}
	}
	q, err := ask.Query(time.Now())
	if err != nil {
		return nil, askError(err)
	}
	r, err := a.history.flows.Scan(ctx, q)
	if err != nil {
		return nil, err
	}
	if r.Total.Key == nil { // null says unknown
		r.Total.Key = []string{}
	}
	return r, nil
}

package collector

import (
	"encoding/json"
	"hash/fnv"
	"maps"
	"time"

	"weir/collector/store"
	"weir/collector/web"
	"weir/detect/site"
)

// What the site has, and how it is heard, is kept over a restart in the state file,
// a row for each node. A row is written when what the node has changes; how it is
// heard changes all the time, and is written now and then.

const (
	// modelRound is in what time the site's goroutine hands out each node once.
	modelRound = time.Minute
	// modelAge is how long what is known of a node that is not heard is kept.
	modelAge = 7 * 24 * time.Hour
	// learnedFirst and learnedLast are how old what is known of how a node is heard
	// may be in the file, at first and in the end.
	learnedFirst = time.Minute
	learnedLast  = 15 * time.Minute
)

// siteModel is what is on its way to the file. siteWatch.mu guards pending and
// last; the rest belongs to who saves.
type siteModel struct {
	pending map[string]site.KeptNode
	last    bool // of this process

	taken   time.Time // of the site's goroutine
	written map[string]writtenNode
	refused uint64
}

// writtenNode is what the file has of a node.
type writtenNode struct {
	sum  uint64 // of its parts
	at   time.Time
	next time.Duration // until it is written though its parts are the same
}

// hand takes some nodes of the site, all of them in a round. It belongs to the site's
// goroutine.
func (w *siteWatch) hand(now time.Time) {
	d := now.Sub(w.kept.taken)
	if d < time.Second && d >= 0 {
		return
	}
	w.kept.taken = now
	w.handed(w.site.Kept(1+int(float64(w.site.Nodes())*min(d.Seconds(), modelRound.Seconds())/modelRound.Seconds())), false)
}

// handAll takes all nodes, at the end.
func (w *siteWatch) handAll() { w.handed(w.site.Kept(w.site.Nodes()), true) }

func (w *siteWatch) handed(all []site.KeptNode, last bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.kept.pending == nil {
		w.kept.pending = map[string]site.KeptNode{}
	}
	for _, k := range all {
		w.kept.pending[k.Key] = k
	}
	w.kept.last = last
}

// saveNodes writes what was taken of nodes.
func (a *app) saveNodes(now time.Time) error {
	w := a.site
	w.mu.Lock()
	pending, last := w.kept.pending, w.kept.last
	w.kept.pending = nil
	w.mu.Unlock()
	if w.kept.written == nil {
		w.kept.written = map[string]writtenNode{}
	}
	var rows []store.SiteNode
	for key, k := range pending {
		parts, err := json.Marshal(&k.Parts)
		if err != nil {
			return err
		}
		h := fnv.New64a()
		_, _ = h.Write(parts) // never fails
		was := w.kept.written[key]
		if h.Sum64() == was.sum && now.Sub(was.at) < was.next && !last {
			continue
		}
		body, err := json.Marshal(&k)
		if err != nil {
			return err
		}
		rows = append(rows, store.SiteNode{Key: key, Heard: k.Learned.Heard, Body: body})
		w.kept.written[key] = writtenNode{h.Sum64(), now, min(max(2*was.next, learnedFirst), learnedLast)}
	}
	// Of who is not heard the file has nothing before long.
	maps.DeleteFunc(w.kept.written, func(_ string, x writtenNode) bool { return now.Sub(x.at) > modelAge })
	refused, err := a.state.SaveNodes(rows, now.Add(-modelAge))
	if err != nil {
		clear(w.kept.written) // all of it again
	}
	w.mu.Lock()
	w.kept.refused += uint64(refused)
	w.mu.Unlock()
	return err
}

// loadNodes takes up what was kept of nodes.
func (a *app) loadNodes(now time.Time) error {
	var all []site.KeptNode
	broken := 0
	damaged, err := a.state.LoadNodes(func(body []byte) {
		var k site.KeptNode
		if json.Unmarshal(body, &k) != nil {
			broken++
			return
		}
		all = append(all, k)
	})
	if err != nil {
		return err
	}
	if damaged += broken; damaged > 0 {
		a.log.Warn().Int("nodes", damaged).Msg("what was saved of some nodes of the site cannot be read and is ignored")
	}
	a.site.site.Recall(all, now)
	return nil
}

// keptBound is for how many nodes there was no place in the file.
func (w *siteWatch) keptBound(st site.Stats) web.Bound {
	return web.Bound{Name: "site_kept", Used: st.Nodes, Limit: st.MaxNodes, Refused: w.kept.refused}
}

package collector

import (
	"encoding/json"
	"slices"
	"sync"
	"time"

	"weir/collector/web"
	"weir/detect"
	"weir/detect/site"
)

// endedKept is how many alerts that ended the page still shows.
const endedKept = 200

// board has the alerts for those who look: all that are open, and the last that
// ended.
type board struct {
	mu    sync.Mutex
	open  map[string]shown // by id
	ended []*web.AlertView // the oldest first
}

// shown is an alert that is open.
type shown struct {
	*web.AlertView
	most int // effects that it ever told of
}

// add takes a change, and returns how it is shown; that is never changed.
func (b *board) add(al *detect.Alert) *web.AlertView {
	v := &web.AlertView{
		ID: al.ID, Incident: al.Incident, At: al.At, Kind: string(al.Kind), State: string(al.State), Severity: string(al.Severity), Line: al.Line(),
	}
	if e, ok := al.Evidence.(*site.Evidence); ok {
		v.Affected = e.Affected
	}
	v.Alert, _ = json.Marshal(al) // the log line sink tells where that fails
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.open == nil {
		b.open = map[string]shown{}
	}
	most := v.Affected
	if was, ok := b.open[al.ID]; ok {
		v.Started, most = was.Started, max(most, was.most)
	} else {
		v.Started = al.At
	}
	if al.Change != detect.End {
		b.open[al.ID] = shown{v, most}
		return v
	}
	v.Affected = most // what it took along has come back by then
	v.Ended = &v.At
	delete(b.open, al.ID)
	if b.ended = append(b.ended, v); len(b.ended) > endedKept {
		b.ended = slices.Delete(b.ended, 0, len(b.ended)-endedKept)
	}
	return v
}

// list returns the open alerts, then those that ended, each the newest first.
func (b *board) list() []*web.AlertView {
	b.mu.Lock()
	defer b.mu.Unlock()
	all := make([]*web.AlertView, 0, len(b.open)+len(b.ended))
	for _, v := range b.open {
		all = append(all, v.AlertView)
	}
	slices.SortFunc(all, func(x, y *web.AlertView) int {
		if c := y.Started.Compare(x.Started); c != 0 {
			return c
		}
		return slices.Compare([]byte(x.ID), []byte(y.ID))
	})
	for _, v := range slices.Backward(b.ended) {
		all = append(all, v)
	}
	return all
}

// AlertList implements web.PageSource.
func (a *app) AlertList() []*web.AlertView {
	all, book, now := a.board.list(), a.alertHistory.book(), time.Now()
	for i, v := range all {
		if c := book.Of(v.ID, now); c != nil {
			cared := *v // what the board has is not changed
			cared.Care = c
			all[i] = &cared
		}
	}
	return all
}

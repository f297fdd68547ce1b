package collector

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"weir/collector/web"
	"weir/detect"
	"weir/detect/keys"
)

// Top implements web.Source.
func (a *app) Top(q web.TopQuery) ([]detect.Top, error) {
	if !a.ready.Load() {
		return nil, errStarting
	}
	all := a.engine.TopDefinitions()
	if len(all) == 0 {
		return nil, errors.New("no keys are counted: top.keys is empty in the configuration; list some and restart weir")
	}
	tops := make([]detect.Top, 0, len(all))
	for i := range all {
		if q.Key != "" && q.Key != all[i].Key() && q.Key != all[i].String() {
			continue
		}
		if t, ok := a.engine.Top(i, q.N, q.Window); ok {
			tops = append(tops, t)
		}
	}
	if len(tops) == 0 {
		return nil, fmt.Errorf("key %q: is not counted; write one of %s, or list it in top.keys", q.Key, topNames(all))
	}
	return tops, nil
}

func topNames(all []keys.Definition) string {
	var names []string
	for i := range all {
		if k := all[i].Key(); !slices.Contains(names, k) {
			names = append(names, k)
		}
	}
	return strings.Join(names, " ")
}

// addTops adds the bounds of the keys that are counted.
func (a *app) addTops(s *web.Status) {
	var sum []detect.TopStats
	for _, d := range a.detect {
		for i, st := range d.TopStats() {
			if i == len(sum) {
				sum = append(sum, detect.TopStats{})
			}
			x := &sum[i]
			x.Definition = cmp.Or(st.Definition, x.Definition)
			x.Keys, x.MaxKeys, x.Evicted = x.Keys+st.Keys, x.MaxKeys+st.MaxKeys, x.Evicted+st.Evicted
			x.Overflowed, x.Buckets = x.Overflowed+st.Overflowed, x.Buckets+st.Buckets
			x.Histories, x.MaxHistories, x.Displaced = x.Histories+st.Histories, x.MaxHistories+st.MaxHistories, x.Displaced+st.Displaced
			x.Thinned, x.Bytes = x.Thinned+st.Thinned, x.Bytes+st.Bytes
			x.Again, x.Missing, x.Late = x.Again+st.Again, x.Missing+st.Missing, x.Late+st.Late
		}
	}
	bytes := 0
	for _, st := range sum {
		if st.MaxKeys == 0 { // no sample yet
			continue
		}
		bytes += st.Bytes
		s.Bounds = append(s.Bounds,
			web.Bound{Name: "top_keys " + st.Definition, Used: st.Keys, Limit: st.MaxKeys, Refused: st.Evicted},
			web.Bound{Name: "top_overflowed_buckets " + st.Definition, Used: st.Overflowed, Limit: st.Buckets},
			web.Bound{Name: "top_histories " + st.Definition, Used: st.Histories, Limit: st.MaxHistories, Refused: st.Displaced},
		)
		s.TopLeftOut = append(s.TopLeftOut,
			web.Count{Key: st.Definition, Name: "again", Count: st.Again},
			web.Count{Key: st.Definition, Name: "missing", Count: st.Missing},
			web.Count{Key: st.Definition, Name: "late", Count: st.Late},
		)
	}
	if bytes > 0 {
		s.Bounds = append(s.Bounds, web.Bound{Name: "top_samples_a_second", Limit: len(a.detect) * detect.TopSamples, Refused: sum[0].Thinned})
		s.Bounds = append(s.Bounds, web.Bound{Name: "top_bytes", Used: bytes, Limit: bytes}) // taken at the first sample
	}
}

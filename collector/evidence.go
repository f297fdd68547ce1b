package collector

import (
	"errors"
	"io/fs"
	"net/http"
	"strconv"

	flowrecord "weir/collector/record"
	"weir/collector/store/evidence"
	"weir/collector/web"
	"weir/collector/web/access"
	"weir/collector/web/audit"
	"weir/detect"
)

// headerKeeper keeps the packet headers around alerts. All methods may be called
// on nil, which does nothing.
type headerKeeper struct {
	keeper *evidence.Keeper
	background
}

// newEvidence returns what keeps evidence, nil where history is off. The shards
// remember headers from then on.
func newEvidence(a *app) (*headerKeeper, error) {
	h := a.cfg.HistoryBounds()
	if h.Off {
		return nil, nil
	}
	cfg := evidence.Config{
		Dir: a.cfg.EvidenceDir(), MaxBytes: int64(h.Evidence), MaxAge: h.EvidenceAge, Agent: flowNames{a.shared}.Agent,
		Held: func(id string) bool {
			book := a.alertHistory.book()
			if book == nil {
				return false
			}
			_, held := book.Held(id) // an incident has the id of its first alert
			return held
		},
	}
	for _, s := range a.shards {
		r := flowrecord.NewRing(h.EvidencePayload)
		s.Remember(r)
		cfg.Rings = append(cfg.Rings, r)
	}
	k, err := evidence.Open(cfg)
	if err != nil {
		return nil, err
	}
	return &headerKeeper{keeper: k}, nil
}

// put takes a change of an alert. It never waits.
func (k *headerKeeper) put(al *detect.Alert) {
	if k != nil {
		k.keeper.Put(al)
	}
}

func (k *headerKeeper) start() {
	if k != nil {
		k.run(k.keeper.Run)
	}
}

// close writes what there is and ends. It may be called before the start.
func (k *headerKeeper) close() {
	if k != nil {
		k.end()
	}
}

// addTo adds the evidence to the status.
func (k *headerKeeper) addTo(s *web.Status) {
	if k == nil {
		return
	}
	st := k.keeper.Stats()
	s.Components = append(s.Components, web.Component{Name: "evidence", Ready: true, Detail: st.Err})
	s.Bounds = append(s.Bounds,
		web.Bound{Name: "history_evidence_bytes", Used: int(st.Bytes), Limit: int(st.MaxBytes)},
		web.Bound{Name: "history_evidence_alerts", Used: st.Waiting, Limit: st.Limit, Refused: st.Refused})
}

// evidenceRoutes are how evidence is asked for.
func (a *app) evidenceRoutes() []web.Route {
	return []web.Route{
		{
			Method: "GET", Path: "/api/v1/evidence", Needs: access.Viewer, Summary: "Of which alerts packet headers are kept, the oldest first.", Answer: []evidence.File{},
			Serve: web.Answers(func(*http.Request) (any, error) {
				if a.evidence == nil {
					return nil, web.NewProblem(http.StatusNotFound, "history is off: set history.off: false")
				}
				all, err := evidence.List(a.evidence.keeper.Dir())
				if all == nil {
					all = []evidence.File{}
				}
				return all, err
			}),
		},
		{
			Method: "GET", Path: "/api/v1/evidence/{id}", Needs: access.Operator, Audit: audit.Payload, Type: "application/x-pcapng",
			Summary: "The sampled packet headers around an alert, as a capture file.",
			Serve:   a.serveEvidence,
		},
	}
}

func (a *app) serveEvidence(w http.ResponseWriter, r *http.Request) {
	id := r.PathValue("id")
	var b []byte
	err := fs.ErrNotExist
	if a.evidence != nil {
		b, err = evidence.Read(a.evidence.keeper.Dir(), id)
	}
	if err != nil {
		web.Answers(func(*http.Request) (any, error) {
			if errors.Is(err, fs.ErrNotExist) {
				return nil, web.NewProblem(http.StatusNotFound, "no headers are kept of that alert: ask /api/v1/evidence which there are")
			}
			return nil, err
		})(w, r)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "application/x-pcapng")
	h.Set("Content-Disposition", `attachment; filename="`+id+`.pcapng"`) // read checked its letters
	h.Set("Content-Length", strconv.Itoa(len(b)))
	h.Set("X-Content-Type-Options", "nosniff")
	_, _ = w.Write(b) // whoever went away needs no more
}

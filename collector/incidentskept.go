package collector

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"weir/collector/store"
	"weir/collector/web"
	"weir/detect/site"
)

// Incidents are kept as they are shown, in the state file: whoever asks the day after,
// and after a restart, sees their timelines. The site's goroutine hands out copies,
// who saves writes them.

const (
	// incidentShare is one in how much of the room of alerts incidents have.
	incidentShare = 8
	// stepsASecond bounds what the site's goroutine copies of incidents each second,
	// and stepsWaiting what waits for the disk: what is not handed out stays in the
	// model.
	stepsASecond = 8_000
	stepsWaiting = 80_000
)

// incidentKeeper keeps incidents. All methods may be called on nil, which does
// nothing.
type incidentKeeper struct {
	file *store.Incidents
	dir  string
	log  zerolog.Logger

	saving sync.Mutex // one who saves
	saved  time.Time

	mu      sync.Mutex // guards what follows
	pending []site.KeptIncident
	steps   int // of those
	limit   int64
	use     store.IncidentsUse // Dropped since the start
	damaged uint64             // at the last look
	changes uint64             // of the file

	listed   []site.Incident // in the file, at a change
	listedAt uint64
	looked   bool
}

// newIncidentKeeper returns what keeps incidents, nil where nothing is kept.
func newIncidentKeeper(a *app) *incidentKeeper {
	if a.cfg.History.Off || a.io.Forget {
		return nil
	}
	h := a.cfg.HistoryBounds()
	limit := int64(h.Alerts) / incidentShare
	return &incidentKeeper{
		dir: a.cfg.StateDir, log: a.log, limit: limit,
		file: a.state.Incidents(store.IncidentsConfig{MaxBytes: limit, MaxAge: h.EvidenceAge}),
	}
}

// load gives the site what was kept of incidents that are open, and ends those that
// nobody will tell more of. What cannot be read is counted.
func (k *incidentKeeper) load(s *site.Site, open []string) {
	if k == nil {
		return
	}
	goOn, over, damaged, err := k.file.LoadOpen(open)
	if err != nil {
		k.log.Error().Err(err).Msg("incidents of before the start are not shown")
		return
	}
	k.sawDamaged(damaged)
	s.RecallIncidents(goOn)
	k.put(over)
	if err := k.save(time.Now()); err != nil { // it is tried again
		k.log.Error().Err(err).Msg("incidents could not be saved")
	}
}

// take takes from the site what is to be kept. It belongs to the site's goroutine.
func (k *incidentKeeper) take(s *site.Site) {
	if k == nil {
		return
	}
	k.mu.Lock()
	room := stepsWaiting - k.steps
	k.mu.Unlock()
	if room > 0 {
		k.put(s.KeptIncidents(min(room, stepsASecond), false))
	}
}

// takeAll takes all that has not been kept as it is now, and writes it: at the end.
func (k *incidentKeeper) takeAll(s *site.Site) {
	if k == nil {
		return
	}
	for {
		all := s.KeptIncidents(stepsASecond, true)
		k.put(all)
		if err := k.save(time.Now()); err != nil {
			k.log.Error().Err(err).Msg("incidents could not be saved")
			return
		}
		if len(all) == 0 {
			return
		}
	}
}

func (k *incidentKeeper) put(all []site.KeptIncident) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.pending = append(k.pending, all...)
	for i := range all {
		k.steps += len(all[i].Incident.Steps)
	}
}

// save writes what was taken, and removes what is too old. What the disk does not
// take waits on.
func (k *incidentKeeper) save(now time.Time) error {
	if k == nil {
		return nil
	}
	k.saving.Lock()
	defer k.saving.Unlock()
	k.mu.Lock()
	all := k.pending
	k.mu.Unlock()
	if len(all) == 0 && now.Sub(k.saved).Abs() < time.Minute {
		return nil
	}
	use, err := k.file.Save(all, now)
	if err != nil {
		return err
	}
	k.saved = now
	k.mu.Lock()
	defer k.mu.Unlock()
	use.Dropped += k.use.Dropped
	k.use = use
	k.changes++
	k.pending = slices.Clone(k.pending[len(all):])
	k.steps = 0
	for i := range k.pending {
		k.steps += len(k.pending[i].Incident.Steps)
	}
	return nil
}

// sawDamaged takes how many rows of the file cannot be read.
func (k *incidentKeeper) sawDamaged(n int) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if uint64(n) > k.damaged {
		k.damaged = uint64(n)
		k.log.Warn().Int("incidents", n).Msg("what was kept of some incidents cannot be read and is not shown")
	}
}

// list returns what the file has, without timelines. Nobody changes it.
func (k *incidentKeeper) list(ctx context.Context) ([]site.Incident, error) {
	if k == nil {
		return nil, nil
	}
	k.mu.Lock()
	all, changes, fresh := k.listed, k.changes, k.looked && k.listedAt == k.changes
	k.mu.Unlock()
	if fresh {
		return all, nil
	}
	all, damaged, err := store.ListIncidents(ctx, k.dir)
	if err != nil {
		return nil, err
	}
	k.sawDamaged(damaged)
	k.mu.Lock()
	defer k.mu.Unlock()
	k.listed, k.listedAt, k.looked = all, changes, true
	return all, nil
}

// join returns the incidents of the file that the site does not know, and then those
// of the site.
func join(kept, known []site.Incident) []site.Incident {
	mine := map[string]bool{}
	for i := range known {
		mine[known[i].ID] = true
	}
	all := make([]site.Incident, 0, len(kept)+len(known))
	for i := range kept {
		if !mine[kept[i].ID] {
			all = append(all, kept[i])
		}
	}
	return append(all, known...)
}

// Incidents implements web.SiteSource.
func (a *app) Incidents(ctx context.Context) (all []site.Incident, err error) {
	if err := a.askSite(ctx, func(s *site.Site) { all = s.Incidents() }); err != nil {
		return nil, err
	}
	kept, err := a.site.incidents.list(ctx)
	return join(kept, all), err
}

// IncidentsOf implements web.SiteSource.
func (a *app) IncidentsOf(ctx context.Context, sees func(project string) bool) (all []site.Incident, err error) {
	if err := a.askSite(ctx, func(s *site.Site) { all = s.IncidentsOf(sees) }); err != nil || a.site.incidents == nil {
		return all, err
	}
	rows, damaged, err := store.ListIncidentsOf(ctx, a.site.incidents.dir, sees)
	if err != nil {
		return nil, err
	}
	a.site.incidents.sawDamaged(damaged)
	var kept []site.Incident
	for i := range rows {
		if one, ok := rows[i].Of(sees); ok {
			kept = append(kept, one)
		}
	}
	return join(kept, all), nil
}

// Incident implements web.SiteSource.
func (a *app) Incident(ctx context.Context, id string) (i site.Incident, err error) {
	ok := false
	if err := a.askSite(ctx, func(s *site.Site) { i, ok = s.Incident(id) }); err != nil {
		return i, err
	}
	none := func(why error) error {
		return fmt.Errorf("incident %q: %w; `weir incident list` shows them", id, why)
	}
	k := a.site.incidents
	switch {
	case ok && (k == nil || i.ID == id || time.Time(i.Ended).IsZero()):
		return i, nil
	case k == nil:
		return i, none(errors.New("is none that is known, or several begin so"))
	case ok: // by the beginning of its identity
		ids, err := store.IncidentIDs(ctx, k.dir, id)
		if slices.ContainsFunc(ids, func(other string) bool { return other != i.ID }) {
			return site.Incident{}, none(store.Several(ids))
		}
		return i, err
	}
	kept, err := store.ReadIncident(ctx, k.dir, id)
	if errors.Is(err, store.ErrNoIncident) || errors.Is(err, store.ErrSeveral) {
		return i, none(err)
	}
	if err != nil {
		return i, fmt.Errorf("incident %q: %w", id, err)
	}
	return kept.Incident, nil
}

// addTo adds what is kept of incidents to the status.
func (k *incidentKeeper) addTo(s *web.Status, unkept uint64) {
	if k == nil {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	s.DamagedFiles = append(s.DamagedFiles, web.Count{Key: "incidents", Count: k.damaged})
	s.Bounds = append(s.Bounds,
		web.Bound{Name: "history_incident_bytes", Used: int(k.use.Bytes), Limit: int(k.limit), Refused: k.use.Dropped},
		web.Bound{Name: "history_incident_steps_waiting", Used: k.steps, Limit: stepsWaiting, Refused: unkept})
}

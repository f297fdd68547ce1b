package collector

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"weir/collector/care"
	"weir/collector/config"
	"weir/collector/store"
	"weir/collector/web"
	"weir/collector/web/access"
	"weir/collector/web/audit"
	"weir/detect/site"
)

// Bounds of what is handed on and held.
const (
	archiveMargin = 10 * time.Minute // before and after an incident
	archiveFlows  = 10000            // rows
	archiveHosts  = 50               // addresses whose flows are told
	archiveTime   = 90 * time.Second
	maxHeld       = 100
	maxHeldOctets = 1 << 30
)

// shelf has the archives of incidents that are kept from retention.
type shelf struct {
	mu      sync.Mutex
	looked  time.Time // for those that go on; of housekeeping
	running sync.WaitGroup
}

// goodID is an identity that is also the name of a file.
var goodID = regexp.MustCompile(`^[0-9A-Za-z][0-9A-Za-z-]{0,99}$`)

// HeldDir is where the archives of incidents are that are kept from retention, as
// ID.tar.gz.
func HeldDir(cfg *config.Config) string { return filepath.Join(cfg.StateDir, "held") }

func (a *app) heldDir() string { return HeldDir(&a.cfg) }

func (a *app) heldFile(id string) string { return filepath.Join(a.heldDir(), id+".tar.gz") }

// incidentFor returns an incident by its identity or the beginning of it: as the
// running collector knows it, else with what history has of its alerts.
func (a *app) incidentFor(ctx context.Context, id string) (i site.Incident, alerts []store.AlertChange, err error) {
	i, ierr := a.Incident(ctx, id)
	if ierr == nil {
		id = i.ID
	}
	if !goodID.MatchString(id) {
		return i, nil, fmt.Errorf("incident %q: is none; `weir incident list` shows them", id)
	}
	if a.alertHistory == nil {
		return i, nil, errNoHistory
	}
	if alerts, err = store.IncidentChanges(ctx, a.alertHistory.dir, id); err != nil {
		return i, nil, err
	}
	if ierr != nil && len(alerts) == 0 {
		return i, nil, ierr
	}
	if ierr != nil {
		i = site.Incident{ID: id, Line: alerts[0].Line, Cut: true}
		for k := range alerts {
			i.Alerts = append(i.Alerts, alerts[k].At.UTC().Format("15:04:05.000")+" "+alerts[k].Change+" "+alerts[k].Line)
		}
	}
	return i, alerts, nil
}

// HeldView is an incident that is held, as those who ask are told.
type HeldView struct {
	ID     string    `json:"id"`
	By     string    `json:"by"`
	At     time.Time `json:"at"`
	Note   string    `json:"note,omitempty"`
	Octets int64     `json:"octets"` // of its archive
	Made   time.Time `json:"made"`   // its archive, at the last time
}

// heldList returns the incidents that are held, by identity.
func (a *app) heldList() ([]HeldView, error) {
	all := []HeldView{}
	entries, err := os.ReadDir(a.heldDir())
	if errors.Is(err, fs.ErrNotExist) {
		return all, nil
	}
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		id, ok := strings.CutSuffix(e.Name(), ".tar.gz")
		info, err := e.Info()
		if !ok || err != nil {
			continue
		}
		v := HeldView{ID: id, Octets: info.Size(), Made: info.ModTime().UTC()}
		if d, ok := a.alertHistory.book().Held(id); ok {
			v.By, v.At, v.Note = d.By, d.At, d.Note
		}
		all = append(all, v)
	}
	return all, nil
}

// UnfinishedArchive is the file of an archive that is being written, among those of
// incidents that are held.
const UnfinishedArchive = "archive.new"

// keepArchive writes the archive of an incident into the directory of those held.
func (a *app) keepArchive(id string, b []byte) error {
	if err := os.MkdirAll(a.heldDir(), 0o700); err != nil {
		return err
	}
	// Always the same name: one that a kill leaves is used again, or erased.
	f, err := os.OpenFile(filepath.Join(a.heldDir(), UnfinishedArchive), os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), a.heldFile(id))
	}
	if err != nil {
		_ = os.Remove(f.Name()) // what is left is of no use
	}
	return err
}

// holdIncident keeps an incident from retention.
func (a *app) holdIncident(ctx context.Context, id, note string) (any, error) {
	a.shelf.mu.Lock()
	defer a.shelf.mu.Unlock()
	d := care.Deed{Do: care.Hold, At: time.Now().UTC(), By: access.Of(ctx).Name, Note: note}
	if err := d.Check(d.At); err != nil {
		return nil, asked(err)
	}
	all, err := a.heldList()
	if err != nil {
		return nil, err
	}
	b, i, digest, err := a.makeArchive(ctx, id, d.By)
	if err != nil {
		return nil, asked(err)
	}
	sum := int64(len(b))
	for _, h := range all {
		if h.ID != i.ID {
			sum += h.Octets
		}
	}
	if len(all) >= maxHeld || sum > maxHeldOctets {
		return nil, asked(fmt.Errorf("%d incidents with %d MiB are held already; release some", len(all), (sum-int64(len(b)))>>20))
	}
	if err := a.keepArchive(i.ID, b); err != nil {
		return nil, fmt.Errorf("incident %s cannot be held: %w", i.ID, err)
	}
	if err := a.tellDeed(ctx, &i, d, digest); err != nil {
		return nil, err
	}
	return HeldView{ID: i.ID, By: d.By, At: d.At, Note: note, Octets: int64(len(b)), Made: d.At}, nil
}

// tellDeed keeps in the history what somebody did with an incident, with the digest
// of the archive that was made.
func (a *app) tellDeed(ctx context.Context, i *site.Incident, d care.Deed, digest string) error {
	if digest != "" {
		d.Note = strings.TrimSpace(d.Note + " [archive " + digest + "]")
	}
	err := a.alertHistory.deed(ctx, store.AlertChange{ID: i.ID, Incident: i.ID, Kind: "incident", Severity: "info", Line: i.Line}, d)
	if errors.Is(err, store.ErrWaits) {
		return nil // it is written when the disk takes it
	}
	return err
}

// releaseIncident gives a held incident back to retention.
func (a *app) releaseIncident(ctx context.Context, id string) (any, error) {
	a.shelf.mu.Lock()
	defer a.shelf.mu.Unlock()
	all, err := a.heldList()
	if err != nil {
		return nil, err
	}
	n := heldAs(all, id)
	if n < 0 {
		return nil, asked(fmt.Errorf("incident %q: is not held, or several that are begin so; `weir incident held` lists them", id))
	}
	if err := os.Remove(a.heldFile(all[n].ID)); err != nil {
		return nil, err
	}
	return all[n], a.tellDeed(ctx, &site.Incident{ID: all[n].ID}, care.Deed{Do: care.Release, At: time.Now().UTC(), By: access.Of(ctx).Name}, "")
}

// heldAs returns which of those that are held has the identity id, or is the only one
// whose identity begins so; -1 is none.
func heldAs(all []HeldView, id string) int {
	found := -1
	for i := range all {
		switch {
		case all[i].ID == id:
			return i
		case id == "" || !strings.HasPrefix(all[i].ID, id):
		case found >= 0:
			return slices.IndexFunc(all, func(h HeldView) bool { return h.ID == id })
		default:
			found = i
		}
	}
	return found
}

// exportIncident answers with the archive of an incident: as it is now, else as it
// was held.
func (a *app) exportIncident(w http.ResponseWriter, r *http.Request) {
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(archiveTime + time.Minute)) // else the server's holds
	id, by := r.PathValue("id"), access.Of(r.Context()).Name
	b, i, digest, err := a.makeArchive(r.Context(), id, by)
	if err == nil {
		err = a.tellDeed(r.Context(), &i, care.Deed{Do: care.Export, At: time.Now().UTC(), By: by}, digest)
	} else if all, _ := a.heldList(); heldAs(all, id) >= 0 {
		i.ID = all[heldAs(all, id)].ID
		if kept, kerr := os.ReadFile(a.heldFile(i.ID)); kerr == nil {
			b, err = kept, nil
		}
	}
	if err != nil {
		web.Answers(func(*http.Request) (any, error) { return nil, asked(err) })(w, r)
		return
	}
	w.Header().Set("Content-Type", "application/gzip")
	w.Header().Set("Content-Disposition", `attachment; filename="incident-`+i.ID+`.tar.gz"`)
	_, _ = w.Write(b) // whoever went away needs no more
}

// refreshEvery is how often the archives of held incidents are made anew while they
// go on.
const refreshEvery = time.Hour

// refreshHeldSoon is refreshHeld once a minute, beside housekeeping.
func (a *app) refreshHeldSoon(now time.Time) {
	if a.alertHistory == nil || now.Sub(a.shelf.looked) < time.Minute {
		return
	}
	a.shelf.looked = now
	if a.shelf.mu.TryLock() { // the last has ended
		a.shelf.mu.Unlock()
		a.shelf.running.Go(func() { a.refreshHeld(now) })
	}
}

// refreshHeld makes the archives of held incidents anew that have gone on since.
func (a *app) refreshHeld(now time.Time) {
	a.shelf.mu.Lock()
	defer a.shelf.mu.Unlock()
	all, err := a.heldList()
	if err != nil {
		a.log.Error().Err(err).Msg("held incidents cannot be listed")
		return
	}
	for _, h := range all {
		ctx := context.Background()
		i, err := a.Incident(ctx, h.ID)
		if err != nil { // of before the start: nothing more comes
			continue
		}
		ended := time.Time(i.Ended)
		open, after := ended.IsZero(), !ended.IsZero() && h.Made.Before(ended.Add(archiveMargin)) && now.After(ended.Add(archiveMargin))
		if open && now.Sub(h.Made) < refreshEvery || !open && !after {
			continue
		}
		b, _, _, err := a.makeArchive(ctx, h.ID, h.By)
		if err == nil {
			err = a.keepArchive(h.ID, b)
		}
		if err != nil {
			a.log.Error().Err(err).Str("incident", h.ID).Msg("archive of a held incident could not be made anew")
		}
	}
}

// HoldAsk is why an incident is held.
type HoldAsk struct {
	Note string `json:"note,omitempty"`
}

// incidentRoutes hold, release and hand on incidents.
func (a *app) incidentRoutes() []web.Route {
	return []web.Route{
		{Method: "GET", Path: "/api/v1/held", Needs: access.Viewer, Summary: "Incidents that are kept from retention.", Answer: []HeldView{},
			Serve: web.Answers(func(*http.Request) (any, error) { return a.heldList() })},
		{Method: "POST", Path: "/api/v1/incidents/{id}/hold", Needs: access.Operator, Audit: audit.Change, Summary: "Keep an incident from retention: its archive is made now, and anew while it goes on.", Body: HoldAsk{}, Answer: HeldView{},
			Serve: web.Answers(func(r *http.Request) (any, error) {
				var ask HoldAsk
				if err := web.ReadBody(r, &ask); err != nil {
					return nil, err
				}
				return a.holdIncident(r.Context(), r.PathValue("id"), ask.Note)
			})},
		{Method: "POST", Path: "/api/v1/incidents/{id}/release", Needs: access.Operator, Audit: audit.Change, Summary: "Give a held incident back to retention; its archive is removed.", Answer: HeldView{},
			Serve: web.Answers(func(r *http.Request) (any, error) { return a.releaseIncident(r.Context(), r.PathValue("id")) })},
		{Method: "GET", Path: "/api/v1/incidents/{id}/export", Needs: access.Operator, Audit: audit.Export, Type: "application/gzip",
			Summary: "Everything known of an incident as one tar.gz: timeline, alerts, flows around it, packet headers, digest of the configuration, SHA-256 of each file.", Serve: a.exportIncident},
	}
}

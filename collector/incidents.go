package collector

import (
	"bytes"
	"cmp"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"weir/collector/archive"
	"weir/collector/care"
	"weir/collector/config"
	"weir/collector/store"
	"weir/collector/store/evidence"
	"weir/collector/store/flows"
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

func (a *app) heldDir() string { return filepath.Join(a.cfg.StateDir, "held") }

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

// makeArchive gathers everything that is known of an incident.
func (a *app) makeArchive(ctx context.Context, id, by string) (b []byte, i site.Incident, digest string, err error) {
	ctx, cancel := context.WithTimeout(ctx, archiveTime)
	defer cancel()
	i, alerts, err := a.incidentFor(ctx, id)
	if err != nil {
		return nil, i, "", err
	}
	now := time.Now().UTC()
	var files []archive.File
	put := func(name string, v any) {
		body, jerr := json.MarshalIndent(v, "", "  ")
		err = cmp.Or(err, jerr)
		files = append(files, archive.File{Name: name, Body: append(body, '\n')})
	}
	put("incident.json", i)
	files = append(files, archive.File{Name: "timeline.txt", Body: timeline(&i)})
	put("alerts.json", alerts)
	from, to := span(&i, alerts, now)
	files = append(files, a.flowsAround(ctx, alerts, from, to)...)
	files = append(files, a.evidenceOf(alerts)...)
	put("about.json", map[string]any{
		"incident": i.ID, "made": now, "by": by, "weir": a.io.Version, "site": a.cfg.Site, "from": from, "to": to,
		"configuration_sha256": config.Digest(a.cfg), "alert_history_head": a.alertHistory.kept.Stats().Head,
	})
	if err != nil {
		return nil, i, "", err
	}
	var out bytes.Buffer
	digest, err = archive.Write(&out, "incident-"+i.ID, files, now)
	return out.Bytes(), i, digest, err
}

// timeline is the incident for people.
func timeline(i *site.Incident) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s\n%s\n\n", i.ID, i.Line)
	for _, s := range i.Steps {
		before := ""
		if t := time.Time(s.Before); !t.IsZero() {
			before = " (since " + t.UTC().Format("15:04:05.000") + " at the earliest)"
		}
		fmt.Fprintf(&b, "%s%s %s %s: %s", time.Time(s.At).UTC().Format(time.RFC3339Nano), before, s.Node, s.Entity, s.What)
		if s.Was != "" || s.Is != "" {
			fmt.Fprintf(&b, " (%s → %s)", s.Was, s.Is)
		}
		b.WriteByte('\n')
	}
	b.WriteString("\nalerts\n")
	for _, l := range i.Alerts {
		b.WriteString(l + "\n")
	}
	return b.Bytes()
}

// span is the time that an archive is of.
func span(i *site.Incident, alerts []store.AlertChange, now time.Time) (from, to time.Time) {
	from, to = time.Time(i.Began), time.Time(i.Ended)
	for k := range alerts {
		at := alerts[k].At
		if from.IsZero() || at.Before(from) {
			from = at
		}
		if at.After(to) {
			to = at
		}
	}
	if from.IsZero() {
		from = now
	}
	if time.Time(i.Ended).IsZero() && !i.Cut {
		to = now
	}
	if to = to.Add(archiveMargin); to.After(now) {
		to = now
	}
	return from.Add(-archiveMargin).UTC(), to.UTC()
}

// about are the addresses that alerts name.
func about(alerts []store.AlertChange) (hosts, agents []string) {
	add := func(list *[]string, texts ...string) {
		for _, t := range texts {
			if t != "" && !slices.Contains(*list, t) && len(*list) < archiveHosts {
				*list = append(*list, t)
			}
		}
	}
	type subject struct{ Address, Src, Dst, Host, Victim, Agent string }
	for k := range alerts {
		var s subject
		_ = json.Unmarshal(alerts[k].Subject, &s) // other subjects have no addresses
		add(&hosts, s.Address, s.Src, s.Dst, s.Host, s.Victim)
		add(&agents, s.Agent)
		var e struct{ Children []struct{ Subject subject } }
		_ = json.Unmarshal(alerts[k].Evidence, &e)
		for _, c := range e.Children {
			add(&hosts, c.Subject.Address)
			add(&agents, c.Subject.Agent)
		}
	}
	return hosts, agents
}

// flowsAround are the flows of the addresses that alerts name, of their agents
// where they name none; why not, where there are none to be had.
func (a *app) flowsAround(ctx context.Context, alerts []store.AlertChange, from, to time.Time) []archive.File {
	without := func(why string) []archive.File {
		return []archive.File{{Name: "flows-missing.txt", Body: []byte(why + "\n")}}
	}
	if a.history == nil {
		return without("the history of flows is off")
	}
	hosts, agents := about(alerts)
	var terms []string
	for _, h := range hosts {
		terms = append(terms, "src = "+h, "dst = "+h)
	}
	if len(terms) == 0 {
		for _, g := range agents {
			terms = append(terms, "agent = "+g)
		}
	}
	if len(terms) == 0 {
		return without("the alerts name no address")
	}
	ask := flows.Ask{
		From: from.Format(time.RFC3339Nano), To: to.Format(time.RFC3339Nano), Filter: strings.Join(terms, " or "),
		By: "agent,src,dst,proto,src_port,dst_port", Top: archiveFlows,
	}
	q, err := ask.Query(time.Now())
	if err != nil {
		return without(err.Error())
	}
	r, err := flows.Scan(ctx, a.history.flows.Dir(), q)
	if err != nil {
		return without(err.Error())
	}
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	_ = w.Write(append(slices.Clone(q.By), "bytes", "low", "high", "packets", "samples", "first", "last")) // to memory
	for _, x := range r.Rows {
		num := func(v float64) string { return strconv.FormatFloat(v, 'f', 0, 64) }
		_ = w.Write(append(slices.Clone(x.Key), num(x.Bytes), num(x.Low), num(x.High), num(x.Packets), strconv.FormatUint(x.Samples, 10),
			x.First.UTC().Format(time.RFC3339Nano), x.Last.UTC().Format(time.RFC3339Nano)))
	}
	w.Flush()
	said := fmt.Sprintf("filter: %s\nfrom: %s\nto: %s\nrows: %d of %d\n", ask.Filter, ask.From, ask.To, len(r.Rows), r.Keys)
	return []archive.File{{Name: "flows.csv", Body: b.Bytes()}, {Name: "flows-query.txt", Body: []byte(said)}}
}

// evidenceOf are the packet headers kept of the alerts.
func (a *app) evidenceOf(alerts []store.AlertChange) (files []archive.File) {
	if a.evidence == nil {
		return nil
	}
	seen := map[string]bool{}
	for k := range alerts {
		id := alerts[k].ID
		if seen[id] {
			continue
		}
		seen[id] = true
		b, err := evidence.Read(a.evidence.keeper.Dir(), id)
		switch {
		case errors.Is(err, fs.ErrNotExist):
		case err != nil:
			files = append(files, archive.File{Name: "evidence/" + id + "-missing.txt", Body: []byte(err.Error() + "\n")})
		default:
			files = append(files, archive.File{Name: "evidence/" + id + ".pcapng", Body: b})
		}
	}
	return files
}

// HeldView is an incident that is held.
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

// keepArchive writes the archive of an incident into the directory of those held.
func (a *app) keepArchive(id string, b []byte) error {
	if err := os.MkdirAll(a.heldDir(), 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(a.heldDir(), "new-")
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

// hold keeps an incident from retention.
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
	n := slices.IndexFunc(all, func(h HeldView) bool { return h.ID == id })
	if n < 0 {
		return nil, asked(fmt.Errorf("incident %q: is not held", id))
	}
	if err := os.Remove(a.heldFile(id)); err != nil {
		return nil, err
	}
	return all[n], a.tellDeed(ctx, &site.Incident{ID: id}, care.Deed{Do: care.Release, At: time.Now().UTC(), By: access.Of(ctx).Name}, "")
}

// exportIncident answers with the archive of an incident: as it is now, else as it
// was held.
func (a *app) exportIncident(w http.ResponseWriter, r *http.Request) {
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(archiveTime + time.Minute)) // else the server's holds
	id, by := r.PathValue("id"), access.Of(r.Context()).Name
	b, i, digest, err := a.makeArchive(r.Context(), id, by)
	if err == nil {
		err = a.tellDeed(r.Context(), &i, care.Deed{Do: care.Export, At: time.Now().UTC(), By: by}, digest)
	} else if kept, kerr := os.ReadFile(a.heldFile(filepath.Base(id))); kerr == nil && goodID.MatchString(id) {
		b, i.ID, err = kept, id, nil
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

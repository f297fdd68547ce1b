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
	"slices"
	"strconv"
	"strings"
	"time"

	"weir/collector/archive"
	"weir/collector/config"
	"weir/collector/store"
	"weir/collector/store/evidence"
	"weir/collector/store/flows"
	"weir/detect/site"
)

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
		"configuration_sha256": config.Digest(*a.now.Load()), "alert_history_head": a.alertHistory.kept.Stats().Head,
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
	r, err := a.history.flows.Scan(ctx, q)
	if err != nil {
		return without(err.Error())
	}
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	_ = w.Write(append(slices.Clone(q.By), "bytes", "low", "high", "packets", "packets_low", "packets_high", "samples", "first", "last")) // to memory
	for _, x := range r.Rows {
		num := func(v float64) string { return strconv.FormatFloat(v, 'f', 0, 64) }
		_ = w.Write(append(slices.Clone(x.Key), num(x.Bytes), num(x.Low), num(x.High), num(x.Packets), num(x.PacketsLow), num(x.PacketsHigh), strconv.FormatUint(x.Samples, 10),
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

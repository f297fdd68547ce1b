package collector

import (
	"errors"
	"maps"
	"net/netip"
	"time"

	"weir/collector/agents"
	"weir/decoder/sflow"
)

// noise decides which bad payloads the log hears of: senders of something else
// than sFlow version 5 once each, damaged datagrams once a minute for each
// sender. All are counted elsewhere. Both memories are bounded: sources can be
// forged.
type noise struct {
	foreign map[foreigner]bool
	damaged map[netip.Addr]*silence
}

type foreigner struct {
	from   netip.Addr
	reason sflow.Reason
}

type silence struct {
	until time.Time
	n     uint64 // since the last line
}

// maxNoisy bounds the senders remembered of each sort.
const maxNoisy = 1024

// quiet is how long a damaged sender is not named again.
const quiet = time.Minute

// logBad writes what the shards have remembered of bad payloads.
func (a *app) logBad(now time.Time) {
	q := &a.noise
	if q.foreign == nil {
		q.foreign, q.damaged = map[foreigner]bool{}, map[netip.Addr]*silence{}
	}
	for _, s := range a.shards {
		for _, b := range s.TakeBad() {
			from := b.From.Addr()
			if r, ok := errors.AsType[sflow.Reason](b.Err); ok && r.Foreign() {
				k := foreigner{from, r}
				if q.foreign[k] || len(q.foreign) >= maxNoisy {
					continue
				}
				q.foreign[k] = true
				a.log.Warn().Stringer("from", b.From).Str("kind", r.Error()).
					Msg("this sender does not speak sFlow version 5; its datagrams are counted and ignored, and it is not named again")
				continue
			}
			d := q.damaged[from]
			if d == nil {
				if len(q.damaged) >= maxNoisy {
					maps.DeleteFunc(q.damaged, func(_ netip.Addr, d *silence) bool { return !now.Before(d.until) })
				}
				if len(q.damaged) >= maxNoisy {
					continue // forged sources: enough is said of them
				}
				d = &silence{}
				q.damaged[from] = d
			}
			d.n += b.N
			if now.Before(d.until) {
				continue
			}
			a.log.Warn().Stringer("from", b.From).AnErr("error", b.Err).Uint64("datagrams", d.n).Msg("damaged datagrams")
			d.n, d.until = 0, now.Add(quiet)
		}
	}
}

func (a *app) logNotice(n agents.Notice) {
	e := a.log.Warn()
	if n.Kind == agents.NoticeMoved || n.Kind == agents.NoticeRestarted {
		e = a.log.Info()
	}
	if n.Agent.IsValid() {
		e = e.Stringer("agent", n.Agent)
	}
	if n.Source.IsValid() {
		e = e.Stringer("source", n.Source)
	}
	if n.Count > 0 {
		e = e.Int("count", n.Count)
	}
	e.Str("kind", string(n.Kind)).Msg(n.Text)
}

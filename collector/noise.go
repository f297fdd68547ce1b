package collector

import (
	"errors"
	"maps"
	"net/netip"
	"time"

	"github.com/rs/zerolog"

	"weir/collector/agents"
	"weir/collector/shard"
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

// foreigner is a sender and what it speaks in place of sFlow version 5.
type foreigner struct {
	from   netip.Addr
	reason sflow.Reason
}

// silence is until when a damaged sender is not named again.
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
	for _, s := range a.shards {
		for _, b := range s.TakeBad() {
			a.noise.log(&a.log, now, &b)
		}
	}
}

// log writes a line about b, or not.
func (q *noise) log(log *zerolog.Logger, now time.Time, b *shard.Bad) {
	if q.foreign == nil {
		q.foreign, q.damaged = map[foreigner]bool{}, map[netip.Addr]*silence{}
	}
	from := b.From.Addr()
	if r, ok := errors.AsType[sflow.Reason](b.Err); ok && r.Foreign() {
		k := foreigner{from, r}
		if q.foreign[k] || len(q.foreign) >= maxNoisy {
			return
		}
		q.foreign[k] = true
		log.Warn().Stringer("from", b.From).Str("kind", r.Error()).
			Msg("this sender does not speak sFlow version 5; its datagrams are counted and ignored, and it is not named again")
		return
	}
	d := q.damaged[from]
	if d == nil {
		if len(q.damaged) >= maxNoisy {
			maps.DeleteFunc(q.damaged, func(_ netip.Addr, d *silence) bool { return !now.Before(d.until) })
		}
		if len(q.damaged) >= maxNoisy {
			return // forged sources: enough is said of them
		}
		d = &silence{}
		q.damaged[from] = d
	}
	d.n += b.N
	if now.Before(d.until) {
		return
	}
	log.Warn().Stringer("from", b.From).AnErr("error", b.Err).Uint64("datagrams", d.n).Msg("damaged datagrams")
	d.n, d.until = 0, now.Add(quiet)
}

// epoch lets the senders of damaged datagrams be named again: the clock has
// jumped.
func (q *noise) epoch() { clear(q.damaged) }

// logNotice writes what the registry has noticed of an agent.
func (a *app) logNotice(n agents.Notice) {
	a.naming.restarted(n)
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
	if len(n.Agents) > 0 {
		some := make([]string, len(n.Agents))
		for i, a := range n.Agents {
			some[i] = a.String()
		}
		e = e.Strs("agents", some) // at most 8 of count
	}
	if n.Count > 0 {
		e = e.Int("count", n.Count)
	}
	e.Str("kind", string(n.Kind)).Msg(n.Text)
}

package agents

import "weir/decoder/sflow"

const (
	near      = 64   // a gap up to this is loss at once, a step back up to this a late arrival
	confirm   = 8    // arrivals that make a sequence space of its own
	oddClock  = 3    // misfits after which an uptime is none
	bootSlack = 5000 // ms by which arrival and uptime of one space may disagree
)

// head is where one sequence space stands.
type head struct {
	last, start  sflow.Seq
	seen         uint64 // bit i: last-i has arrived
	boot         uint32 // arrival minus uptime, ms modulo 2^32
	first, at    uint32 // first and last arrival, ms modulo 2^32
	hits         uint32 // arrivals
	born, used   uint32 // the tracker's count of arrivals at the first and the last of this space
	confirmed    bool
	continuation bool // not the tracker's first space: a jump of an older one until shown otherwise
}

// tracker follows the sequence numbers of one sender of datagrams or samples.
//
// Some agents send several sequences under one name, interleaved, and each
// with an uptime of its own. A number near none of the known heads therefore
// opens a new space on trial. If the old one goes on, both live on; if it has
// fallen silent when the new one is confirmed, the sequence has jumped, and a
// plausible jump is loss.
type tracker struct {
	one      head
	more     *[maxSpaces - 1]head
	n        uint8  // heads in use
	latest   uint8  // head of the latest arrival
	badClock uint8  // times in a row, or nearly, that the sequence went on although the uptime did not fit
	badAt    uint32 // arrivals at the last of them
	arrivals uint32 // modulo 2^32
	jumps    uint32 // jumps that were no plausible loss
	dups     uint32
	late     uint32
	received uint64 // without duplicates
	gaps     uint64 // numbers passed over; those that came late are in late
}

// lost returns how many never arrived.
func (t *tracker) lost() uint64 { return t.gaps - min(t.gaps, uint64(t.late)) }

// forget begins anew and keeps the counts: what follows is no loss.
func (t *tracker) forget() { t.n, t.latest, t.badClock = 0, 0, 0 }

// spaces returns how many sequence spaces were heard lately.
func (t *tracker) spaces() int {
	n := 0
	for i := range int(t.n) {
		if h := t.head(i); h.confirmed && t.arrivals-h.used < 1024 {
			n++
		}
	}
	return n
}

func (t *tracker) head(i int) *head {
	if i == 0 {
		return &t.one
	}
	return &t.more[i-1]
}

// step is what one arrival did.
type step struct {
	space     int   // index of its head
	delta     int32 // numbers it went forward; 0 late, duplicate or new
	lost      int32 // change of lost()
	duplicate bool
	opened    bool // the space is new: nothing is known of what was before
	restarted bool // by the uptime, the sender began anew
}

// add counts seq, which arrived at now (ms modulo 2^32) from a sender that had
// been up for uptime ms; 0 is unknown.
func (t *tracker) add(seq sflow.Seq, now, uptime uint32) step {
	t.arrivals++
	boot := now - uptime
	if h := &t.one; t.n == 1 && seq-h.last == 1 && (uptime == 0 || within(boot, h.boot)) {
		h.last, h.boot, h.at, h.used = seq, boot, now, t.arrivals
		h.seen = h.seen<<1 | 1
		h.hits++
		t.received++
		return step{delta: 1}
	}
	if h := t.head(int(t.latest)); t.simple(h, seq) && (uptime == 0 || within(boot, h.boot)) {
		return t.forward(int(t.latest), h, seq, now, boot)
	}
	s := t.addSlow(seq, now, uptime, boot)
	t.latest = uint8(s.space)
	return s
}

// simple reports whether seq is h's without a look at the other heads: the next
// number, or after a small gap where there is no other. A jump leaves a head
// behind, and who loses much has many of them: the most are still arrivals in
// order of the latest.
func (t *tracker) simple(h *head, seq sflow.Seq) bool {
	if !h.confirmed || t.n == 0 {
		return false
	}
	if t.n == 1 {
		return seq-h.last-1 < near
	}
	return seq-h.last == 1 && (h == &t.one || t.one.last != h.last)
}

// forward counts seq, which is after the last of head i, h.
func (t *tracker) forward(i int, h *head, seq sflow.Seq, now, boot uint32) step {
	d := seq.Sub(h.last)
	h.boot, h.at, h.used = boot, now, t.arrivals
	h.hits++
	t.received++
	t.gaps += uint64(d - 1)
	h.last, h.seen = seq, h.seen<<uint(d)|1 // a shift by 64 or more is 0
	return step{space: i, delta: d, lost: d - 1}
}

func within(a, b uint32) bool { return a-b+bootSlack <= 2*bootSlack }

func (t *tracker) addSlow(seq sflow.Seq, now, uptime, boot uint32) step {
	best, bestCost := -1, int32(1<<30)
	for i := range int(t.n) {
		if c, ok := t.cost(t.head(i), seq, boot, uptime != 0); ok && c < bestCost {
			best, bestCost = i, c
		}
	}
	if best < 0 {
		return t.open(seq, now, uptime, boot)
	}
	h := t.head(best)
	fits := uptime == 0 || within(boot, h.boot)
	if !fits {
		if t.arrivals-t.badAt > 32 {
			t.badClock = 0 // the clock was set, ours or theirs
		}
		t.badClock, t.badAt = min(t.badClock+1, oddClock), t.arrivals
	}
	if d := seq.Sub(h.last); d <= 0 {
		h.boot, h.at, h.used = boot, now, t.arrivals
		return t.behind(best, h, seq, now, boot, -d)
	}
	s := t.forward(best, h, seq, now, boot)
	if !h.confirmed && h.hits >= confirm {
		s.lost += t.confirm(h)
	}
	return s
}

// cost says how far seq is from what h expects; not ok is too far. The next
// number is free, a gap costs its width, a late arrival more than any gap, and
// a space on trial may not draw what an established one could take.
func (t *tracker) cost(h *head, seq sflow.Seq, boot uint32, timed bool) (c int32, ok bool) {
	d := seq.Sub(h.last)
	if timed && t.badClock < oddClock && !within(boot, h.boot) {
		return 1000, d == 1 // a clock that does not fit, but the sequence goes on
	}
	switch {
	case d == 1:
		return 0, true
	case d > 1 && !h.confirmed:
		return near + d, d <= 4
	case d > 1:
		return d - 1, d <= near
	case d > -near:
		return near - d, h.confirmed || d == 0
	}
	return 0, false
}

// behind counts a number d before the last of h: late or a duplicate. A
// duplicate may be another space close by, so it opens one on trial.
func (t *tracker) behind(i int, h *head, seq sflow.Seq, now, boot uint32, d int32) step {
	if bit := uint64(1) << uint(d); h.seen&bit == 0 {
		h.seen |= bit
		t.received++
		// A number before the space's first was never counted as a gap.
		if seq.Sub(h.start) >= 0 {
			t.late++
			return step{space: i, lost: -1}
		}
		return step{space: i}
	}
	t.dups++
	for j := range int(t.n) {
		if t.head(j).last == seq {
			return step{space: i, duplicate: true}
		}
	}
	t.place(head{last: seq, start: seq, seen: 1, boot: boot, first: now, at: now, hits: 1, continuation: true})
	return step{space: i, duplicate: true}
}

// open begins a space with seq.
func (t *tracker) open(seq sflow.Seq, now, uptime, boot uint32) step {
	t.received++
	h := head{last: seq, start: seq, seen: 1, boot: boot, first: now, at: now, hits: 1}
	if t.n == 0 {
		h.confirmed = true
		return step{space: t.place(h), opened: true}
	}
	if i := t.restarted(now, uptime, boot); i >= 0 {
		h.confirmed, h.born, h.used = true, t.arrivals, t.arrivals
		*t.head(i) = h
		return step{space: i, opened: true, restarted: true}
	}
	h.continuation = true
	return step{space: t.place(h), opened: true}
}

// restarted returns the space whose sender has begun anew: it has been up for
// no longer than since we last heard it.
func (t *tracker) restarted(now, uptime, boot uint32) int {
	if uptime == 0 || t.badClock >= oddClock {
		return -1
	}
	for i := range int(t.n) {
		h := t.head(i)
		if int32(boot-h.boot) > bootSlack && uptime <= now-h.at+bootSlack/2 {
			return i
		}
	}
	return -1
}

// place puts h into a free place, or that of the longest silent head, one on
// trial before one confirmed.
func (t *tracker) place(h head) int {
	h.born, h.used = t.arrivals, t.arrivals
	i := int(t.n)
	switch {
	case i == 0:
		t.n = 1
	case i < maxSpaces:
		if t.more == nil {
			t.more = new([maxSpaces - 1]head)
		}
		t.n++
	default:
		i = 0
		for j := 1; j < maxSpaces; j++ {
			a, b := t.head(j), t.head(i)
			if a.confirmed != b.confirmed {
				if b.confirmed {
					i = j
				}
			} else if t.arrivals-a.used > t.arrivals-b.used {
				i = j
			}
		}
	}
	*t.head(i) = h
	return i
}

// confirm makes h a space. If it took over from one that has been silent since,
// the sequence has jumped: what was passed over is lost if the sender could
// have sent so much in that time.
func (t *tracker) confirm(h *head) (lost int32) {
	h.confirmed = true
	if !h.continuation {
		return 0
	}
	var from *head
	silent := false
	for i := range int(t.n) {
		o := t.head(i)
		if o == h || !o.confirmed || int32(o.used-h.born) >= 0 {
			continue
		}
		silent = true
		if d := h.start.Sub(o.last); d > 0 && (from == nil || d < h.start.Sub(from.last)) {
			from = o
		}
	}
	if from == nil || !plausible(from, h) {
		if silent {
			t.jumps++
		}
		return 0
	}
	d := h.start.Sub(from.last)
	from.confirmed = false
	from.hits = 0
	t.gaps += uint64(d - 1)
	return d - 1
}

// plausible reports whether the sender of a could have reached the start of b
// by going on, at eight times its pace at most.
func plausible(a, b *head) bool {
	gap := float64(b.start.Sub(a.last))
	silence := float64(b.first - a.at)
	pace := float64(a.hits) / float64(max(a.at-a.first, 1000)) // per ms
	return int32(b.first-a.at) >= 0 && gap <= near+8*pace*silence
}

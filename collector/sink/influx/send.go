package influx

import (
	"net/http"
	"time"
)

// live sends from memory.
func (s *Sink) live() {
	for {
		if !s.waitForBlock() {
			return
		}
		// While the server fails and there is a spool, blocks go there, and the
		// replay asks the server.
		if failing, _, _ := s.gate.state(); failing && s.spoolWorks() {
			if !s.pause(guardTick) {
				return
			}
			continue
		}
		ok, wait := s.gate.enter(time.Now())
		if !ok {
			if !s.pause(min(wait, guardTick)) {
				return
			}
			continue
		}
		it := s.queue.take()
		if it == nil { // the guard was faster
			s.gate.leave(time.Now(), answer{verdict: forgotten})
			continue
		}
		a, bad := deliver(s.ctx, s.client, it.block)
		s.judged(a)
		done := a.verdict == accepted
		n := s.bury(bad)
		seq, free := s.landed(it, done)
		if !done {
			continue
		}
		s.settle(it.points-n, n, seq == 0)
		if free && seq == 0 {
			s.recycle(it.block)
		}
	}
}

// landed is queue.land. A block that got into the spool meanwhile needs no sending from
// there any more.
func (s *Sink) landed(it *item, done bool) (seq uint64, free bool) {
	sp := s.disk()
	s.passing.Lock()
	defer s.passing.Unlock()
	seq, free = s.queue.land(it, done)
	if done && seq != 0 && sp != nil {
		sp.ack(seq)
	}
	return seq, free
}

// nextSpooled returns the block of the spool that is to be sent next, false where there
// is none or it is being sent from memory.
func (s *Sink) nextSpooled(sp *spool) (entry, bool) {
	s.passing.Lock()
	defer s.passing.Unlock()
	e, ok := sp.peek()
	return e, ok && !s.queue.flies(e.seq)
}

// waitForBlock waits until there may be a block; false is the end.
func (s *Sink) waitForBlock() bool {
	for {
		if n, _, _, _ := s.queue.size(); n > 0 {
			return s.ctx.Err() == nil
		}
		select {
		case <-s.ctx.Done():
			return false
		case <-s.queue.wake:
		}
	}
}

// pause waits; false is the end.
func (s *Sink) pause(d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-s.ctx.Done():
		return false
	case <-t.C:
		return true
	}
}

// disk returns the spool, nil where there is none.
func (s *Sink) disk() *spool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.spool
}

// spoolWorks reports whether the last attempt to spool went well.
func (s *Sink) spoolWorks() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.spool != nil && s.stats.SpoolError == ""
}

// replay sends from the spool.
func (s *Sink) replay() {
	var poison poison
	for {
		sp := s.disk()
		if sp == nil {
			if !s.pause(guardTick) {
				return
			}
			continue
		}
		e, ok := s.nextSpooled(sp)
		if !ok {
			if !s.pause(guardTick) {
				return
			}
			continue
		}
		ok, wait := s.gate.enter(time.Now())
		if !ok {
			if !s.pause(wait) {
				return
			}
			continue
		}
		start := time.Now()
		a, bad := deliver(s.ctx, s.client, e.block)
		if a.status == http.StatusInternalServerError {
			taken, _ := s.gate.counts()
			switch poison.judge(&e, taken) {
			case setAside:
				if _, err := sp.append(e.block, e.points, e.at); err == nil {
					sp.ack(e.seq)
				}
			case giveUp:
				bad, a.verdict = []reject{{e.block, e.points, a}}, accepted
			}
		}
		s.judged(a)
		if a.verdict != accepted {
			if s.ctx.Err() != nil { // the gate lets in who was told to stop
				return
			}
			continue
		}
		n := s.bury(bad)
		sp.ack(e.seq)
		s.settle(e.points-n, n, false)
		took := time.Since(start)
		if !s.pause(max(took, time.Duration(float64(len(e.block))/replayRate*float64(time.Second)))) {
			return
		}
	}
}

// judged tells the gate and the log how an attempt went.
func (s *Sink) judged(a answer) {
	now := time.Now()
	if a.status == http.StatusNotFound || a.verdict == operator && missingBucket(a.message) {
		if s.makeBucket() {
			a.after, a.verdict = 0, later
		}
	}
	_, since, _ := s.gate.state()
	changed := s.gate.leave(now, a)
	if !changed {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch a.verdict {
	case accepted:
		s.cfg.Log.Info().Str("url", s.cfg.URL).Str("after", now.Sub(since).Round(time.Second).String()).Msg("influx: the server takes points again")
		clear(s.logged)
	case later:
		s.log(now, "later", func() {
			s.cfg.Log.Warn().Str("url", s.cfg.URL).Int("status", a.status).Str("said", a.message).Msg("influx: points are kept until the server takes them")
		})
	case operator:
		s.log(now, "operator", func() {
			s.cfg.Log.Error().Str("url", s.cfg.URL).Int("status", a.status).Str("said", a.message).Msg("influx: " + s.advice(a) + "; points are kept meanwhile")
		})
	}
}

// advice says in words what fails and which setting decides it.
func (s *Sink) advice(a answer) string {
	switch {
	case a.status == http.StatusUnauthorized && s.cfg.Token == "":
		return "the server wants to know who writes: set influx.token"
	case a.status == http.StatusUnauthorized:
		return "the server does not know the token: correct influx.token"
	case a.status == http.StatusForbidden:
		return "the token may not write there: give it the right, or correct influx.token, influx.org, influx.bucket"
	case a.verdict == operator:
		return "there is no bucket " + s.cfg.Bucket + ", or no server of InfluxDB at this address: correct influx.bucket, influx.org, influx.url, or make the bucket"
	case a.status == 0:
		return "no answer: " + a.message
	}
	return http.StatusText(a.status) + ": " + a.message
}

// bury writes what the server refused to the dead-letter file and returns how
// many points that were.
func (s *Sink) bury(bad []reject) (n int) {
	if len(bad) == 0 {
		return 0
	}
	for i := range bad {
		n += bad[i].points
	}
	now := time.Now()
	err := s.rejects.add(bad, now)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.log(now, "rejected", func() {
		e := s.cfg.Log.Error().Int("points", n).Int("status", bad[0].answer.status).Str("said", bad[0].answer.message).Str("file", s.rejects.path)
		if err != nil {
			e = e.Err(err)
		}
		e.Msg("influx: the server refuses points for good; they are in the file")
	})
	return n
}

// guard closes blocks that are old, spools what is not sent, and keeps the disk
// in order.
func (s *Sink) guard() {
	t := time.NewTicker(guardTick)
	defer t.Stop()
	synced := time.Now()
	for {
		select {
		case <-s.ctx.Done():
			return
		case <-t.C:
		}
		now := time.Now()
		s.mu.Lock()
		if !s.begun.IsZero() && now.Sub(s.begun) >= blockAge {
			s.closeBlock(now)
		}
		if s.spool == nil && !now.Before(s.spoolAt) {
			s.useFolder(now)
		}
		s.mu.Unlock()
		s.persist(now.Add(-spoolAge), now)
		if sp := s.disk(); sp != nil && now.Sub(synced) >= syncEvery {
			synced = now
			if err := sp.sync(); err != nil {
				s.mu.Lock()
				s.spoolFails(now, err)
				s.mu.Unlock()
			}
		}
	}
}

// persist moves the blocks made before the time from memory to the spool, all of
// them while the server fails.
func (s *Sink) persist(before, now time.Time) {
	sp := s.disk()
	if sp == nil {
		return
	}
	if failing, _, _ := s.gate.state(); failing {
		before = now.Add(time.Hour)
	}
	for {
		it := s.queue.oldest(before)
		if it == nil || !s.toDisk(sp, it, now) {
			return
		}
	}
}

// toDisk moves a block from memory to the spool; false is that it could not.
func (s *Sink) toDisk(sp *spool, it *item, now time.Time) bool {
	s.passing.Lock()
	defer s.passing.Unlock()
	seq, err := sp.append(it.block, it.points, it.at.UnixNano())
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil {
		s.spoolFails(now, err)
		s.queue.release(it)
		return false
	}
	s.stats.SpoolError = ""
	if s.queue.spooled(it, seq) {
		sp.ack(seq)
	} else {
		s.ledger.add(0, it.points)
	}
	return true
}

package sink

import (
	"context"
	"errors"
	"time"

	"weir/detect"
)

// handOver is the queue's send: tests one by one, changes together.
func (o *Outlet) handOver(ctx context.Context, batch []entry) error {
	var alerts []detect.Alert
	flush := func() {
		if len(alerts) > 0 {
			o.deliver(ctx, alerts)
			o.gather(ctx, len(alerts))
		}
		alerts = alerts[:0]
	}
	for _, e := range batch {
		if e.answer == nil {
			alerts = append(alerts, e.alert)
			continue
		}
		flush()
		e.answer <- o.try(ctx, e.alert)
	}
	flush()
	return nil // counted here
}

// try sends one change once.
func (o *Outlet) try(ctx context.Context, a detect.Alert) Answer {
	var r Recorder
	err := o.attempt(WithRecorder(ctx, &r), []detect.Alert{a})
	o.count(1, err)
	return Answer{r.Lines(), err}
}

func (o *Outlet) attempt(ctx context.Context, batch []detect.Alert) error {
	ctx, cancel := context.WithTimeout(ctx, o.opt.Timeout+time.Duration(len(batch))*perChange)
	defer cancel()
	err := o.sink.Send(ctx, batch)
	o.mu.Lock()
	defer o.mu.Unlock()
	o.send.note(err, time.Now())
	o.worked = o.worked || err == nil
	return err
}

func (o *Outlet) count(n int, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if err != nil {
		o.failed += uint64(n)
	} else {
		o.sent += uint64(n)
	}
}

// deliver sends the batch, again and again until it has arrived, is refused for
// good, or is too old.
func (o *Outlet) deliver(ctx context.Context, batch []detect.Alert) {
	begin := time.Now()
	done := func(n int, err error) {
		o.count(n, err)
		for i := range batch[:n] {
			o.settled(&batch[i])
		}
		batch = batch[n:]
		if err != nil {
			o.opt.OnError(err, n)
		}
	}
	for wait := o.opt.First; len(batch) > 0; {
		err := o.attempt(ctx, batch)
		if err == nil {
			done(len(batch), nil)
			return
		}
		each, some := errors.AsType[*Partial](err)
		if some && each.Sent > 0 {
			done(each.Sent, nil)
			wait = o.opt.First
		}
		switch {
		case errors.Is(err, ErrPermanent) && some:
			done(1, err)
		case errors.Is(err, ErrPermanent):
			done(len(batch), err)
		case o.isClosing() || ctx.Err() != nil: // stays unsettled
			o.count(len(batch), err)
			o.opt.OnError(err, len(batch))
			return
		case time.Since(begin) >= o.opt.GiveUp:
			o.giveUp(batch)
			done(len(batch), err)
		default:
			o.opt.OnError(err, 0)
			o.pause(ctx, o.nextTry(err, wait))
			wait = min(2*wait, o.opt.Most)
		}
	}
}

// giveUp keeps what is lost for who can tell it anew.
func (o *Outlet) giveUp(batch []detect.Alert) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if room := o.opt.Limit - len(o.lost); room > 0 {
		o.lost = append(o.lost, batch[:min(len(batch), room)]...)
	}
}

// nextTry is how long to wait: as the other side says, else wait with jitter.
func (o *Outlet) nextTry(err error, wait time.Duration) time.Duration {
	if l, ok := errors.AsType[*Later](err); ok && l.After > 0 {
		return min(l.After, maxLater)
	}
	return o.opt.Random(wait)
}

// pause waits, but not for an outlet that closes.
func (o *Outlet) pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-o.closing:
	case <-ctx.Done():
	}
}

func (o *Outlet) isClosing() bool {
	select {
	case <-o.closing:
		return true
	default:
		return false
	}
}

// gather waits after a burst, so that what comes then comes together.
func (o *Outlet) gather(ctx context.Context, n int) {
	if o.opt.Burst <= 0 {
		return
	}
	now := time.Now()
	for range min(n, o.opt.Burst) {
		o.burst = append(o.burst, now)
	}
	o.burst = o.burst[max(0, len(o.burst)-o.opt.Burst):]
	if len(o.burst) == o.opt.Burst && now.Sub(o.burst[0]) < burstPer && o.queue.Stats().Queued < maxBatch {
		o.pause(ctx, o.opt.Gather)
	}
}

// everyMinute probes and refreshes until the outlet closes.
func (o *Outlet) everyMinute() {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go func() { <-o.closing; cancel() }()
	t := time.NewTicker(refreshEvery)
	defer t.Stop()
	for {
		if o.opt.Probe {
			o.Probe(ctx)
		}
		select {
		case <-o.closing:
			return
		case <-t.C:
		}
		if r, ok := o.sink.(Refresher); ok {
			o.refresh(ctx, r)
		}
	}
}

func (o *Outlet) refresh(ctx context.Context, r Refresher) {
	ctx, cancel := context.WithTimeout(ctx, o.opt.Timeout)
	defer cancel()
	err := r.Refresh(ctx)
	if err != nil && !o.isClosing() {
		o.opt.OnError(err, 0)
	}
}

// Probe looks whether the other side is there, where the sink can.
func (o *Outlet) Probe(ctx context.Context) {
	p, ok := o.sink.(Prober)
	if !ok {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, o.opt.Timeout)
	defer cancel()
	err := p.Probe(ctx)
	if o.isClosing() {
		return
	}
	o.mu.Lock()
	o.probe.note(err, time.Now())
	o.worked = o.worked || err == nil
	o.mu.Unlock()
	if err != nil {
		o.opt.OnError(err, 0)
	}
}

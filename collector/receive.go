package collector

import (
	"runtime"
	"time"

	"weir/collector/shard"
	"weir/collector/udp"
	"weir/detect"
)

// lane is one shard at work. Its goroutine alone uses it.
type lane struct {
	app    *app
	number int
	shard  *shard.Shard
	detect *detect.Shard
	epoch  uint64        // of the app, as last seen
	next   time.Time     // hand-over by the clock
	last   time.Time     // hand-over; zero before the first of an epoch
	busy   time.Duration // with datagrams, since the start
}

// receive is the loop of one shard: it owns the receiver and the shard.
func (a *app) receive(r *udp.Receiver, number int) error {
	runtime.LockOSThread() // its sockets are steered to this shard: keep caches warm
	clock := a.group.Clock()
	l := &lane{
		app: a, number: number, shard: a.shards[number], detect: a.detect[number],
		epoch: a.epoch.Load(), next: clock.Now().Add(tick),
	}
	var end time.Time // by which draining is done; zero before it begins
	empty := 0        // reads that found nothing since it began
	for {
		deadline := l.deadline()
		select {
		case <-a.draining:
			if end.IsZero() {
				end = clock.Now().Add(drainTime)
			}
			deadline = clock.Now() // take what is there, wait for nothing
		default:
		}
		batch, err := r.Read(deadline)
		if err != nil {
			l.shard.Tick(clock.Now(), l.busy)
			return ignoreClosed(err)
		}
		l.take(batch)
		now := clock.Now()
		l.handOver(now)
		if end.IsZero() {
			continue
		}
		if len(batch) == 0 {
			empty++ // the first may be due to the wake-up alone
		}
		if empty == 2 || now.After(end) {
			l.shard.Tick(now, l.busy)
			return nil
		}
	}
}

// deadline is until when the receiver may wait for datagrams.
func (l *lane) deadline() time.Time {
	if hot := l.last.Add(coalesce); l.shard.Urgent() && hot.Before(l.next) {
		return hot
	}
	return l.next
}

// take works on a batch, which is the receiver's again when it returns.
func (l *lane) take(batch []udp.Message) {
	if len(batch) == 0 {
		return
	}
	l.app.forward.Put(l.number, batch)
	start := time.Now()
	for m := range batch {
		l.shard.Datagram(batch[m].Payload, batch[m].From, batch[m].At)
	}
	l.busy += time.Since(start)
}

// handOver lets the engine see what the shard has gathered, where it is time or a
// hot flow asks for it.
func (l *lane) handOver(now time.Time) {
	if e := l.app.epoch.Load(); e != l.epoch {
		l.epoch = e
		l.detect.Reset()
		l.shard.Epoch(now)
		l.next, l.last = now.Add(tick), time.Time{}
	}
	due := !now.Before(l.next)
	if !due && (!l.shard.Urgent() || now.Sub(l.last) < coalesce) {
		return
	}
	l.shard.Tick(now, l.busy)
	l.app.pulse.beat(l.number)
	l.last = now
	if due {
		l.next = now.Add(tick)
	} else {
		l.app.wake()
	}
}

// wake has engine and site look at once.
func (a *app) wake() {
	select {
	case a.urgent <- struct{}{}:
	default:
	}
	a.site.hurry()
}

package sampler

import (
	"errors"
	"math"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"weir/decoder/sflow"
)

// tap is one interface under sampling.
type tap struct {
	Interface
	in  intake // nil while nothing can be sampled
	err error  // why

	rate    uint32 // of the filter in the kernel
	seq     sflow.Seq
	pool    uint32 // wraps
	exact   bool   // pool was counted
	counted uint64 // packets, when pool was last
	lost    uint32 // wraps
	samples uint64
	dropped uint64

	recent  uint64  // packets the samples since the last beat stand for
	packets float64 // a second, smoothed
	undrawn int     // control frames since the last beat
	noise   int     // of the frames since drops were last counted: control frames not drawn
	heard   int     // and all
	passing bool    // the filter in the kernel lets control frames pass undrawn
	mute    bool    // control is off until the next beat: there were too many
	burst   int     // samples since the last beat or change of rate
	allowed int     // of burst, before the rate is made coarser at once
}

// Frames of a ring: 32 KiB behind a tap, less where there are hundreds; 256 KiB at
// an uplink or a fixed rate, for which nobody promises how many samples there
// will be.
const (
	tapFrames    = 64
	leastFrames  = 8
	uplinkFrames = 512
	allFrames    = 16384 // of all rings together, about: 8 MiB
)

func (t *tap) frames() int {
	if t.in == nil {
		return 0
	}
	return t.in.size()
}

func (t *tap) close() {
	if t.in != nil {
		t.in.close()
		t.in = nil
	}
}

// reconcile makes the taps those that Set wants.
func (s *Sampler) reconcile() {
	s.mu.Lock()
	if !s.fresh {
		s.mu.Unlock()
		return
	}
	want, change := slices.Clone(s.want), s.change
	s.fresh, s.change = false, nil
	s.mu.Unlock()
	if change != nil {
		s.take(change)
	}

	s.share = max(leastFrames, allFrames/max(len(want), 1))
	keep := map[uint32]bool{}
	for _, i := range want {
		if i.Index == 0 || i.Index > math.MaxInt32 || keep[i.Index] {
			continue
		}
		keep[i.Index] = true
		t := s.taps[i.Index]
		if t == nil {
			t = &tap{}
			s.taps[i.Index] = t
		}
		same := t.Interface == i
		changed := t.directions() != i.directions() || t.Interface.Rate != i.Rate || t.Uplink != i.Uplink || t.Control != i.Control
		t.Interface = i
		if t.in == nil || changed && !same {
			s.start(t)
		}
	}
	for index, t := range s.taps {
		if !keep[index] {
			s.empty(t)
			delete(s.taps, index)
		}
	}
	s.publish()
}

// take takes over another budget and other lengths. What the kernel has to cut
// otherwise is opened anew.
func (s *Sampler) take(c *change) {
	s.cfg.Budget, s.cut.payload = c.budget, c.payload
	if s.cut.limit == c.header {
		return
	}
	s.cut.limit = c.header
	for _, t := range s.taps {
		if rate := t.rate; t.in != nil {
			s.start(t)
			s.setRate(t, rate)
		}
	}
}

// start opens the socket of a tap, anew where it has one.
func (s *Sampler) start(t *tap) {
	s.empty(t)
	frames := tapFrames
	if t.Uplink || t.Interface.Rate > 0 {
		frames = uplinkFrames
	}
	frames = min(frames, s.share)
	r, err := s.open(int(t.Index), frames, t.directions())
	if err != nil {
		t.err, t.rate = err, 0
		return
	}
	t.in, t.err, t.rate = r, nil, 0 // nothing passes yet
	e := unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(t.Index)}
	if err := unix.EpollCtl(s.epoll, unix.EPOLL_CTL_ADD, r.pollable(), &e); err != nil {
		s.stop(t, err)
		return
	}
	rate := t.Interface.Rate
	if rate == 0 { // until its traffic is known
		rate = min(t.coarsest(), firstRate)
	}
	t.allowed = burstFloor
	s.setRate(t, rate)
}

// open opens what the configured method reads from.
func (s *Sampler) open(ifIndex, frames int, dirs Direction) (intake, error) {
	switch {
	case s.cfg.Method == MethodTCX:
		return openTCX(ifIndex, frames, s.cut.captureSnap(), dirs)
	case s.cfg.Method == MethodAuto && !s.noTCX:
		t, err := openTCX(ifIndex, frames, s.cut.captureSnap(), dirs)
		if err == nil || errors.Is(err, unix.ENODEV) {
			return t, err
		}
		s.noTCX = true // no such kernel, or no privilege
	}
	return openRing(ifIndex, frames, s.cut.captureSnap())
}

const (
	firstRate  = 1000
	burstFloor = 32
)

func (s *Sampler) stop(t *tap, err error) {
	s.empty(t)
	t.err, t.rate = err, 0
	s.publish()
}

// empty closes the socket of a tap after what it still has was sent and counted.
func (s *Sampler) empty(t *tap) {
	if t.in != nil {
		s.readAll(t)
		s.countLost(t)
		t.close()
	}
}

// setRate changes the rate of a tap.
func (s *Sampler) setRate(t *tap, rate uint32) {
	if t.rate != rate {
		s.choose(t, rate)
	}
}

// choose changes the filter in the kernel. Every sample in the ring was drawn at
// the rate it will be sent with: nothing passes between the two filters.
func (s *Sampler) choose(t *tap, rate uint32) {
	if t.in == nil {
		return
	}
	if t.rate != 0 {
		if err := t.in.choose(&draw{}); err != nil {
			return // no memory: the old filter goes on
		}
		s.readAll(t)
		s.countLost(t)
	}
	t.rate, t.burst, t.passing = rate, 0, s.controls(t) && !t.mute
	d := draw{rate, s.cut.captureSnap(), t.directions(), t.passing}
	if err := t.in.choose(&d); err != nil {
		s.stop(t, err)
	}
}

// controls reports whether ARP and DHCP of a tap are wanted and can be had.
func (s *Sampler) controls(t *tap) bool {
	return t.Control && t.directions()&Ingress != 0 && s.cfg.Control != nil
}

// retryBeats is how many beats lie between two attempts to open what failed.
const retryBeats = 10

// tick looks after losses, vanished interfaces and rates.
func (s *Sampler) tick(since time.Duration) {
	s.beats++
	s.adapt, s.demands = s.adapt[:0], s.demands[:0]
	for _, t := range s.taps {
		if t.in == nil {
			if s.beats%retryBeats == 0 {
				s.start(t)
			}
			continue
		}
		s.drain(t)
		if t.in == nil {
			continue
		}
		// An interface that was taken down first gives no second sign when it goes.
		if err := t.in.fault(); err != nil {
			s.stop(t, err)
			continue
		}
		s.countLost(t)
		t.undrawn = 0
		if t.mute {
			t.mute = false
			s.choose(t, t.rate)
		}
		t.measure(since)
		if t.Interface.Rate > 0 {
			continue
		}
		d := demand{packets: t.packets, rate: t.rate, coarsest: t.coarsest()}
		if t.Uplink {
			d.floor = uplinkFloor / headroom
		}
		s.adapt = append(s.adapt, t)
		s.demands = append(s.demands, d)
	}
	s.order = plan(s.cfg.Budget, s.demands, s.order)
	for i, t := range s.adapt {
		d := &s.demands[i]
		t.allowed = max(burstFloor, int(4*d.share*beat.Seconds()))
		// Finer by a factor at a time: silence may just be bad luck at a coarse rate.
		s.setRate(t, max(d.rate, t.rate/4, 1))
	}
	s.publish()
}

// measure takes the packets of the last beat into the smoothed figure: at once
// where it rises, slowly where it falls or only shakes.
func (t *tap) measure(since time.Duration) {
	now := float64(t.recent) / since.Seconds()
	t.recent, t.burst = 0, 0
	if now > t.packets/headroom {
		t.packets = now
		return
	}
	t.packets += (now - t.packets) / 4
}

func (s *Sampler) publish() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.states = s.states[:0]
	for _, t := range s.taps {
		s.states = append(s.states, State{Interface: t.Interface, Controls: t.in != nil && s.controls(t), Rate: t.rate, Samples: t.samples, Dropped: t.dropped, Err: t.err})
	}
	slices.SortFunc(s.states, func(a, b State) int { return int(a.Index) - int(b.Index) })
}

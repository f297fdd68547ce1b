// Package source says what the parts of the host agent that look at something,
// its sources, and the agent have to do with each other: a source is asked for a
// Snapshot at every poll, tells events when they happen, or both.
//
// Each source has goroutines of its own, so that one that fails or hangs costs
// itself alone; the agent tells which in its heartbeat.
package source

import (
	"context"
	"errors"
	"time"

	"weir/decoder/sflow"
)

// ErrAbsent is returned, wrapped, by a source whose subject this node does not
// have: no libvirt, no Open vSwitch. The agent tells it as a state, not as an
// error, and asks again at the next poll.
var ErrAbsent = errors.New("not on this node")

// Source is polled.
type Source interface {
	// Name is short, lower-case and constant: "libvirt".
	Name() string
	// Collect appends to s what there is to tell at the time now. What fails is
	// left out and returned as an error; what was appended before is still
	// sent. The agent never calls it twice at once. A call that takes longer
	// than the source's deadline is told as hung, and what it then returns is
	// not sent.
	Collect(now time.Time, s *Snapshot) error
}

// Runner is a Source that also watches, or one that only watches: then its
// Collect may append nothing.
type Runner interface {
	Source
	// Run watches until ctx is done and tells sink. Where it returns before,
	// the agent tells the error and calls it again after a pause that grows
	// from 0.1 to 10 s. A wrapped ErrAbsent is asked again every 10 s.
	Run(ctx context.Context, sink Sink) error
}

// Sink takes what cannot wait for the next poll. Its methods are safe for
// concurrent use and never block: what does not fit is counted.
type Sink interface {
	// Emit sends an event at once, and again after 0.2 s and after 1 s.
	Emit(e Event)
	// Push sends what is in s at once; s may be used again when Push returns.
	Push(s *Snapshot)
}

// Flows takes packet samples. Its methods are safe for concurrent use, never
// block and allocate nothing; the sequence number is set by the packer.
type Flows interface {
	// Flow packs a flow sample with its records. Pass a slice that lives on
	// (records...) so that none is made for the call.
	Flow(s *sflow.FlowSample, records ...sflow.Appender)
	// Discard packs a notice of a dropped packet.
	Discard(s *sflow.DiscardSample, records ...sflow.Appender)
	// Lost adds to the samples that were not taken: the kernel's drops, a full
	// buffer.
	Lost(n uint64)
}

// Teller is a Source that adds values to the heartbeat: the last contact with
// libvirt, sampling rates.
type Teller interface {
	Tell(t *Telling)
}

// Changer is a Source that goes on with other settings. Others are stopped and
// made anew when theirs change.
type Changer interface {
	// Change takes over the settings of next, a Source of the same name that was
	// made by New and never used. It returns false where next must run instead.
	Change(next Source) bool
}

// Telling is what sources add to the heartbeat. Zero values are left out.
type Telling struct {
	LibvirtContact time.Time
	OVSContact     time.Time
	Sampling       string // "eth0=1000,tap1=100"
	SamplingBudget uint32 // samples a second that the rates adapt to; 0: they are fixed
	HeaderBytes    uint32
	FramesLost     uint64 // frames that were to be heard and found no room, since the start
}

// Capable is a Source that needs capabilities (CAP_NET_ADMIN …, the kernel's
// numbers); everything else is dropped at start.
type Capable interface {
	Capabilities() []int
}

// Wisher is a Source that does better with capabilities that it can do without.
type Wisher interface {
	Wishes() []int
}

// Finding is one line of what a source can see on this node.
type Finding struct {
	What string // "interfaces"
	OK   bool
	None bool   // this node has nothing of the kind: not seen, and no fault
	Text string // what is seen, or why it is not
	Fix  string // "" where there is nothing to do
}

// Examiner is a Source that tells for `doctor` what it can and cannot see, and
// why. It is called after a poll, beside Run where the Source has one.
type Examiner interface {
	Examine(ctx context.Context) []Finding
}

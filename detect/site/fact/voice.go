package fact

import (
	"weir/decoder"
	"weir/decoder/sflow"
)

// Two that speak under one name from one address are told apart by when they
// booted, as their uptimes say, and by their sequence numbers.
const (
	voiceSlack = 3 * second // uptimes may be whole seconds, and datagrams late
	voiceJump  = 10000      // datagrams that may be lost at once
	voiceBack  = 1000       // that may overtake each other
	voiceFor   = 600 * second
	voicesTold = second // at most so often
)

// voice is one of those that speak as a sub-agent.
type voice struct {
	boot, at int64 // ns
	seq      sflow.Seq
}

// is reports whether a datagram goes on with what the voice said.
func (v *voice) is(boot int64, seq sflow.Seq) bool {
	d, gap := boot-v.boot, int32(seq-v.seq)
	return d < voiceSlack && d > -voiceSlack && gap < voiceJump && gap > -voiceBack
}

// voices are who spoke before the one that is heard, and how often that changed.
type voices struct {
	before voice
	turns  uint32 // returns of the one before, since told
	told   int64
}

// another takes a datagram that does not go on with the last one: the sender began
// anew, or the one before is back, which no restart explains.
func (g *Gatherer) another(s *sub, a *decoder.Arrival, boot int64) {
	v := &s.voices
	if v.before.at != 0 && g.at-v.before.at < voiceFor && v.before.is(boot, a.Sequence) {
		v.turns++
		if d := g.at - v.told; d >= voicesTold || d < 0 {
			g.tell(Fact{
				Kind: Voices, Agent: s.agent.number, Sub: s.id, At: g.at,
				A: uint64(a.Uptime)<<32 | uint64(a.Sequence), B: uint64(s.uptime)<<32 | uint64(s.seq), C: uint64(v.turns),
			})
			v.turns, v.told = 0, g.at
		}
	}
	v.before = voice{s.boot, s.at, s.seq}
}

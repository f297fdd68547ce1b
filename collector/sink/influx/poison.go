package influx

import "hash/crc32"

// poison finds blocks that make the server fail while it takes others. Such a
// block is first set aside, behind all others in the spool; where it fails
// again, and the server took others meanwhile, it is given up. As long as the
// server fails for all, none is.
type poison struct {
	head     uint64 // seq of the block that fails
	failures int
	suspects map[uint32]uint64 // by the block's sum: blocks taken when it was set aside
}

// What to do with a block.
type fate uint8

const (
	tryAgain fate = iota
	setAside
	giveUp
)

const (
	maxFailures = 3    // of one block in a row
	maxSuspects = 1024 // beyond which all are forgotten
)

// judge says what to do with a block that has failed, when so many blocks were
// taken in all.
func (p *poison) judge(e *entry, taken uint64) fate {
	if p.head != e.seq {
		p.head, p.failures = e.seq, 0
	}
	if p.failures++; p.failures < maxFailures {
		return tryAgain
	}
	sum := crc32.Checksum(e.block, castagnoli)
	if before, ok := p.suspects[sum]; ok && taken > before {
		delete(p.suspects, sum)
		return giveUp
	}
	if p.suspects == nil || len(p.suspects) >= maxSuspects {
		p.suspects = map[uint32]uint64{}
	}
	p.suspects[sum] = taken
	return setAside
}

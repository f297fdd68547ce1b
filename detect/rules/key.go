package rules

import (
	"math/bits"
	"net/netip"

	"weir/detect/keys"
)

// Key is what a rule tells traffic apart by. Vantage is the agent's number and
// the direction; 0 where all vantages are summed.
type Key struct {
	fields  [keys.MaxSize]byte
	vantage uint32
}

// keySize is the size of a Key.
const keySize = keys.MaxSize + 4

// hash is keyed by the seed, which senders do not know: folded products of
// 128 bits.
func (key *Key) hash(seed uint64) uint64 {
	h := fold(seed^uint64(key.vantage), 0xa0761d6478bd642f^bits.RotateLeft64(seed, 32))
	for i := 0; i < keys.MaxSize; i += 8 {
		h = fold(h^be.Uint64(key.fields[i:]), 0xd6e8feb86659fd93^seed)
	}
	return fold(h, 0x9e3779b97f4a7c15^seed)
}

// member is the hash of a value that is counted once.
func (v u128) member(seed uint64) uint64 {
	h := fold(v.hi^seed, 0xd6e8feb86659fd93^seed)
	return fold(h^v.lo, 0xa0761d6478bd642f^bits.RotateLeft64(seed, 32))
}

func fold(a, b uint64) uint64 {
	hi, lo := bits.Mul64(a, b)
	return hi ^ lo
}

// addressWords are the fields of a key that groups and never look at, the first
// that the key has.
var addressWords = []string{"dst", "inner_dst", "src", "inner_src", "outer_dst", "outer_src", "agent"}

// addresses returns the addresses of a key in that order.
func addresses(k *keys.Key) (all [2]netip.Addr) {
	n := 0
	for _, w := range addressWords {
		if a := k.Addr(w); a.IsValid() && n < len(all) {
			all[n] = a
			n++
		}
	}
	return all
}

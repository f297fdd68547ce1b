package largeflow

import (
	"math/bits"

	"weir/decoder"
	"weir/decoder/packet"
)

// hash folds the key and vantage point with 128-bit products, keyed because
// whoever sends packets chooses the keys.
func (t *Table) hash(k *packet.Key, v decoder.Vantage) uint64 {
	return fold(hashKey(k, t.seed)^t.seed[1], (uint64(v.Agent)<<32|uint64(v.Source))^t.seed[0])
}

func hashKey(k *packet.Key, seed [2]uint64) uint64 {
	a := fold(le(k.Src[:8])^seed[0], le(k.Src[8:])^seed[1])
	b := fold(le(k.Dst[:8])^seed[1], le(k.Dst[8:])^seed[0])
	c := uint64(k.SrcPort)<<48 | uint64(k.DstPort)<<32 | uint64(k.Domain)
	e := fold(c^seed[0]^a, uint64(k.Proto)<<56^seed[1]^bits.RotateLeft64(b, 32))
	return mix(e ^ a ^ b)
}

func seeds(seed uint64) [2]uint64 {
	return [2]uint64{mix(seed + 0x9e3779b97f4a7c15), mix(seed + 0x3c6ef372fe94f82a)}
}

func fold(a, b uint64) uint64 {
	hi, lo := bits.Mul64(a, b)
	return hi ^ lo
}

// mix is the finaliser of SplitMix64.
func mix(z uint64) uint64 {
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

func le(b []byte) uint64 {
	_ = b[7]
	return uint64(b[0]) | uint64(b[1])<<8 | uint64(b[2])<<16 | uint64(b[3])<<24 |
		uint64(b[4])<<32 | uint64(b[5])<<40 | uint64(b[6])<<48 | uint64(b[7])<<56
}

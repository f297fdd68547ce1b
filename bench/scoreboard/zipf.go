package main

import (
	"math"
	"math/rand/v2"
	"sort"
)

var alphas = []float64{0.8, 1, 1.2}

// zipf draws keys with P(k) ~ 1/(k+1)^alpha.
type zipf struct {
	cdf []float64
	r   *rand.Rand
}

func newZipf(keys int, alpha float64, seed uint64) *zipf {
	z := &zipf{cdf: make([]float64, keys), r: rand.New(rand.NewPCG(seed, 1))}
	sum := 0.0
	for i := range z.cdf {
		sum += math.Pow(float64(i+1), -alpha)
		z.cdf[i] = sum
	}
	for i := range z.cdf {
		z.cdf[i] /= sum
	}
	return z
}

// weighted is a sample of a key: octets times sampling rate.
type weighted struct{ key, hash, weight uint64 }

func (z *zipf) sample() weighted {
	k := uint64(sort.SearchFloat64s(z.cdf, z.r.Float64()))
	return weighted{k, mix(k), [3]uint64{64, 576, 1500}[z.r.IntN(3)] * 1000}
}

// mix is the finaliser of SplitMix64.
func mix(z uint64) uint64 {
	z += 0x9e3779b97f4a7c15
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

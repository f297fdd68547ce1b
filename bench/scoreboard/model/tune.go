package model

import (
	"math"
	"math/rand/v2"
)

// Tuned is a kind of detector whose threshold can be chosen for a budget of
// false alarms among equal flows. Here thresholds and rates are in samples/s.
type Tuned struct {
	Name  string
	New   func(threshold float64) Detector // for samples of one bit
	shape func(background, threshold float64) float64
	step  float64 // thresholds are multiples of this; 0: any
}

// Kinds of detectors that can be tuned.
var (
	_ Detector = (*EWMA)(nil)
	_ Detector = (*FastNetMon)(nil)
	_ Detector = (*Bucket)(nil)
	_ Detector = (*Window)(nil)
)

// TunedEWMA is an EWMA of tau seconds.
func TunedEWMA(name string, tau float64) Tuned {
	return Tuned{Name: name,
		New:   func(th float64) Detector { return &EWMA{Tau: tau, Threshold: th} },
		shape: func(l, th float64) float64 { return l * shotBetween(l*tau, th*tau) }}
}

// TunedWindow is a sliding window of w seconds.
func TunedWindow(name string, w float64) Tuned {
	return Tuned{Name: name, step: 1 / w,
		New:   func(th float64) Detector { return &Window{Length: w, Threshold: th} },
		shape: func(l, th float64) float64 { return l * poissonTail(math.Round(th*w)-1, l*w) }}
}

// TunedBucket is a tumbling bucket of w seconds.
func TunedBucket(name string, w float64) Tuned {
	return Tuned{Name: name, step: 1 / w,
		New:   func(th float64) Detector { return &Bucket{Width: w, Threshold: th} },
		shape: func(l, th float64) float64 { return poissonTail(math.Round(th*w), l*w) / w }}
}

// TunedFastNetMon is FastNetMon's logic at 1 s and 5 s with another threshold.
func TunedFastNetMon(name string) Tuned {
	return Tuned{Name: name,
		New:   func(th float64) Detector { return &FastNetMon{Tick: 1, Average: 5, Threshold: th} },
		shape: func(l, th float64) float64 { return averageTail(l, th) }}
}

// Threshold returns the lowest threshold at which all flows at once, each of
// background samples/s, give at most falsePerDay false alarms. The shape of the
// rate is computed; how many alarms come in one cluster is measured at a
// threshold low enough to be crossed often.
func (k Tuned) Threshold(background float64, flows int, falsePerDay float64, seed uint64) float64 {
	want := falsePerDay / 86400 / float64(flows)
	cluster := k.cluster(background, seed)
	if k.step > 0 {
		for n := math.Ceil(background / k.step); ; n++ {
			if cluster*k.shape(background, n*k.step) <= want {
				return n * k.step
			}
		}
	}
	lo, hi := background, background*4+100
	for range 60 {
		if mid := (lo + hi) / 2; cluster*k.shape(background, mid) > want {
			lo = mid
		} else {
			hi = mid
		}
	}
	return hi
}

// cluster returns alarms per crossing at a threshold where alarms are rare
// among flows but frequent in the simulation.
func (k Tuned) cluster(background float64, seed uint64) float64 {
	const often = 1e-3 // alarms per second of a flow
	th := background
	for d := max(k.step, background/20); k.shape(background, th) > often; {
		th += d
	}
	if k.step > 0 {
		th = math.Round(th/k.step) * k.step
	}
	n, seconds := FalseAlarms(func() Detector { return k.New(th) }, background, 400, 2000, seed)
	return float64(n) / seconds / k.shape(background, th)
}

// FalseAlarms counts the alarms of so many independent flows of rate samples/s
// over the given seconds each, after a twentieth of it to settle.
func FalseAlarms(newDetector func() Detector, rate float64, flows int, seconds float64, seed uint64) (alarms int, exposure float64) {
	rng := rand.New(rand.NewPCG(seed, 77))
	settle := seconds / 20
	for range flows {
		d := newDetector()
		for t := rng.ExpFloat64() / rate; t < seconds; t += rng.ExpFloat64() / rate {
			if at, ok := d.Sample(t, 1); ok && at > settle {
				alarms++
			}
		}
	}
	return alarms, float64(flows) * (seconds - settle)
}

// poissonTail returns P(X >= n) for a Poisson variable.
func poissonTail(n, mean float64) float64 {
	if n <= 0 {
		return 1
	}
	lg, _ := math.Lgamma(n + 1)
	term := math.Exp(n*math.Log(mean) - mean - lg)
	sum := 0.0
	for i := n; term > sum*1e-16; i++ {
		sum += term
		term *= mean / (i + 1)
		if i > mean && term == 0 {
			break
		}
	}
	return min(sum, 1)
}

// shotBetween returns P(b-1 <= X < b) of stationary shot noise with unit jumps
// that decay exponentially, m jumps per decay time: the chance that the next
// jump crosses b. The density obeys x f(x) = m ∫ f over [x-1, x], which is
// solved forward from f(x) ∝ x^(m-1).
func shotBetween(m, b float64) float64 {
	const perUnit = 400
	const h = 1.0 / perUnit
	n := int(math.Ceil(b*perUnit)) + 1
	reach := int(max(float64(n), (m+12*math.Sqrt(m)+12)*perUnit))
	cum := make([]float64, reach+1) // of f, up to i*h
	f := make([]float64, reach+1)
	for i := 1; i <= reach; i++ {
		x := float64(i) * h
		if i <= perUnit {
			f[i] = math.Pow(x, m-1)
			cum[i] = math.Pow(x, m) / m // exact where f may be infinite at 0
			continue
		}
		// Trapezoid: x f(x) = m (cum(x-h) + (f(x-h)+f(x)) h/2 - cum(x-1)).
		part := cum[i-1] + f[i-1]*h/2 - cum[i-perUnit]
		f[i] = max(0, m*part/(x-m*h/2))
		cum[i] = cum[i-1] + (f[i-1]+f[i])*h/2
	}
	at := func(x float64) float64 {
		if x <= 0 {
			return 0
		}
		i := min(int(x*perUnit), reach-1)
		return cum[i] + (cum[i+1]-cum[i])*(x*perUnit-float64(i))
	}
	return max(0, at(b)-at(b-1)) / cum[reach]
}

// averageTail returns the chance per second that FastNetMon's average of a
// Poisson stream of l a second is above b, by the saddlepoint approximation of
// Lugannani and Rice.
func averageTail(l, b float64) float64 {
	keep := math.Exp(-1.0 / 5)
	var weights []float64
	for w := 1 - keep; w > 1e-6; w *= keep {
		weights = append(weights, w)
	}
	cumulant := func(s float64) (k, k1, k2 float64) {
		for _, w := range weights {
			e := math.Exp(s * w)
			k += l * (e - 1)
			k1 += l * w * e
			k2 += l * w * w * e
		}
		return k, k1, k2
	}
	if b <= l*1.01 {
		return 0.5
	}
	lo, hi := 0.0, 600.0
	for range 80 {
		s := (lo + hi) / 2
		if _, k1, _ := cumulant(s); k1 < b {
			lo = s
		} else {
			hi = s
		}
	}
	k, _, k2 := cumulant(hi)
	r := math.Sqrt(2 * (hi*b - k))
	u := hi * math.Sqrt(k2)
	phi := math.Exp(-r*r/2) / math.Sqrt(2*math.Pi)
	return max(0, math.Erfc(r/math.Sqrt2)/2+phi*(1/u-1/r))
}

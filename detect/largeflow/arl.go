package largeflow

import "math"

// A Poisson CUSUM of the hypotheses rate λ against rλ adds ln r for every
// event, drains (r-1)λ a second and stays at 0 or above. It is the workload of
// a queue with constant service times (M/D/1), so that its average run length
// is known in closed form: with the scale function W of the Lévy process
// "drain minus jumps", the mean time from 0 to h or above is
//
//	W(h)²/W'(h) - ∫₀ʰ W
//
// (Pistorius, On exit and ergodicity of the spectrally one-sided Lévy process
// reflected at its infimum, 2004), where W is Erlang's sum, and for h of a few
// jumps, by the Cramér-Lundberg theorem, W(x) ≈ (1 - C e^-x)/ψ'(0).

// runLength returns the mean time between false alarms at threshold h, in
// units of the mean time between events.
func runLength(r, h float64) float64 {
	g := math.Log(r)
	k0, k1 := r-1-g, r*g-r+1
	c := k0 / k1
	if r < exactFrom || h > exactTo {
		return math.Exp(h)/(k0*c) - (2+h-c)/k0
	}
	w, dw, sum := erlang(h, g, r-1)
	return w*w/dw - sum
}

// Erlang's sum, whose terms alternate, keeps its digits from exactFrom on and
// up to exactTo; elsewhere h is many jumps, and the limit is as good.
const (
	exactFrom = 4.0
	exactTo   = 22.0
)

// erlang returns W(x), its derivative from the right and its integral from 0,
// for events at rate 1, jumps g and drain d.
func erlang(x, g, d float64) (w, dw, sum float64) {
	for k := 0; float64(k)*g <= x; k++ {
		// (-1)^k/k! y^k e^y with y = (x-kg)/d, its derivative and integral
		y := (x - float64(k)*g) / d
		sign, p := 1.0, math.Exp(y) // p = y^k/k! e^y
		before := 0.0               // y^(k-1)/(k-1)! e^y
		for i := 1; i <= k; i++ {
			before = p
			p *= y / float64(i)
			sign = -sign
		}
		w += sign * p / d
		dw += sign * (p + before) / d / d
		sum += sign * tailIntegral(k, y)
	}
	return w, dw, sum
}

// tailIntegral returns ∫₀ʸ tᵏ/k! eᵗ dt = (-1)ᵏ⁺¹ + eʸ Σ (-1)ⁱ y^(k-i)/(k-i)!.
func tailIntegral(k int, y float64) float64 {
	if y <= 0 {
		return 0
	}
	term, s := 1.0, 0.0
	for i := 0; i <= k; i++ { // y^i/i! with sign (-1)^(k-i)
		if (k-i)%2 == 0 {
			s += term
		} else {
			s -= term
		}
		term *= y / float64(i+1)
	}
	end := 1.0
	if k%2 == 0 {
		end = -1
	}
	return s*math.Exp(y) + end
}

// thresholdFor returns h with runLength(r, h) = n.
func thresholdFor(r, n float64) float64 {
	lo, hi := 0.0, 200.0
	for range 60 {
		if h := (lo + hi) / 2; runLength(r, h) < n {
			lo = h
		} else {
			hi = h
		}
	}
	return hi
}

// exponent returns η > 0 with share·(r^η - 1) = (r-1)·η: a flow of so many
// times the null rate lifts the likelihood ratio of r against 1 above e^h with
// probability at most e^-ηh (Lundberg's inequality). For share < 1 it is more
// than 1.
func exponent(r, share float64) float64 {
	lo, hi := 1.0, 200/math.Log(r)
	for range 80 {
		if e := (lo + hi) / 2; share*(math.Pow(r, e)-1) < (r-1)*e {
			lo = e
		} else {
			hi = e
		}
	}
	return lo
}

package largeflow

import (
	"fmt"
	"math"
	"testing"
	"time"
)

// The probability that a flow of falseShare of the threshold is ever confirmed
// is, by the exact law of the time at which the lines stop it, what the budget
// leaves for it, and not much less.
func TestBoundSpendsTheBudget(t *testing.T) {
	for _, links := range []int{1, 20, 1000, 10000} {
		t.Run(fmt.Sprint(links), func(t *testing.T) {
			const share, rate, seconds = 0.1, 8.33, 6
			b := newBound(DefaultBudget, links, share, 1)
			rule := b.rule(rate)
			p, ok := rule.law(falseShare*rate, seconds)
			spent := p * DefaultBudget.looks(links, share)
			if !ok || spent > 1 || spent < 0.85 {
				t.Errorf("a share of %.3f of the budget, want 0.85 to 1, %v", spent, ok)
			}
		})
	}
}

// Wald's test is not beaten, and the bound stays near it.
func TestBoundStaysNearWald(t *testing.T) {
	for _, links := range []int{1, 20, 10000} {
		for _, multiple := range []float64{2, 5, 10} {
			t.Run(fmt.Sprintf("%d links, %g times", links, multiple), func(t *testing.T) {
				const share, rate = 0.1, 8.33
				b := newBound(DefaultBudget, links, share, 1)
				rule := b.rule(rate)
				got := rule.within(0.5, multiple*rate).Seconds() - 1/(multiple*rate)
				least := leastConfirmed(DefaultBudget, links, share, multiple, rate)
				if got < 0.9*least || got > 1.15*least {
					t.Errorf("half are confirmed after %.3f s, the least mean is %.3f s", got, least)
				}
				t.Logf("half after %.3f s, least mean %.3f s", got, least)
			})
		}
	}
}

// Flows below the threshold that make way for others before they have been
// judged at length are confirmed no more often than promised.
func TestBudgetOfShortFlows(t *testing.T) {
	const perSecond, share = 8.33, 0.079 // of a flow at the threshold
	budget := Budget{Suspected: 1, Confirmed: 50}
	b := newBound(budget, 1, 0.1, 1)
	rule := b.rule(perSecond)
	for _, c := range []struct {
		life       time.Duration
		least, max float64
	}{{2 * time.Second, 0.6, 0.75}, {3 * time.Second, 0.4, 0.55}, {10 * time.Second, 0.1, 0.2}} {
		rate, chance := perSecond*share/0.1, 0.0
		const steps = 50
		for i := range steps { // of the wait for the first sample
			wait := -math.Log(1-(float64(i)+0.5)/steps) / rate
			if left := c.life.Seconds() - wait; left > 0 {
				p, _ := rule.law(rate, left)
				chance += p / steps
			}
		}
		ratio := chance * week.Seconds() / c.life.Seconds() / share / budget.Confirmed
		if ratio < c.least || ratio > c.max {
			t.Errorf("flows of %s: %.2f times the budget, want %g to %g", c.life, ratio, c.least, c.max)
		}
	}
}

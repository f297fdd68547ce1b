package largeflow

import (
	"fmt"
	"testing"
)

// The probability that a flow of falseShare of the threshold is ever confirmed
// is, by the exact law of the time at which the lines stop it, what the budget
// leaves for it, and not much less.
func TestBoundSpendsTheBudget(t *testing.T) {
	for _, links := range []int{1, 20, 1000, 10000} {
		t.Run(fmt.Sprint(links), func(t *testing.T) {
			const share, rate, seconds = 0.1, 8.33, 6
			b := newBound(DefaultBudget, links, share)
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
				b := newBound(DefaultBudget, links, share)
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

package site

import (
	"math"
	"time"
)

// lookEvery is how often a node is judged without a fact that asks for it.
const lookEvery = second

// judge looks at every node with something new or something due.
func (s *Site) judge() {
	s.gathered = false
	s.judgeContests()
	for _, n := range s.order {
		if !n.dirty && s.now < n.next {
			continue
		}
		n.dirty, n.next = false, s.now+lookEvery
		s.judgeNode(n)
	}
	s.judgeCommon()
	s.judgeGroups()
	s.lives()
}

// judgeNode looks at one node.
func (s *Site) judgeNode(n *node) {
	if !n.heard && !s.expected(n) {
		s.judgeAbsent(n)
		return
	}
	n.waits = 0
	if len(n.streams) == 0 {
		return
	}
	s.deadlines(n)
	s.judgeSilence(n)
	if n.silent {
		return
	}
	s.senders(n)
	s.judgeTurns(n)
	s.judgeSampling(n)
	s.judgeUnseen(n)
	s.judgeSwitch(n)
	s.judgePolling(n)
	s.judgeSources(n)
	for _, name := range sortedKeys(n.bridges) {
		if b := n.bridges[name]; !b.unseenBridge() {
			s.judgeBridge(b)
		}
	}
	s.judgeLAGs(n)
	for _, index := range sortedKeys(n.ports) {
		s.judgePort(n.ports[index])
	}
	s.judgeGone(n)
	s.judgeTogether(n)
	s.judgeInterfaces(n)
	s.judgeOpened(n)
	s.judgeHost(n)
}

// Weights of evidence, as log likelihood ratios in nats.
const (
	weightSilent   = 6.0  // beats missing beyond what loss explains
	weightTraffic  = 13.8 // at most, of traffic that is no longer seen
	weightPortDown = 9.0
	prior          = -11.5 // of any condition at any time
	enough         = 4.6   // log odds of 0.99
	decided        = 6.9   // log odds of 0.999, between two explanations
)

func probability(logOdds float64) float64 { return 1 / (1 + math.Exp(-logOdds)) }

// brief writes a length of time in ns as people do: 3.2s, 450ms.
func brief(ns int64) string {
	d := time.Duration(ns)
	switch {
	case d < 0:
		return "0s"
	case d < time.Second:
		return d.Round(10 * time.Millisecond).String()
	case d < time.Minute:
		return d.Round(100 * time.Millisecond).String()
	}
	return d.Round(time.Second).String()
}

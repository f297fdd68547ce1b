package instance

import "testing"

// TestWeigh checks what must be told and what must not, whatever the weights.
func TestWeigh(t *testing.T) {
	busy := Known{Rate: 10, Silent: 5, Answering: 0.5, SynRatio: 0.5}
	with := func(k Known, change func(*Known)) Known {
		change(&k)
		return k
	}
	for _, c := range []struct {
		name string
		k    Known
		want bool
	}{
		{"nothing is known", Known{}, false},
		{"port just went down", Known{PortDown: true}, false},
		{"port stays down", Known{PortDown: true, PortHeld: true}, true},
		{"paused", Known{Paused: true}, true},
		{"busy and sending", with(busy, func(k *Known) { k.Silent = 0.5; k.Syn = 30 }), false},
		{"went idle", with(busy, func(k *Known) { k.Silent = 3600 }), false},
		{"went idle, broadcast goes on", with(busy, func(k *Known) { k.Silent = 3600; k.FlatNats = 100 }), false},
		{"went idle, somebody answers ARP for it", with(busy, func(k *Known) { k.Silent = 3600; k.FlatNats = 100; k.ARP = 50 }), false},
		{"stopped, handshakes are not answered", with(busy, func(k *Known) { k.FlatNats = 30; k.Syn = 5 }), true},
		{"stopped, data is not answered", with(busy, func(k *Known) { k.FlatNats = 30; k.Asked = 6 }), true},
		{"stopped, data is not answered, no counters", with(busy, func(k *Known) { k.Asked = 20; k.Syn = 10 }), true},
		{"never answered, scanned", Known{Rate: 0.1, Silent: 600, Syn: 1000}, false},
		{"only handshakes, twenty-three and no answer", Known{SynRatio: 0.5, Syn: 24}, false}, // capped: one group alone proves nothing
		{"idle, routers say unreachable, handshakes fail", Known{SynRatio: 0.5, Syn: 24, ICMP: 3}, true},
		{"moved", with(busy, func(k *Known) { k.FlatNats = 30; k.Syn = 5; k.Elsewhere = 0.5 }), false},
		{"goes on sending, asked for again and again, sent nothing", with(busy, func(k *Known) { k.Silent = 0.5; k.Missed = 40; k.Repeated = 9 }), true},
		{"goes on sending, answers no ARP by the agent's count, sent nothing", with(busy, func(k *Known) { k.Silent = 0.5; k.Missed = 40; k.ARP, k.ARPExact, k.ARPRatio = 8, true, 0.9 }), true},
		{"goes on sending, answers no ARP by the agent's count, but is sent to", with(busy, func(k *Known) { k.Silent = 0.5; k.ARP, k.ARPExact, k.ARPRatio = 8, true, 0.9 }), false},
		{"goes on sending, sent nothing", with(busy, func(k *Known) { k.Silent = 0.5; k.Missed = 1000 }), false},
		{"goes on sending, asked for again and again", with(busy, func(k *Known) { k.Silent = 0.5; k.Repeated = 100 }), false},
		{"idle, asked for again and again", Known{Silent: 3600, Repeated: 100}, false},
		{"moved, and asked for at its old place", with(busy, func(k *Known) { k.Missed, k.Repeated, k.Elsewhere = 1000, 100, 0.5 }), false},
		{"asked as ever, answers nothing, no counters", with(busy, func(k *Known) { k.Asked, k.AskRate = 12, 5 }), true},
		{"asked as ever, answers nothing, but sends seldom", Known{Rate: 1, Silent: 5, Answering: 0.5, Asked: 12, AskRate: 5}, false},
		{"asked as ever, answers nothing, as it has done before", with(busy, func(k *Known) { k.Asked, k.AskRate, k.AskRun = 12, 5, 60 }), false},
		{"handshakes begin as ever, no data is sent, it answers nothing", with(busy, func(k *Known) { k.Syn, k.SynAsked, k.AskRate = 8, 8, 5 }), true},
		{"sends seldom, nor is anything acknowledged", Known{Rate: 1, Lacking: 25, Silent: 5, Answering: 0.8, Asked: 5, AskRate: 1}, true},
		{"sends seldom, and is acknowledged", Known{Rate: 1, Lacking: 2, Silent: 5, Answering: 0.8, Asked: 5, AskRate: 1}, false},
		{"sends seldom, nor is anything acknowledged, and nobody asks", Known{Rate: 1, Lacking: 100, Silent: 20, Answering: 0.8, AskRate: 1}, false},
		{"asked a little, answers ARP", with(busy, func(k *Known) { k.Asked, k.AskRate, k.Replied = 6, 5, 1 }), false},
		{"sends in bursts, asked as ever, answers nothing", Known{Rate: 30, Spread: 25, Silent: 3, Answering: 0.8, Asked: 12, AskRate: 5, FlatNats: 13, Offered: 90}, true},
		{"sends in bursts, and is in a pause", Known{Rate: 30, Spread: 25, Silent: 3, Answering: 0.8, FlatNats: 13, Offered: 90}, false},
		{"takes metrics by UDP and sends nothing", Known{Rate: 0, Silent: 3600, Answering: 0.01, Asked: 0, FlatNats: 3}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			odds, parts := Weigh(&c.k)
			if got := odds >= Enough; got != c.want {
				t.Errorf("log odds %.1f, told %v, want %v: %+v", odds, got, c.want, parts)
			}
			sum := prior
			seen := map[Group]bool{}
			for _, p := range parts {
				sum += p.Nats
				if seen[p.Group] || p.What == "" {
					t.Errorf("group %s counts twice or says nothing", p.Group)
				}
				seen[p.Group] = true
			}
			if d := sum - odds; d > 1e-9 || d < -1e-9 {
				t.Errorf("groups add up to %f, odds are %f", sum, odds)
			}
		})
	}
}

// Package instance weighs what is known of an instance: can it be reached? Facts
// of one group (counters, traffic, handshakes, address resolution, the
// neighbours' view) are correlated and count once; groups add up.
package instance

import "math"

// Group is a group of evidence.
type Group string

// The groups.
const (
	Counters  Group = "counters"
	Traffic   Group = "traffic"
	Handshake Group = "handshake"
	Resolve   Group = "resolve" // ARP, and ICMP unreachable
	Neighbour Group = "neighbour"
	State     Group = "state" // of the virtual machine
)

// Weights as log likelihood ratios, in nats.
const (
	prior       = -11.5 // of being unreachable at any time
	Enough      = 4.6   // log odds of 0.99
	Calm        = -2.2  // log odds of 0.1: it is reachable again
	PortDown    = 9.0   // its port is down
	PortHeld    = 17.0  // and is still there, down, two polls later
	oneWayShort = 6.5   // at most, of counters: nothing comes from it while traffic to it goes on
	oneWayLong  = 10.0  // the same once that was offered many packets which nothing says are probes
	oneWayProbe = 2.0   // the same where what is seen of them are probes
	trafficStop = 8.0   // at most, of its samples having stopped
	trafficLost = 9.5   // at most, of samples of what is sent to it having stopped, while it is asked for
	mostData    = 9.5   // at most, of data that asks for an answer and gets none
	mostAsked   = 13.8  // at most, of requests that it used to answer and does not: SYN, or ARP
	ARPExact    = 17.0  // at most, of ARP requests that the host agent has seen it not answer
	arpAsked    = 4.0   // at most, five ARP requests for it, where whether it answers is not known
	arpAlone    = 1.5   // the same where nothing else asks for it: somebody may answer in its place
	icmpAsked   = 5.0   // ICMP unreachable about it
	Paused      = 17.0  // its virtual machine is paused
	seenSending = -12.0 // a sample that it sent
	seenReply   = -3.0  // an ARP reply of it alone
	seenMoved   = -8.0  // its address sends at another place
)

// Known is what is known of an instance, without what belongs to its port's
// identity. Times are in seconds before now.
type Known struct {
	PortDown  bool
	PortHeld  bool    // down for two polls, and still told of
	FlatNats  float64 // how unlikely it is that nothing comes from it, by its counters
	Offered   float64 // packets that its port has sent to it meanwhile, by its counters
	Probes    int     // samples since its last of SYN to ports that it has not answered at
	Rate      float64 // samples a second that it sent as a rule
	Spread    float64 // variance of their number over its mean: 1 of a Poisson process, more where it sends in bursts
	Silent    float64 // seconds since the last; 0 unknown
	Answering float64 // share of its samples among them and those that ask for an answer, as a rule
	Asked     int     // samples since then that ask for an answer
	AskRate   float64 // samples a second that do, or are SYN, as a rule
	AskRun    float64 // most of them in a row that it has left without an answer and then sent again
	Replied   float64 // seconds since it answered ARP and sent nothing else; 0 it did not
	SynRatio  float64 // share of SYN-ACK among SYN and SYN-ACK, as a rule
	Syn       int     // SYN since its last SYN-ACK
	SynAsked  int     // SYN since it was last seen to send
	Lacking   float64 // samples that it sent or that acknowledge what it sent that were to be expected since the last, over their spread
	ARP, ICMP int     // requests for it, and unreachable about it, since it last sent
	ARPExact  bool    // the host agent has counted them: it sees every packet
	Missed    float64 // samples of unicast to it that were to be expected since the last, over their spread
	Repeated  float64 // how unlikely it is that it is asked for so often since then, in nats
	Steady    float64 // seconds for which it has sent without a pause of some seconds, before
	ARPRatio  float64 // share of ARP requests for it that it answers itself, as a rule; 0 unknown
	Paused    bool
	Elsewhere float64 // seconds since its address sent at another place; 0 never
}

// Part is the weight of one group.
type Part struct {
	Group Group
	Nats  float64
	What  string // constant words
}

// recent is for how long a sample that it sent proves that it is well, s.
const recent = 2.0

// Weigh returns the log odds that the instance cannot be reached, and the
// groups that say something.
func Weigh(k *Known) (odds float64, parts []Part) {
	odds = prior
	add := func(g Group, nats float64, what string) {
		if nats != 0 {
			odds += nats
			parts = append(parts, Part{g, nats, what})
		}
	}
	switch {
	case k.PortHeld:
		add(Counters, PortHeld, "its port is down, and stays")
	case k.PortDown:
		add(Counters, PortDown, "its port is down")
	case k.FlatNats > 0:
		add(Counters, min(k.FlatNats, oneWay(k)), "its port receives nothing from it while it sends to it")
	}
	if k.Paused {
		add(State, Paused, "its virtual machine is paused")
	}
	nats, what := traffic(k)
	add(Traffic, nats, what)
	if syn := k.Syn - k.SynAsked; syn > 0 && k.SynRatio > 0 { // the others ask in vain
		add(Handshake, min(float64(syn)*-math.Log1p(-min(k.SynRatio, 0.9)), mostAsked), "handshakes to a port that it answered at before are not answered")
	}
	nats, what = resolve(k)
	add(Resolve, nats, what)
	if k.Elsewhere > 0 && (k.Silent == 0 || k.Elsewhere < k.Silent-recent) {
		add(Neighbour, seenMoved, "its address sends at another place")
	}
	return odds, parts
}

// resolve weighs what is asked for it.
func resolve(k *Known) (nats float64, what string) {
	switch {
	case k.ARP >= 2 && k.ARPRatio > 0:
		most, sure := mostAsked, 0.9
		if k.ARPExact {
			most, sure = ARPExact, 0.98
		}
		nats = min(float64(k.ARP)*-math.Log1p(-min(k.ARPRatio, sure)), most)
		what = "it does not answer ARP requests, as it used to"
	case k.ICMP >= 2:
		nats, what = icmpAsked, "routers say that it is unreachable"
	case k.ARP > 0:
		most := arpAsked
		if k.Syn == 0 && k.Asked == 0 {
			most = arpAlone
		}
		nats, what = min(0.8*float64(k.ARP), most), "ARP requests for it"
	}
	if again := min(k.Repeated, mostAsked); again > nats && k.lost() > 0 {
		return again, "it is asked for by ARP again and again, and nothing is sent to it"
	}
	return nats, what
}

// lost weighs that nothing is sent to it any more.
func (k *Known) lost() float64 { return max(min(k.Missed/2, trafficLost, k.Missed-looks), 0) }

// Deaf reports whether it cannot be reached although it may send: what it sends
// itself proves only that it lives.
func (k *Known) Deaf() bool {
	return k.lost() > 0 && (k.Repeated > 0 || k.ARPExact && k.ARP >= manyAsked)
}

// manyAsked is how many exact ARP requests without an answer are no accident.
const manyAsked = 3

// manyOffered is from how many packets on that something should have come back.
const manyOffered = 20

// oneWay is how much it may mean at most that nothing comes from its port.
func oneWay(k *Known) float64 {
	switch {
	case k.Probes > 2 && k.Probes > k.Asked+k.Syn:
		return oneWayProbe
	case k.Offered >= manyOffered && (k.Asked+k.Syn > 0 || k.ARP > 1):
		return oneWayLong
	}
	return oneWayShort
}

// traffic weighs the samples that it sent.
func traffic(k *Known) (float64, string) {
	nats, what := silence(k)
	if k.Deaf() && k.lost() > nats {
		return k.lost(), "nothing is sent to it any more"
	}
	return nats, what
}

// silence weighs that it sends nothing any more.
func silence(k *Known) (float64, string) {
	if k.Silent == 0 {
		return 0, ""
	}
	if k.Silent < recent {
		return seenSending, "it was seen to send"
	}
	expected := max(k.Rate*k.Silent/max(k.Spread, 1), k.Lacking)
	if expected < 1 && k.Asked == 0 {
		return 0, ""
	}
	// It may have gone idle: that its traffic stopped alone proves little.
	nats := min(expected/2, max(trafficStop, math.Log(k.Steady/pause+1)))
	what := "its traffic has stopped"
	vain := k.vain()
	if vain > 0 {
		what = "it answers nothing of what is sent to it"
	}
	if k.Replied > 0 && k.Replied < replyFor {
		vain += seenReply
	}
	// Nothing means more than that so much of it was to be expected, of all the
	// times at which one looks. What comes in bursts may pause, or be sampled less
	// for a while: but so would be what is asked of it.
	expected = max(expected, min(k.Rate*k.Silent, float64(k.Asked)*k.each()))
	return max(min(nats+vain, expected-looks), 0), what
}

// replyFor is for how long an ARP reply counts, s.
const replyFor = 5.0

// idleShare is how much of what is asked of an instance as a rule may still be
// asked of it once it is idle.
const idleShare = 0.1

// vain weighs that nothing came of what was asked of it: each is one that its
// answer was not sampled first, and as many as ever are asked of nobody who has
// gone idle. Who has been seen to leave many without an answer and was well is
// given as many again.
func (k *Known) vain() float64 {
	if k.Asked+k.SynAsked == 0 || k.Answering <= 0 {
		return 0
	}
	each := k.each()
	n := float64(k.Asked + k.SynAsked)
	nats := n * each
	if idle := max(idleShare*k.AskRate*k.Silent, 1); k.AskRate > 0 && n > idle {
		nats += n*math.Log(n/idle) - (n - idle)
	}
	return min(nats/max(each*k.AskRun/usualRun, 1), mostData)
}

// each is what one question tells that no answer was sampled after.
func (k *Known) each() float64 { return -math.Log1p(-min(k.Answering, 0.9)) }

// usualRun is how much the longest run of questions without an answer weighs
// where each is answered, or not sampled, independently: among some thousand.
const usualRun = 8.0

// pause is how long a pause is that ends Known.Steady: as rare as it is is that it
// goes idle, s.
const pause = 5.0

// looks is what it costs to look all the time, in nats: about one wrong finding
// in three years of one instance.
const looks = 3.5

// Probability returns the probability of log odds.
func Probability(odds float64) float64 { return 1 / (1 + math.Exp(-odds)) }

package fact

import "weir/decoder/packet"

const protoUDP = 17

// talks are the UDP ports that an instance sends from most, with how many samples
// came to each and how many it sent: who sends to one that answers asks for an
// answer, and who sends metrics, logs or video to one that never does asks for
// none.
type talks [8]talk

type talk struct {
	port      uint16
	sent, got uint16 // samples; halved together now and then
}

// Of a port that so many samples came from, and at least one for so many that
// came to it, answers are to be expected.
const (
	talkLeast = 4
	talkShare = 4
	talkMost  = 1 << 12
)

// udp returns the UDP ports of a packet that is in no tunnel and no later
// fragment.
func udp(h *packet.Header) (from, to uint16, ok bool) {
	ok = h.HasKey && h.Key.Proto == protoUDP && h.Tunnel == packet.TunnelNone && h.DHCP == packet.DHCPNone
	return h.Key.SrcPort, h.Key.DstPort, ok
}

// sent counts a sample from one of the instance's ports. A new one takes a place
// from the others by and by: a client takes another port for each question.
func (t *talks) sent(port uint16) {
	free := -1
	for i := range t {
		x := &t[i]
		switch {
		case x.port == port && x.sent > 0:
			if x.sent++; x.sent >= talkMost {
				x.sent, x.got = x.sent/2, x.got/2
			}
			return
		case x.sent == 0:
			free = i
		}
	}
	if free >= 0 {
		t[free] = talk{port: port, sent: 1}
		return
	}
	for i := range t {
		t[i].sent--
	}
}

// got counts a sample to a port, and reports whether it is one that answers.
func (t *talks) got(port uint16) (answers bool) {
	for i := range t {
		x := &t[i]
		if x.port != port || x.sent == 0 {
			continue
		}
		answers = x.sent >= talkLeast && x.got <= talkShare*x.sent
		if x.got++; x.got >= talkMost*talkShare {
			x.sent, x.got = x.sent/2, x.got/2
		}
		return answers
	}
	return false
}

package lab

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Traffic is what an iperf3 client says it sent, without any header, and what its
// server says arrived. A busy machine loses packets in the datapath, before or
// after they may be sampled: what was sampled lies between the two.
type Traffic struct {
	Octets  uint64 // over TCP with what was sent again
	Arrived uint64 // of the octets
	Packets uint64 // of UDP; 0 for TCP
	Lost    uint64 // of UDP, as the server saw it
	Seconds float64
}

// segment is the payload of a full TCP segment, in octets.
const segment = 1448

// iperfPort is far from every port that means something.
const iperfPort = 5201

// IPerf sends a paced flow of bits a second from one instance to another for a
// time, in UDP datagrams of 1400 octets or over TCP. Unpaced traffic would
// overflow the datapath before it is sampled.
func (v *Instance) IPerf(to *Instance, proto string, bits uint64, d time.Duration) Traffic {
	l := v.lab
	l.t.Helper()
	server := l.Start(to.NS, nil, "iperf3", "--server", "--one-off", "--port", strconv.Itoa(iperfPort))
	defer server.Stop()
	l.Eventually(5*time.Second, "an iperf3 server", func() bool {
		return strings.Contains(l.Exec(to.NS, "cat", "/proc/net/tcp", "/proc/net/tcp6"), fmt.Sprintf(":%04X 0", iperfPort))
	})
	args := []string{"iperf3", "--client", to.Addr, "--port", strconv.Itoa(iperfPort), "--json",
		"--bitrate", strconv.FormatUint(bits, 10), "--time", strconv.FormatFloat(d.Seconds(), 'f', -1, 64)}
	if proto == "udp" {
		args = append(args, "--udp", "--length", "1400")
	}
	out := l.Exec(v.NS, args...)
	type sum struct {
		Bytes       uint64
		Packets     uint64
		LostPackets uint64 `json:"lost_packets"`
		Retransmits uint64
		Seconds     float64
	}
	var r struct {
		End struct {
			Sum         sum
			SumSent     sum `json:"sum_sent"`
			SumReceived sum `json:"sum_received"`
		}
	}
	if err := json.Unmarshal([]byte(out), &r); err != nil {
		l.t.Fatalf("iperf3 --json: %v: %s", err, out)
	}
	if proto == "udp" {
		s := r.End.Sum
		arrived := s.Bytes / max(s.Packets, 1) * (s.Packets - min(s.LostPackets, s.Packets))
		return Traffic{Octets: s.Bytes, Arrived: arrived, Packets: s.Packets, Lost: s.LostPackets, Seconds: s.Seconds}
	}
	s := r.End.SumSent
	return Traffic{Octets: s.Bytes + s.Retransmits*segment, Arrived: r.End.SumReceived.Bytes, Seconds: s.Seconds}
}

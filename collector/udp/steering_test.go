package udp

import (
	"errors"
	"fmt"
	"net/netip"
	"testing"

	"golang.org/x/sys/unix"
)

func TestSteeringFollowsAgentAndSourceAddress(t *testing.T) {
	haveIPv6(t)
	const shards = 5
	g := listen(t, Config{Listen: []string{"[::]:0", "127.0.0.1:0"}, Shards: shards})
	seen := make(map[int]bool)
	payloads := map[string][]byte{
		"no sFlow":         []byte("GET / HTTP/1.0\r\n\r\n"),
		"version 4":        append([]byte{0, 0, 0, 4}, datagram("10.9.9.9", 0)[4:]...),
		"short":            datagram("10.0.0.1", 0)[:11],
		"IPv6 agent short": datagram("2001:db8::1", 0)[:23],
		"agent type 3":     append([]byte{0, 0, 0, 5, 0, 0, 0, 3}, make([]byte, 40)...),
	}
	for i := range 24 {
		payloads[fmt.Sprint("IPv4 agent ", i)] = datagram(fmt.Sprintf("10.0.%d.1", i), 8)
		payloads[fmt.Sprint("IPv6 agent ", i)] = datagram(fmt.Sprintf("2001:db8::%x:1", i), 8)
	}
	v6 := netip.AddrPortFrom(netip.IPv6Loopback(), g.Addrs()[0].Port())
	for name, payload := range payloads {
		for _, path := range []struct {
			source string
			to     netip.AddrPort
		}{
			{"127.0.0.1", g.Addrs()[0]}, {"127.0.0.1", g.Addrs()[1]}, {"127.0.0.2", g.Addrs()[0]},
			{"127.0.0.2", g.Addrs()[1]}, {"::1", v6},
		} {
			want := g.steering.shard(payload, netip.MustParseAddr(path.source), shards)
			for range 2 { // another source port each time
				send(t, dial(t, path.source, path.to), payload)
				if _, got := receiveOne(t, g); got != want {
					t.Fatalf("%s from %s to %s: shard %d, want %d", name, path.source, path.to, got, want)
				}
			}
			seen[want] = true
		}
	}
	if len(seen) != shards {
		t.Errorf("%d of %d shards used", len(seen), shards)
	}
}

func TestSteeringSpreadsEvenly(t *testing.T) {
	const agents, shards = 10000, 8
	cases := map[string]func(i int) (string, string){
		"neighbouring agents": func(i int) (string, string) {
			return fmt.Sprintf("10.0.%d.%d", i/256, i%256), fmt.Sprintf("10.0.%d.%d", i/256, i%256)
		},
		"one agent address": func(i int) (string, string) {
			return "127.0.0.1", fmt.Sprintf("10.0.%d.%d", i/256, i%256)
		},
		"one source":  func(i int) (string, string) { return fmt.Sprintf("10.0.%d.%d", i/256, i%256), "192.0.2.1" },
		"IPv6 agents": func(i int) (string, string) { return fmt.Sprintf("2001:db8:%x::1", i), "2001:db8::1" },
	}
	for name, addrs := range cases {
		t.Run(name, func(t *testing.T) {
			for seed := range uint64(5) {
				s := newSteering(seed)
				var n [shards]int
				for i := range agents {
					agent, source := addrs(i)
					n[s.shard(datagram(agent, 0), netip.MustParseAddr(source), shards)]++
				}
				// A fair throw has a standard deviation of 33; six of them.
				for i, v := range n {
					if v < agents/shards-200 || v > agents/shards+200 {
						t.Errorf("seed %d: shard %d has %d of %d agents: %v", seed, i, v, agents, n)
					}
				}
			}
		})
	}
}

func TestSteeringReportsRefusal(t *testing.T) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	if err := unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatal(err)
	}
	// A socket that shares its port with nobody takes no program.
	if err := newSteering(1).attach(fd, 2); !errors.Is(err, unix.EINVAL) {
		t.Errorf("attach: %v, want EINVAL", err)
	}
}

func TestSteeringDependsOnSeed(t *testing.T) {
	differ := 0
	for i := range 100 {
		payload, source := datagram(fmt.Sprintf("10.0.0.%d", i), 0), netip.MustParseAddr("192.0.2.1")
		a, b := newSteering(1).shard(payload, source, 8), newSteering(1).shard(payload, source, 8)
		if a != b {
			t.Fatalf("agent %d: shards %d and %d of one seed", i, a, b)
		}
		if a != newSteering(2).shard(payload, source, 8) {
			differ++
		}
	}
	if differ < 60 { // 7 of 8 are expected
		t.Errorf("%d of 100 agents move with another seed", differ)
	}
}

package site

import (
	"math"
	"math/rand/v2"
	"net/netip"
	"slices"
	"time"

	"weir/bench/traffic"
)

// Benign is links with what a day brings, pressed into an hour: a curve of
// day and night, backups, live migrations, a flash crowd, a busy resolver,
// machines that boot together, viewers, telephone calls, a monitoring system.
// No attack is among it.
type Benign struct {
	Seed  uint64
	Links int
	Speed uint64
	Hours int // each holds the events of a day
}

// Hour is how long a day takes.
const Hour = time.Hour

// Network returns the site, and the true rate in bit/s of every flow that keeps
// its addresses, by them.
func (l *Benign) Network() (traffic.Config, map[[2]netip.Addr]float64) {
	rng := rand.New(rand.NewPCG(l.Seed, 99))
	whole := time.Duration(l.Hours) * Hour
	c := traffic.Config{Seed: l.Seed, Start: Epoch, Thin: true, Duration: Settle + whole}
	rates := map[[2]netip.Addr]float64{}
	for i := range l.Links {
		b := &benignLink{Benign: l, c: &c, rng: rng, link: byte(i), rates: rates}
		b.path = []traffic.Hop{{Agent: len(c.Agents), In: 1, Out: 2}}
		b.back = []traffic.Hop{{Agent: len(c.Agents), In: 2, Out: 1}}
		c.Agents = append(c.Agents, traffic.Agent{
			Addr: netip.AddrFrom4([4]byte{172, 24, 0, byte(i)}), Flush: 50*time.Millisecond + time.Duration(rng.Int64N(int64(time.Second))),
			SamplingRate: uint32(l.Speed / 1e6), Polling: Settle,
			Ports: []traffic.Port{{Index: 1, Speed: l.Speed}, {Index: 2, Speed: l.Speed}},
		})
		b.background(whole)
		for h := range l.Hours {
			b.events(Settle + time.Duration(h)*Hour)
		}
	}
	return c, rates
}

type benignLink struct {
	*Benign
	c          *traffic.Config
	rng        *rand.Rand
	link       byte
	next       uint32
	path, back []traffic.Hop
	rates      map[[2]netip.Addr]float64
}

// pair invents a client and a server that nobody else has.
func (b *benignLink) pair() (client, server netip.Addr) {
	b.next++
	n := b.next
	return netip.AddrFrom4([4]byte{100, 64 | b.link, byte(n >> 8), byte(n)}), netip.AddrFrom4([4]byte{10, b.link, byte(n >> 8), byte(n)})
}

// mostBackground is the share of the link that the background never exceeds,
// as flows that share a link give way. With a backup and a boot it stays below
// 90 %: no link is saturated.
const mostBackground = 0.45

// background is flows of a minute or so with rates of a Pareto distribution up
// to 7 % of the link, 10 to 45 % of it together as the day goes.
func (b *benignLink) background(whole time.Duration) {
	const mean = 0.01 // of the link, about
	type active struct {
		until time.Duration
		share float64
	}
	var now []active
	for t := time.Duration(0); t < whole; {
		load := 0.28 - 0.18*math.Cos(2*math.Pi*t.Hours())
		t += time.Duration(b.rng.ExpFloat64() * float64(time.Minute) * mean / load)
		share := min(0.004*math.Pow(1-b.rng.Float64(), -1/1.3), 0.07)
		lasts := time.Duration(b.rng.ExpFloat64() * float64(time.Minute))
		now = slices.DeleteFunc(now, func(a active) bool { return a.until <= t })
		sum := share
		for _, a := range now {
			sum += a.share
		}
		if sum > mostBackground {
			continue
		}
		now = append(now, active{t + lasts, share})
		client, server := b.pair()
		b.transfer(traffic.Flow{
			Src: server, Dst: client, SrcPort: 443, DstPort: uint16(1024 + b.rng.IntN(60000)), Proto: 6,
			Frames: []int{1500, 1500, 1500, 64}, Start: Settle + t, Stop: Settle + t + lasts,
		}, share*float64(b.Speed))
	}
}

// transfer sends f by the way in, and acknowledges every other full frame.
func (b *benignLink) transfer(f traffic.Flow, rate float64) {
	octets, full := 0, 0
	for _, n := range f.Frames {
		octets += n
		if n > 1000 {
			full++
		}
	}
	b.send(f, rate, b.path)
	f.Src, f.Dst, f.SrcPort, f.DstPort = f.Dst, f.Src, f.DstPort, f.SrcPort
	f.Flags, f.Frames = 16, []int{64}
	b.send(f, rate/float64(octets)*float64(full)/2*64, b.back)
}

func (b *benignLink) send(f traffic.Flow, rate float64, path []traffic.Hop) {
	f.Rate, f.Path = uint64(rate), path
	if f.Vary == (traffic.Vary{}) {
		b.rates[[2]netip.Addr{f.Src, f.Dst}] = rate
	}
	b.c.Flows = append(b.c.Flows, f)
}

// during is a span of length d somewhere in the hour that begins at hour.
func (b *benignLink) during(hour, d time.Duration) (from, to time.Duration) {
	return b.within(hour, Hour, d)
}

// within is a span of length d somewhere in a longer one.
func (b *benignLink) within(begin, whole, d time.Duration) (from, to time.Duration) {
	from = begin + time.Duration(b.rng.Int64N(int64(whole-d)))
	return from, from + d
}

// events adds the day's events.
func (b *benignLink) events(hour time.Duration) {
	large := func(share float64, begin, whole, d time.Duration, port uint16) {
		client, server := b.pair()
		from, to := b.within(hour+begin, whole, d)
		b.transfer(traffic.Flow{
			Src: server, Dst: client, SrcPort: port, DstPort: 50000, Proto: 6, Frames: []int{1500}, Start: from, Stop: to,
		}, share*float64(b.Speed))
	}
	large(0.3, 0, 30*time.Minute, 5*time.Minute, 873) // a backup
	// Two live migrations, one after the other: together with the backup they
	// would be more than the link carries.
	large(0.4, 30*time.Minute, 15*time.Minute, 20*time.Second, 49152)
	large(0.4, 45*time.Minute, 15*time.Minute, 20*time.Second, 49152)
	b.crowd(hour)
	b.resolver(hour)
	b.boot(hour)
	b.viewers(hour)
	b.calls(hour)
	b.monitoring(hour)
}

// viewers are 100 machines of a prefix that watch what one server sends them by
// QUIC, 5 Mbit/s each, and acknowledge every tenth packet.
func (b *benignLink) viewers(hour time.Duration) {
	_, server := b.pair()
	from, to := b.during(hour, 5*time.Minute)
	for range 100 {
		client, _ := b.pair()
		f := traffic.Flow{Src: server, Dst: client, SrcPort: 443, DstPort: uint16(1024 + b.rng.IntN(60000)), Proto: 17, Frames: []int{1300}, Start: from, Stop: to}
		b.send(f, 5e6, b.path)
		f.Src, f.Dst, f.SrcPort, f.DstPort, f.Frames = f.Dst, f.Src, f.DstPort, f.SrcPort, []int{80}
		b.send(f, 5e6/10*80/1300, b.back)
	}
}

// calls are 400 telephone calls by one gateway, 50 packets a second either way.
func (b *benignLink) calls(hour time.Duration) {
	world, gateway := b.pair()
	from, to := b.during(hour, 10*time.Minute)
	f := traffic.Flow{
		Src: world, Dst: gateway, SrcPort: 16384, DstPort: 10100, Proto: 17, Frames: []int{218}, Start: from, Stop: to,
		Vary: traffic.Vary{SrcBits: 8, DstPort: true},
	}
	b.send(f, 400*50*8*218, b.path)
	f.Src, f.Dst, f.SrcPort, f.DstPort = f.Dst, f.Src, f.DstPort, f.SrcPort
	f.Vary = traffic.Vary{DstBits: 8, SrcPort: true}
	b.send(f, 400*50*8*218, b.back)
}

// crowd is a flash crowd: within a minute 3,000 clients a second open
// connections to one server, get a page each and leave.
func (b *benignLink) crowd(hour time.Duration) {
	client, server := b.pair()
	from, to := b.during(hour, 5*time.Minute)
	for step := range 10 {
		at := from + time.Duration(step)*6*time.Second
		pps := 300.0 * float64(step+1)
		end := at + 6*time.Second
		if step == 9 {
			end = to
		}
		in := traffic.Flow{
			Src: client, Dst: server, SrcPort: 40000, DstPort: 443, Proto: 6, Start: at, Stop: end,
			Vary: traffic.Vary{SrcBits: 16, SrcPort: true},
		}
		out := in
		out.Src, out.Dst, out.SrcPort, out.DstPort = server, client, 443, 40000
		out.Vary = traffic.Vary{DstBits: 16, DstPort: true}
		one := func(f traffic.Flow, path []traffic.Hop, flags uint8, times float64, frame int) {
			f.Flags, f.Frames = flags, []int{frame}
			b.send(f, pps*times*8*float64(frame), path)
		}
		one(in, b.path, 2, 1, 74) // SYN, its answer, requests, acknowledgements, pages
		one(out, b.back, 18, 1, 74)
		one(in, b.path, 24, 1, 500)
		one(in, b.path, 16, 4, 70)
		one(out, b.back, 16, 8, 1500)
	}
}

// resolver gets 5,000 answers a second from servers all over the world.
func (b *benignLink) resolver(hour time.Duration) {
	world, resolver := b.pair()
	from, to := b.during(hour, 10*time.Minute)
	f := traffic.Flow{
		Src: world, Dst: resolver, SrcPort: 53, DstPort: 40000, Proto: 17, Frames: []int{180, 300}, Start: from, Stop: to,
		Vary: traffic.Vary{SrcBits: 12, DstPort: true},
	}
	b.send(f, 5000*8*240, b.path)
	q := f
	q.Src, q.Dst, q.SrcPort, q.DstPort, q.Frames = f.Dst, f.Src, f.DstPort, f.SrcPort, []int{90}
	q.Vary = traffic.Vary{DstBits: 12, SrcPort: true}
	b.send(q, 5000*8*90, b.back)
}

// boot is 200 machines that load their image from one server at once, by TFTP,
// which answers from a port of its own and is acknowledged block by block.
func (b *benignLink) boot(hour time.Duration) {
	_, server := b.pair()
	from, to := b.during(hour, 30*time.Second)
	for range 200 {
		client, _ := b.pair()
		f := traffic.Flow{Src: server, Dst: client, SrcPort: uint16(32768 + b.rng.IntN(28000)), DstPort: 2070, Proto: 17, Frames: []int{1500}, Start: from, Stop: to}
		b.send(f, 5e6, b.path)
		f.Src, f.Dst, f.SrcPort, f.DstPort, f.Frames = client, server, 2070, f.SrcPort, []int{64}
		b.send(f, 5e6*64/1500, b.back)
	}
}

// monitoring asks 1,000 devices by SNMP all the time.
func (b *benignLink) monitoring(hour time.Duration) {
	devices, station := b.pair()
	f := traffic.Flow{
		Src: devices, Dst: station, SrcPort: 161, DstPort: 33000, Proto: 17, Frames: []int{300}, Start: hour, Stop: hour + Hour,
		Vary: traffic.Vary{SrcBits: 10},
	}
	b.send(f, 1000*8*300, b.path)
	f.Src, f.Dst, f.SrcPort, f.DstPort, f.Frames = station, devices, 33000, 161, []int{90}
	f.Vary = traffic.Vary{DstBits: 10}
	b.send(f, 1000*8*90, b.back)
}

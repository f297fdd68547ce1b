package agents

import (
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Shared is what the registries of all shards have in common. It is safe for
// concurrent use.
type Shared struct {
	limits  Limits
	allow   atomic.Pointer[[]netip.Prefix]
	notices chan Notice

	noticesDropped atomic.Uint64
	interfaces     atomic.Int64
	sources        atomic.Int64
	contests       atomic.Uint32 // counts addresses that became contested: their local domains are others
	full           atomic.Bool   // an agent was refused for want of a place
	wanted         atomic.Uint64 // snapshots asked for
	lastSettle     atomic.Int64  // ns
	movedGen       atomic.Uint64 // counts moves, so that registries forget
	labels         atomic.Pointer[Labels]
	labelGen       atomic.Uint64 // counts SetLabels

	mu         sync.RWMutex
	registries []*Registry
	next       uint32                  // last number given
	byNumber   map[uint32]*agent       // with former numbers
	claims     map[netip.Addr][]*agent // by agent address
	behind     map[netip.Addr]*behind  // by source address
	waiting    map[pair]Known          // from the state file, not yet heard
	agents     int                     // known, all registries
	admitted   uint64                  // ever
	unsettled  map[netip.Addr]struct{} // addresses with a new claim
	unwarned   map[netip.Addr]struct{} // sources with several agents
	tokens     float64                 // of admission
	tokensAt   int64                   // ns
	floodAt    int64                   // ns, last notice
}

// namedBehind is how many agents behind a source its warning names.
const namedBehind = 8

// behind is a source address with what is behind it.
type behind struct {
	agents int
	some   []netip.Addr // the first of them, for the warning
	since  int64        // ns, when the second agent was heard
	warned bool
}

// NewShared returns the common part for cfg.
func NewShared(cfg Config) *Shared {
	l := cfg.Limits.withDefaults()
	sh := &Shared{
		limits:    l,
		notices:   make(chan Notice, l.Notices),
		byNumber:  map[uint32]*agent{},
		claims:    map[netip.Addr][]*agent{},
		behind:    map[netip.Addr]*behind{},
		waiting:   map[pair]Known{},
		unsettled: map[netip.Addr]struct{}{},
		unwarned:  map[netip.Addr]struct{}{},
		tokens:    float64(l.AdmissionBurst),
	}
	sh.SetAllow(cfg.Allow)
	return sh
}

// SetAllow replaces the networks agents may be in. Agents already known that
// it excludes are forgotten at the next tick.
func (sh *Shared) SetAllow(allow []netip.Prefix) {
	p := slices.Clone(allow)
	sh.allow.Store(&p)
}

// allowed reports whether an agent may speak.
func (sh *Shared) allowed(addr, source netip.Addr) bool {
	allow := *sh.allow.Load()
	if len(allow) == 0 {
		return true
	}
	in := func(a netip.Addr) bool {
		return slices.ContainsFunc(allow, func(p netip.Prefix) bool { return p.Contains(a) })
	}
	return in(source) && (namesNobody(addr) || in(addr))
}

// namesNobody reports whether several nodes may call themselves addr without
// being wrong.
func namesNobody(a netip.Addr) bool {
	return a.IsLoopback() || a.IsUnspecified() || a.IsLinkLocalUnicast() || a.IsMulticast() || !a.IsValid() ||
		a == netip.AddrFrom4([4]byte{255, 255, 255, 255})
}

// refusal says why an agent was not admitted.
type refusal uint8

const (
	admitted refusal = iota
	refusedAllow
	refusedFull
	refusedRate
)

// admit returns the agent for a sender not yet known, or why it is refused.
func (sh *Shared) admit(r *Registry, key pair, addr, source netip.Addr, at time.Time) (*agent, refusal) {
	if !sh.allowed(addr, source) {
		return nil, refusedAllow
	}
	now := at.UnixNano()
	sh.mu.Lock()
	defer sh.mu.Unlock()
	k, known := sh.waiting[key]
	if !known {
		if sh.agents+len(sh.waiting) >= sh.limits.Agents {
			if !sh.full.Swap(true) {
				sh.notify(Notice{At: at, Kind: NoticeFull, Agent: addr, Source: source, Count: sh.agents})
			}
			return nil, refusedFull
		}
		if !sh.token(now) {
			if now-sh.floodAt >= int64(time.Minute) || now < sh.floodAt {
				sh.floodAt = now
				sh.notify(Notice{At: at, Kind: NoticeFlood, Agent: addr, Source: source, Count: sh.agents})
			}
			return nil, refusedRate
		}
	}
	delete(sh.waiting, key)
	sh.next++
	a := &agent{
		key: key, number: sh.next, addr: addr, source: source,
		local: namesNobody(addr), known: known, first: now, last: now,
	}
	if known {
		a.name = k.Name
		if !k.First.IsZero() {
			a.first = min(now, k.First.UnixNano())
		}
	}
	a.pubFirst.Store(now)
	a.heardSince.Store(a.first)
	a.pubLast.Store(now)
	sh.enter(a, now)
	return a, admitted
}

// token takes one of the admission tokens.
func (sh *Shared) token(now int64) bool {
	if d := now - sh.tokensAt; d > 0 {
		sh.tokens = min(sh.tokens+float64(d)/1e9*sh.limits.AdmissionRate, float64(sh.limits.AdmissionBurst))
	}
	sh.tokensAt = now
	if sh.tokens < 1 {
		return false
	}
	sh.tokens--
	return true
}

// enter puts a into the indexes.
func (sh *Shared) enter(a *agent, now int64) {
	sh.agents++
	sh.admitted++
	sh.byNumber[a.number] = a
	sh.claims[a.addr] = append(sh.claims[a.addr], a)
	if !a.local && len(sh.claims[a.addr]) > 1 {
		sh.unsettled[a.addr] = struct{}{}
	}
	b := sh.behind[a.source]
	if b == nil {
		b = &behind{}
		sh.behind[a.source] = b
	}
	b.agents++
	if len(b.some) < namedBehind && !b.warned && !slices.Contains(b.some, a.addr) {
		b.some = append(b.some, a.addr)
	}
	if b.agents == 2 && !b.warned {
		b.since = now
		sh.unwarned[a.source] = struct{}{}
	}
}

// forget takes a out of the indexes; the agent that took over from it inherits
// its number.
func (sh *Shared) forget(a *agent) {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	var heir *agent
	if claims := sh.claims[a.addr]; a.moved.Load() && claims[len(claims)-1] != a {
		heir = claims[len(claims)-1]
	}
	sh.leave(a, heir)
	// Whoever took over may be an impostor: the old one may come back at once.
	if heir != nil && a.established() && sh.agents+len(sh.waiting) < sh.limits.Agents {
		sh.waiting[a.key] = Known{a.addr, a.source, a.name, instant(a.heardSince.Load()), instant(a.last)}
	}
}

// leave takes a out of the indexes. Its number goes on finding heir, if any.
func (sh *Shared) leave(a, heir *agent) {
	sh.agents--
	sh.full.Store(false)
	sh.interfaces.Add(-int64(len(a.ifaces)))
	sh.sources.Add(-int64(len(a.sources)))
	sh.claims[a.addr] = slices.DeleteFunc(sh.claims[a.addr], func(o *agent) bool { return o == a })
	if len(sh.claims[a.addr]) == 0 {
		delete(sh.claims, a.addr)
		delete(sh.unsettled, a.addr)
	}
	if b := sh.behind[a.source]; b != nil {
		if b.agents--; b.agents == 0 {
			delete(sh.behind, a.source)
			delete(sh.unwarned, a.source)
		}
	}
	numbers := append(a.aliases, a.number)
	for _, n := range numbers {
		delete(sh.byNumber, n)
	}
	if heir == nil {
		return
	}
	heir.aliases = append(heir.aliases, numbers...)
	for len(heir.aliases) > maxAliases {
		delete(sh.byNumber, heir.aliases[0])
		heir.aliases = heir.aliases[1:]
	}
	for _, n := range heir.aliases {
		sh.byNumber[n] = heir
	}
}

// Agent returns the address of the agent with this number and its name, "" if
// unknown. A number outlives a move to another source address.
func (sh *Shared) Agent(number uint32) (addr netip.Addr, name string) {
	a := sh.find(number)
	if a == nil {
		return netip.Addr{}, ""
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.addr, a.shownName()
}

// Interface returns the name of an agent's interface, "" if unknown.
func (sh *Shared) Interface(number, ifIndex uint32) string {
	name := ""
	if !sh.withInterface(number, ifIndex, func(i *iface) { name = i.name }) {
		name = sh.labelOf(number, ifIndex).Name
	}
	return name
}

// Speed returns an interface's speed in bit/s, 0 if unknown.
func (sh *Shared) Speed(number, ifIndex uint32) (bps uint64) {
	if !sh.withInterface(number, ifIndex, func(i *iface) { bps = i.judgedSpeed() }) {
		bps = sh.labelOf(number, ifIndex).Speed
	}
	return bps
}

func (sh *Shared) withInterface(number, ifIndex uint32, do func(*iface)) bool {
	a := sh.find(number)
	if a == nil {
		return false
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	i := a.ifaces[ifIndex]
	if i == nil {
		return false
	}
	do(i)
	return true
}

func (sh *Shared) find(number uint32) *agent {
	sh.mu.RLock()
	defer sh.mu.RUnlock()
	return sh.byNumber[number]
}

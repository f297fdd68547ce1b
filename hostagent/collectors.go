package hostagent

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"time"

	"weir/hostagent/config"
	"weir/hostagent/export"
)

// fallback is where datagrams go while nothing else is known: a collector on the
// node itself.
var fallback = netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), export.Port)

// How often names are looked up: again after a failure, and after a success,
// since what they stand for may change; and how long that may take.
const (
	lookupAgain   = 15 * time.Second
	lookupRefresh = 5 * time.Minute
	lookupFor     = 10 * time.Second
)

// maxCollectors bounds the collectors that are sent to.
const maxCollectors = 16

// findCollectors keeps the sender's collectors what the configuration and the DNS
// say, until ctx is done.
func (a *Agent) findCollectors(ctx context.Context) {
	var told string
	for {
		wait := lookupRefresh
		err := a.lookup(ctx)
		if err != nil {
			wait = lookupAgain
		}
		if text := errorText(err); text != told && ctx.Err() == nil {
			if told = text; err != nil {
				a.io.Log.Warn().Err(err).Msg("collectors not all found")
			} else {
				a.io.Log.Info().Msg("collectors found")
			}
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-timer.C:
		case <-a.wake:
			timer.Stop()
		}
	}
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// lookAgain has the collectors looked up now.
func (a *Agent) lookAgain() {
	select {
	case a.wake <- struct{}{}:
	default:
	}
}

// lookup finds the collectors once and tells the sender and the packer.
func (a *Agent) lookup(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, lookupFor)
	defer cancel()
	a.mu.Lock()
	cfg := a.cfg
	a.mu.Unlock()
	plain, plainErr := named(ctx, net.DefaultResolver, cfg.PlainCollectors)
	if plainErr == nil || len(plain) > 0 {
		a.plain.Set(plain)
	}
	addrs, err := resolve(ctx, net.DefaultResolver, &cfg)
	err = errors.Join(err, plainErr)
	if len(addrs) == 0 {
		if err != nil && len(a.sender.Stats()) > 0 {
			return err // those that were found before are better than none
		}
		if len(cfg.Collectors) == 0 {
			addrs = []netip.AddrPort{fallback}
		}
	}
	if ctx.Err() != nil && err == nil {
		err = ctx.Err()
	}
	a.sender.Set(addrs)
	if agent := agentAddress(cfg.AgentAddress, addrs); agent != a.packer.Agent() && agent != noAddress {
		a.io.Log.Info().Str("agent", agent.String()).Msg("agent address")
		a.packer.SetAgent(agent)
	}
	return err
}

// resolver is what of net.Resolver is used.
type resolver interface {
	LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error)
	LookupSRV(ctx context.Context, service, proto, name string) (string, []*net.SRV, error)
}

// resolve returns the addresses of the configured collectors, else of those that
// the DNS names. What could be found is returned beside an error.
func resolve(ctx context.Context, r resolver, cfg *config.Config) ([]netip.AddrPort, error) {
	if len(cfg.Collectors) > 0 || cfg.DNSSD.Off {
		return named(ctx, r, cfg.Collectors)
	}
	var f finding
	domains := []string{cfg.DNSSD.Domain}
	if cfg.DNSSD.Domain == "" {
		domains = export.SearchDomains("/etc/resolv.conf")
	}
	for _, d := range domains {
		_, records, e := r.LookupSRV(ctx, "sflow", "udp", d)
		if e != nil {
			if notFound, ok := errors.AsType[*net.DNSError](e); !ok || !notFound.IsNotFound {
				f.err = errors.Join(f.err, e)
			}
			continue
		}
		for _, s := range records {
			f.add(ctx, r, s.Target, s.Port)
		}
		if len(f.out) > 0 {
			break // the nearest domain that has one
		}
	}
	return f.out, f.err
}

// named returns the addresses of collectors by name or address.
func named(ctx context.Context, r resolver, names []string) ([]netip.AddrPort, error) {
	var f finding
	for _, n := range names {
		if host, port, err := config.SplitCollector(n); err == nil {
			f.add(ctx, r, host, port)
		}
	}
	return f.out, f.err
}

// finding is what was found so far.
type finding struct {
	out []netip.AddrPort
	err error
}

// add adds a host's address, once.
func (f *finding) add(ctx context.Context, r resolver, host string, port uint16) {
	a, err := address(ctx, r, host)
	if err != nil {
		f.err = errors.Join(f.err, err)
		return
	}
	if to := netip.AddrPortFrom(a, port); len(f.out) < maxCollectors && !slices.Contains(f.out, to) {
		f.out = append(f.out, to)
	}
}

// address returns the first address of a host.
func address(ctx context.Context, r resolver, host string) (netip.Addr, error) {
	if a, err := netip.ParseAddr(host); err == nil {
		return a, nil
	}
	all, err := r.LookupNetIP(ctx, "ip", host)
	if err != nil {
		return netip.Addr{}, err
	}
	if len(all) == 0 {
		return netip.Addr{}, &net.DNSError{Err: "no address", Name: host, IsNotFound: true}
	}
	// The same one every time, whatever the order of the answer.
	slices.SortFunc(all, netip.Addr.Compare)
	return all[0].Unmap(), nil
}

// literal returns the collectors that are addresses.
func literal(names []string) (out []netip.AddrPort) {
	for _, n := range names {
		host, port, err := config.SplitCollector(n)
		if err != nil {
			continue
		}
		if a, err := netip.ParseAddr(host); err == nil {
			out = append(out, netip.AddrPortFrom(a, port))
		}
	}
	return out
}

// noAddress names an agent whose node has no address yet.
var noAddress = netip.AddrFrom4([4]byte{127, 0, 0, 1})

// agentAddress returns the address that names the agent.
func agentAddress(c config.AgentAddress, collectors []netip.AddrPort) netip.Addr {
	if c.Addr.IsValid() {
		return c.Addr
	}
	if a := export.AddressIn(c.Networks); a.IsValid() {
		return a
	}
	for _, to := range collectors {
		if a := export.SourceFor(to); a.IsValid() && !a.IsLoopback() {
			return a
		}
	}
	if a := export.AnyAddress(); a.IsValid() {
		return a
	}
	return noAddress
}

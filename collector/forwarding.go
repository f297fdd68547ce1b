package collector

import (
	"net/netip"
	"slices"

	"weir/collector/config"
	"weir/collector/udp"
	"weir/collector/web"
)

// newForwarder opens the way to the further collectors; nil where there are
// none.
func newForwarder(cfg *config.Config, g *udp.Group) (*udp.Forwarder, error) {
	var listen []netip.AddrPort
	for _, a := range g.Addrs() {
		listen = append(listen, netip.AddrPortFrom(a.Addr().Unmap(), a.Port()))
	}
	return udp.NewForwarder(udp.ForwardConfig{To: cfg.Forward, Listen: listen, Shards: len(g.Receivers())})
}

// greetForward says who is sent everything on, and how they see it.
func (a *app) greetForward() {
	all := a.forward.Stats()
	if len(all) == 0 {
		return
	}
	to := make([]string, len(all))
	for i, s := range all {
		to[i] = s.To.String()
	}
	a.log.Info().Strs("to", to).Msg("forwarding every datagram")
	if slices.ContainsFunc(all, func(s udp.ForwardStats) bool { return !s.KeepsSource }) {
		a.log.Warn().Msg("forwarded datagrams have this machine's address in place of the exporter's: grant CAP_NET_RAW, as the drop-in weir.service.d/forward.conf does")
	}
}

// addForward adds what was sent on.
func (a *app) addForward(s *web.Status) {
	for _, f := range a.forward.Stats() {
		s.Sinks = append(s.Sinks, web.SinkCount{Name: "forward " + f.To.String(), Sent: f.Sent, Failed: f.Failed, Dropped: f.Dropped})
	}
}

package main

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"weir/collector/web"
)

func newHealthcheck(p *program) *cobra.Command {
	return &cobra.Command{
		Use:   "healthcheck",
		Short: "Ask a running collector whether it is well",
		Long: `Ask /healthz and /readyz at the configured http address, within 3 seconds. Exit
code 0 if all components are ready, else 1 with one line that says which is not.
Made for the health check of a container.`,
		Example: "  weir healthcheck\n  weir healthcheck --config weir.yaml",
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := p.loadToAsk()
			if err != nil {
				return err
			}
			if !cfg.HTTP.IsValid() {
				return errors.New("http is off in the configuration; set http to an address such as 127.0.0.1:8343")
			}
			if err := checkHealth(cmd.Context(), cfg.HTTP, cfg.Access.TLS()); err != nil {
				return err
			}
			fmt.Fprintf(p.out, "%v is ready\n", cfg.HTTP)
			return nil
		},
	}
}

// checkHealth asks the collector at addr; where that is every address, over
// the loopback.
func checkHealth(ctx context.Context, addr netip.AddrPort, secure bool) error {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	switch addr.Addr() {
	case netip.IPv4Unspecified():
		addr = netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), addr.Port())
	case netip.IPv6Unspecified():
		addr = netip.AddrPortFrom(netip.IPv6Loopback(), addr.Port())
	}
	if code, _, err := get(ctx, addr, secure, "/healthz"); err != nil {
		return err
	} else if code != http.StatusOK {
		return fmt.Errorf("%v answers %d to /healthz; does another program listen there?", addr, code)
	}
	code, body, err := get(ctx, addr, secure, "/readyz")
	if err != nil || code == http.StatusOK {
		return err
	}
	var r web.Readiness
	if err := json.Unmarshal(body, &r); err != nil {
		return fmt.Errorf("%v answers %d to /readyz; does another program listen there?", addr, code)
	}
	var waiting []string
	for _, c := range r.Components {
		if !c.Ready {
			waiting = append(waiting, strings.TrimSuffix(c.Name+": "+c.Detail, ": "))
		}
	}
	return fmt.Errorf("%v is not ready: %s", addr, strings.Join(waiting, ", "))
}

// get asks addr for path, directly: a proxy of the environment is not asked.
// Health is no secret and its answer moves nothing: whose certificate it is does
// not matter, and its name is not the address asked.
func get(ctx context.Context, addr netip.AddrPort, secure bool, path string) (int, []byte, error) {
	scheme := "http://"
	if secure {
		scheme = "https://"
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, scheme+addr.String()+path, nil)
	if err != nil {
		return 0, nil, err
	}
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
	resp, err := client.Do(req)
	if err != nil {
		return 0, nil, fmt.Errorf("%v does not answer: %w; is `weir run` running?", addr, errors.Unwrap(err))
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	return resp.StatusCode, body, err
}

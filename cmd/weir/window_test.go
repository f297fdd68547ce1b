package main

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"weir/collector/web"
	"weir/detect/site"
)

// planned is a collector that knows one node and takes every window.
type planned struct {
	web.PageSource
	web.SiteSource
	web.ModelSource
}

func (*planned) AddWindow(w site.Window) (site.Window, error) {
	w.ID = "w-1"
	return w, nil
}

func (*planned) SiteBranch(_ context.Context, key string) (b site.Branch, err error) {
	if key != "cn7" {
		err = fmt.Errorf("node %q: is not in the model of the site", key)
	}
	return b, err
}

// TestWindowForNobodyIsNoted: a window for a node that nobody has heard of is taken,
// since it may be still to come, and said to cover nothing: mostly it was mistyped.
func TestWindowForNobodyIsNoted(t *testing.T) {
	conf := serve(t, &planned{})
	for subject, noted := range map[string]bool{
		"cn7": false, "cn7/br-int": false, "*": false, "vlan/100": false, "router/fa:16:3e:00:00:01": false, "cn77": true, "cn77/br-int": true, "vlan": true,
	} {
		code, out, stderr := weir(t, "window", "add", subject, "--for", "1h", "--owner", "Ada", "--reason", "new kernel", "--config", conf)
		if code != 0 || out != "w-1\n" || strings.Contains(stderr, "no single node is called") != noted || !noted && stderr != "" {
			t.Errorf("%s: code %d, %q, %q", subject, code, out, stderr)
		}
	}
}

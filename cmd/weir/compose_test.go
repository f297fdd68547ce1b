package main

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// TestComposeStartsWhatThereIs reads compose.yaml at the root: its commands must
// be ours, and the names in it must agree.
func TestComposeStartsWhatThereIs(t *testing.T) {
	b, err := os.ReadFile(filepath.Join("..", "..", "compose.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var c struct {
		Services map[string]struct {
			Image       string
			NetworkMode string `yaml:"network_mode"`
			Command     []string
			Volumes     []string
			Environment map[string]string
		}
		Volumes map[string]any
	}
	if err := yaml.Unmarshal(b, &c); err != nil {
		t.Fatal(err)
	}
	if c.Services["weir"].NetworkMode != "host" {
		t.Error("weir has no host network: all exporters would share one address")
	}
	for name, s := range c.Services {
		for _, v := range s.Volumes {
			if from, _, _ := strings.Cut(v, ":"); !strings.HasPrefix(from, ".") {
				if _, ok := c.Volumes[from]; !ok {
					t.Errorf("%s: volume %s is not declared", name, from)
				}
			}
		}
		if !strings.Contains(s.Image, "weir:") {
			continue
		}
		root := newRoot(&program{})
		cmd, rest, err := root.Find(s.Command)
		if err == nil {
			err = cmd.ParseFlags(rest)
		}
		if err != nil || cmd == root {
			t.Errorf("%s: weir %s: %v", name, strings.Join(s.Command, " "), err)
		}
	}
	// The dashboards as the container writes them are where Grafana looks.
	dir := t.TempDir()
	args := slices.Clone(c.Services["dashboards"].Command)
	args[slices.Index(args, "/grafana")] = dir
	var out output
	if code := execute(context.Background(), args, streams{strings.NewReader(""), &out, &out}); code != 0 {
		t.Fatal(out.String())
	}
	provider, err := os.ReadFile(filepath.Join(dir, "provisioning/dashboards/weir.yaml"))
	if err != nil || !strings.Contains(string(provider), "path: /grafana/dashboards\n") {
		t.Errorf("%v: %s", err, provider)
	}
	home := c.Services["grafana"].Environment["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
	if _, err := os.Stat(filepath.Join(dir, strings.TrimPrefix(home, "/grafana/"))); err != nil {
		t.Errorf("home dashboard %s: %v", home, err)
	}
	if c.Services["grafana"].Environment["GF_PATHS_PROVISIONING"] != "/grafana/provisioning" {
		t.Error("Grafana looks elsewhere")
	}
}

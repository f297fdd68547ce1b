package dashboards

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Versions of what the types are checked with.
const (
	schemaPackage     = "@grafana/schema@13.2.3"
	typescriptPackage = "typescript@5.9.3"
)

// installTypes puts Grafana's types and the compiler into a folder that is kept
// for the next run. It returns "" where npm or its registry cannot be had.
func installTypes(t *testing.T) string {
	t.Helper()
	npm, err := exec.LookPath("npm")
	cache, cerr := os.UserCacheDir()
	if err != nil || cerr != nil {
		t.Log("types are not checked: no npm, or no cache directory; the other tests here hold")
		return ""
	}
	dir := filepath.Join(cache, "weir-test", "grafana-schema")
	if _, err := os.Stat(filepath.Join(dir, "node_modules", "typescript", "bin", "tsc")); err == nil {
		return dir
	}
	// What was installed in part is not taken for the whole by the next run.
	part := filepath.Join(cache, "weir-test", fmt.Sprintf("grafana-schema.%d", os.Getpid()))
	defer os.RemoveAll(part)
	if err := os.MkdirAll(part, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(part, "package.json"), []byte(`{"private": true}`), 0o644); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, npm, "install", "--no-audit", "--no-fund", "--ignore-scripts", schemaPackage, typescriptPackage)
	cmd.Dir = part
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Logf("types are not checked: npm install: %v; the other tests here hold\n%s", err, out)
		return ""
	}
	if err := errors.Join(os.RemoveAll(dir), os.Rename(part, dir)); err != nil {
		t.Fatal(err)
	}
	return dir
}

// TestDashboardsFitGrafanasTypes has the compiler compare every dashboard, and
// the options and the drawing of every panel, with what Grafana publishes.
func TestDashboardsFitGrafanasTypes(t *testing.T) {
	installed := installTypes(t)
	if installed == "" {
		return
	}
	check := func(change func(o object)) string {
		t.Helper()
		dir := t.TempDir()
		if err := os.Symlink(filepath.Join(installed, "node_modules"), filepath.Join(dir, "node_modules")); err != nil {
			t.Fatal(err)
		}
		b, err := os.ReadFile("testdata/check.ts")
		if err != nil {
			t.Fatal(err)
		}
		files := map[string]string{
			"check.ts":      string(b),
			"package.json":  `{"type": "module"}`,
			"tsconfig.json": `{"compilerOptions": {"strict": true, "noEmit": true, "module": "esnext", "moduleResolution": "bundler", "skipLibCheck": true, "target": "es2022"}, "include": ["*.ts"]}`,
		}
		for _, d := range All() {
			files[strings.ReplaceAll(d.UID, "-", "_")+".ts"] = typescript(t, &d, change)
		}
		for name, text := range files {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		cmd := exec.CommandContext(t.Context(), filepath.Join(installed, "node_modules", "typescript", "bin", "tsc"), "-p", ".")
		cmd.Dir = dir
		out, _ := cmd.CombinedOutput()
		return string(out)
	}
	if out := check(nil); out != "" {
		t.Errorf("%.4000s", out)
	}
	// One mistake in each, to see that they are found.
	out := check(func(o object) {
		switch defaults := panel(o, "timeseries")["fieldConfig"].(object)["defaults"].(object); o["uid"] {
		case uid("noc"):
			o["descriptin"] = "x"
		case uid("traffic"):
			defaults["unti"] = "bps"
		case uid("node"):
			defaults["color"] = object{"mode": "palette-modern"}
		case uid("self"):
			panel(o, "timeseries")["options"].(object)["colorMod"] = "value"
		}
	})
	for _, mistake := range []string{"descriptin", "unti", "palette-modern", "colorMod"} {
		if !strings.Contains(out, mistake) {
			t.Errorf("dashboards with %s pass: %.2000s", mistake, out)
		}
	}
}

// panel returns the first panel of a kind.
func panel(o object, kind string) object {
	for _, p := range o["panels"].([]any) {
		if p.(object)["type"] == kind {
			return p.(object)
		}
	}
	return nil
}

// typescript is a dashboard as a program whose types are to be right.
func typescript(t *testing.T, d *Dashboard, change func(object)) string {
	t.Helper()
	text, err := d.JSON()
	if err != nil {
		t.Fatal(err)
	}
	var o object
	if err := json.Unmarshal(text, &o); err != nil {
		t.Fatal(err)
	}
	if change != nil {
		change(o)
	}
	literal := func(v any) []byte {
		b, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "import type { Checked, Custom, Options } from \"./check\";\nexport const d: Checked = %s;\n", literal(o))
	for i, p := range o["panels"].([]any) {
		kind := p.(object)["type"].(string)
		if kind == "row" {
			continue
		}
		fmt.Fprintf(&b, "export const o%d: Options[%q] = %s;\n", i, kind, literal(p.(object)["options"]))
		fmt.Fprintf(&b, "export const c%d: Custom[%q] = %s;\n", i, kind, literal(p.(object)["fieldConfig"].(object)["defaults"].(object)["custom"]))
	}
	return b.String()
}

package main

import (
	"bytes"
	"encoding/json"
	"os"
	"runtime/debug"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestDocumentListsEveryModule(t *testing.T) {
	info := &debug.BuildInfo{GoVersion: "go1.26.0", Deps: []*debug.Module{
		{Path: "example.net/a", Version: "v1.2.3", Sum: "h1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="},
		{Path: "example.net/b", Version: "v0.1.0", Replace: &debug.Module{Path: "example.net/c", Version: "v0.2.0"}},
	}}
	d := document("weir", "1.0.0", "00ff", info)
	if m := d.Metadata.Component; m.Name != "weir" || m.Version != "1.0.0" || m.Hashes[0].Content != "00ff" {
		t.Errorf("program %+v", m)
	}
	want := []component{
		{Type: "library", Ref: "pkg:golang/std@1.26.0", Name: "std", Version: "1.26.0", PURL: "pkg:golang/std@1.26.0"},
		{
			Type: "library", Ref: "pkg:golang/example.net/a@v1.2.3", Name: "example.net/a", Version: "v1.2.3",
			PURL: "pkg:golang/example.net/a@v1.2.3", Hashes: []hash{{"SHA-256", strings.Repeat("00", 32)}},
		},
		{Type: "library", Ref: "pkg:golang/example.net/c@v0.2.0", Name: "example.net/c", Version: "v0.2.0", PURL: "pkg:golang/example.net/c@v0.2.0"},
	}
	if diff := cmp.Diff(want, d.Components); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestRunReadsAProgram(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := run(&b, self, "1"); err != nil {
		t.Fatal(err)
	}
	var d bom
	if err := json.Unmarshal(b.Bytes(), &d); err != nil || d.Format != "CycloneDX" || d.Components[0].Name != "std" {
		t.Errorf("%v: %.300s", err, b.Bytes())
	}
	if err := run(&b, "main.go", "1"); err == nil {
		t.Error("a text has modules")
	}
}

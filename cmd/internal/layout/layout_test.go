package layout

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// list returns our packages by import path. Packages that do not compile are
// listed too: another test says so.
func list(t *testing.T) map[string]pkg {
	t.Helper()
	cmd := exec.Command("go", "list", "-e", "-json=ImportPath,Name,Dir,Doc,GoFiles,Imports,Standard", module+"/...")
	cmd.Dir = filepath.Join("..", "..", "..")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, stderr.String())
	}
	pkgs := map[string]pkg{}
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var p pkg
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatalf("go list: %v", err)
		}
		pkgs[p.ImportPath] = p
	}
	if len(pkgs) == 0 {
		t.Fatal("go list found no package")
	}
	return pkgs
}

func TestImportsFollowTheTable(t *testing.T) {
	for _, v := range violations(list(t)) {
		t.Error(v)
	}
}

// TestTableCatches shows that the table can fail, and says why when it does.
func TestTableCatches(t *testing.T) {
	fake := func(path string, imports ...string) map[string]pkg {
		return map[string]pkg{module + "/" + path: {ImportPath: module + "/" + path, Imports: imports}}
	}
	for _, c := range []struct {
		name string
		pkgs map[string]pkg
		want string // part of the only violation; "" for none
	}{
		{"wire code with a clock is fine to name time", fake("decoder/sflow", "time", "iter"), ""},
		{"wire code with a lock", fake("decoder/sflow", "sync"), "decoder/sflow imports sync: the codec is pure"},
		{"wire code with a library", fake("decoder/packet", "golang.org/x/net/bpf"), "the header parser is pure"},
		{"detector with a file", fake("detect/flood", "os"), "detect/flood imports os: detection is a function"},
		{"detector with addresses", fake("detect/flood", "net/netip"), ""},
		{"window that knows events", fake("detect/window", "weir/decoder"), "a window is a container"},
		{"intake that decodes", fake("collector/udp", "weir/decoder"), "the intake moves bytes"},
		{"intake with x/sys", fake("collector/udp", "golang.org/x/sys/unix"), ""},
		{"socket with gopacket", fake("collector/udp", "golang.org/x/sys/unix", "github.com/google/gopacket/pcapgo"), "gopacket"},
		{"capture with gopacket", fake("collector/udp/capture", "github.com/google/gopacket/pcapgo"), ""},
		{"sink that reads the wire", fake("collector/sink/influx", "weir/decoder/sflow"), "a sink sends what it is given"},
		{"web that reads the store", fake("collector/web", "weir/collector/store"), "the web shows"},
		{"host agent that runs commands", fake("hostagent/source/ovs", "os/exec"), "the host agent runs on every compute node"},
		{"library that imports a command", fake("collector", "weir/cmd/weir"), "nothing imports a command"},
		{"demo", fake("cmd/weir", "weir/bench/traffic"), ""},
		{"command with the lab", fake("cmd/weir", "weir/bench/lab"), "nothing of bench but the generator"},
		{"detector with Cistern", fake("detect", "github.com/Cistern/sflow"), "github.com/Cistern/sflow"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := violations(c.pkgs)
			switch {
			case c.want == "" && len(got) > 0:
				t.Errorf("refused: %q", got)
			case c.want != "" && !slices.ContainsFunc(got, func(v string) bool { return strings.Contains(v, c.want) }):
				t.Errorf("got %q, want a line with %q", got, c.want)
			}
		})
	}
}

func TestTableFollowsImportsThroughRooms(t *testing.T) {
	pkgs := map[string]pkg{
		"weir/collector/agents": {Imports: []string{"weir/decoder"}},
		"weir/decoder":          {Imports: []string{"weir/detect"}},
		"weir/detect":           {},
	}
	want := "collector/agents imports detect (collector/agents → decoder → detect)"
	got := violations(pkgs)
	if !slices.ContainsFunc(got, func(v string) bool { return strings.HasPrefix(v, want) }) {
		t.Errorf("got %q, want a line that begins %q", got, want)
	}
}

func TestPackagesSayWhatTheyAre(t *testing.T) {
	for path, p := range list(t) {
		if len(p.GoFiles) > 0 && p.Doc == "" {
			t.Errorf("%s has no package comment", path)
		}
		if slices.Contains(badNames, p.Name) {
			t.Errorf("%s: package name %s says nothing about what it is for", path, p.Name)
		}
	}
}

func TestSourceKeepsTheRules(t *testing.T) {
	for path, p := range list(t) {
		at, _ := room(path)
		for _, name := range p.GoFiles {
			file := filepath.Join(p.Dir, name)
			fset := token.NewFileSet()
			f, err := parser.ParseFile(fset, file, nil, parser.SkipObjectResolution)
			if err != nil {
				t.Errorf("%s: %v", file, err)
				continue
			}
			for _, complaint := range offences(fset, f, matchAny(clockAllowed, at)) {
				t.Error(at + "/" + complaint)
			}
		}
	}
}

func TestSourceRulesCatch(t *testing.T) {
	for _, c := range []struct {
		name, src string
		clock     bool
		want      []string
	}{
		{"clock", `import "time"; var _ = time.Now()`, false, []string{"x.go:1: time.Now: the time is an argument here"}},
		{"clock by another name", `import tm "time"; func f() { _ = tm.Since(tm.Time{}) }`, false, []string{"x.go:1: time.Since: the time is an argument here"}},
		{"clock as a value", `import "time"; var now = time.Now`, false, []string{"x.go:1: time.Now: the time is an argument here"}},
		{"clock where allowed", `import "time"; var _ = time.Now()`, true, nil},
		{"duration", `import "time"; const d = time.Second`, false, nil},
		{"init", `func init() {}`, true, []string{"x.go:1: func init: no effects at import"}},
		{"method named init", `type T int; func (T) init() {}`, true, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			fset := token.NewFileSet()
			f, err := parser.ParseFile(fset, "x.go", "package x; "+c.src, parser.SkipObjectResolution)
			if err != nil {
				t.Fatal(err)
			}
			if got := offences(fset, f, c.clock); !slices.Equal(got, c.want) {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

// offences returns what a file does that it must not: read the clock unless it
// may, or have an init function.
func offences(fset *token.FileSet, f *ast.File, clock bool) (bad []string) {
	at := func(n ast.Node) string {
		p := fset.Position(n.Pos())
		return fmt.Sprintf("%s:%d: ", filepath.Base(p.Filename), p.Line)
	}
	timeName := ""
	for _, i := range f.Imports {
		if i.Path.Value == `"time"` {
			timeName = "time"
			if i.Name != nil {
				timeName = i.Name.Name
			}
		}
	}
	ast.Inspect(f, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncDecl:
			if n.Recv == nil && n.Name.Name == "init" {
				bad = append(bad, at(n)+"func init: no effects at import")
			}
		case *ast.SelectorExpr:
			x, ok := n.X.(*ast.Ident)
			if ok && !clock && timeName != "" && x.Name == timeName && slices.Contains([]string{"Now", "Since", "Until"}, n.Sel.Name) {
				bad = append(bad, at(n)+"time."+n.Sel.Name+": the time is an argument here")
			}
		}
		return true
	})
	return bad
}

package archive

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

func made(t testing.TB) ([]byte, string) {
	t.Helper()
	var b bytes.Buffer
	digest, err := Write(&b, "incident-1", []File{{"incident.json", []byte("{}")}, {"evidence/a-1.pcapng", []byte("pcap")}, {"flows.csv", nil}}, time.Unix(1e9, 0))
	if err != nil {
		t.Fatal(err)
	}
	return b.Bytes(), digest
}

// rewrite unpacks, changes and packs again.
func rewrite(t *testing.T, b []byte, change func(name string, body []byte) (string, []byte, bool)) []byte {
	t.Helper()
	z, err := gzip.NewReader(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	zw := gzip.NewWriter(&out)
	w := tar.NewWriter(zw)
	for r := tar.NewReader(z); ; {
		h, err := r.Next()
		if err == io.EOF {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(r)
		name, body, keep := change(h.Name, body)
		if !keep {
			continue
		}
		if err := w.WriteHeader(&tar.Header{Name: name, Size: int64(len(body)), Mode: 0o600}); err != nil {
			t.Fatal(err)
		}
		w.Write(body)
	}
	w.Close()
	zw.Close()
	return out.Bytes()
}

func TestCheckFindsEveryChange(t *testing.T) {
	b, digest := made(t)
	for _, c := range []struct {
		name   string
		change func(string, []byte) (string, []byte, bool)
		want   string
	}{
		{"nothing", func(n string, b []byte) (string, []byte, bool) { return n, b, true }, ""},
		{"a file changed", func(n string, b []byte) (string, []byte, bool) {
			if strings.HasSuffix(n, ".pcapng") {
				b = []byte("pcaq")
			}
			return n, b, true
		}, "evidence/a-1.pcapng: is not what was written"},
		{"a file removed", func(n string, b []byte) (string, []byte, bool) { return n, b, !strings.HasSuffix(n, "flows.csv") }, "flows.csv: is missing"},
		{"a file put in", func(n string, b []byte) (string, []byte, bool) {
			return strings.Replace(n, "flows.csv", "flows2.csv", 1), b, true
		}, "flows.csv: is missing"},
		{"the hashes removed", func(n string, b []byte) (string, []byte, bool) { return n, b, !strings.HasSuffix(n, sums) }, "SHA256SUMS: is missing"},
		{"a way out", func(n string, b []byte) (string, []byte, bool) {
			return strings.Replace(n, "flows.csv", "../../etc/passwd", 1), b, true
		}, "is nothing that weir writes"},
		{"another folder", func(n string, b []byte) (string, []byte, bool) {
			return strings.Replace(n, "incident-1/flows", "other/flows", 1), b, true
		}, "stands beside the folder"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p, err := Check(bytes.NewReader(rewrite(t, b, c.change)))
			switch {
			case c.want == "" && (err != nil || p.Files != 3 || p.Digest != digest || p.Folder != "incident-1"):
				t.Errorf("%+v, %v", p, err)
			case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n")):
				t.Errorf("%v, want %s", err, c.want)
			}
		})
	}
	for n := range b {
		if _, err := Check(bytes.NewReader(b[:n])); err == nil {
			t.Fatalf("the first %d octets pass", n)
		}
	}
}

// The archive is one for the tools that everybody has.
func TestArchiveIsForOtherTools(t *testing.T) {
	b, _ := made(t)
	dir := t.TempDir()
	if err := os.WriteFile(dir+"/a.tar.gz", b, 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("sh", "-c", "cd "+dir+" && tar xzf a.tar.gz && cd incident-1 && sha256sum -c --strict SHA256SUMS").CombinedOutput()
	if err != nil || strings.Count(string(out), ": OK") != 3 {
		t.Errorf("%s, %v", out, err)
	}
}

func FuzzCheck(f *testing.F) {
	b, _ := made(f)
	f.Add(b)
	f.Fuzz(func(t *testing.T, b []byte) {
		if p, err := Check(bytes.NewReader(b)); err == nil && p.Digest == "" {
			t.Error("passes without a digest")
		}
	})
}

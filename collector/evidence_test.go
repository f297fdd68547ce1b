package collector

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"testing"

	"weir/collector/store/evidence"
)

// fetch asks over HTTP.
func (r *running) fetch(path string) (code int, contents string, body []byte) {
	r.t.Helper()
	resp, err := http.Get("http://" + r.status().HTTP + path)
	if err != nil {
		r.t.Fatal(err)
	}
	defer resp.Body.Close()
	if body, err = io.ReadAll(resp.Body); err != nil {
		r.t.Fatal(err)
	}
	return resp.StatusCode, resp.Header.Get("Content-Type"), body
}

// A large flow's alert has the headers of its packets, which are given as a file.
func TestAlertHasItsHeaders(t *testing.T) {
	t.Parallel()
	r := start(t, testConfig(t))
	one := newExporter("192.0.2.11")
	r.stream(one, r.dial("127.0.0.11"), func() bool { return r.saw("start") })
	id := parseAlerts(t, r.told())[0].ID
	var files []evidence.File
	r.eventually("evidence of the alert", func() bool {
		code, _, body := r.fetch("/api/v1/evidence")
		if err := json.Unmarshal(body, &files); err != nil || code != http.StatusOK {
			t.Fatalf("%d %s: %v", code, body, err)
		}
		return len(files) > 0
	})
	if len(files) != 1 || files[0].ID != id || files[0].Size == 0 {
		t.Errorf("evidence %+v, want of %s", files, id)
	}
	// Of the network's own octets not everybody may see some.
	if code, _, body := r.fetch("/api/v1/evidence/" + id); code != http.StatusForbidden {
		t.Errorf("a viewer gets %d, %d octets", code, len(body))
	}
	local := http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", filepath.Join(r.cfg.StateDir, "control.sock"))
	}}}
	defer local.CloseIdleConnections()
	for _, c := range []struct {
		path string
		code int
	}{{id, http.StatusOK}, {"none", http.StatusNotFound}, {"..%2f..%2fweir.sqlite", http.StatusNotFound}} {
		resp, err := local.Get("http://weir/api/v1/evidence/" + c.path)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		if err = errors.Join(err, resp.Body.Close()); err != nil || resp.StatusCode != c.code {
			t.Errorf("%s: %d %s, %v", c.path, resp.StatusCode, body, err)
		}
		flow := []byte{192, 0, 2, 1, 198, 51, 100, 2}
		if c.code == http.StatusOK && (resp.Header.Get("Content-Type") != "application/x-pcapng" || !bytes.Contains(body, flow)) {
			t.Errorf("%d octets, want a capture file with the flow's addresses", len(body))
		}
	}
}

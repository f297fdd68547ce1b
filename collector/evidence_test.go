package collector

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
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
	id := parseAlerts(t, r.alerts.all())[0].ID
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
	code, contents, body := r.fetch("/api/v1/evidence/" + id)
	src, dst := []byte{192, 0, 2, 1}, []byte{198, 51, 100, 2}
	if code != http.StatusOK || contents != "application/x-pcapng" || !bytes.Contains(body, append(src, dst...)) {
		t.Errorf("%d %s, %d octets, want a capture file with the flow's addresses", code, contents, len(body))
	}
	for _, path := range []string{"/api/v1/evidence/none", "/api/v1/evidence/..%2f..%2fweir.sqlite"} {
		if code, _, body := r.fetch(path); code != http.StatusNotFound {
			t.Errorf("%s: %d %s", path, code, body)
		}
	}
}

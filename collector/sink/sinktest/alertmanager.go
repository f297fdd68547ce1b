package sinktest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// Alertmanager is a real one.
type Alertmanager struct {
	*Process
	URL string
}

// GotAlert is an alert as Alertmanager holds it.
type GotAlert struct {
	Labels      map[string]string
	Annotations map[string]string
	StartsAt    string
	EndsAt      string
	UpdatedAt   time.Time // it arrived
	Status      struct{ State string }
}

// NewAlertmanager starts one.
func NewAlertmanager(t testing.TB) *Alertmanager {
	t.Helper()
	Need(t, "prometheus-alertmanager")
	dir := t.TempDir()
	conf := filepath.Join(dir, "am.yml")
	if err := os.WriteFile(conf, []byte("route: {receiver: nobody}\nreceivers: [{name: nobody}]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	port := Free(t)
	a := &Alertmanager{URL: fmt.Sprintf("http://127.0.0.1:%d", port)}
	a.Process = Start(t, nil, "prometheus-alertmanager", "--config.file="+conf, "--storage.path="+dir,
		fmt.Sprintf("--web.listen-address=127.0.0.1:%d", port), "--cluster.listen-address=")
	Await(t, "Alertmanager", func() bool {
		resp, err := http.Get(a.URL + "/-/ready")
		if err != nil {
			return false
		}
		_ = resp.Body.Close()
		return resp.StatusCode == http.StatusOK
	})
	return a
}

// Alerts returns what it holds as firing.
func (a *Alertmanager) Alerts(t testing.TB) []GotAlert {
	t.Helper()
	resp, err := http.Get(a.URL + "/api/v2/alerts")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var all []GotAlert
	if err := json.NewDecoder(resp.Body).Decode(&all); err != nil {
		t.Fatal(err)
	}
	return all
}

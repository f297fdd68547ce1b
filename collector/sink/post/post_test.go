package post

import (
	"encoding/pem"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"weir/collector/sink"
)

func TestPostTrustsWhomItIsTold(t *testing.T) {
	var auth string
	srv := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		auth = r.Header.Get("Authorization")
		w.WriteHeader(http.StatusOK)
		_, _ = w.Write([]byte("taken\r\nX-Injected: 1\x1b[31m"))
	}))
	defer srv.Close()
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: srv.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	trust, err := Trust(ca)
	if err != nil {
		t.Fatal(err)
	}
	good := New(Config{URL: srv.URL, TLS: trust, User: "weir", Password: "s3cret"})
	var r sink.Recorder
	if err := good.JSON(sink.WithRecorder(t.Context(), &r), "/x", []byte("{}")); err != nil || auth != "Basic d2VpcjpzM2NyZXQ=" {
		t.Errorf("%v, authorization %q", err, auth)
	}
	if l := r.Lines(); len(l) != 1 || l[0] != "200 OK taken X-Injected: 1 [31m" {
		t.Errorf("answers %q", l)
	}
	if err := good.Probe(t.Context()); err != nil {
		t.Error(err)
	}
	if err := good.Get(t.Context()); err != nil {
		t.Error(err)
	}
	stranger := New(Config{URL: srv.URL})
	for _, err := range []error{stranger.JSON(t.Context(), "", nil), stranger.Probe(t.Context())} {
		if err == nil || !strings.Contains(err.Error(), "certificate") || errors.Is(err, sink.ErrPermanent) {
			t.Errorf("%v", err)
		}
	}
	if _, err := Trust("/no/such"); err == nil {
		t.Error("trusts a file that is not there")
	}
}

func TestPostFollowsNobody(t *testing.T) {
	reached := false
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached = true }))
	defer other.Close()
	srv := httptest.NewServer(http.RedirectHandler(other.URL, http.StatusTemporaryRedirect))
	defer srv.Close()
	err := New(Config{URL: srv.URL, Token: "s3cret"}).JSON(t.Context(), "", []byte("{}"))
	if reached || !errors.Is(err, sink.ErrPermanent) || !strings.Contains(err.Error(), "which is not followed") {
		t.Errorf("reached %v, %v", reached, err)
	}
}

func TestRetryAfterIsReadInBothForms(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for h, want := range map[string]time.Duration{
		"": 0, "7": 7 * time.Second, "-1": 0, "99999999999999999999": 0, "soon": 0,
		"Sun, 01 Mar 2026 12:00:30 GMT": 30 * time.Second,
	} {
		if got := retryAfter(h, now); got != want {
			t.Errorf("%q: %v, want %v", h, got, want)
		}
	}
}

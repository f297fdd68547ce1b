package influx

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestBucketOfInfluxDB2 plays what InfluxDB 2 answers, as its API is described:
// no real one can be built here without its parser in Rust.
func TestBucketOfInfluxDB2(t *testing.T) {
	var mu sync.Mutex
	var asked []string
	var bucket struct {
		OrgID          string `json:"orgID"`
		Name           string `json:"name"`
		RetentionRules []struct {
			EverySeconds int64 `json:"everySeconds"`
		} `json:"retentionRules"`
	}
	writes := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		if got := r.Header.Get("Authorization"); got != "Token secret" {
			t.Errorf("%s with authorization %q", r.URL.Path, got)
		}
		w.Header().Set("Content-Type", "application/json")
		switch {
		case r.URL.Path == "/api/v2/write" && bucket.Name == "":
			w.WriteHeader(http.StatusNotFound)
			fmt.Fprint(w, `{"code":"not found","message":"bucket \"sflow\" not found"}`)
		case r.URL.Path == "/api/v2/write":
			writes++
			w.WriteHeader(http.StatusNoContent)
			return
		case r.URL.Path == "/query":
			fmt.Fprint(w, `{"results":[{"statement_id":0,"error":"not implemented: CREATE DATABASE"}]}`)
		case r.URL.Path == "/api/v2/orgs":
			fmt.Fprint(w, `{"orgs":[{"id":"0a0b0c0d0e0f0102","name":"`+r.URL.Query().Get("org")+`"}]}`)
		case r.URL.Path == "/api/v2/buckets" && r.Method == http.MethodPost:
			if err := json.NewDecoder(r.Body).Decode(&bucket); err != nil {
				t.Error(err)
			}
			w.WriteHeader(http.StatusCreated)
			fmt.Fprint(w, `{"id":"0a0b0c0d0e0f0103","name":"sflow","retentionRules":[]}`)
		default:
			w.WriteHeader(http.StatusTeapot)
		}
		asked = append(asked, r.Method+" "+r.URL.Path)
	}))
	defer server.Close()
	s, log := newTest(t, server.URL, t.TempDir(), func(c *Config) {
		c.Bucket, c.Org, c.Token, c.Retention = "sflow", "noc", "secret", 7*24*time.Hour
	})
	s.WriteLines([]byte("m v=1i 1\n"), 1)
	await(t, s)
	mu.Lock()
	defer mu.Unlock()
	want := []string{"POST /api/v2/write", "POST /query", "GET /api/v2/orgs", "POST /api/v2/buckets"}
	if diff := cmp.Diff(want, asked); diff != "" || writes != 1 {
		t.Errorf("%d writes, asked (-want +got)\n%s", writes, diff)
	}
	if bucket.OrgID != "0a0b0c0d0e0f0102" || bucket.Name != "sflow" || len(bucket.RetentionRules) != 1 || bucket.RetentionRules[0].EverySeconds != 7*24*3600 {
		t.Errorf("bucket %+v", bucket)
	}
	if !strings.Contains(log.String(), "the bucket was missing and has been made") || strings.Contains(log.String(), "secret") {
		t.Errorf("log: %s", log)
	}
}

func TestBucketThatMayNotBeMade(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusNotFound)
		fmt.Fprint(w, `{"code":"not found","message":"no such thing\nhere"}`)
	}))
	defer server.Close()
	s, log := newTest(t, server.URL, t.TempDir(), nil)
	s.WriteLines([]byte("m v=1i 1\n"), 1)
	const told = `"said":"no such thing here","message":"influx: there is no bucket weir` // after it fails
	for end := time.Now().Add(patience); !strings.Contains(log.String(), told) && time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
	}
	if got := s.Stats().Failing; !strings.HasPrefix(got, "there is no bucket weir") {
		t.Errorf("fails because of %q", got)
	}
	for _, want := range []string{"the missing bucket could not be made", told} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("the log does not say %q:\n%s", want, log)
		}
	}
}

package webhook

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"text/template"
	"time"

	"weir/collector/sink"
	"weir/collector/sink/message"
	"weir/collector/sink/post"
	"weir/collector/sink/sinktest"
	"weir/detect"
)

// received is a request as it came.
type received struct {
	header http.Header
	body   []byte
}

func server(t *testing.T, code int) (string, *[]received) {
	var all []received
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		all = append(all, received{r.Header, b})
		w.WriteHeader(code)
	}))
	t.Cleanup(srv.Close)
	return srv.URL, &all
}

func TestWebhookSignsTheAlert(t *testing.T) {
	url, got := server(t, http.StatusNoContent)
	secret := []byte("s3cret")
	s := New(post.New(post.Config{URL: url, Token: "abc"}), &message.Writer{Site: "fra1"}, nil, secret)
	s.now = func() time.Time { return time.Unix(1772366400, 0) }
	a := sinktest.Alert(1, detect.Start, sinktest.Hostile)
	if err := s.Send(t.Context(), []detect.Alert{a}); err != nil {
		t.Fatal(err)
	}
	if len(*got) != 1 {
		t.Fatalf("%d requests", len(*got))
	}
	r := (*got)[0]
	if want := Signature(secret, "1772366400", r.body); r.header.Get("X-Weir-Signature") != want || r.header.Get("X-Weir-Timestamp") != "1772366400" {
		t.Errorf("signature %s, want %s", r.header.Get("X-Weir-Signature"), want)
	}
	if r.header.Get("Authorization") != "Bearer abc" || r.header.Get("X-Weir-Id") != a.ID+".1" || r.header.Get("Content-Type") != "application/json" {
		t.Errorf("headers %v", r.header)
	}
	var body struct {
		Site, Short string
		Alert       struct {
			ID       string
			Evidence struct {
				Input string `json:"input_name"`
			}
		}
	}
	if err := json.Unmarshal(r.body, &body); err != nil {
		t.Fatalf("%v: %s", err, r.body)
	}
	if body.Site != "fra1" || body.Alert.ID != a.ID || !strings.HasPrefix(body.Alert.Evidence.Input, "eth0\r\nBcc:") || len(body.Short) > message.MaxShort {
		t.Errorf("body %+v", body)
	}
}

// The signature as a receiver computes it: printf '1772366400.{"a":1}' |
// openssl dgst -sha256 -hmac s3cret
func TestSignatureIsTheHMACOfTimeAndBody(t *testing.T) {
	const want = "sha256=b417797e7d7b61c510208fca568d792c3d58cb9b0040792aba7f74bb2adfcbfe"
	if got := Signature([]byte("s3cret"), "1772366400", []byte(`{"a":1}`)); got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

func TestTemplateWritesTheBody(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"with values as JSON", `{"text": {{json .Short}}, "status": "{{.Status}}", "src": {{json .Alert.subject.src}}}`, ""},
		{"with values as they are", `{"text": "{{.Title}}"}`, "is no JSON; write values with the function json"},
		{"with a field that is not there", `{"text": {{json .Alert.subject.nobody}}}`, "the template fails: "},
		{"without end", `{{range .Lines}}{{range $.Lines}}{{printf "%1000000d" 1}}{{end}}{{end}}`, "writes more than 1048576 octets"},
	} {
		t.Run(c.name, func(t *testing.T) {
			url, got := server(t, http.StatusOK)
			tmpl, err := ParseTemplate("t", c.text)
			if err != nil {
				t.Fatal(err)
			}
			s := New(post.New(post.Config{URL: url}), &message.Writer{}, tmpl, nil)
			err = s.Send(t.Context(), []detect.Alert{sinktest.Alert(1, detect.End, "\"}, \"admin\": true, {\"")})
			if c.want != "" {
				if !errors.Is(err, sink.ErrPermanent) || !strings.Contains(err.Error(), c.want) || len(*got) != 0 {
					t.Errorf("error %v, %d requests", err, len(*got))
				}
				return
			}
			var body map[string]any
			if err != nil || json.Unmarshal((*got)[0].body, &body) != nil || len(body) != 3 || body["status"] != "resolved" || body["src"] != "10.0.0.1" {
				t.Errorf("error %v, body %v", err, body)
			}
		})
	}
}

func TestAnswersAreJudged(t *testing.T) {
	for code, permanent := range map[int]bool{400: true, 413: true, 422: true, 301: true, 401: false, 404: false, 429: false, 500: false, 503: false} {
		url, _ := server(t, code)
		s := New(post.New(post.Config{URL: url + "/secret-path", SecretURL: true}), &message.Writer{}, (*template.Template)(nil), nil)
		err := s.Send(t.Context(), []detect.Alert{sinktest.Alert(1, detect.Start, "x")})
		if err == nil || errors.Is(err, sink.ErrPermanent) != permanent || strings.Contains(err.Error(), "secret-path") {
			t.Errorf("%d: %v", code, err)
		}
	}
	s := New(post.New(post.Config{URL: "http://127.0.0.1:1/secret-path", SecretURL: true}), &message.Writer{}, nil, nil)
	if err := s.Send(t.Context(), []detect.Alert{sinktest.Alert(1, detect.Start, "x")}); err == nil || strings.Contains(err.Error(), "secret-path") {
		t.Errorf("%v", err)
	}
}

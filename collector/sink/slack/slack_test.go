package slack

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"weir/collector/sink/message"
	"weir/collector/sink/post"
	"weir/collector/sink/sinktest"
	"weir/detect"
)

func TestSlackTellsNobodyToListen(t *testing.T) {
	var got []body
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		var v body
		if err := json.Unmarshal(b, &v); err != nil {
			t.Errorf("%v: %s", err, b)
		}
		got = append(got, v)
		_, _ = w.Write([]byte("ok"))
	}))
	defer srv.Close()
	s := New(post.New(post.Config{URL: srv.URL, SecretURL: true}), &message.Writer{Site: "fra1", Link: "https://weir.example/{id}"})
	end := sinktest.Alert(1, detect.End, "x")
	if err := s.Send(t.Context(), []detect.Alert{sinktest.Alert(1, detect.Start, sinktest.Hostile), end}); err != nil {
		t.Fatal(err)
	}
	if len(got) != 2 || len(got[0].Attachments) != 1 {
		t.Fatalf("%+v", got)
	}
	a := got[0].Attachments[0]
	for _, text := range []string{got[0].Text, a.Text, a.Fallback} {
		if strings.Contains(text, "<!") || strings.Contains(text, "<b>") || strings.Contains(text, "@here") || strings.Contains(text, "`") {
			t.Errorf("%q", text)
		}
	}
	if got[0].Markdown || a.Color != "#e01e5a" || !strings.Contains(a.Text, "\nLink: https://weir.example/"+end.ID) {
		t.Errorf("%+v", got[0])
	}
	if !strings.HasPrefix(got[1].Text, "RESOLVED critical fra1: ") || got[1].Attachments[0].Color != "#2eb67d" {
		t.Errorf("%+v", got[1])
	}
}

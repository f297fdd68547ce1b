package logline

import (
	"bytes"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"weir/collector/sink"
	"weir/detect"
)

var _ sink.Sink = (*Sink)(nil)

type subject struct {
	Src string `json:"src"`
}

func (s subject) AppendCanonical(b []byte) []byte { return append(b, s.Src...) }
func (s subject) Line() string                    { return s.Src + " → 10.0.0.2" }

type evidence struct {
	BitsPerSecond float64 `json:"bits_per_second"`
}

func (evidence) Line() string { return "98.8 Mbit/s" }

func start() detect.Alert {
	return detect.Alert{
		At:  time.Date(2026, 3, 4, 5, 6, 7, 120_000_000, time.FixedZone("", 3600)),
		Key: "k1", ID: "k1-5", Seq: 1, Change: detect.Start, Kind: detect.LargeFlow,
		State: detect.Confirmed, Severity: detect.Warning,
		Subject: subject{"10.0.0.1"}, Evidence: evidence{98.8e6},
	}
}

func end() detect.Alert {
	a := start()
	a.Seq, a.Change, a.State, a.Reason, a.Flapping = 2, detect.End, detect.Resolved, "clock", true
	return a
}

func TestSendWritesTheContract(t *testing.T) {
	var b bytes.Buffer
	if err := New(&b, true).Send(t.Context(), []detect.Alert{start(), end()}); err != nil {
		t.Fatal(err)
	}
	want := `{"at":"2026-03-04T04:06:07.120000000Z","key":"k1","id":"k1-5","seq":1,"change":"start","kind":"large_flow","state":"confirmed","severity":"warning","subject":{"src":"10.0.0.1"},"evidence":{"bits_per_second":98800000}}
{"at":"2026-03-04T04:06:07.120000000Z","key":"k1","id":"k1-5","seq":2,"change":"end","kind":"large_flow","state":"resolved","severity":"warning","flapping":true,"reason":"clock","subject":{"src":"10.0.0.1"},"evidence":{"bits_per_second":98800000}}
`
	if diff := cmp.Diff(want, b.String()); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	for line := range bytes.Lines(b.Bytes()) {
		if !json.Valid(line) {
			t.Errorf("no JSON: %s", line)
		}
	}
}

func TestSendWritesReadableLines(t *testing.T) {
	var b bytes.Buffer
	if err := New(&b, false).Send(t.Context(), []detect.Alert{start(), end()}); err != nil {
		t.Fatal(err)
	}
	want := `2026-03-04T04:06:07.120Z start  warning  large flow 10.0.0.1 → 10.0.0.2: 98.8 Mbit/s, confirmed [k1-5]
2026-03-04T04:06:07.120Z end    warning  large flow 10.0.0.1 → 10.0.0.2: 98.8 Mbit/s, flapping, because of clock [k1-5]
`
	if diff := cmp.Diff(want, b.String()); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

type broken struct{}

var errPipe = errors.New("broken pipe")

func (broken) Write([]byte) (int, error) { return 0, errPipe }

func TestSendReturnsTheWritersError(t *testing.T) {
	if err := New(broken{}, true).Send(t.Context(), []detect.Alert{start()}); !errors.Is(err, errPipe) {
		t.Errorf("error %v", err)
	}
}

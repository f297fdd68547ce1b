package report

import (
	"encoding/xml"
	"errors"
	"io"
	"math"
	"strings"
	"testing"
)

func TestQuantileCountsWhatWasMissed(t *testing.T) {
	v := []float64{3, 1, math.Inf(1), 2}
	for q, want := range map[float64]float64{0.25: 1, 0.5: 2, 0.75: 3, 0.99: math.Inf(1)} {
		if got := Quantile(v, q); got != want {
			t.Errorf("quantile %g is %g, want %g", q, got, want)
		}
	}
	if Three(v) != "2.00 / missed / missed" || !math.IsNaN(Quantile(nil, 0.5)) {
		t.Errorf("written %s", Three(v))
	}
}

// TestRateBounds compares with exact one-sided 95 % Poisson bounds.
func TestRateBounds(t *testing.T) {
	for n, want := range map[int]float64{0: 3, 1: 4.744, 10: 16.96, 100: 118.1} {
		if _, upper := Rate(n, 1); math.Abs(upper/want-1) > 0.02 {
			t.Errorf("%d events: upper bound %.3f, want %.3f", n, upper, want)
		}
	}
}

// TestSVGIsXML draws curves with points that cannot be drawn.
func TestSVGIsXML(t *testing.T) {
	p := Plot{Title: "a < b & c", X: "x", Y: "y", Series: []Series{
		{Name: "one", X: []float64{1, 10, 100}, Y: []float64{0.1, math.Inf(1), 3}},
		{Name: "none", X: []float64{1}, Y: []float64{math.NaN()}, Dash: true},
	}}
	var b strings.Builder
	if err := p.SVG(&b); err != nil {
		t.Fatal(err)
	}
	d := xml.NewDecoder(strings.NewReader(b.String()))
	for {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatalf("%v in\n%s", err, b.String())
		}
	}
	if strings.Contains(b.String(), "NaN") || strings.Contains(b.String(), "Inf") {
		t.Errorf("coordinates that are no numbers:\n%s", b.String())
	}
	if n := strings.Count(b.String(), "<circle"); n != 2 {
		t.Errorf("%d points drawn, want 2", n)
	}
}

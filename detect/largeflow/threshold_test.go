package largeflow

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseThreshold(t *testing.T) {
	for _, c := range []struct {
		text string
		want Threshold
		back string
	}{
		{"50Mbit/s", Threshold{BitsPerSecond: 50e6}, "50Mbit/s"},
		{"15Gbit/s", Threshold{BitsPerSecond: 15e9}, "15Gbit/s"},
		{" 1.5 gbit/s ", Threshold{BitsPerSecond: 1.5e9}, "1.5Gbit/s"},
		{"800kbit/s", Threshold{BitsPerSecond: 800e3}, "800kbit/s"},
		{"1Tbit/s", Threshold{BitsPerSecond: 1e12}, "1Tbit/s"},
		{"64bit/s", Threshold{BitsPerSecond: 64}, "64bit/s"},
		{"1000Mbit/s", Threshold{BitsPerSecond: 1e9}, "1Gbit/s"},
		{"10%", Threshold{Share: 0.1}, "10%"},
		{"0.5 %", Threshold{Share: 0.005}, "0.5%"},
		{"100%", Threshold{Share: 1}, "100%"},
	} {
		got, err := ParseThreshold(c.text)
		if err != nil {
			t.Errorf("%q: %v", c.text, err)
			continue
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%q (-want +got):\n%s", c.text, diff)
		}
		if got.String() != c.back {
			t.Errorf("%q: String() = %q, want %q", c.text, got, c.back)
		}
		if again, err := ParseThreshold(got.String()); err != nil || again != got {
			t.Errorf("%q: String() reads back as %v, %v", c.text, again, err)
		}
	}
}

func TestParseThresholdRejects(t *testing.T) {
	for _, text := range []string{"", "50", "50M", "50MB/s", "0%", "0Mbit/s", "-5%", "101%", "1e3Mbit/s", "NaN%", "Infbit/s", "0x10bit/s", "2000Tbit/s", "Mbit/s", "%", "1.2.3Gbit/s", "+1Gbit/s", "1_000bit/s"} {
		got, err := ParseThreshold(text)
		if err == nil {
			t.Errorf("%q: read as %v", text, got)
			continue
		}
		if msg := err.Error(); !strings.Contains(msg, "\""+text+"\"") || !strings.Contains(msg, "50Mbit/s") || strings.Contains(msg, "\n") {
			t.Errorf("%q: the error names no value or no fix: %s", text, msg)
		}
	}
}

func TestThresholdAtInterface(t *testing.T) {
	for _, c := range []struct {
		name  string
		t     Threshold
		speed uint64
		want  float64
	}{
		{"absolute", Threshold{BitsPerSecond: 5e7}, 10e9, 5e7},
		{"absolute, speed unknown", Threshold{BitsPerSecond: 5e7}, 0, 5e7},
		{"share", Threshold{Share: 0.1}, 10e9, 1e9},
		{"share, speed unknown: of 1 Gbit/s", Threshold{Share: 0.1}, 0, 1e8},
	} {
		if got := c.t.At(c.speed); got != c.want {
			t.Errorf("%s: %g, want %g", c.name, got, c.want)
		}
	}
}

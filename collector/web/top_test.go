package web

import (
	"encoding/json"
	"testing"
	"time"
)

func TestAskReadsTheTop(t *testing.T) {
	dir := t.TempDir()
	serveControl(t, dir, busy())
	for _, c := range []struct{ name, ask, want string }{
		{"defaults", "top", `"key":"" 10s 10`},
		{"all set", "top?" + TopQuery{"dst,dst_port: bytes", time.Minute, 64}.Values().Encode(), `"key":"dst,dst_port: bytes" 1m0s 64`},
		{"no key", "top?" + TopQuery{"", time.Second, 1}.Values().Encode(), `"key":"" 1s 1`},
		{"window that is not kept", "top?window=2s", "window 2s: is not kept; write 1s, 10s, 1m or 5m"},
		{"no window", "top?window=long", `window "long": cannot be read; write such as window=10s, n=10`},
		{"none", "top?n=0", "n 0: out of range; write 1 to 64"},
		{"too many", "top?n=65", "n 65: out of range; write 1 to 64"},
		{"twice", "top?n=1&n=2", "n: is there 2 times; write it once"},
		{"unknown", "top?kye=dst", `"kye" is unknown; write key, window or n`},
		{"what the source refuses", "top?key=none", "key none: is not counted"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var tops []struct {
				Key     json.RawMessage `json:"key"`
				Seconds float64         `json:"window_seconds"`
				Total   json.Number     `json:"total"`
			}
			var got string
			if err := Ask(t.Context(), dir, c.ask, &tops); err != nil {
				got = err.Error()
			} else if len(tops) == 1 {
				got = `"key":` + string(tops[0].Key) + " " + time.Duration(tops[0].Seconds*1e9).String() + " " + tops[0].Total.String()
			}
			if got != c.want {
				t.Errorf("%s, want %s", got, c.want)
			}
		})
	}
}

package web

import (
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"weir/detect"
)

// Defaults of a question for the heaviest keys.
const (
	DefaultTopWindow = 10 * time.Second
	DefaultTopN      = 10
)

// Values returns the query as the parameters of /top.
func (q TopQuery) Values() url.Values {
	v := url.Values{"window": {q.Window.String()}, "n": {strconv.Itoa(q.N)}}
	if q.Key != "" {
		v.Set("key", q.Key)
	}
	return v
}

// parseTopQuery reads the parameters of /top. Its error says what to write.
func parseTopQuery(v url.Values) (TopQuery, error) {
	q := TopQuery{Key: v.Get("key"), Window: DefaultTopWindow, N: DefaultTopN}
	for name, values := range v {
		if len(values) > 1 {
			return q, fmt.Errorf("%s: is there %d times; write it once", name, len(values))
		}
		var err error
		switch name {
		case "key":
		case "window":
			q.Window, err = time.ParseDuration(values[0])
		case "n":
			q.N, err = strconv.Atoi(values[0])
		default:
			return q, fmt.Errorf("%q is unknown; write key, window or n", name)
		}
		if err != nil {
			return q, fmt.Errorf("%s %q: cannot be read; write such as window=10s, n=10", name, values[0])
		}
	}
	return q, q.Check()
}

// Check reports a window or a number that no collector answers to.
func (q TopQuery) Check() error {
	known := false
	for _, w := range detect.TopWindows {
		known = known || w == q.Window
	}
	switch {
	case !known:
		return fmt.Errorf("window %v: is not kept; write 1s, 10s, 1m or 5m", q.Window)
	case q.N < 1 || q.N > detect.MaxTop:
		return fmt.Errorf("n %d: out of range; write 1 to %d", q.N, detect.MaxTop)
	}
	return nil
}

func answerTop(w http.ResponseWriter, r *http.Request, s Source) {
	q, err := parseTopQuery(r.URL.Query())
	if err == nil {
		var tops []detect.Top
		if tops, err = s.Top(q); err == nil {
			writeJSON(w, http.StatusOK, tops)
			return
		}
	}
	http.Error(w, err.Error(), http.StatusBadRequest)
}

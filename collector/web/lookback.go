package web

import (
	"errors"
	"net/http"

	"weir/detect"
)

// LookbackSeconds is how far the page looks back when it is opened.
const LookbackSeconds = 120

// LookbackSource has the largest flows of the last seconds, the oldest first.
type LookbackSource interface {
	Lookback() []*detect.Top
}

// FilterSource knows the words of filters.
type FilterSource interface {
	// CheckFilter returns why history cannot be asked with a filter, an
	// *AskError.
	CheckFilter(text string) error
	// FlowColumns returns what flows may be summed by.
	FlowColumns() []string
}

// addLookback adds what the page asks while it is opened, and while somebody
// types.
func addLookback(mux *http.ServeMux, s Source) {
	if l, ok := s.(LookbackSource); ok {
		handle(mux, "GET /api/v1/lookback", func(*http.Request) (any, error) { return orEmpty(l.Lookback()), nil })
	}
	if f, ok := s.(FilterSource); ok {
		handle(mux, "GET /api/v1/flows/columns", func(*http.Request) (any, error) { return orEmpty(f.FlowColumns()), nil })
		handle(mux, "GET /api/v1/flows/filter", func(r *http.Request) (any, error) {
			text := r.URL.Query().Get("filter")
			var mistake *AskError
			if err := f.CheckFilter(text); errors.As(err, &mistake) {
				return mistake, nil
			}
			return AskError{Offset: -1}, nil
		})
	}
}

package web

import (
	"context"
	"errors"
	"net/http"
	"time"

	"weir/collector/web/access"
	"weir/detect"
)

// LookbackSeconds is how far the page looks back when it is opened.
const LookbackSeconds = 120

// LookbackSource has the largest flows of the last seconds, the oldest first.
type LookbackSource interface {
	Lookback() []*detect.Top
}

// RecentKey returns what flows of Recent are told apart by.
func RecentKey() []string { return []string{"src", "dst", "proto", "src_port", "dst_port"} }

// Recent are the largest flows of the last minutes, each as the one point tells
// that saw most of it.
type Recent struct {
	From time.Time   `json:"from"`
	To   time.Time   `json:"to"`
	Step float64     `json:"step"` // seconds
	Rows []RecentRow `json:"rows"`
}

// RecentRow is a flow in one step of time.
type RecentRow struct {
	Key    []string `json:"key"`  // as RecentKey
	Step   int      `json:"step"` // from From on
	Bytes  float64  `json:"bytes"`
	Low    float64  `json:"low"` // 95 % interval of Bytes
	High   float64  `json:"high"`
	Points int      `json:"points"` // that saw it
}

// RecentSource has them, nil without history.
type RecentSource interface {
	Recent(context.Context) (*Recent, error)
}

// FilterSource knows the words of filters.
type FilterSource interface {
	// CheckFilter returns why history cannot be asked with a filter, an
	// *AskError.
	CheckFilter(text string) error
	// FlowColumns returns what flows may be summed by.
	FlowColumns() []string
}

// lookbackRoutes are what the page asks while it is opened, and while somebody
// types.
func lookbackRoutes(s Source) (all []Route) {
	if l, ok := s.(LookbackSource); ok {
		all = append(all, Route{
			Method: "GET", Path: "/api/v1/lookback", Needs: access.Viewer, Summary: "The largest flows of the last two minutes, the oldest first.", Answer: []*detect.Top{},
			Serve: Answers(func(*http.Request) (any, error) { return orEmpty(l.Lookback()), nil }),
		})
	}
	if x, ok := s.(RecentSource); ok {
		all = append(all, Route{
			Method: "GET", Path: "/api/v1/lookback/flows", Needs: access.Viewer, Answer: (*Recent)(nil),
			Summary: "The largest flows of the last two minutes in steps of two seconds, each as the one point tells that saw most of it; null without history.",
			Serve:   Answers(func(r *http.Request) (any, error) { return x.Recent(r.Context()) }),
		})
	}
	if f, ok := s.(FilterSource); ok {
		all = append(all, Route{
			Method: "GET", Path: "/api/v1/flows/columns", Needs: access.Viewer, Summary: "What flows may be summed by.", Answer: []string{},
			Serve: Answers(func(*http.Request) (any, error) { return orEmpty(f.FlowColumns()), nil }),
		}, Route{
			Method: "GET", Path: "/api/v1/flows/filter", Needs: access.Viewer, Summary: "What is wrong with a filter, and what would fit; an empty problem is nothing.", Answer: AskError{},
			Params: []Param{{Name: "filter", Says: "as in /api/v1/flows"}},
			Serve: Answers(func(r *http.Request) (any, error) {
				if m, ok := errors.AsType[*AskError](f.CheckFilter(r.URL.Query().Get("filter"))); ok {
					return m, nil
				}
				return AskError{Offset: -1}, nil
			}),
		})
	}
	return all
}

package web

import (
	"net/http"
	"strconv"

	"weir/collector/web/access"
	"weir/collector/web/audit"
)

// Auditor is a Source that keeps who asked what.
type Auditor interface {
	// AuditLog returns the newest n entries that keep wants, the oldest first.
	AuditLog(n int, keep func(*audit.Entry) bool) ([]audit.Entry, error)
}

// maxEntries bounds how many entries are told at once.
const maxEntries = 10000

// auditRoute shows who asked what.
func auditRoute(s Auditor) Route {
	return Route{
		Method: "GET", Path: "/api/v1/audit", Needs: access.Admin, Audit: audit.Query, Summary: "Who asked what, the oldest first.", Answer: []audit.Entry{},
		Params: []Param{{Name: "person", Says: "only of this person"}, {Name: "what", Says: "only query, export, payload, change or refused"}, {Name: "n", Says: "the newest so many", Example: 100}},
		Serve: Answers(func(r *http.Request) (any, error) {
			q, n := r.URL.Query(), 100
			if t := q.Get("n"); t != "" {
				var err error
				if n, err = strconv.Atoi(t); err != nil || n < 1 || n > maxEntries {
					return nil, mistake("n \"" + t + "\": write a number from 1 to 10000")
				}
			}
			person, what := q.Get("person"), q.Get("what")
			return s.AuditLog(n, func(e *audit.Entry) bool {
				return (person == "" || e.Person == person) && (what == "" || e.What == what)
			})
		}),
	}
}

package web

import (
	"context"
	"fmt"
	"net/http"

	"weir/detect/site"
)

// ModelSource shows the model of the site. Errors are the asker's, in one line.
type ModelSource interface {
	SiteOverview(context.Context) (site.Overview, error)
	SiteBranch(ctx context.Context, key string) (site.Branch, error)
	SiteFind(ctx context.Context, text string) (all []site.Found, cut bool, err error)
}

// Search is the answer of /api/v1/site/search.
type Search struct {
	Found []site.Found `json:"found"`
	Cut   bool         `json:"cut"` // there are more
}

// maxSearch bounds the text of a search, octets.
const maxSearch = 200

// addModel adds the model of the site and the incidents to what the page may ask.
func addModel(mux *http.ServeMux, s Source) {
	if m, ok := s.(ModelSource); ok {
		handle(mux, "GET /api/v1/site", func(r *http.Request) (any, error) { return m.SiteOverview(r.Context()) })
		handle(mux, "GET /api/v1/site/branch", func(r *http.Request) (any, error) { return m.SiteBranch(r.Context(), r.URL.Query().Get("node")) })
		handle(mux, "GET /api/v1/site/search", func(r *http.Request) (any, error) {
			text := r.URL.Query().Get("text")
			if text == "" || len(text) > maxSearch {
				return nil, &AskError{Problem: "text: write 1 to 200 letters of a name, an address or an identity", Offset: -1}
			}
			all, cut, err := m.SiteFind(r.Context(), text)
			return Search{orEmpty(all), cut}, err
		})
	}
	handle(mux, "GET /api/v1/explain", func(r *http.Request) (any, error) {
		kind := r.URL.Query().Get("kind")
		e, ok := site.Explain(kind)
		if !ok {
			return nil, fmt.Errorf("kind %q: is none", kind)
		}
		return e, nil
	})
	if m, ok := s.(SiteSource); ok {
		handle(mux, "GET /api/v1/incidents", func(r *http.Request) (any, error) {
			all, err := m.Incidents(r.Context())
			return orEmpty(all), err
		})
		handle(mux, "GET /api/v1/incident", func(r *http.Request) (any, error) { return m.Incident(r.Context(), r.URL.Query().Get("id")) })
	}
}

// handle answers with what do returns; its error is the asker's.
func handle(mux *http.ServeMux, pattern string, do func(*http.Request) (any, error)) {
	mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
		v, err := do(r)
		if err != nil {
			writeJSON(w, http.StatusBadRequest, &AskError{Problem: err.Error(), Offset: -1})
			return
		}
		writeJSON(w, http.StatusOK, v)
	})
}

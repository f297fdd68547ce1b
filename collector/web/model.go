package web

import (
	"context"
	"fmt"
	"net/http"

	"weir/collector/web/access"
	"weir/collector/web/audit"
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

// modelRoutes are the model of the site, and what kinds of alerts mean.
func modelRoutes(s Source) []Route {
	all := []Route{{
		Method: "GET", Path: "/api/v1/explain", Needs: access.Scoped, Summary: "What a kind of alert means and what to check first.", Answer: site.Explanation{},
		Params: []Param{{Name: "kind", Says: "of alert"}},
		Serve: Answers(func(r *http.Request) (any, error) {
			kind := r.URL.Query().Get("kind")
			e, ok := site.Explain(kind)
			if !ok {
				return nil, mistake(fmt.Sprintf("kind %q: is none", kind))
			}
			return e, nil
		}),
	}}
	m, ok := s.(ModelSource)
	if !ok {
		return all
	}
	return append(all, Route{
		Method: "GET", Path: "/api/v1/site", Needs: access.Viewer, Summary: "The model of the site in short: nodes, their bridges, and how many instances are in which state.", Answer: site.Overview{},
		Serve: Answers(func(r *http.Request) (any, error) {
			o, err := m.SiteOverview(r.Context())
			return o, asked(err)
		}),
	}, Route{
		Method: "GET", Path: "/api/v1/site/branch", Needs: access.Viewer, Summary: "A node of the model with its bridges, ports and instances.", Answer: site.Branch{},
		Params: []Param{{Name: "node", Says: "key of the node"}},
		Serve: Answers(func(r *http.Request) (any, error) {
			b, err := m.SiteBranch(r.Context(), r.URL.Query().Get("node"))
			return b, asked(err)
		}),
	}, Route{
		Method: "GET", Path: "/api/v1/site/search", Needs: access.Viewer, Audit: audit.Query, Summary: "What in the model has a name, an address or an identity.", Answer: Search{},
		Params: []Param{{Name: "text", Says: "1 to 200 letters of it"}},
		Serve: Answers(func(r *http.Request) (any, error) {
			text := r.URL.Query().Get("text")
			if text == "" || len(text) > maxSearch {
				return nil, mistake("text: write 1 to 200 letters of a name, an address or an identity")
			}
			all, cut, err := m.SiteFind(r.Context(), text)
			return Search{orEmpty(all), cut}, asked(err)
		}),
	})
}

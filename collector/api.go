package collector

import (
	_ "embed"
	"net/http"
	"slices"

	"weir/collector/web"
	"weir/collector/web/access"
)

// openAPI is the document of the API.
//
//go:embed openapi.json
var openAPI []byte

// OpenAPI returns the document of the API, in JSON; the caller must not change it.
func OpenAPI() []byte { return openAPI }

// Routes implements web.RouteSource. A route that is added here is served, is in
// the control socket, and must be in the document of the API: `go test ./collector
// -run OpenAPI -update` writes it.
func (a *app) Routes() []web.Route {
	return slices.Concat(
		[]web.Route{{
			Method: "GET", Path: "/api/v1/openapi.json", Needs: access.Scoped, Summary: "This document.",
			Serve: func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", "application/json")
				_, _ = w.Write(openAPI) // the client has gone
			},
		}},
		a.careRoutes(),
		a.addedRoutes(),
		a.incidentRoutes(),
		a.evidenceRoutes(),
	)
}

package collector

import (
	"slices"

	"weir/collector/web"
)

// Routes implements web.RouteSource. A route that is added here is served, is in
// the control socket, and must be in the document of the API: `go test ./collector
// -run OpenAPI -update` writes it.
func (a *app) Routes() []web.Route {
	return slices.Concat(
		a.careRoutes(),
	)
}

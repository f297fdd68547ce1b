package web

import (
	"net/http"

	"weir/collector/web/access"
)

// LocalHandler is newHandler for those on this machine, who may do everything but
// read the audit log, and are not written down.
func LocalHandler(s Source) http.Handler {
	return newHandler(s, Options{Guard: access.New(access.Config{Local: access.Operator}), Local: true})
}

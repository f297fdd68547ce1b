package site

import (
	"slices"

	"weir/detect"
)

// worst is what weighed most of all that was told of a condition, and its effects
// when they were most: what its end is about, whatever was left of it by then.
type worst struct {
	severity detect.Severity
	summary  string
	children []Child
	affected int
}

// hears takes what is told of a condition that is true.
func (w *worst) hears(severity detect.Severity, e *Evidence) {
	if outweighs(severity, w.severity) {
		w.severity, w.summary = severity, e.Summary
	}
	if e.Affected >= w.affected {
		w.children, w.affected = e.Children, e.Affected
	}
}

// tells makes an end of it.
func (w *worst) tells(a *detect.Alert, e *Evidence) {
	a.Severity, e.Summary = w.severity, w.summary
	e.Children, e.Affected = w.children, w.affected
}

// outweighs reports whether a is no less severe than b; everything is no less than
// what was never told.
func outweighs(a, b detect.Severity) bool {
	order := []detect.Severity{"", detect.Info, detect.Warning, detect.Critical}
	return slices.Index(order, a) >= slices.Index(order, b)
}

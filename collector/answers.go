package collector

import (
	"errors"

	"weir/collector/store/flows"
	"weir/collector/web"
	"weir/detect/rules"
)

// What those are told who ask for what is not kept.
var (
	errHistoryOff = asked(errors.New("history is off: set history.off: false"))
	errNoHistory  = asked(errors.New("history is off, and keeps what people do: set history.off: false"))
)

// asked makes an error a mistake of whoever asked.
func asked(err error) error { return &web.AskError{Problem: err.Error(), Offset: -1} }

// askError says where in its filter a question is wrong, and what would fit.
func askError(err error) *web.AskError {
	e := &web.AskError{Problem: err.Error(), Offset: -1}
	if s, ok := errors.AsType[*rules.SyntaxError](err); ok {
		e.Offset, e.End, e.Fits = s.From, s.To, s.Fits
	}
	return e
}

// CheckFilter implements web.FilterSource.
func (a *app) CheckFilter(text string) error {
	if _, err := flows.ParseFilterNaming(text); err != nil {
		return askError(err)
	}
	return nil
}

// FlowColumns implements web.FilterSource.
func (a *app) FlowColumns() []string { return flows.AllColumns() }

package collector

import (
	"context"
	"errors"
	"fmt"

	"weir/detect/site"
)

// errStarting is told to those who ask before there is something to ask.
var errStarting = errors.New("the collector is starting; ask again")

// SiteOverview implements web.ModelSource.
func (a *app) SiteOverview(ctx context.Context) (o site.Overview, err error) {
	if !a.ready.Load() {
		return o, errStarting
	}
	return o, a.site.ask(ctx, func(s *site.Site) { o = s.Overview() })
}

// SiteBranch implements web.ModelSource.
func (a *app) SiteBranch(ctx context.Context, key string) (b site.Branch, err error) {
	if !a.ready.Load() {
		return b, errStarting
	}
	ok := false
	if err := a.site.ask(ctx, func(s *site.Site) { b, ok = s.Branch(key) }); err != nil {
		return b, err
	}
	if !ok {
		return b, fmt.Errorf("node %q: is not in the model of the site", key)
	}
	return b, nil
}

// SiteFind implements web.ModelSource.
func (a *app) SiteFind(ctx context.Context, text string) (all []site.Found, cut bool, err error) {
	if !a.ready.Load() {
		return nil, false, errStarting
	}
	return all, cut, a.site.ask(ctx, func(s *site.Site) { all, cut = s.Find(text) })
}

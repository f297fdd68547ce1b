package collector

import (
	"time"

	"weir/collector/store"
	"weir/detect/site"
)

// tenantsEvery is how often the instances of projects are remembered, so that
// `weir erase` finds what is kept of them when no collector runs.
const tenantsEvery = time.Minute

// noteTenants takes the instances of projects. It belongs to the site's goroutine.
func (w *siteWatch) noteTenants(now time.Time) {
	if now.Sub(w.tenanted) < tenantsEvery {
		return
	}
	w.tenanted = now
	all := w.site.Tenancies()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.tenants = all
}

// saveTenants writes the instances of projects that were taken last.
func (a *app) saveTenants() error {
	a.site.mu.Lock()
	all := a.site.tenants
	a.site.tenants = nil
	a.site.mu.Unlock()
	if all == nil {
		return nil
	}
	return a.state.SaveTenants(tenantsOf(all), time.Now(), max(a.cfg.History.SeriesAge, a.cfg.History.RollupsAge))
}

func tenantsOf(all []site.Tenancy) []store.Tenant {
	list := make([]store.Tenant, 0, len(all))
	for i := range all {
		t := store.Tenant{Project: all[i].Project, UUID: all[i].UUID, Addresses: all[i].Addresses}
		for _, p := range all[i].Ports {
			t.Ports = append(t.Ports, store.Port{Agent: p.Agent, Name: p.Name})
		}
		list = append(list, t)
	}
	return list
}

package collector

import (
	"weir/collector/config"
	"weir/collector/web"
	"weir/collector/web/access"
	"weir/collector/web/audit"
)

// door is who may ask the collector, and what they asked.
type door struct {
	guard        *access.Guard
	certificates *web.Certificates // nil without TLS
	audit        *audit.Log
}

// newDoor reads the certificates of the configuration.
func newDoor(cfg *config.Config) (*door, error) {
	d := &door{audit: audit.New(cfg.StateDir, 0)}
	if cfg.Access.TLS() {
		var err error
		if d.certificates, err = web.NewCertificates(cfg.Access.Certificate, cfg.Access.Key, cfg.Access.ClientCA); err != nil {
			return nil, err
		}
	}
	d.guard = access.New(cfg.Access.Guard(d.certificates.Names()))
	return d, nil
}

// options are what the HTTP server is told.
func (d *door) options(cfg *config.Config) web.Options {
	o := web.Options{Guard: d.guard, Audit: d.audit, TLS: d.certificates}
	if cfg.Access.Only == "metrics" {
		o.Guard = nil
	}
	return o
}

// reload takes people, names and certificates anew.
func (d *door) reload(cfg *config.Config) error {
	var err error
	if d.certificates != nil {
		err = d.certificates.Reload()
	}
	d.guard.Set(cfg.Access.Guard(d.certificates.Names()))
	return err
}

// close closes the audit log. It may be called on nil.
func (d *door) close() {
	if d != nil {
		_ = d.audit.Close() // each entry was written when it came
	}
}

// addTo adds the audit log to the status.
func (d *door) addTo(s *web.Status) {
	size, limit, lost, problem := d.audit.Stats()
	s.Components = append(s.Components, web.Component{Name: "audit_log", Ready: true, Detail: problem})
	s.Bounds = append(s.Bounds, web.Bound{Name: "audit_log_bytes", Used: int(size), Limit: int(limit), Refused: lost})
}

// AuditLog implements web.Auditor.
func (a *app) AuditLog(n int, keep func(*audit.Entry) bool) ([]audit.Entry, error) {
	return a.door.audit.Last(n, keep)
}

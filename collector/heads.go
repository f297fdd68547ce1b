package collector

import (
	"fmt"
	"time"

	"weir/collector/sink/route"
	"weir/collector/store"
	"weir/detect"
)

// sendHead tells sinks that keep a log where the history of alerts has come to, so
// that it leaves the machine: who changes history here cannot change it there.
func (a *app) sendHead(head store.Head) {
	al := headAlert(head, hostName(), a.cfg.Site, time.Now())
	for _, o := range a.alerting.outlets {
		switch o.cfg.Type {
		case "webhook", "syslog", "command":
			if o.cfg.Role == route.Log {
				o.Put(*al)
			}
		}
	}
}

// headSubject is a collector with a short name, so that all of a hash is in a line
// of syslog, which names host and site itself.
type headSubject struct{ route.Collector }

// Line implements detect.Subject.
func (headSubject) Line() string { return "weir" }

// PublicLine implements message.Public.
func (headSubject) PublicLine() string { return "weir" }

// headAlert is the head as sinks are told it.
func headAlert(head store.Head, host, site string, now time.Time) *detect.Alert {
	c := route.Collector{Host: host, Site: site}
	al := route.NewOwn(route.AlertHistory, &c, &route.Says{Text: fmt.Sprintf("head %v", head)}, now, now)
	al.Change, al.Severity, al.Seq, al.Subject = detect.Update, detect.Info, head.N, &headSubject{c}
	return al
}

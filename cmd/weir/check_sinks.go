package main

import (
	"fmt"

	"weir/collector/config"
	"weir/collector/sink/route"
)

// explainSinks says who is told what, and which severities are not the defaults.
func explainSinks(cfg *config.Config, line func(name, text string)) {
	for i, c := range route.Cases() {
		if l := cfg.Severity[i]; l != c.Level {
			line("severity", fmt.Sprintf("%s is %s, by default %s", c.Name, l, c.Level))
		}
	}
	gets := map[route.Role]string{
		route.Pager: "confirmed critical alerts after their page delay, and one storm page in place of more than ten an hour",
		route.Chat:  "confirmed warnings and critical alerts",
		route.Log:   "every alert",
	}
	pagers := 0
	for _, s := range cfg.Alerts.Sinks {
		text := fmt.Sprintf("%s gets %s", s.Type, gets[s.Role])
		if s.Detail == "ids" {
			text += ", without addresses and names"
		}
		if s.Role == route.Pager {
			pagers++
		}
		line("sink "+s.Name, text)
	}
	switch {
	case len(cfg.Alerts.Sinks) == 0:
		line("sinks", "none: alerts go to standard output alone")
	case pagers == 0:
		line("sinks", "none is a pager: nobody is woken, unless Alertmanager does it")
	}
	if cfg.Alerts.Heartbeat.String() == "" && len(cfg.Alerts.Sinks) > 0 {
		line("heartbeat", "none: nobody outside notices when weir stops, unless Alertmanager misses the watchdog")
	}
}

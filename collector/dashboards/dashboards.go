// Package dashboards makes the dashboards of Grafana over what the collector
// writes to InfluxDB, and what Grafana is provisioned with.
//
// Queries are InfluxQL in the part that InfluxDB 1, 2 and 3 have in common. The
// model is Grafana's classic one, with core panels only, the data source in a
// variable and fixed identifiers, so that files of another version of weir
// replace these.
package dashboards

import (
	"strings"
)

// Dashboard is one dashboard.
type Dashboard struct {
	UID         string // never changes
	Title       string
	Description string
	Variables   []Variable
	Rows        []Row
	From        string // of the time shown first, such as "now-1h"
}

// Variable is a choice above the panels.
type Variable struct {
	Name  string
	Label string
	Query string // InfluxQL, SHOW TAG VALUES
	Multi bool   // several, or all; else one
	Only  string // regular expression of the values offered; "" is all
	First string // value shown first; "" is the first offered
}

// Row is panels under one heading.
type Row struct {
	Title  string
	Panels []Panel
}

// Kind is the type of a panel.
type Kind string

// The kinds, all core panels.
const (
	Graph    Kind = "timeseries"
	Number   Kind = "stat"
	Table    Kind = "table"
	Bars     Kind = "bargauge"
	Timeline Kind = "state-timeline"
)

// Panel is one panel.
type Panel struct {
	Title       string
	Description string
	Kind        Kind
	Unit        string // of Grafana: "bps", "percent"; of a Table, of the columns that Units does not name
	Queries     []Query
	Width       int    // of 24
	Height      int    // 0: 8
	Since       string // the time shown, whatever the dashboard's: "1m"; "" is the dashboard's
	Stack       bool
	Points      bool // bars in place of lines
	ByKey       bool // the column key says which line a row belongs to
	Sort        string
	Units       map[string]string // of the columns of a Table
	Links       map[string][]Link // of the columns of a Table: where a click leads
	Steps       []Step            // colours from a value on
	Values      map[string]string // names of values
}

// Link leads to another dashboard.
type Link struct{ Title, URL string }

// Step is a colour from a value on.
type Step struct {
	From  float64
	Color string
}

// All returns the dashboards, the one to begin with first.
func All() []Dashboard {
	return []Dashboard{overview(), traffic(), node(), instance(), sampling(), self()}
}

// uid makes the identifier of a dashboard.
func uid(name string) string { return "weir-" + name }

// to is a link to another dashboard with values of the row that is clicked.
func to(title, name string, variables ...string) Link {
	var b strings.Builder
	b.WriteString("/d/" + uid(name) + "?${datasource:queryparam}&${__url_time_range}")
	for i := 0; i+1 < len(variables); i += 2 {
		b.WriteString("&var-" + variables[i] + "=${__data.fields[\"" + variables[i+1] + "\"]:percentencode}")
	}
	return Link{title, b.String()}
}

// values is the query of a variable: all values of a tag.
func values(tag, from string, where ...string) string {
	q := `SHOW TAG VALUES FROM "` + from + `" WITH KEY = "` + tag + `"`
	if len(where) > 0 {
		q += " WHERE " + strings.Join(where, " AND ")
	}
	return q
}

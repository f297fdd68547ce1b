package dashboards

import (
	"fmt"
	"strconv"
	"strings"
)

// Func is what a Column does with the values of a field.
type Func string

// The functions. All are in the InfluxQL of InfluxDB 1, 2 and 3.
const (
	Last Func = "last"
	Mean Func = "mean"
	Max  Func = "max"
	Sum  Func = "sum"
	// Rate is the growth of a running total, per second; a restart of the agent
	// leaves a gap and no peak.
	Rate Func = "rate"
)

// Column is one column of a Query.
type Column struct {
	Func  Func
	Field string
	Minus []string // fields taken off it, each by the same function
	Over  string   // field it is divided by, by the same function
	Times float64  // what the result is multiplied with; 0 is 1
	As    string   // "" is Field
}

// Name returns what the column is called.
func (c *Column) Name() string {
	if c.As != "" {
		return c.As
	}
	return c.Field
}

// text is the column in InfluxQL.
func (c *Column) text() string {
	call := func(field string) string {
		f := `"` + field + `"`
		if c.Func == Rate {
			return "non_negative_derivative(max(" + f + "), 1s)"
		}
		return string(c.Func) + "(" + f + ")"
	}
	s := call(c.Field)
	for _, m := range c.Minus {
		s += " - " + call(m)
	}
	if len(c.Minus) > 0 {
		s = "(" + s + ")"
	}
	if c.Over != "" {
		s += " / " + call(c.Over)
	}
	if c.Times != 0 {
		s += " * " + strconv.FormatFloat(c.Times, 'g', -1, 64)
	}
	return s + ` AS "` + c.Name() + `"`
}

// Query asks for the values of one measurement, in the part of InfluxQL that
// InfluxDB 1, 2 and 3 have in common.
type Query struct {
	From    string
	Columns []Column
	Raw     []string // fields, where there are no Columns: the rows as they are, the last first
	Upward  bool     // of Raw: the first row first, and more of them, for a graph
	Where   []string // conditions beside the time
	By      []string // tags
	Every   bool     // one value for each interval, else one for the whole time
	Fill    string   // of intervals without a value; "" is none
	Of      *Query   // asked in place of From
	Alias   string   // of the series, as Grafana writes it: "$tag_agent_name"
}

// Text is the query in InfluxQL, with the variables of Grafana.
func (q *Query) Text() string {
	var b strings.Builder
	b.WriteString("SELECT ")
	if len(q.Columns) == 0 {
		b.WriteString(quoted(q.Raw))
	}
	for i := range q.Columns {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(q.Columns[i].text())
	}
	if q.Of != nil {
		b.WriteString(" FROM (" + q.Of.Text() + ")")
	} else {
		b.WriteString(` FROM "` + q.From + `"`)
	}
	b.WriteString(" WHERE $timeFilter")
	for _, w := range q.Where {
		b.WriteString(" AND " + w)
	}
	if len(q.Columns) == 0 {
		if q.Upward {
			fmt.Fprintf(&b, " LIMIT %d", maxPoints)
		} else {
			fmt.Fprintf(&b, " ORDER BY time DESC LIMIT %d", maxRows)
		}
		return b.String()
	}
	var by []string
	if q.Every {
		by = append(by, "time($__interval)")
	}
	if len(q.By) > 0 {
		by = append(by, quoted(q.By))
	}
	if len(by) > 0 {
		b.WriteString(" GROUP BY " + strings.Join(by, ", "))
	}
	if q.Every {
		fill := q.Fill
		if fill == "" {
			fill = "none"
		}
		b.WriteString(" fill(" + fill + ")")
	}
	return b.String()
}

// maxRows bounds what a table of events shows, maxPoints what a graph of rows.
const (
	maxRows   = 100
	maxPoints = 50000
)

func quoted(names []string) string { return `"` + strings.Join(names, `", "`) + `"` }

// is is the condition that a tag has one of the values chosen in a variable.
func is(tag, variable string) string {
	return `"` + tag + `" =~ /^${` + variable + `:regex}$/`
}

// equals is the condition that a tag has a value.
func equals(tag, value string) string { return `"` + tag + `" = '` + value + `'` }

// each is a Query of one value an interval for each combination of tags.
func each(from string, by []string, alias string, where []string, columns ...Column) Query {
	return Query{From: from, Columns: columns, Where: where, By: by, Every: true, Alias: alias}
}

// latest is a Query of the last values for each combination of tags.
func latest(from string, by, where []string, fields ...string) Query {
	q := Query{From: from, Where: where, By: by}
	for _, f := range fields {
		q.Columns = append(q.Columns, Column{Func: Last, Field: f})
	}
	return q
}

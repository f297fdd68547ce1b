package dashboards

import (
	"encoding/json"
	"maps"
	"slices"
)

// object is a JSON object of Grafana's classic dashboard model.
type object = map[string]any

// schemaVersion is the newest of the classic model that Grafana 10 knows;
// newer ones migrate it when they load it.
const schemaVersion = 39

// source refers to the data source chosen above the panels.
func source() object { return object{"type": "influxdb", "uid": "${datasource}"} }

// JSON is the dashboard as Grafana reads it from a file.
func (d *Dashboard) JSON() ([]byte, error) {
	b, err := json.MarshalIndent(object{
		"id": nil, "uid": d.UID, "title": d.Title, "description": d.Description, "tags": []string{"weir"},
		"schemaVersion": schemaVersion, "version": 1, "editable": false, "graphTooltip": 1, "refresh": "10s",
		"timezone": "browser", "time": object{"from": d.From, "to": "now"}, "timepicker": object{}, "fiscalYearStartMonth": 0,
		"liveNow": false, "weekStart": "",
		"annotations": object{"list": []object{annotation()}},
		"links":       links(),
		"templating":  object{"list": d.variables()},
		"panels":      d.panels(),
	}, "", "  ")
	return append(b, '\n'), err
}

// annotation marks the beginnings of alerts in every graph.
func annotation() object {
	return object{
		"name": "Alerts", "datasource": source(), "enable": true, "hide": false, "iconColor": red,
		"target": object{
			"refId": "Alerts", "rawQuery": true, "query": AnnotationQuery, "resultFormat": "table",
			"fromAnnotations": true, "textColumn": "text", "tagsColumn": "kind,severity",
		},
	}
}

// AnnotationQuery asks for what every dashboard marks in its graphs.
const AnnotationQuery = `SELECT "text", "kind", "severity" FROM "alert_events" WHERE $timeFilter AND "change" = 'start'`

// links lead from each dashboard to the overview and to the others.
func links() []object {
	link := func(o object) object {
		for k, v := range (object{
			"asDropdown": false, "icon": "external link", "includeVars": false, "keepTime": true, "tags": []string{},
			"targetBlank": false, "tooltip": "", "type": "link", "url": "",
		}) {
			if _, ok := o[k]; !ok {
				o[k] = v
			}
		}
		return o
	}
	return []object{
		link(object{"title": "NOC overview", "icon": "bolt", "url": "/d/" + uid("noc") + "?${datasource:queryparam}"}),
		link(object{"title": "weir", "type": "dashboards", "tags": []string{"weir"}, "asDropdown": true}),
	}
}

func (d *Dashboard) variables() []object {
	list := []object{{
		"name": "datasource", "label": "Data source", "type": "datasource", "query": "influxdb",
		"hide": 0, "includeAll": false, "multi": false, "options": []object{}, "refresh": 1, "regex": "", "skipUrlSync": false,
	}}
	for _, v := range d.Variables {
		o := object{
			"name": v.Name, "label": v.Label, "type": "query", "datasource": source(), "query": v.Query,
			"hide": 0, "includeAll": v.Multi, "multi": v.Multi, "options": []object{}, "refresh": 2, "regex": "", "sort": 1, "skipUrlSync": false,
		}
		o["regex"] = v.Only
		if v.First != "" {
			o["current"] = object{"selected": false, "text": v.First, "value": v.First}
		}
		if v.Multi {
			o["allValue"] = ".*"
			o["current"] = object{"selected": true, "text": []string{"All"}, "value": []string{"$__all"}}
		}
		list = append(list, o)
	}
	return list
}

// panels places the panels below each other, row by row.
func (d *Dashboard) panels() []object {
	var all []object
	id, y := 0, 0
	for _, r := range d.Rows {
		id++
		all = append(all, object{
			"id": id, "type": "row", "title": r.Title, "collapsed": false, "panels": []object{},
			"gridPos": object{"x": 0, "y": y, "w": 24, "h": 1},
		})
		y++
		x, tallest := 0, 0
		for i := range r.Panels {
			p := &r.Panels[i]
			height := p.Height
			if height == 0 {
				height = 8
			}
			if x+p.Width > 24 {
				x, y, tallest = 0, y+tallest, 0
			}
			id++
			o := p.object()
			o["id"], o["gridPos"] = id, object{"x": x, "y": y, "w": p.Width, "h": height}
			all = append(all, o)
			x, tallest = x+p.Width, max(tallest, height)
		}
		y += tallest
	}
	return all
}

// minInterval is the least time between two points: agents send counters about
// as often, and a rate needs two.
const minInterval = "10s"

func (p *Panel) object() object {
	o := object{
		"type": string(p.Kind), "title": p.Title, "description": p.Description, "datasource": source(),
		"interval": minInterval, "targets": p.targets(), "options": p.options(), "transparent": false,
		"fieldConfig": object{"defaults": p.defaults(), "overrides": p.overrides()},
	}
	if p.Since != "" {
		o["timeFrom"] = p.Since
		o["hideTimeOverride"] = true
	}
	if t := p.transformations(); len(t) > 0 {
		o["transformations"] = t
	}
	return o
}

func (p *Panel) targets() []object {
	var all []object
	for i := range p.Queries {
		q := &p.Queries[i]
		o := object{
			"refId": string(rune('A' + i)), "datasource": source(), "rawQuery": true, "query": q.Text(), "resultFormat": "time_series",
		}
		if p.Kind == Table || p.ByKey {
			o["resultFormat"] = "table"
		} else if q.Alias != "" {
			o["alias"] = q.Alias
		}
		all = append(all, o)
	}
	return all
}

func (p *Panel) transformations() []object {
	switch {
	case p.ByKey:
		return []object{{"id": "partitionByValues", "options": object{"fields": []string{"key"}, "keepFields": false}}}
	case p.Kind == Table && len(p.Queries[0].Columns) > 0: // the time of a last value is not its own
		return []object{{"id": "organize", "options": object{"excludeByName": object{"Time": true}, "indexByName": object{}, "renameByName": object{}}}}
	}
	return nil
}

func (p *Panel) options() object {
	reduce := object{"calcs": []string{"lastNotNull"}, "fields": "", "values": false}
	legend := object{"displayMode": "list", "placement": "bottom", "showLegend": true, "calcs": []string{}}
	tooltip := object{"mode": "multi", "sort": "desc"}
	switch p.Kind {
	case Graph:
		return object{"legend": legend, "tooltip": tooltip}
	case Number:
		return object{"reduceOptions": reduce, "colorMode": "value", "graphMode": "none", "justifyMode": "auto", "orientation": "auto", "textMode": "auto", "wideLayout": true, "showPercentChange": false, "percentChangeColorMode": "standard"}
	case Bars:
		return object{
			"reduceOptions": reduce, "displayMode": "gradient", "orientation": "horizontal", "showUnfilled": true, "valueMode": "color",
			"namePlacement": "auto", "minVizHeight": 16, "minVizWidth": 8, "maxVizHeight": 300, "sizing": "auto",
			"legend": object{"displayMode": "list", "placement": "bottom", "showLegend": false, "calcs": []string{}},
		}
	case Timeline:
		return object{"legend": legend, "tooltip": object{"mode": "single", "sort": "none"}, "mergeValues": true, "showValue": "auto", "alignValue": "left", "rowHeight": 0.9}
	}
	o := object{"showHeader": true, "cellHeight": "sm"}
	if p.Sort != "" {
		o["sortBy"] = []object{{"displayName": p.Sort, "desc": true}}
	}
	return o
}

// defaults are what holds for all values of the panel.
func (p *Panel) defaults() object {
	steps := p.Steps
	if len(steps) == 0 {
		steps = []Step{{0, green}}
	}
	o := object{"unit": p.Unit, "mappings": p.mappings(), "thresholds": object{"mode": "absolute", "steps": thresholds(steps)}, "color": object{"mode": "thresholds"}, "custom": object{}}
	switch p.Kind {
	case Graph:
		o["color"] = object{"mode": "palette-classic"}
		o["min"] = 0
		o["custom"] = p.drawing()
	case Timeline:
		o["color"] = object{"mode": "palette-classic"}
		o["custom"] = object{"lineWidth": 0, "fillOpacity": 70}
	case Bars:
		o["min"], o["max"] = 0, 100
	case Table:
		o["custom"] = object{"align": "auto", "cellOptions": object{"type": "auto"}, "inspect": false}
		if len(p.Steps) > 0 {
			o["custom"] = object{"align": "auto", "cellOptions": object{"type": "color-text"}, "inspect": false}
		}
	}
	return o
}

func (p *Panel) drawing() object {
	o := object{
		"drawStyle": "line", "lineInterpolation": "linear", "lineWidth": 1, "fillOpacity": 10, "gradientMode": "none",
		"showPoints": "never", "pointSize": 5, "spanNulls": 60000, "barAlignment": 0,
		"stacking": object{"mode": "none", "group": "A"}, "axisPlacement": "auto", "axisLabel": "", "scaleDistribution": object{"type": "linear"},
		"hideFrom": object{"legend": false, "tooltip": false, "viz": false}, "thresholdsStyle": object{"mode": "off"},
	}
	if p.Stack {
		o["stacking"], o["fillOpacity"] = object{"mode": "normal", "group": "A"}, 40
	}
	if p.Points {
		o["drawStyle"], o["fillOpacity"], o["lineWidth"] = "bars", 80, 0
	}
	return o
}

func thresholds(steps []Step) []object {
	var all []object
	for i, s := range steps {
		o := object{"color": s.Color, "value": s.From}
		if i == 0 {
			o["value"] = nil // from the very least
		}
		all = append(all, o)
	}
	return all
}

func (p *Panel) mappings() []object {
	if len(p.Values) == 0 {
		return []object{}
	}
	options := object{}
	for i, v := range slices.Sorted(maps.Keys(p.Values)) {
		options[v] = object{"text": p.Values[v], "index": i}
	}
	return []object{{"type": "value", "options": options}}
}

// overrides are what holds for single columns.
func (p *Panel) overrides() []object {
	all := []object{}
	names := slices.Sorted(maps.Keys(p.Units))
	for n := range p.Links {
		if !slices.Contains(names, n) {
			names = append(names, n)
		}
	}
	slices.Sort(names)
	for _, n := range names {
		properties := []object{}
		if u := p.Units[n]; u != "" {
			properties = append(properties, object{"id": "unit", "value": u})
		}
		if links := p.Links[n]; len(links) > 0 {
			var list []object
			for _, l := range links {
				list = append(list, object{"title": l.Title, "url": l.URL, "targetBlank": false})
			}
			properties = append(properties, object{"id": "links", "value": list})
		}
		all = append(all, object{"matcher": object{"id": "byName", "options": n}, "properties": properties})
	}
	return all
}

package dashboards

import (
	"bytes"
	"fmt"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"text/template"
)

// Provision says what Grafana is told besides the dashboards.
type Provision struct {
	URL      string // of InfluxDB as Grafana reaches it
	Database string // of InfluxDB 1, or the bucket
	Weir     string // of weir's HTTP server as Grafana reaches it; "" is no second data source
	Path     string // of the folder with the dashboards as Grafana sees it; "" is where Write puts them
}

// datasource is read by Grafana at its start. InfluxQL is what InfluxDB 1, 2
// and 3 all answer; a token is needed from 2 on.
var datasource = template.Must(template.New("").Parse(`# Data source of weir's dashboards: InfluxQL, which InfluxDB 1, 2 and 3 answer.
# Grafana replaces $INFLUX_TOKEN by the variable of its environment: for InfluxDB 1
# without users it is left out, for 2 and 3 it is a token that may read the bucket.
apiVersion: 1
datasources:
  - name: weir
    uid: weir-influxdb
    type: influxdb
    access: proxy
    url: {{.URL}}
    isDefault: true
    editable: false
    jsonData:
      dbName: {{.Database}}
      httpMode: GET
      timeInterval: 10s
      httpHeaderName1: Authorization
    secureJsonData:
      httpHeaderValue1: "Token $INFLUX_TOKEN"
{{- with .Weir}}
  # What weir keeps itself, by PromQL.
  - name: weir history
    uid: weir-prometheus
    type: prometheus
    access: proxy
    url: {{.}}/prometheus
    editable: false
    jsonData:
      httpMode: POST
      prometheusType: Prometheus
      timeInterval: 10s
{{- if $.WeirToken}}
      httpHeaderName1: Authorization
    secureJsonData:
      httpHeaderValue1: "Bearer $WEIR_TOKEN"
{{- end}}
{{- end}}
`))

var provider = template.Must(template.New("").Parse(`# Where Grafana finds weir's dashboards.
apiVersion: 1
providers:
  - name: weir
    folder: weir
    type: file
    disableDeletion: true
    allowUiUpdates: false
    updateIntervalSeconds: 60
    options:
      path: {{.Path}}
`))

// WeirToken reports whether weir wants a token: from this machine it takes none.
func (p Provision) WeirToken() bool {
	u, err := url.Parse(p.Weir)
	if err != nil || u.Hostname() == "localhost" {
		return err != nil
	}
	addr, err := netip.ParseAddr(u.Hostname())
	return err != nil || !addr.IsLoopback()
}

// Write puts the dashboards and what Grafana is provisioned with into dir:
// dashboards/*.json, provisioning/datasources/weir.yaml and
// provisioning/dashboards/weir.yaml. It returns the names of the files.
func Write(dir string, p Provision) ([]string, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	if p.Path == "" {
		p.Path = filepath.Join(abs, "dashboards")
	}
	if strings.ContainsAny(p.URL+p.Database+p.Weir+p.Path, "\n\r\"'#{}") {
		return nil, fmt.Errorf("url %q, database %q, weir %q, path %q: have characters that YAML gives a meaning; leave them out", p.URL, p.Database, p.Weir, p.Path)
	}
	var names []string
	write := func(name string, b []byte) error {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		names = append(names, path)
		return os.WriteFile(path, b, 0o644)
	}
	for _, d := range All() {
		b, err := d.JSON()
		if err == nil {
			err = write(filepath.Join("dashboards", d.UID+".json"), b)
		}
		if err != nil {
			return names, err
		}
	}
	for name, t := range map[string]*template.Template{"datasources": datasource, "dashboards": provider} {
		var b bytes.Buffer
		err := t.Execute(&b, p)
		if err == nil {
			err = write(filepath.Join("provisioning", name, "weir.yaml"), b.Bytes())
		}
		if err != nil {
			return names, err
		}
	}
	return names, nil
}

package filter

import (
	"fmt"
	"strings"
	"testing"

	"weir/decoder/sflow"
	"weir/hostagent/source"
)

// told returns what a snapshot states, a line for each statement.
func told(t *testing.T, snap *source.Snapshot) string {
	t.Helper()
	var b strings.Builder
	for s := range snap.All() {
		var m sflow.RTMetric
		if err := m.Decode(sflow.Sample{Format: sflow.FormatRTMetric, Body: s.Bytes[8:]}); err != nil {
			t.Fatal(err)
		}
		b.Write(m.DataSource)
		for v, err := range m.Metrics.All() {
			if err != nil {
				t.Fatal(err)
			}
			if v.Type == sflow.MetricString {
				fmt.Fprintf(&b, " %s=%s", v.Name, v.Text)
			} else {
				fmt.Fprintf(&b, " %s=%v", v.Name, v.Float())
			}
		}
		b.WriteByte('\n')
	}
	return b.String()
}

package series

import (
	"bufio"
	"encoding/json"
	"math"
	"strconv"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
)

// writeAnswer writes a value in the form of Prometheus's API. An answer may
// have a million points: none is made into JSON before the last was written.
func writeAnswer(out *bufio.Writer, value parser.Value) {
	w := answerWriter{Writer: out}
	w.text(`{"status":"success","data":{"resultType":"`, string(value.Type()), `","result":`)
	switch v := value.(type) {
	case promql.Matrix:
		w.list(len(v), func(i int) {
			w.metric(v[i].Metric)
			w.text(`"values":`)
			w.list(len(v[i].Floats), func(j int) { w.point(v[i].Floats[j].T, v[i].Floats[j].F) })
			w.text(`}`)
		})
	case promql.Vector:
		w.list(len(v), func(i int) {
			w.metric(v[i].Metric)
			w.text(`"value":`)
			w.point(v[i].T, v[i].F)
			w.text(`}`)
		})
	case promql.Scalar:
		w.point(v.T, v.V)
	default: // a string; there are no histograms
		b, err := json.Marshal(value)
		if err != nil {
			b = []byte("null")
		}
		w.text(string(b))
	}
	w.text("}}\n")
	_ = out.Flush()
}

// answerWriter writes parts of an answer. bufio keeps the first error.
type answerWriter struct {
	*bufio.Writer
	buf []byte
}

func (w *answerWriter) text(parts ...string) {
	for _, p := range parts {
		_, _ = w.WriteString(p)
	}
}

func (w *answerWriter) list(n int, each func(int)) {
	w.text("[")
	for i := range n {
		if i > 0 {
			w.text(",")
		}
		each(i)
	}
	w.text("]")
}

func (w *answerWriter) metric(l labels.Labels) {
	b, err := json.Marshal(l)
	if err != nil {
		b = []byte("{}")
	}
	w.text(`{"metric":`, string(b), `,`)
}

// point writes [seconds, "value"].
func (w *answerWriter) point(ms int64, v float64) {
	w.buf = append(w.buf[:0], '[')
	w.buf = strconv.AppendFloat(w.buf, float64(ms)/1000, 'f', -1, 64)
	w.buf = append(w.buf, ',', '"')
	w.buf = appendValue(w.buf, v)
	w.buf = append(w.buf, '"', ']')
	_, _ = w.Write(w.buf)
}

// appendValue writes a number as Prometheus does.
func appendValue(b []byte, v float64) []byte {
	switch {
	case math.IsInf(v, 1):
		return append(b, "+Inf"...)
	case math.IsInf(v, -1):
		return append(b, "-Inf"...)
	}
	return strconv.AppendFloat(b, v, 'f', -1, 64)
}

package main

import (
	"bytes"
	"encoding/csv"
	"math"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/parquet-go/parquet-go"

	"weir/collector/store/columnar"
)

// parquetLines reads a file with the library's own reader, as CSV would have it.
func parquetLines(t *testing.T, b []byte) [][]string {
	t.Helper()
	f, err := parquet.OpenFile(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	var head []string
	for _, c := range f.Root().Columns() {
		head = append(head, c.Name())
	}
	lines := [][]string{head}
	for _, g := range f.RowGroups() {
		rows := g.Rows()
		buf := make([]parquet.Row, g.NumRows())
		n, _ := rows.ReadRows(buf)
		for _, r := range buf[:n] {
			var line []string
			for i, v := range r {
				text := v.String()
				switch k := f.Root().Columns()[i].Type().String(); {
				case strings.HasPrefix(k, "TIMESTAMP"):
					text = time.UnixMicro(v.Int64()).UTC().Format(time.RFC3339Nano)
				case v.Kind() == parquet.Double:
					text = strconv.FormatFloat(v.Double(), 'f', -1, 64)
				}
				line = append(line, text)
			}
			lines = append(lines, line)
		}
		if err := rows.Close(); err != nil {
			t.Fatal(err)
		}
	}
	return lines
}

func TestSheetsSayTheSame(t *testing.T) {
	at := time.Date(2026, 3, 14, 2, 0, 1, 500_000_000, time.UTC)
	columns := []columnar.Column{
		{Name: "at", Kind: columnar.Time}, {Name: "who"}, {Name: "bytes", Kind: columnar.Float}, {Name: "samples", Kind: columnar.Number},
	}
	for _, c := range []struct {
		name string
		rows [][]any
	}{
		{"none", nil},
		{"one", [][]any{{at, "10.0.0.5", 1.5, int64(7)}}},
		{"texts again, empty and hostile", [][]any{
			{at, "a", 0.0, int64(0)}, {at.Add(time.Hour), "", -1e300, int64(-1)}, {at.Add(-time.Hour), "a", math.Inf(1), int64(math.MaxInt64)},
			{at, "\"quoted\",\nnext line <script>", 0.1, int64(math.MinInt64)},
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			answers := map[string][][]string{}
			for _, format := range []string{"csv", "parquet"} {
				var out bytes.Buffer
				s, err := newSheet(&out, format, columns)
				if err != nil {
					t.Fatal(err)
				}
				for _, r := range c.rows {
					if err := s.row(r...); err != nil {
						t.Fatal(err)
					}
				}
				if err := s.close(); err != nil {
					t.Fatal(err)
				}
				if format == "parquet" {
					answers[format] = parquetLines(t, out.Bytes())
					continue
				}
				if answers[format], err = csv.NewReader(&out).ReadAll(); err != nil {
					t.Fatal(err)
				}
			}
			if len(answers["csv"]) != len(c.rows)+1 {
				t.Errorf("%d lines, want %d", len(answers["csv"]), len(c.rows)+1)
			}
			if diff := cmp.Diff(answers["csv"], answers["parquet"]); diff != "" {
				t.Errorf("(-csv +parquet)\n%s", diff)
			}
		})
	}
}

func TestLongParquetSheet(t *testing.T) {
	const rows = columnar.MaxGroup + 3
	var out bytes.Buffer
	s, err := newSheet(&out, "parquet", []columnar.Column{{Name: "n", Kind: columnar.Number}, {Name: "odd"}})
	if err != nil {
		t.Fatal(err)
	}
	for i := range int64(rows) {
		if err := s.row(i, strconv.FormatInt(i%2, 10)); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.close(); err != nil {
		t.Fatal(err)
	}
	f, err := parquet.OpenFile(bytes.NewReader(out.Bytes()), int64(out.Len()))
	if err != nil || f.NumRows() != rows || len(f.RowGroups()) != 2 {
		t.Fatalf("%v; %d rows in %d groups, want %d in 2", err, f.NumRows(), len(f.RowGroups()), rows)
	}
	last := parquetLines(t, out.Bytes())[rows]
	if diff := cmp.Diff([]string{strconv.Itoa(rows - 1), "0"}, last); diff != "" {
		t.Errorf("last row (-want +got)\n%s", diff)
	}
}

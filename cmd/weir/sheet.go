package main

import (
	"encoding/csv"
	"fmt"
	"io"
	"strconv"
	"time"

	"weir/cmd/internal/commandline"
	"weir/collector/store/columnar"
)

// checkFormat tells the formats that there are.
func checkFormat(out io.Writer, format string) error {
	switch format {
	case "table", "json", "csv":
		return nil
	case "parquet":
		if commandline.IsTerminal(out) {
			return fmt.Errorf("--format parquet: Parquet is nothing to look at: write it to a file, such as with > answer.parquet")
		}
		return nil
	}
	return fmt.Errorf("--format %q: write table, json, csv or parquet", format)
}

// sheet is an answer for other programs, row by row; CSV and Parquet have the same
// columns.
type sheet interface {
	// row adds a row: for each column a value of its kind, a string for Text, a
	// time.Time for Time, a float64 for Float and an int64 for Number.
	row(cells ...any) error
	close() error
}

// newSheet returns a sheet of the format, csv or parquet.
func newSheet(out io.Writer, format string, columns []columnar.Column) (sheet, error) {
	if format == "parquet" {
		s := &parquetSheet{out: columnar.NewWriter(out, "weir", columns), columns: columns}
		s.reset()
		return s, nil
	}
	s := &csvSheet{out: csv.NewWriter(out)}
	head := make([]string, len(columns))
	for i := range columns {
		head[i] = columns[i].Name
	}
	return s, s.out.Write(head)
}

type csvSheet struct {
	out  *csv.Writer
	line []string // reused
}

func (s *csvSheet) row(cells ...any) error {
	s.line = s.line[:0]
	for _, c := range cells {
		text := ""
		switch c := c.(type) {
		case string:
			text = c
		case time.Time:
			text = c.Format(time.RFC3339Nano)
		case float64:
			text = strconv.FormatFloat(c, 'f', -1, 64)
		case int64:
			text = strconv.FormatInt(c, 10)
		}
		s.line = append(s.line, text)
	}
	return s.out.Write(s.line)
}

func (s *csvSheet) close() error {
	s.out.Flush()
	return s.out.Error()
}

type parquetSheet struct {
	out     *columnar.Writer
	columns []columnar.Column
	data    []columnar.Data    // of the row group at hand
	places  []map[string]int32 // of texts in the dictionaries
	rows    int
}

// reset begins a row group.
func (s *parquetSheet) reset() {
	s.rows, s.data, s.places = 0, make([]columnar.Data, len(s.columns)), make([]map[string]int32, len(s.columns))
}

func (s *parquetSheet) row(cells ...any) error {
	for i, c := range cells {
		d := &s.data[i]
		switch c := c.(type) {
		case string:
			d.Index = append(d.Index, s.place(i, c))
		case time.Time:
			d.Numbers = append(d.Numbers, c.UnixMicro())
		case float64:
			d.Floats = append(d.Floats, c)
		case int64:
			d.Numbers = append(d.Numbers, c)
		}
	}
	if s.rows++; s.rows < columnar.MaxGroup {
		return nil
	}
	return s.flush()
}

// place returns where in the dictionary of a column a text stands.
func (s *parquetSheet) place(column int, text string) int32 {
	p := &s.places[column]
	if *p == nil {
		*p = map[string]int32{}
	}
	n, known := (*p)[text]
	if !known {
		n = int32(len(*p))
		(*p)[text] = n
		s.data[column].Texts.Add(func(b []byte) []byte { return append(b, text...) })
	}
	return n
}

func (s *parquetSheet) flush() error {
	if s.rows == 0 {
		return nil
	}
	defer s.reset()
	return s.out.Group(s.data)
}

func (s *parquetSheet) close() error {
	if err := s.flush(); err != nil {
		return err
	}
	return s.out.Close()
}

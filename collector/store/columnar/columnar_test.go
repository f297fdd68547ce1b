package columnar

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/parquet-go/parquet-go"
)

// row is a row as the library that knows nothing of this package reads it.
type row struct {
	At    int64   `parquet:"at"`
	Name  string  `parquet:"name"`
	Small int32   `parquet:"small"`
	Big   int64   `parquet:"big"`
	Count int64   `parquet:"count"`
	Sum   float64 `parquet:"sum"`
}

var columns = []Column{{"at", Time, false}, {"name", Text, true}, {"small", Int32, false}, {"big", Int64, false}, {"count", Number, false}, {"sum", Float, false}}

// group makes n rows, whose dictionary has so many values.
func group(r *rand.Rand, n, values int) (data []Data, rows []row) {
	data = make([]Data, len(columns))
	for v := range values {
		data[1].Texts.Add(func(b []byte) []byte { return fmt.Append(b, "name ", v) })
		data[2].Numbers = append(data[2].Numbers, int64(v)-1)
		data[3].Numbers = append(data[3].Numbers, int64(v)<<40)
	}
	at := int64(1_700_000_000_000_000)
	for range n {
		at += r.Int64N(1000) - 3
		i, j := int32(r.IntN(values)), int32(r.IntN(values))
		x := row{at, string(data[1].Texts.At(int(i))), int32(data[2].Numbers[j]), data[3].Numbers[i], r.Int64(), r.NormFloat64()}
		data[0].Numbers = append(data[0].Numbers, at)
		data[1].Index, data[2].Index, data[3].Index = append(data[1].Index, i), append(data[2].Index, j), append(data[3].Index, i)
		data[4].Numbers, data[5].Floats = append(data[4].Numbers, x.Count), append(data[5].Floats, x.Sum)
		rows = append(rows, x)
	}
	return data, rows
}

func written(tb testing.TB, groups ...[]Data) []byte {
	tb.Helper()
	var b bytes.Buffer
	w := NewWriter(&b, "test", columns)
	for _, g := range groups {
		if err := w.Group(g); err != nil {
			tb.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		tb.Fatal(err)
	}
	return b.Bytes()
}

// read reads everything.
func read(b []byte) (rows []row, err error) {
	f, err := Open(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		return nil, err
	}
	var c [6]Chunk
	for g := range f.Groups() {
		for i := range c {
			if err := f.Read(g, columns[i].Name, &c[i]); err != nil {
				return nil, err
			}
		}
		var values [6][]int64
		var index [6][]int32
		for i, k := range columns {
			if k.Kind == Text || k.Kind == Int32 || k.Kind == Int64 {
				index[i], err = c[i].Index()
			} else {
				values[i], err = c[i].Values()
			}
			if err != nil {
				return nil, err
			}
		}
		for i := range f.Rows(g) {
			rows = append(rows, row{
				values[0][i], string(c[1].Text(int(index[1][i]))), int32(c[2].Numbers()[index[2][i]]),
				c[3].Numbers()[index[3][i]], values[4][i], AsFloat(values[5][i]),
			})
		}
	}
	return rows, nil
}

func TestWrittenIsRead(t *testing.T) {
	for _, c := range []struct{ n, values int }{{1, 1}, {7, 2}, {1000, 1}, {5000, 300}, {131072, 100_000}} {
		t.Run(fmt.Sprint(c.n, " rows of ", c.values), func(t *testing.T) {
			r := rand.New(rand.NewPCG(1, uint64(c.n)))
			one, want := group(r, c.n, c.values)
			two, more := group(r, c.n/2+1, c.values)
			b := written(t, one, two)
			want = append(want, more...)
			got, err := read(b)
			if err != nil || !slices.Equal(got, want) {
				t.Fatalf("%d rows, want %d, or others: %v", len(got), len(want), err)
			}
			other, err := parquet.Read[row](bytes.NewReader(b), int64(len(b)))
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(other, want) {
				t.Errorf("another reader has others (-want +got):\n%s", cmp.Diff(want[:min(3, len(want))], other[:min(3, len(other))]))
			}
		})
	}
}

// The files of another writer, with several pages of either version, are read.
func TestForeignFileIsRead(t *testing.T) {
	type foreign struct {
		At    int64   `parquet:"at,delta,zstd"`
		Name  string  `parquet:"name,dict,zstd"`
		Small int32   `parquet:"small,dict"`
		Big   int64   `parquet:"big,dict,zstd"`
		Count int64   `parquet:"count,delta"`
		Sum   float64 `parquet:"sum,zstd"`
	}
	_, want := group(rand.New(rand.NewPCG(3, 4)), 20_000, 500)
	for version := 1; version <= 2; version++ {
		var b bytes.Buffer
		w := parquet.NewGenericWriter[foreign](&b, parquet.DataPageVersion(version), parquet.PageBufferSize(8192), parquet.MaxRowsPerRowGroup(9000))
		for _, r := range want {
			if _, err := w.Write([]foreign{foreign(r)}); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		got, err := read(b.Bytes())
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("version %d: %d rows, want %d: %v", version, len(got), len(want), err)
		}
	}
}

func TestStatisticsAndBloomFilters(t *testing.T) {
	data, rows := group(rand.New(rand.NewPCG(5, 6)), 5000, 1000)
	b := written(t, data)
	f, err := Open(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	wantLow, wantHigh := rows[0].At, rows[0].At
	for _, r := range rows {
		wantLow, wantHigh = min(wantLow, r.At), max(wantHigh, r.At)
	}
	if low, high, ok := f.Span(0, "at"); !ok || low != wantLow || high != wantHigh {
		t.Errorf("from %d to %d, want %d to %d", low, high, wantLow, wantHigh)
	}
	for i := range data[1].Texts.Len() {
		n := string(data[1].Texts.At(i))
		if !f.May(0, "name", []string{"else", n}) {
			t.Errorf("%s is said to be missing", n)
		}
	}
	wrong := 0
	for i := range 1000 {
		if f.May(0, "name", []string{fmt.Sprint("name ", i, " of others")}) {
			wrong++
		}
	}
	if wrong > 30 {
		t.Errorf("%d false answers of 1000, want about 10", wrong)
	}
}

// Whatever is wrong with a file is an error that says so.
func FuzzRead(f *testing.F) {
	data, _ := group(rand.New(rand.NewPCG(7, 8)), 300, 20)
	b := written(f, data)
	f.Add(b)
	for i := 5; i < len(b); i += len(b) / 40 {
		c := slices.Clone(b)
		c[i] ^= 0x55
		f.Add(c)
		f.Add(b[i:])
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if _, err := read(b); err != nil && !errors.Is(err, ErrFormat) {
			t.Errorf("%v does not wrap %v", err, ErrFormat)
		}
	})
}

func TestEveryDamageIsContained(t *testing.T) {
	data, want := group(rand.New(rand.NewPCG(7, 8)), 300, 20)
	whole := written(t, data)
	for i := range whole {
		for _, bit := range []byte{0x01, 0x80, 0xff} {
			b := slices.Clone(whole)
			b[i] ^= bit
			got, err := read(b)
			if err != nil && !errors.Is(err, ErrFormat) {
				t.Fatalf("octet %d: %v does not wrap %v", i, err, ErrFormat)
			}
			if err == nil && !slices.Equal(got, want) {
				t.Fatalf("octet %d: other rows are taken for what was written", i)
			}
		}
		if _, err := read(whole[:i]); err == nil || !errors.Is(err, ErrFormat) {
			t.Fatalf("cut at %d: %v", i, err)
		}
	}
}

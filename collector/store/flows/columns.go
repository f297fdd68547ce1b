package flows

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"net/netip"

	"github.com/parquet-go/parquet-go"

	"weir/collector/record"
	"weir/detect/rules"
)

// names are the columns in their order, as parquet has them.
var names = func() (all []string) {
	for _, f := range parquet.SchemaOf(Row{}).Fields() {
		all = append(all, f.Name())
	}
	return all
}()

// column is one column of a group of rows: for each row its place in a
// dictionary of values, as text or as number.
type column struct {
	index   []int32
	texts   []string
	numbers []int64
}

func (c *column) size() int { return max(len(c.texts), len(c.numbers)) }

// text writes a value of the dictionary, "" for none.
func (c *column) text(i int32) string {
	if c.texts != nil {
		return c.texts[i]
	}
	if c.numbers[i] < 0 {
		return ""
	}
	return fmt.Sprint(c.numbers[i])
}

// group is some rows whose columns are read where they are asked for.
type group interface {
	rows() int
	column(name string) (*column, error)
	times() ([]int64, error) // µs
	// has reports that the rows may have one of the addresses.
	has(column string, any []netip.Addr) bool
	span() (first, last int64, known bool)
}

// fileGroup is a row group of a segment.
type fileGroup struct {
	g    parquet.RowGroup
	kept map[string]*column
	at   []int64
}

func (f *fileGroup) rows() int { return int(f.g.NumRows()) }

func (f *fileGroup) chunk(name string) (parquet.ColumnChunk, error) {
	for i, n := range f.g.Schema().Fields() {
		if n.Name() == name {
			return f.g.ColumnChunks()[i], nil
		}
	}
	return nil, fmt.Errorf("column %s: not in the file", name)
}

func (f *fileGroup) span() (first, last int64, known bool) {
	c, err := f.chunk("time")
	if err != nil {
		return 0, 0, false
	}
	x, err := c.ColumnIndex()
	if err != nil || x == nil || x.NumPages() == 0 {
		return 0, 0, false
	}
	first, last = math.MaxInt64, math.MinInt64
	for i := range x.NumPages() {
		first, last = min(first, x.MinValue(i).Int64()), max(last, x.MaxValue(i).Int64())
	}
	return first, last, true
}

func (f *fileGroup) has(name string, any []netip.Addr) bool {
	c, err := f.chunk(name)
	if err != nil {
		return true
	}
	b := c.BloomFilter()
	if b == nil {
		return true
	}
	for _, a := range any {
		if ok, err := b.Check(parquet.ValueOf(a.String())); ok || err != nil {
			return true
		}
	}
	return false
}

func (f *fileGroup) times() ([]int64, error) {
	if f.at != nil {
		return f.at, nil
	}
	c, err := f.chunk("time")
	if err != nil {
		return nil, err
	}
	at := make([]int64, 0, f.rows())
	err = eachPage(c, func(p parquet.Page) error {
		data := p.Data()
		at = append(at, data.Int64()...)
		return nil
	})
	if f.at = at; err == nil && len(at) != f.rows() {
		err = fmt.Errorf("column time: %d of %d rows", len(at), f.rows())
	}
	return at, err
}

func eachPage(c parquet.ColumnChunk, each func(parquet.Page) error) (err error) {
	// A file that was damaged must not take the collector down with it.
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("broken page: %v", r)
		}
	}()
	pages := c.Pages()
	defer pages.Close()
	for {
		p, err := pages.ReadPage()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		err = each(p)
		parquet.Release(p)
		if err != nil {
			return err
		}
	}
}

func (f *fileGroup) column(name string) (*column, error) {
	if c := f.kept[name]; c != nil {
		return c, nil
	}
	chunk, err := f.chunk(name)
	if err != nil {
		return nil, err
	}
	text := chunk.Type().Kind() == parquet.ByteArray
	c := &column{index: make([]int32, 0, f.rows())}
	var plain map[any]int32 // of pages without a dictionary
	whole := false          // the file's dictionary is in c
	err = eachPage(chunk, func(p parquet.Page) error {
		if d := p.Dictionary(); d != nil && plain == nil {
			if !whole {
				c.take(d, text)
				whole = true
			}
			data := p.Data()
			index := data.Int32()
			for _, i := range index {
				if uint(i) >= uint(c.size()) {
					return fmt.Errorf("column %s: index %d of %d", name, i, c.size())
				}
			}
			c.index = append(c.index, index...)
			return nil
		}
		if plain == nil {
			plain = map[any]int32{}
			for i := range c.size() {
				plain[c.value(i)] = int32(i)
			}
		}
		return c.plain(p, text, plain)
	})
	if err == nil && len(c.index) != f.rows() {
		err = fmt.Errorf("column %s: %d of %d rows", name, len(c.index), f.rows())
	}
	f.kept[name] = c
	return c, err
}

func (c *column) take(d parquet.Dictionary, text bool) {
	for i := range int32(d.Len()) {
		v := d.Index(i)
		c.append(v, text)
	}
}

func (c *column) append(v parquet.Value, text bool) {
	switch {
	case text:
		c.texts = append(c.texts, string(v.ByteArray()))
	case v.Kind() == parquet.Int64:
		c.numbers = append(c.numbers, v.Int64())
	default:
		c.numbers = append(c.numbers, int64(v.Int32()))
	}
}

func (c *column) value(i int) any {
	if c.texts != nil {
		return c.texts[i]
	}
	return c.numbers[i]
}

// plain reads a page whose dictionary had become too large.
func (c *column) plain(p parquet.Page, text bool, at map[any]int32) error {
	values, buf := p.Values(), make([]parquet.Value, 1024)
	for {
		n, err := values.ReadValues(buf)
		for _, v := range buf[:n] {
			size := c.size()
			c.append(v, text)
			x := c.value(size)
			i, ok := at[x]
			if ok { // was there: take the copy off again
				if text {
					c.texts = c.texts[:size]
				} else {
					c.numbers = c.numbers[:size]
				}
			} else {
				i = int32(size)
				at[x] = i
			}
			c.index = append(c.index, i)
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// rowGroup is rows of a journal.
type rowGroup struct {
	all   []record.Row
	said  *said
	texts *texts
}

func (g *rowGroup) rows() int                             { return len(g.all) }
func (g *rowGroup) has(string, []netip.Addr) bool         { return true }
func (g *rowGroup) span() (first, last int64, known bool) { return 0, 0, false }

func (g *rowGroup) times() ([]int64, error) {
	at := make([]int64, len(g.all))
	for i := range g.all {
		at[i] = g.all[i].At / 1e3
	}
	return at, nil
}

// column makes a dictionary. What a row says is turned into text once for each
// value, not for each row; two values may have the same text.
func (g *rowGroup) column(name string) (*column, error) {
	get, ok := fields[name]
	if !ok {
		return nil, fmt.Errorf("column %s: not kept", name)
	}
	c := &column{index: make([]int32, len(g.all))}
	at := map[[2]uint64]int32{}
	for i := range g.all {
		r := &g.all[i]
		k := get.raw(r)
		if r.Has&record.Addresses == 0 || r.EtherType == etherTypeARP {
			k[0] ^= uint64(r.Has)<<48 | uint64(r.EtherType)<<32
		}
		place, ok := at[k]
		if !ok {
			place = int32(c.size())
			at[k] = place
			row := g.texts.row(g.said, r)
			if get.text != nil {
				c.texts = append(c.texts, get.text(&row))
			} else {
				c.numbers = append(c.numbers, get.number(&row))
			}
		}
		c.index[i] = place
	}
	return c, nil
}

const etherTypeARP = 0x0806

// field reads a field of a Row, as text or as number. raw is the same of a row
// of a journal, different for different values.
type field struct {
	text   func(*Row) string
	number func(*Row) int64
	raw    func(*record.Row) [2]uint64
}

func raw(v func(r *record.Row) uint64) func(*record.Row) [2]uint64 {
	return func(r *record.Row) [2]uint64 { return [2]uint64{0, v(r)} }
}

func words(a *[16]byte) [2]uint64 {
	return [2]uint64{binary.BigEndian.Uint64(a[:8]), binary.BigEndian.Uint64(a[8:])}
}

// ports is raw for a column that a packet has with its ports.
func ports(v func(r *record.Row) uint64) func(*record.Row) [2]uint64 {
	return func(r *record.Row) [2]uint64 {
		return [2]uint64{uint64(r.Has&record.Ports)<<8 | uint64(r.Proto), v(r)}
	}
}

var fields = map[string]field{
	"agent":         {text: func(r *Row) string { return r.Agent }, raw: raw(func(r *record.Row) uint64 { return uint64(r.Agent) })},
	"input":         {text: func(r *Row) string { return r.Input }, raw: raw(func(r *record.Row) uint64 { return uint64(r.Input) })},
	"output":        {text: func(r *Row) string { return r.Output }, raw: raw(func(r *record.Row) uint64 { return uint64(r.Output) })},
	"domain":        {text: func(r *Row) string { return r.Domain }, raw: raw(func(r *record.Row) uint64 { return uint64(r.Domain) })},
	"src":           {text: func(r *Row) string { return r.Src }, raw: func(r *record.Row) [2]uint64 { return words(&r.Src) }},
	"dst":           {text: func(r *Row) string { return r.Dst }, raw: func(r *record.Row) [2]uint64 { return words(&r.Dst) }},
	"proto":         {number: func(r *Row) int64 { return int64(r.Proto) }, raw: raw(func(r *record.Row) uint64 { return uint64(r.Proto) })},
	"src_port":      {number: func(r *Row) int64 { return int64(r.SrcPort) }, raw: ports(func(r *record.Row) uint64 { return uint64(r.SrcPort) })},
	"dst_port":      {number: func(r *Row) int64 { return int64(r.DstPort) }, raw: ports(func(r *record.Row) uint64 { return uint64(r.DstPort) })},
	"tcp_flags":     {number: func(r *Row) int64 { return int64(r.TCPFlags) }, raw: ports(func(r *record.Row) uint64 { return uint64(r.TCPFlags) })},
	"dscp":          {number: func(r *Row) int64 { return int64(r.DSCP) }, raw: raw(func(r *record.Row) uint64 { return uint64(r.TOS >> 2) })},
	"ttl":           {number: func(r *Row) int64 { return int64(r.TTL) }, raw: raw(func(r *record.Row) uint64 { return uint64(r.TTL) })},
	"fragment":      {number: func(r *Row) int64 { return int64(r.Fragment) }, raw: raw(func(r *record.Row) uint64 { return uint64(r.Has & record.Fragment) })},
	"ether_type":    {number: func(r *Row) int64 { return int64(r.EtherType) }, raw: raw(func(r *record.Row) uint64 { return uint64(r.EtherType) })},
	"vlan":          {number: func(r *Row) int64 { return int64(r.VLAN) }, raw: raw(func(r *record.Row) uint64 { return uint64(r.VLAN) })},
	"egress":        {number: func(r *Row) int64 { return int64(r.Egress) }, raw: raw(func(r *record.Row) uint64 { return uint64(r.Has & record.Egress) })},
	"length":        {number: func(r *Row) int64 { return int64(r.Length) }, raw: raw(func(r *record.Row) uint64 { return uint64(r.Length) })},
	"sampling_rate": {number: func(r *Row) int64 { return r.SamplingRate }, raw: raw(func(r *record.Row) uint64 { return uint64(r.Rate) })},
}

// filterFields are the fields of a filter that history keeps, by their column.
var filterFields = map[rules.Field]string{
	rules.Agent: "agent", rules.Input: "input", rules.Output: "output", rules.Src: "src", rules.Dst: "dst",
	rules.Proto: "proto", rules.SrcPort: "src_port", rules.DstPort: "dst_port", rules.TCPFlags: "tcp_flags",
	rules.DSCP: "dscp", rules.TTL: "ttl", rules.Fragment: "fragment", rules.EtherType: "ether_type",
	rules.VLAN: "vlan", rules.Length: "length", rules.SamplingRate: "sampling_rate",
}

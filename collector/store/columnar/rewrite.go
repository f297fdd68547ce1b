package columnar

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
)

// Rewrite writes a file anew without the rows that drop says, for a row group,
// are to go; nil drops none. Dictionaries keep the values of the rows left alone.
// It returns how many rows went; where none do, the file stays as it is, and
// where all do, it goes.
func Rewrite(path, creator string, columns []Column, drop func(f *File, group int) ([]bool, error)) (gone int, err error) {
	in, err := os.Open(path)
	if err != nil {
		return 0, err
	}
	defer in.Close()
	info, err := in.Stat()
	if err != nil {
		return 0, err
	}
	f, err := Open(in, info.Size())
	if err != nil {
		return 0, err
	}
	drops, left := make([][]bool, f.Groups()), 0
	for g := range drops {
		if drops[g], err = drop(f, g); err != nil {
			return 0, err
		}
		left += f.Rows(g)
		for _, d := range drops[g] {
			if d {
				gone++
			}
		}
	}
	switch left -= gone; {
	case gone == 0:
		return 0, nil
	case left == 0:
		return gone, os.Remove(path)
	}
	tmp := path + ".new"
	out, err := os.Create(tmp)
	if err != nil {
		return 0, err
	}
	defer os.Remove(tmp) // after the rename there is none
	defer out.Close()
	w := bufio.NewWriterSize(out, 1<<18)
	if err := copyGroups(f, w, creator, columns, drops); err != nil {
		return 0, err
	}
	if err := errors.Join(w.Flush(), out.Sync(), out.Close()); err != nil {
		return 0, err // the old file has all of it
	}
	return gone, os.Rename(tmp, path)
}

func copyGroups(f *File, out io.Writer, creator string, columns []Column, drops [][]bool) error {
	w := NewWriter(out, creator, columns)
	for g, drop := range drops {
		data := make([]Data, len(columns))
		for i := range columns {
			if err := f.rest(g, &columns[i], drop, &data[i]); err != nil {
				return fmt.Errorf("column %s: %w", columns[i].Name, err)
			}
		}
		if data[0].rows(columns[0].Kind) == 0 {
			continue
		}
		if err := w.Group(data); err != nil {
			return err
		}
	}
	return w.Close()
}

// rest reads the rows of a column that are not dropped.
func (f *File) rest(g int, column *Column, drop []bool, d *Data) error {
	var c Chunk
	if err := f.Read(g, column.Name, &c); err != nil {
		return err
	}
	stays := func(i int) bool { return drop == nil || !drop[i] }
	switch column.Kind {
	case Text, Int32, Int64:
	default:
		all, err := c.Values()
		for i, v := range all {
			switch {
			case !stays(i):
			case column.Kind == Float:
				d.Floats = append(d.Floats, AsFloat(v))
			default:
				d.Numbers = append(d.Numbers, v)
			}
		}
		return err
	}
	all, err := c.Index()
	if err != nil {
		return err
	}
	place := make([]int32, c.Size()) // one more than the new one; 0 is none yet
	n := int32(0)
	for i, old := range all {
		if !stays(i) {
			continue
		}
		if place[old] == 0 {
			n++
			if place[old] = n; column.Kind == Text {
				d.Texts.Add(func(b []byte) []byte { return append(b, c.Text(int(old))...) })
			} else {
				d.Numbers = append(d.Numbers, c.Numbers()[old])
			}
		}
		d.Index = append(d.Index, place[old]-1)
	}
	return nil
}

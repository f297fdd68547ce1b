package store

import (
	"bytes"
	"compress/flate"
	"encoding/json"
	"errors"
	"io"
)

// maxText bounds a JSON text that is kept deflated, in octets: a row that says it is
// longer is damaged.
const maxText = 4 << 20

// deflater makes texts short. What it needs for that, more than half a megabyte, it
// keeps from one to the next. Its zero value is ready.
type deflater struct {
	w   *flate.Writer
	out bytes.Buffer
}

// shorten returns b, deflated.
func (d *deflater) shorten(b []byte) []byte {
	d.out.Reset()
	if d.w == nil {
		d.w, _ = flate.NewWriter(&d.out, flate.BestSpeed) // a level that there is
	} else {
		d.w.Reset(&d.out)
	}
	_, _ = d.w.Write(b) // memory takes all
	_ = d.w.Close()
	return bytes.Clone(d.out.Bytes())
}

func inflated(b []byte) ([]byte, error) {
	out, err := io.ReadAll(io.LimitReader(flate.NewReader(bytes.NewReader(b)), maxText+1))
	if err == nil && len(out) > maxText {
		err = errors.New("longer than it can be")
	}
	return out, err
}

// unpacked reads deflated JSON.
func unpacked(b []byte, v any) error {
	text, err := inflated(b)
	if err != nil {
		return err
	}
	return json.Unmarshal(text, v)
}

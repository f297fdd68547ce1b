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

func deflated(b []byte) []byte {
	var out bytes.Buffer
	w, _ := flate.NewWriter(&out, flate.BestSpeed) // a level that there is
	_, _ = w.Write(b)                              // memory takes all
	_ = w.Close()
	return out.Bytes()
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

package influx

import (
	"bytes"
	"fmt"
	"os"
	"time"
)

// rejects is the dead-letter file: lines that the server refused, each group
// behind a comment with what the server said. Comments are line protocol too,
// so that the file can be written again once the cause is gone.
type rejects struct {
	path string
	max  int64 // octets; a full file is kept as .1 beside a new one
}

// Names of the dead-letter file, and of a full one.
const (
	rejectName = "rejected.lp"
	rejectOld  = ".1"
)

// reject is lines with the answer they had.
type reject struct {
	lines  []byte
	points int
	answer answer
}

// add appends what was refused.
func (r *rejects) add(all []reject, at time.Time) error {
	if len(all) == 0 {
		return nil
	}
	var b bytes.Buffer
	for i := range all {
		fmt.Fprintf(&b, "# %s status %d: %s\n", at.UTC().Format(time.RFC3339), all[i].answer.status, all[i].answer.message)
		b.Write(all[i].lines)
		if n := len(all[i].lines); n > 0 && all[i].lines[n-1] != '\n' {
			b.WriteByte('\n')
		}
	}
	if st, err := os.Stat(r.path); err == nil && st.Size()+int64(b.Len()) > r.max {
		if err := os.Rename(r.path, r.path+rejectOld); err != nil {
			return err
		}
	}
	f, err := os.OpenFile(r.path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(b.Bytes())
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	return err
}

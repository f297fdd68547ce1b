package hostagent

import (
	"encoding/json"
	"os"
	"path/filepath"
	"time"

	"weir/decoder/witness"
)

// mark is the file that tells the next run of the agent how this one ended.
type mark struct{ file string }

// ending is what the file holds.
type ending struct {
	BootID  string `json:"boot_id"`
	Version string `json:"version"`
	Clean   bool   `json:"clean"` // the agent said that it ends

	known bool // there was a file
}

// Causes of a start.
const (
	causeBoot    = "boot"
	causeRestart = "restart"
	causeUpgrade = "upgrade"
)

// bootWindow is how long after the node's start a first start of the agent
// belongs to it, where no file tells.
const bootWindow = 10 * time.Minute

func newMark(dir string) mark {
	if dir == "" {
		return mark{}
	}
	return mark{filepath.Join(dir, "last-run.json")}
}

// last reads how the last run ended; the zero value where nothing tells.
func (m mark) last() (e ending) {
	if m.file == "" {
		return e
	}
	b, err := os.ReadFile(m.file)
	if err != nil || len(b) > 4096 || json.Unmarshal(b, &e) != nil {
		return ending{}
	}
	e.Version = e.Version[:min(len(e.Version), witness.MaxText)]
	e.known = true
	return e
}

// write notes that the agent runs, or ended. A directory that cannot be written
// costs only the cause of the next start.
func (m mark) write(a *Agent, clean bool) {
	if m.file == "" {
		return
	}
	b, err := json.Marshal(ending{BootID: a.id.bootID, Version: a.io.Version, Clean: clean})
	if err == nil {
		_ = os.MkdirAll(filepath.Dir(m.file), 0o755)
		err = os.WriteFile(m.file+".new", b, 0o644)
	}
	if err == nil {
		err = os.Rename(m.file+".new", m.file)
	}
	if err != nil {
		a.io.Log.Debug().Err(err).Msg("state not written")
	}
}

// cause says why the agent with that identity and version starts.
func (e ending) cause(id identity, version string, now time.Time) string {
	switch {
	case e.known && e.BootID != id.bootID:
		return causeBoot
	case e.known && e.Version != version:
		return causeUpgrade
	case e.known:
		return causeRestart
	case id.bootTime > 0 && now.Sub(time.Unix(id.bootTime, 0)) < bootWindow:
		return causeBoot
	}
	return causeRestart
}

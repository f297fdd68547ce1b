package collector

import (
	"os"
	"path/filepath"
)

// linkHistory leaves a link history in the state directory to a history that is
// elsewhere, so that commands which know the state directory alone find it. It
// replaces the link of an earlier start, and never a directory. Without it the
// commands need --dir: no error is worth more than that.
func (a *app) linkHistory() {
	dir, link := a.cfg.HistoryDir(), filepath.Join(a.cfg.StateDir, "history")
	if dir == link {
		return
	}
	if at, err := os.Readlink(link); err == nil && at != dir {
		_ = os.Remove(link)
	}
	_ = os.Symlink(dir, link) // is there already, or cannot be made
}

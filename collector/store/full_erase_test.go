package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"weir/collector/store/evidence"
	"weir/collector/store/flows"
	"weir/collector/store/series"
	"weir/collector/store/smalldisk"
)

// eraseOnce does what `weir erase` does, in its order; before is told each step.
func (v *victim) eraseOnce(dir string, before func(step string)) error {
	ctx := v.test.Context()
	before("find")
	found, err := FindProject(ctx, dir, erasedProject)
	if err != nil {
		return err
	}
	about := series.About{Instances: found.Instances, Addresses: found.Addresses}
	for _, p := range found.Ports {
		about.Ports = append(about.Ports, series.Port(p))
	}
	before("evidence")
	if _, _, err := evidence.Erase(filepath.Join(dir, "evidence"), found.Alerts, found.Addresses); err != nil {
		return err
	}
	before("flows")
	if _, err := flows.Erase(ctx, flowsConfig(filepath.Join(dir, "history")), found.Addresses); err != nil {
		return err
	}
	before("series")
	if _, err := series.Erase(ctx, seriesConfig(v.seriesToErase()), about); err != nil {
		return err
	}
	before("state")
	_, err = EraseProject(ctx, dir, erasedProject, Named{}, day)
	return err
}

// A project that is in everything is erased where there is no room, or too little, from
// one of the steps on: what fails says so in a line and leaves nothing half written,
// and with room it is done by the next. Nothing else is lost.
func TestErasingAProjectOnAFullDisk(t *testing.T) {
	disk := smalldisk.Mount(t, 64<<20)
	made := &victim{templates: t.TempDir(), test: t, label: "templates", fate: fate{kind: -1}}
	made.disk = made.templates
	template := filepath.Join(made.templates, "erase")
	made.toErase(template)
	for _, from := range []string{"find", "evidence", "flows", "series", "state"} {
		failed := 0
		for _, left := range []int64{0, 40 << 10, 400 << 10, pieceOfSeries + 4<<10, pieceOfSeries + 100<<10} {
			t.Run(fmt.Sprint(from, " with octets: ", left), func(t *testing.T) {
				v := &victim{disk: disk, test: t, label: "full", fate: fate{kind: -1}}
				dir := filepath.Join(disk, "erase")
				v.copied(template, dir)
				v.copied(made.seriesToErase(), v.seriesToErase())
				defer func() { v.must(errors.Join(os.RemoveAll(dir), os.RemoveAll(v.seriesToErase()))) }()
				free := func() {}
				err := v.eraseOnce(dir, func(step string) {
					if step == from {
						free = smalldisk.Fill(t, disk, left)
					}
				})
				v.nothingUnfinished(disk)
				free()
				if err != nil {
					failed++
					if text := err.Error(); !strings.Contains(text, "full") && !strings.Contains(text, "no space left") || strings.Contains(text, "\n") {
						t.Errorf("full: %v", err)
					}
					v.must(v.eraseOnce(dir, func(string) {}))
				}
				v.lookAtErased(dir)
			})
		}
		if failed == 0 {
			t.Errorf("%s: there was always room", from)
		}
	}
}

// pieceOfSeries is what a block of series takes of the disk at once.
const pieceOfSeries = 4 << 20

// nothingUnfinished looks for files that are half written.
func (v *victim) nothingUnfinished(dir string) {
	v.must(filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		for _, end := range []string{newSuffix, ".tmp", ".tmp-for-creation", ".tmp-for-deletion"} {
			if err == nil && strings.HasSuffix(path, end) {
				v.wrong("%s is left", path)
			}
		}
		return err
	}))
}

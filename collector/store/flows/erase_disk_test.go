package flows

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"weir/collector/store/smalldisk"
)

// Erasing where there is little or no room loses nothing that is not to be erased,
// fails as long as something is left, and ends when there is room again.
func TestEraseOnAFullDisk(t *testing.T) {
	template := t.TempDir()
	rows := days(t, template, 2, 2000, 300)
	victim := rows[0].DstAddr()
	mine := uint64(0)
	for i := range rows {
		if rows[i].SrcAddr() == victim || rows[i].DstAddr() == victim {
			mine++
		}
	}
	for _, left := range []int64{0, 4 << 10, 16 << 10, 40 << 10, 64 << 10, 128 << 10, 4 << 20} {
		t.Run(fmt.Sprint("octets left: ", left), func(t *testing.T) {
			disk := smalldisk.Mount(t, 8<<20)
			dir := filepath.Join(disk, "history")
			if err := os.CopyFS(dir, os.DirFS(template)); err != nil {
				t.Fatal(err)
			}
			samples := func(by string, samples bool) (all, his uint64) {
				r, err := Scan(context.Background(), dir, Query{From: epoch, To: epoch.AddDate(0, 0, 2), Add: true, Samples: samples, By: []string{by}})
				if err != nil || r.Broken != "" {
					t.Fatal(err, r.Broken)
				}
				for _, s := range r.Rows {
					if s.Key[0] == victim.String() {
						his += s.Samples
					}
				}
				return r.Total.Samples, his
			}
			erase := func() (Erased, error) {
				return Erase(context.Background(), Config{Dir: dir, MaxBytes: 1 << 30, MaxAge: forever, Rollups: 1 << 30, RollupsAge: forever, Names: site{}}, []netip.Addr{victim})
			}
			free := smalldisk.Fill(t, disk, left)
			_, err := erase()
			switch {
			case err == nil && left == 0:
				t.Error("a full disk takes everything")
			case err == nil:
			case !strings.Contains(err.Error(), "no space left") || strings.Contains(err.Error(), "\n"):
				t.Errorf("full: %v", err)
			default:
				if all, his := samples("dst", true); all < uint64(len(rows))-mine || all > uint64(len(rows)) || his == 0 && all != uint64(len(rows))-mine {
					t.Errorf("%d samples of %d are left, %d of his %d", all, len(rows), his, mine)
				}
				if unfinished, err := filepath.Glob(filepath.Join(dir, "*", "*"+newSuffix)); err != nil || len(unfinished) > 0 {
					t.Error(unfinished, err)
				}
				if unfinished, err := filepath.Glob(filepath.Join(dir, "*"+newSuffix)); err != nil || len(unfinished) > 0 {
					t.Error(unfinished, err)
				}
				free()
				if _, err := erase(); err != nil {
					t.Errorf("with room: %v", err)
				}
			}
			for _, kept := range []bool{true, false} {
				if all, his := samples("dst", kept); kept && all != uint64(len(rows))-mine || his != 0 {
					t.Errorf("samples %v: %d of %d are left, %d of his %d", kept, all, len(rows), his, mine)
				}
			}
			if _, his := samples("src", false); his != 0 {
				t.Errorf("%d are left from him", his)
			}
		})
	}
}

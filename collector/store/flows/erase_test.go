package flows

import (
	"context"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// What is erased is in no file any more, not even in a dictionary; the rest is.
func TestEraseLeavesNoTrace(t *testing.T) {
	dir := t.TempDir()
	rows := days(t, dir, 2, 2000, 300)
	victim := rows[0].DstAddr()
	q := Query{From: epoch, To: epoch.Add(40 * time.Hour), Add: true, Samples: true}
	before, err := Scan(context.Background(), dir, q)
	if err != nil {
		t.Fatal(err)
	}
	mine := uint64(0)
	for i := range rows {
		if rows[i].SrcAddr() == victim || rows[i].DstAddr() == victim {
			mine++
		}
	}
	gone, err := Erase(context.Background(), Config{Dir: dir, MaxAge: forever, RollupsAge: forever, Names: site{}}, []netip.Addr{victim})
	if err != nil || uint64(gone.Samples) != mine || gone.Rollups == 0 || gone.Damaged != 0 {
		t.Fatalf("%+v erased, want %d samples: %v", gone, mine, err)
	}
	after, err := Scan(context.Background(), dir, q)
	if err != nil || after.Broken != "" || after.Total.Samples != before.Total.Samples-mine {
		t.Errorf("%d samples left of %d, %d erased: %v %s", after.Total.Samples, before.Total.Samples, mine, err, after.Broken)
	}
	for _, rolled := range []bool{false, true} {
		q := Query{From: epoch, To: epoch.Add(40 * time.Hour), By: []string{"dst"}, Samples: !rolled}
		r, err := Scan(context.Background(), dir, q)
		if err != nil || (r.Rollup != nil) != rolled || len(r.Rows) == 0 {
			t.Fatal(r, err)
		}
		for _, s := range r.Rows {
			if s.Key[0] == victim.String() {
				t.Errorf("rollups %v: %v is still there", rolled, victim)
			}
		}
	}
	err = filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error {
		if err == nil && !e.IsDir() && !strings.HasSuffix(path, segmentSuffix) {
			t.Errorf("%s is left", path)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

package evidence

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"weir/collector/record"
	"weir/collector/store/smalldisk"
)

// A disk that is full costs the evidence that comes meanwhile, which is counted: what
// is there stays whole, nothing half written does, and with room again it goes on.
func TestFullDisk(t *testing.T) {
	dir := smalldisk.Mount(t, 200<<10)
	r := record.NewRing(false)
	for j := range 500 {
		r.Add(sample(epoch.Add(time.Duration(j)), 5, 1, frame("10.0.0.1", "10.0.0.2", uint16(j), 80)))
	}
	r.Flush()
	k, err := Open(Config{Dir: dir, MaxBytes: 1 << 30, MaxAge: 1 << 62, Agent: agentOf, Rings: []*record.Ring{r}})
	if err != nil {
		t.Fatal(err)
	}
	put := func(id string) {
		k.Put(started(id, `{"victim":"10.0.0.2/32"}`))
		k.Gather(time.Now())
	}
	put("before")
	free := smalldisk.Fill(t, dir, 0)
	put("meanwhile")
	if st := k.Stats(); st.Refused != 1 || !strings.Contains(st.Err, "no space left") {
		t.Errorf("full: %+v", st)
	}
	if left, err := filepath.Glob(filepath.Join(dir, "*"+newSuffix)); err != nil || len(left) > 0 {
		t.Errorf("half written: %v, %v", left, err)
	}
	if n := len(packets(t, k, "before")); n != atOnce {
		t.Errorf("%d headers of before, want %d", n, atOnce)
	}
	free()
	put("after")
	if st := k.Stats(); st.Refused != 1 || st.Err != "" {
		t.Errorf("with room: %+v", st)
	}
	if n := len(packets(t, k, "after")); n != atOnce {
		t.Errorf("%d headers of after, want %d", n, atOnce)
	}
}

package series

import (
	"bytes"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	points "weir/collector/series"
)

// What is erased is in no answer and in no file, whether it was in a block or in
// the journal; the rest stays, and writing goes on.
func TestEraseLeavesNoTrace(t *testing.T) {
	const mine, other = "11111111-aaaa-4bbb-8ccc-222222222222", "33333333-aaaa-4bbb-8ccc-444444444444"
	now := time.Now().Truncate(time.Minute)
	dir := t.TempDir()
	s := open(t, Config{Dir: dir, Log: discard})
	f := &feed{t: t}
	for at := now.Add(-5 * time.Hour); at.Before(now); at = at.Add(time.Minute) {
		for _, id := range []string{mine, other} {
			f.add("virt_cpu", at, []string{"10.0.0.1", "cn1", id, "vm-" + id[:4]}, map[string]points.Value{"state": points.Whole(1)})
		}
		f.add("top", at, []string{"src,dst bytes", "0"}, map[string]points.Value{
			"key": points.Words("10.9.9.9,10.1.1.1"), "share": points.Number(50), "bits_per_second": points.Number(1e6)})
		f.add("top", at, []string{"instance bytes", "1"}, map[string]points.Value{
			"key": points.Words("instance=vm-1111 uuid=" + mine), "share": points.Number(50), "bits_per_second": points.Number(1e6)})
		f.add("top_total", at, []string{"src,dst bytes"}, map[string]points.Value{"bits_per_second": points.Number(2e6)})
		f.port(at, "10.0.0.1", 1, 5)
		f.give(s)
	}
	s.compact(t.Context(), now)
	if s.Stats().Blocks == 0 {
		t.Fatal("no block was made")
	}
	s.shut()
	if err := os.WriteFile(filepath.Join(dir, "wal-1.bad"), []byte(mine), 0o600); err != nil {
		t.Fatal(err)
	}
	n, err := Erase(t.Context(), Config{Dir: dir, Log: discard}, About{Instances: []string{mine}, Addresses: []netip.Addr{netip.MustParseAddr("10.9.9.9")}})
	if err != nil || n != 3 {
		t.Fatalf("%d series erased, want 3: %v", n, err)
	}
	err = filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		for _, word := range []string{mine, "vm-1111", "10.9.9.9"} {
			if bytes.Contains(b, []byte(word)) {
				t.Errorf("%s still has %s", path, word)
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	s = open(t, Config{Dir: dir, Log: discard})
	for expr, want := range map[string]float64{
		`count(count_over_time(weir_virt_cpu_state[6h]))`:                      1,
		`max(count_over_time(weir_interface_in_bits_per_second[6h]))`:          300,
		`sum(count_over_time({__name__=~"weir_top_bits.*"}[6h])) or vector(0)`: 0,
	} {
		for _, v := range values(t, s, expr, now) {
			if v != want {
				t.Errorf("%s is %v, want %v", expr, v, want)
			}
		}
	}
	f.port(now.Add(time.Second), "10.0.0.1", 1, 7)
	f.give(s)
	if st := s.Stats(); st.Lost+st.Late != 0 || st.Samples == 0 {
		t.Errorf("what is written after it: %+v", st)
	}
}

func TestHasAddress(t *testing.T) {
	mine := []netip.Addr{netip.MustParseAddr("10.0.0.5"), netip.MustParseAddr("2001:db8::5")}
	for text, want := range map[string]bool{
		"10.0.0.5": true, "10.0.0.5,10.0.0.6": true, "10.0.0.6 10.0.0.5": true, "2001:db8::5": true, "src=10.0.0.5": true,
		"10.0.0.55": false, "110.0.0.5": false, "2001:db8::55": false, "": false, "443": false,
	} {
		if got := hasAddress(text, mine); got != want {
			t.Errorf("%q: %v, want %v", text, got, want)
		}
	}
}

// Counters of a port go with its agent's, not with those of a port that has the
// same name elsewhere.
func TestErasePortsOfAnAgent(t *testing.T) {
	now := time.Now().Truncate(time.Minute)
	dir := t.TempDir()
	s := open(t, Config{Dir: dir, Log: discard})
	f := &feed{t: t}
	for _, agent := range []string{"10.0.0.1", "10.0.0.2"} {
		for port := range 3 {
			f.polled(now.Add(-time.Minute), agent, port, false, true, 1)
		}
	}
	f.give(s)
	s.shut()
	about := About{Ports: []Port{{netip.MustParseAddr("10.0.0.1"), "Ethernet1"}, {netip.MustParseAddr("10.0.0.9"), "Ethernet2"}}}
	if n, err := Erase(t.Context(), Config{Dir: dir, Log: discard}, about); err != nil || n != 6 {
		t.Errorf("%d series erased, want the 6 of one port: %v", n, err)
	}
	s = open(t, Config{Dir: dir, Log: discard})
	got := values(t, s, `count by (agent, interface) ({__name__=~"weir_interface_.+"})`, now)
	want := map[string]float64{}
	for _, l := range []string{`{agent="10.0.0.1", interface="Ethernet0"}`, `{agent="10.0.0.1", interface="Ethernet2"}`,
		`{agent="10.0.0.2", interface="Ethernet0"}`, `{agent="10.0.0.2", interface="Ethernet1"}`, `{agent="10.0.0.2", interface="Ethernet2"}`} {
		want[l] = 6
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// A directory that cannot be read is not one without series.
func TestEraseOfWhatCannotBeRead(t *testing.T) {
	none := filepath.Join(t.TempDir(), "none")
	if n, err := Erase(t.Context(), Config{Dir: none, Log: discard}, About{Instances: []string{"x"}}); n != 0 || err != nil {
		t.Errorf("of what is not there: %d, %v", n, err)
	}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Erase(t.Context(), Config{Dir: file, Log: discard}, About{Instances: []string{"x"}}); err == nil {
		t.Error("nothing was said of a directory that cannot be read")
	}
}

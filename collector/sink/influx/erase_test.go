package influx

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const (
	mine  = "11111111-aaaa-4bbb-8ccc-222222222222"
	other = "33333333-aaaa-4bbb-8ccc-444444444444"
)

// aboutMine is what the tests erase.
func aboutMine() *About {
	return &About{
		Project: "shop", Alerts: []string{"a-1"}, Instances: []string{mine},
		Addresses:  []netip.Addr{netip.MustParseAddr("10.9.9.9"), netip.MustParseAddr("2001:db8::9")},
		Interfaces: []string{"vnet77"}, Ports: []Port{{netip.MustParseAddr("10.0.0.1"), "tap7"}},
	}
}

// traces are in the lines that name something of the project, and in no others.
var traces = []string{
	mine, "11111111AAAA4BBB8CCC222222222222", "vm-mine", "src=10.9.9.9 ", `2001:db8::9"`, "agent=10.9.9.9,", "agent=10.0.0.1,if_index=7,if_name=tap7,",
	"vnet77", `"a-1"`, "of shop on", "10.9.9.9:443", "tap7, a port",
}

// Lines that name something of the project, and lines that do not.
var (
	erased = []string{
		"virt_cpu,agent=10.0.0.1,instance=" + mine + ",instance_name=vm-mine state=1i",
		`top,definition=instance:\ bytes,slot=1 key="instance=vm-mine uuid=11111111AAAA4BBB8CCC222222222222",share=4.5`,
		`top,definition=src\,dst:\ bytes,slot=2 key="src=10.9.9.9 dst=10.1.1.1",share=4.5`,
		`top,definition=src:\ bytes,slot=2 key="src=2001:db8::9",share=4.5`,
		"agent,agent=10.9.9.9,agent_name=vm-mine up=1i",
		"if_counters,agent=10.0.0.1,if_index=7,if_name=tap7,x=1 in_octets=5i",
		"if_counters,agent=10.0.0.2,if_index=7,if_name=vnet77 in_octets=5i",
		`alert_events,kind=instance_unreachable id="a-1",subject="x",text="y"`,
		`alert_events,kind=instance_unreachable id="a-2",subject="vm-mine of shop on cn1",text="y"`,
		`alert_events,kind=large_flow id="a-3",subject="10.9.9.9:443 > 10.1.1.1:80",text="said \"10.9.9.9\""`,
		`alert_events,kind=port id="a-4",subject="x",text="tap7, a port at 10.0.0.1, is down"`,
	}
	kept = []string{
		"virt_cpu,agent=10.0.0.1,instance=" + other + ",instance_name=vm-other state=1i",
		`top,definition=src\,dst:\ bytes,slot=2 key="src=10.9.9.99 dst=110.9.9.9",share=4.5`,
		`top,definition=src:\ bytes,slot=2 key="src=2001:db8::9:443",share=4.5`,
		"agent,agent=10.0.0.1,agent_name=workshop up=1i",
		"if_counters,agent=10.0.0.2,if_index=7,if_name=tap7 in_octets=5i",
		"if_counters,agent=10.0.0.1,if_index=7,if_name=tap77 in_octets=5i",
		`alert_events,kind=instance_unreachable id="a-11",subject="vm-1 of shop-2 on cn1",text="a \"workshop\" = 1, 2"`,
		`alert_events,kind=port id="a-4",subject="x",text="tap7 at 10.0.0.2 is down"`,
		`m,a\,b=c\ d\=e v="",w=1`,
	}
)

func TestEraseKnowsWhatALineNames(t *testing.T) {
	n := aboutMine().naming()
	for want, all := range map[bool][]string{true: erased, false: kept} {
		for _, line := range all {
			if got := n.in([]byte(line + " 1795332604000000000\n")); got != want {
				t.Errorf("%v, want %v: %s", got, want, line)
			}
		}
	}
}

// away returns the address of a server that is gone.
func away() string {
	s := httptest.NewServer(http.NotFoundHandler())
	defer s.Close()
	return s.URL
}

// writeSpool has a sink spool so many points while the server is away, and returns
// those that name nothing of the project.
func writeSpool(t testing.TB, dir string, points int) (rest []string) {
	t.Helper()
	s, _ := newTest(t, away(), dir, nil)
	for i := range points {
		line := kept[i/2%len(kept)]
		if i%2 == 0 {
			line = erased[i/2%len(erased)]
		}
		if i >= points/2 && i < points*3/4 { // blocks of which nothing stays
			line = erased[0]
		}
		line = fmt.Sprintf("%s %d", line, 1795332604000000000+i)
		s.WriteLines([]byte(line+"\n"), 1)
		if !aboutMine().naming().in([]byte(line)) {
			rest = append(rest, line)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := s.Close(ctx); err != nil {
		t.Fatal(err)
	}
	return rest
}

// taker is a server that takes everything, in order.
type taker struct {
	mu    sync.Mutex
	lines []string
}

func (s *taker) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body := io.Reader(r.Body)
	if r.Header.Get("Content-Encoding") == "gzip" {
		body, _ = gzip.NewReader(r.Body)
	}
	b, err := io.ReadAll(body)
	if err != nil {
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lines = append(s.lines, strings.Split(strings.TrimSuffix(string(b), "\n"), "\n")...)
	w.WriteHeader(http.StatusNoContent)
}

// tracesIn returns which traces the files in a folder still have.
func tracesIn(t *testing.T, dir string) (all []string) {
	t.Helper()
	if err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		for _, word := range traces {
			if bytes.Contains(b, []byte(word)) {
				all = append(all, filepath.Base(path)+" has "+word)
			}
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return all
}

// What is erased is in no file; the rest is sent in its order, and writing goes on.
func TestEraseLeavesNoTrace(t *testing.T) {
	const points = 40000 // some segments
	dir := t.TempDir()
	rest := writeSpool(t, dir, points)
	segments, _ := filepath.Glob(filepath.Join(dir, "*"+suffix))
	if len(segments) < 3 || len(tracesIn(t, dir)) < len(traces) {
		t.Fatalf("%d segments with %q", len(segments), tracesIn(t, dir))
	}
	// A segment that had a place nobody can read has a further name.
	aside := filepath.Join(dir, corruptDir, filepath.Base(segments[0]))
	if err := os.MkdirAll(filepath.Dir(aside), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Link(segments[0], aside); err != nil {
		t.Fatal(err)
	}
	half := filepath.Join(dir, "half"+suffix+newSuffix)
	if err := os.WriteFile(half, []byte(mine), 0o600); err != nil {
		t.Fatal(err)
	}
	cursor, err := os.ReadFile(filepath.Join(dir, "cursor"))
	if err != nil {
		t.Fatal(err)
	}
	gone, err := Erase(dir, aboutMine())
	if want := (Gone{Points: points - len(rest), Damaged: 1}); err != nil || gone != want {
		t.Errorf("%+v (%v), want %+v", gone, err, want)
	}
	if left := tracesIn(t, dir); len(left) > 0 {
		t.Errorf("%q", left)
	}
	for _, path := range []string{aside, half} {
		if _, err := os.Stat(path); !os.IsNotExist(err) {
			t.Errorf("%s is left: %v", path, err)
		}
	}
	if got, err := os.ReadFile(filepath.Join(dir, "cursor")); err != nil || !bytes.Equal(got, cursor) {
		t.Errorf("the cursor is %x (%v), was %x", got, err, cursor)
	}
	if gone, err := Erase(dir, aboutMine()); err != nil || gone != (Gone{}) {
		t.Errorf("once more: %+v, %v", gone, err)
	}
	if err := os.WriteFile(half, []byte(mine), 0o600); err != nil { // nobody erased once more
		t.Fatal(err)
	}
	var all taker
	server := httptest.NewServer(&all)
	defer server.Close()
	s, _ := newTest(t, server.URL, dir, nil)
	if _, err := os.Stat(half); !os.IsNotExist(err) {
		t.Errorf("%s is left: %v", half, err)
	}
	if st := s.Stats(); st.Spool.Points != int64(len(rest)) || st.Gap != 0 {
		t.Errorf("%d points wait and %d are missing, want %d and none", st.Spool.Points, st.Gap, len(rest))
	}
	for end := time.Now().Add(patience); s.Stats().Sent < uint64(len(rest)) && time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
	}
	rest = append(rest, "m v=1i 1")
	s.WriteLines([]byte("m v=1i 1\n"), 1)
	st := await(t, s)
	if st.Sent != uint64(len(rest)) || st.Dropped+st.Rejected != 0 || st.Spool.CorruptBytes != 0 {
		t.Errorf("%+v, want %d sent", st, len(rest))
	}
	all.mu.Lock()
	defer all.mu.Unlock()
	if diff := cmp.Diff(rest, all.lines); diff != "" {
		t.Errorf("(-want +got)\n%.2000s", diff)
	}
}

// What was sent already is erased too, and does not come again; what cannot be read
// goes, and what is behind it stays.
func TestEraseBehindTheCursorAndAroundDamage(t *testing.T) {
	dir := t.TempDir()
	s := openTest(t, dir, 64<<20)
	var last uint64
	for i := range 6 {
		b := []byte(fmt.Sprintf("%s %d\n%s %d\n", erased[i], i, kept[i], i))
		seq, err := s.append(b, 2, int64(i+1))
		if err != nil {
			t.Fatal(err)
		}
		last = seq
	}
	for range 2 {
		e, _ := s.peek()
		s.ack(e.seq)
	}
	s.peek() // moves the cursor
	path := s.segs[0].path
	if err := s.close(); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	b[bytes.Index(b, []byte(erased[3]))] ^= 1                                   // the fourth block
	b = append(b, appendBlock(nil, last+1, 9, 1, []byte(mine))[:headSize+9]...) // killed while it was written
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	gone, err := Erase(dir, aboutMine())
	if err != nil || gone.Points != 5 || gone.Damaged != 1 {
		t.Errorf("%+v, %v", gone, err)
	}
	if left := tracesIn(t, dir); len(left) > 0 {
		t.Errorf("%q", left)
	}
	s = openTest(t, dir, 64<<20)
	var got []entry
	for {
		e, ok := s.peek()
		if !ok {
			break
		}
		if want := fmt.Sprintf("%s %d\n", kept[e.at-1], e.at-1); string(e.block) != want {
			t.Errorf("block %d is %q, want %q", e.seq, e.block, want)
		}
		e.block = nil
		got = append(got, e)
		s.ack(e.seq)
	}
	want := []entry{{3, 1, 3, nil}, {5, 1, 5, nil}, {6, 1, 6, nil}}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(entry{})); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if st, _ := s.snapshot(); st != (spoolStats{}) {
		t.Errorf("%+v", st)
	}
}

// Of what was refused, the lines go, and the server's words that may repeat them.
func TestEraseFromTheDeadLetterFile(t *testing.T) {
	dir := t.TempDir()
	r := rejects{filepath.Join(dir, rejectName), 1 << 20}
	at := time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)
	put := func(said string, lines ...string) {
		t.Helper()
		if err := r.add([]reject{{[]byte(strings.Join(lines, "\n") + "\n"), len(lines), answer{status: 400, message: said}}}, at); err != nil {
			t.Fatal(err)
		}
	}
	put("unable to parse '"+erased[0]+"'", erased[0])
	put("unable to parse '"+kept[0]+"'", kept[0])
	if err := os.Rename(r.path, r.path+rejectOld); err != nil {
		t.Fatal(err)
	}
	put("of vm-mine", erased[0], kept[1], erased[1])
	put("field type conflict", kept[2])
	put("instance "+mine, kept[3])
	put("only this one", erased[2])
	gone, err := Erase(dir, aboutMine())
	if want := (Gone{Refused: 4}); err != nil || gone != want {
		t.Errorf("%+v (%v), want %+v", gone, err, want)
	}
	const head = "# 2026-11-23T10:00:00Z status 400: "
	for path, want := range map[string]string{
		r.path:             head + "erased\n" + kept[1] + "\n" + head + "field type conflict\n" + kept[2] + "\n" + head + "erased\n" + kept[3] + "\n",
		r.path + rejectOld: head + "unable to parse '" + kept[0] + "'\n" + kept[0] + "\n",
	} {
		if got, err := os.ReadFile(path); err != nil || string(got) != want {
			t.Errorf("%s: %v (-want +got)\n%s", path, err, cmp.Diff(want, string(got)))
		}
	}
}

// Where nothing waits, nothing is made; where nothing is named, nothing changes.
func TestEraseOfNothing(t *testing.T) {
	none := filepath.Join(t.TempDir(), "none")
	if gone, err := Erase(none, aboutMine()); err != nil || gone != (Gone{}) {
		t.Errorf("%+v, %v", gone, err)
	}
	if _, err := os.Stat(none); !os.IsNotExist(err) {
		t.Errorf("the folder was made: %v", err)
	}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Erase(file, aboutMine()); err == nil {
		t.Error("nothing was said of a folder that cannot be read")
	}
	dir := t.TempDir()
	writeSpool(t, dir, 100)
	before := filesOf(t, dir)
	if gone, err := Erase(dir, &About{}); err != nil || gone != (Gone{}) {
		t.Errorf("%+v, %v", gone, err)
	}
	if gone, err := Erase(dir, &About{Project: "none"}); err != nil || gone != (Gone{}) {
		t.Errorf("%+v, %v", gone, err)
	}
	if diff := cmp.Diff(before, filesOf(t, dir)); diff != "" {
		t.Errorf("(-want +got)\n%.2000s", diff)
	}
}

// filesOf returns what is in a folder, by name.
func filesOf(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		b, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		all[e.Name()] = string(b)
	}
	return all
}

// eraseUntilKilled is the process that is killed while it erases.
func eraseUntilKilled(dir string) {
	fmt.Println("begins")
	_, err := Erase(dir, aboutMine())
	fmt.Println("erased", err)
}

// Whoever is killed while erasing leaves each file as it was or without what is
// erased; the next one finishes it.
func TestEraseKilledAtAnyMoment(t *testing.T) {
	t.Parallel()
	from, clean := t.TempDir(), t.TempDir()
	writeSpool(t, from, 40000)
	copyTo := func(dir string) {
		if err := os.CopyFS(dir, os.DirFS(from)); err != nil {
			t.Fatal(err)
		}
	}
	copyTo(clean)
	start := time.Now()
	if _, err := Erase(clean, aboutMine()); err != nil {
		t.Fatal(err)
	}
	took := time.Since(start)
	before, after := filesOf(t, from), filesOf(t, clean)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	const rounds = 20
	finished := 0
	for i := range rounds {
		dir := filepath.Join(t.TempDir(), "influx")
		copyTo(dir)
		cmd := exec.Command(self)
		cmd.Env = append(os.Environ(), "WEIR_TEST_INFLUX_ERASE="+dir)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		if !lines.Scan() || lines.Text() != "begins" {
			t.Errorf("it said %q", lines.Text())
		}
		time.Sleep(took * time.Duration(i) / rounds)
		_ = cmd.Process.Kill()
		if lines.Scan() {
			finished++
		}
		_ = cmd.Wait()
		for name, got := range filesOf(t, dir) {
			if was, ok := before[name]; ok && got != was && got != after[name] {
				t.Errorf("%s is neither what it was nor without what is erased", name)
			} else if !ok && !strings.HasSuffix(name, newSuffix) {
				t.Errorf("%s was made", name)
			}
		}
		if _, err := Erase(dir, aboutMine()); err != nil {
			t.Error(err)
		}
		if diff := cmp.Diff(after, filesOf(t, dir)); diff != "" {
			t.Errorf("(-want +got)\n%.2000s", diff)
		}
	}
	t.Logf("%d of %d were killed before they had finished, of %v", rounds-finished, rounds, took)
}

package store

import (
	"database/sql"
	"path/filepath"
	"strings"
	"testing"
)

// Whatever is changed afterwards shows, at the first place.
func TestVerifyFindsTheFirstBreak(t *testing.T) {
	heads := map[int]Head{}
	write10 := func(t *testing.T) (dir string) {
		dir = t.TempDir()
		l := alertLog(t, dir, keepAll)
		for i := range 10 {
			write(t, l, i, i+1, day)
			heads[i+1] = l.Stats().Head
		}
		return dir
	}
	for _, c := range []struct {
		name  string
		sql   string
		heads []int
		n     uint64 // of the break; 0 for none
		want  string
	}{
		{"nothing changed", "SELECT 1", []int{3, 10}, 0, ""},
		{"a line", "UPDATE alert_log SET line = 'nothing' WHERE n = 4", nil, 4, "is not what was written"},
		{"a time", "UPDATE alert_log SET at = at + 1 WHERE n = 4", nil, 4, "is not what was written"},
		{"a severity", "UPDATE alert_log SET severity = 'info' WHERE n IN (2, 6)", nil, 2, "is not what was written"},
		{"text moved to its neighbour", "UPDATE alert_log SET state = 'confirme', severity = 'dinfo' WHERE n = 3", nil, 3, "is not what was written"},
		{"how many were lost", "UPDATE alert_log SET lost = 1 WHERE n = 10", nil, 10, "is not what was written"},
		{"evidence", "UPDATE alert_log SET evidence = '{}' WHERE n = 5", nil, 5, "its evidence is not"},
		{"evidence with its digest", "UPDATE alert_log SET evidence = '', digest = x'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855' WHERE n = 5", nil, 5, "is not what was written"},
		{"evidence removed", "UPDATE alert_log SET evidence = NULL WHERE n = 5", nil, 5, "its evidence was removed, and not for its age"},
		{"a change removed", "DELETE FROM alert_log WHERE n = 5", nil, 5, "is missing"},
		{"changes removed", "DELETE FROM alert_log WHERE n IN (5, 6, 7)", nil, 5, "is missing, and all up to 7"},
		{"the first removed", "DELETE FROM alert_log WHERE n < 3", nil, 1, "is missing, and all up to 2"},
		{"removed and closed up", "DELETE FROM alert_log WHERE n = 5; UPDATE alert_log SET n = n - 1 WHERE n > 5", nil, 5, "is not what was written"},
		{"put before the beginning", "UPDATE alert_log SET n = 0 WHERE n = 1", nil, 0, "stands before"},
		{"hash", "UPDATE alert_log SET hash = zeroblob(32) WHERE n = 7", nil, 7, "is not what was written"},
		{"the end cut off, no head known", "DELETE FROM alert_log WHERE n > 6", nil, 0, ""},
		{"the end cut off", "DELETE FROM alert_log WHERE n > 6", []int{3, 8}, 8, "history ends with 6: its end was cut off"},
		{"all removed", "DELETE FROM alert_log", []int{1}, 1, "history ends with 0"},
		{"the beginning removed, and not by retention", "UPDATE alert_log_state SET n = 4, hash = (SELECT hash FROM alert_log WHERE n = 4); DELETE FROM alert_log WHERE n <= 4", []int{2, 4, 10}, 4, "no checkpoint of retention says so"},
		{"the beginning removed before there were checkpoints", "UPDATE alert_log_state SET legacy = 1, n = 4, hash = (SELECT hash FROM alert_log WHERE n = 4); DELETE FROM alert_log WHERE n <= 4", []int{2, 4, 10}, 0, ""},
		{"a false checkpoint", "UPDATE alert_log_state SET n = 4; DELETE FROM alert_log WHERE n <= 4", nil, 5, "is not what was written"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := write10(t)
			tamper(t, dir, c.sql)
			var known []Head
			for _, n := range c.heads {
				known = append(known, heads[n])
			}
			p := verify(t, dir, known...)
			switch {
			case c.want == "" && p.Break != nil:
				t.Errorf("break at %v", p.Break)
			case c.want == "" && p.Heads+p.TooOld != len(known):
				t.Errorf("%d heads found, %d too old, of %d", p.Heads, p.TooOld, len(known))
			case c.want != "" && (p.Break == nil || p.Break.N != c.n || !strings.Contains(p.Break.Problem, c.want)):
				t.Errorf("break %+v, want %d %s", p.Break, c.n, c.want)
			}
		})
	}
}

// Who can write the file can make a chain that holds; only a head from
// elsewhere shows it.
func TestVerifyKnowsAHistoryWrittenAnew(t *testing.T) {
	dir, other := t.TempDir(), t.TempDir()
	l := alertLog(t, dir, keepAll)
	write(t, l, 0, 4, day)
	anew := alertLog(t, other, keepAll)
	write(t, anew, 0, 1, day)
	write(t, anew, 2, 6, day)
	if p := verify(t, other); p.Break != nil {
		t.Errorf("a chain that holds breaks at %v", p.Break)
	}
	p := verify(t, other, l.Stats().Head)
	if p.Break == nil || p.Break.N != 4 || !strings.Contains(p.Break.Error(), "change 4, of 2026-01-02T00:00:04Z: has another hash than is known from elsewhere") {
		t.Errorf("break %v", p.Break)
	}
}

func tamper(t *testing.T, dir, text string) {
	t.Helper()
	db, err := sql.Open("sqlite", filepath.Join(dir, stateFile))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec(text); err != nil {
		t.Fatal(err)
	}
}

func TestParseHead(t *testing.T) {
	want := Head{N: 17, Hash: Hash{1, 2, 255}}
	got, err := ParseHead(want.String())
	if err != nil || got != want {
		t.Errorf("%v: %v, want %v", err, got, want)
	}
	for _, bad := range []string{"", "17", "17:", "17:00", ":" + strings.Repeat("0", 64), "-1:" + strings.Repeat("0", 64), "1:" + strings.Repeat("g", 64)} {
		if _, err := ParseHead(bad); err == nil {
			t.Errorf("%q is read", bad)
		}
	}
}

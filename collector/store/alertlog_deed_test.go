package store

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"weir/collector/care"
)

// What people do is written at once, is part of the chain, and is known again
// after a restart, as long as its row and longer than evidence.
func TestDeedsAreKeptInTheChain(t *testing.T) {
	dir := t.TempDir()
	l := alertLog(t, dir, AlertLogConfig{MaxBytes: 1 << 30, MaxAge: 1000 * time.Hour, EvidenceAge: time.Hour})
	write(t, l, 0, 3, time.Now())
	all := ask(t, dir, AlertQuery{}).Alerts
	id := all[0].ID
	about, found, err := FindAlert(t.Context(), dir, id, all[0].At)
	if err != nil || !found || about.ID != id {
		t.Fatalf("%+v, %v, %v", about, found, err)
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { l.Run(ctx); close(done) }()
	now := time.Now()
	deeds := []care.Deed{
		{Do: care.Ack, At: now, By: "Ada", Note: "looking"},
		{Do: care.Mute, At: now, By: "Ada", Until: now.Add(time.Hour)},
		{Do: care.Mark, At: now, By: "Joe", Verdict: care.Noise},
	}
	for _, d := range deeds {
		if err := l.Deed(t.Context(), about, d); err != nil {
			t.Fatal(err)
		}
	}
	stop()
	<-done

	p := verify(t, dir)
	if p.Break != nil || p.Deeds != 3 || p.Changes != 6 {
		t.Errorf("%+v, %v", p, p.Break)
	}
	l.flush(now.Add(10 * time.Hour)) // evidence goes
	if p := verify(t, dir); p.Break != nil || p.WithoutEvidence != 3 {
		t.Errorf("%+v, %v", p, p.Break)
	}
	b, err := ReadCare(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	got := b.Of(id, now)
	if got == nil || got.Ack == nil || got.Ack.By != "Ada" || got.Ack.Note != "looking" || got.Mute == nil || got.Mark.Verdict != care.Noise {
		t.Errorf("%+v", got)
	}
	if !b.Muted(care.Key(id), now) || b.Muted(care.Key(id), now.Add(2*time.Hour)) {
		t.Error("the mute does not end when it should")
	}
	a := ask(t, dir, AlertQuery{From: day, To: now.Add(time.Hour), Changes: []string{care.Ack, care.Mark}})
	if len(a.Alerts) != 2 || a.Alerts[0].Change != care.Ack || !strings.HasPrefix(a.Alerts[0].Line, "acknowledged by Ada: looking — ") {
		t.Errorf("%+v", a.Alerts)
	}
	for _, c := range ask(t, dir, AlertQuery{From: day, To: now.Add(time.Hour), Changes: []string{"start", "update", "end"}}).Alerts {
		if (c.ID == id) != (c.Care != nil) {
			t.Errorf("change %d of %s: care %+v", c.N, c.ID, c.Care)
		}
	}

	for name, sql := range map[string]string{
		"who": `UPDATE alert_log SET line = replace(line, 'Ada', 'Eve') WHERE change = 'ack'`,
		"how": `UPDATE alert_log SET evidence = replace(evidence, 'noise', 'useful') WHERE change = 'mark'`,
		"all": `UPDATE alert_log SET evidence = NULL WHERE change = 'mark'`,
	} {
		t.Run("changed "+name, func(t *testing.T) {
			other := t.TempDir()
			body, err := os.ReadFile(filepath.Join(dir, stateFile))
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(other, stateFile), body, 0o600); err != nil {
				t.Fatal(err)
			}
			if w, err := os.ReadFile(filepath.Join(dir, stateFile+"-wal")); err == nil {
				_ = os.WriteFile(filepath.Join(other, stateFile+"-wal"), w, 0o600)
			}
			tamper(t, other, sql)
			if p := verify(t, other); p.Break == nil {
				t.Error("nobody notices")
			}
		})
	}
}

// What people do does not wait for the second.
func TestDeedsAreWrittenAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := alertLog(t, t.TempDir(), keepAll)
		ctx, stop := context.WithCancel(context.Background())
		done := make(chan struct{})
		go func() { l.Run(ctx); close(done) }()
		began := time.Now()
		for range 3 {
			if err := l.Deed(t.Context(), AlertChange{ID: "a-1"}, care.Deed{Do: care.Ack, At: began, By: "Ada"}); err != nil {
				t.Fatal(err)
			}
		}
		if d := time.Since(began); d > 0 {
			t.Errorf("three took %v", d)
		}
		stop()
		<-done
	})
}

// A deed is in force while the disk takes nothing, and says so.
func TestDeedSaysThatItWaits(t *testing.T) {
	l := alertLog(t, t.TempDir(), keepAll)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if err := l.Deed(ctx, AlertChange{ID: "a-1"}, care.Deed{Do: care.Ack, By: "Ada"}); !errors.Is(err, ErrWaits) {
		t.Errorf("%v", err)
	}
	l.limit = 1
	if err := l.Deed(ctx, AlertChange{ID: "a-1"}, care.Deed{Do: care.Ack, By: "Ada"}); err == nil || errors.Is(err, ErrWaits) {
		t.Errorf("%v", err)
	}
}

// Retention leaves a row for what it removes; what is removed otherwise breaks
// the chain of these rows, also where the collector goes on afterwards.
func TestCheckpointsShowWhatRetentionDidNot(t *testing.T) {
	cfg := AlertLogConfig{MaxBytes: 1 << 30, MaxAge: 10 * time.Hour, EvidenceAge: 10 * time.Hour}
	hours := func(t *testing.T, l *AlertLog, from, to int) {
		for i := from; i < to; i++ {
			write(t, l, i, i+1, day.Add(time.Duration(i)*time.Hour))
		}
	}
	const cut = `UPDATE alert_log_state SET n = %[1]d, hash = (SELECT hash FROM alert_log WHERE n = %[1]d); DELETE FROM alert_log WHERE n <= %[1]d`
	for _, c := range []struct {
		name, sql, want string
		goOn            bool
	}{
		{"nothing", "SELECT 1", "", false},
		{"nothing, and on", "SELECT 1", "", true},
		{"the beginning with checkpoints cut off", fmt.Sprintf(cut, 40), "the beginning was cut off", false},
		{"the beginning cut off, and on", fmt.Sprintf(cut, 40), "no checkpoint of retention says so", true},
		{"all removed, and on", "DELETE FROM alert_log", "", true}, // the end of it shows by heads alone
		{"a checkpoint gone", "DELETE FROM alert_log WHERE change = 'checkpoint' AND n = (SELECT max(n) FROM alert_log WHERE change = 'checkpoint')", "no checkpoint of retention says so", false},
		{"a checkpoint changed", "UPDATE alert_log SET subject = replace(subject, 'age', 'room') WHERE change = 'checkpoint'", "is not what was written", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			l := alertLog(t, dir, cfg)
			hours(t, l, 0, 30)
			head := l.Stats().Head
			if err := l.Close(); err != nil {
				t.Fatal(err)
			}
			tamper(t, dir, c.sql)
			if c.goOn {
				hours(t, alertLog(t, dir, cfg), 30, 45)
			}
			p := verify(t, dir)
			switch {
			case c.want == "" && p.Break != nil && c.sql != "DELETE FROM alert_log":
				t.Errorf("break at %v", p.Break)
			case c.want != "" && (p.Break == nil || !strings.Contains(p.Break.Problem, c.want)):
				t.Errorf("break %v, want %s", p.Break, c.want)
			case c.sql == "SELECT 1" && p.Checkpoints == 0:
				t.Error("retention left no checkpoint")
			}
			if c.sql == "DELETE FROM alert_log" {
				if p := verify(t, dir, head); p.Break == nil {
					t.Error("a known head does not show it")
				}
			}
		})
	}
}

// A file whose rows were removed before there were checkpoints gets one.
func TestCheckpointsBeginWithTheMigration(t *testing.T) {
	dir := t.TempDir()
	l := alertLog(t, dir, keepAll)
	write(t, l, 0, 10, day)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	tamper(t, dir, "UPDATE alert_log_state SET n = 4, hash = (SELECT hash FROM alert_log WHERE n = 4), legacy = 1; DELETE FROM alert_log WHERE n <= 4")
	if p := verify(t, dir); p.Break != nil {
		t.Errorf("before the first write: %v", p.Break)
	}
	l = alertLog(t, dir, keepAll)
	write(t, l, 10, 11, day)
	p := verify(t, dir)
	if p.Break != nil || p.Checkpoints != 1 {
		t.Errorf("%+v, %v", p, p.Break)
	}
	if diff := cmp.Diff([]uint64{5, 6, 7, 8, 9, 10, 11}, places(ask(t, dir, AlertQuery{}))); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

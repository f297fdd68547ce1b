package store

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"testing"
	"time"
)

// writeForever is the process that is killed: it writes changes, with removal
// at the limit and of old evidence in between, and prints each head that the
// file has.
func writeForever(t *testing.T, dir string) {
	l := alertLog(t, dir, AlertLogConfig{MaxBytes: 200 << 10, MaxAge: time.Hour, EvidenceAge: 3 * time.Minute})
	for i := 0; ; i++ {
		write(t, l, i, i+1+i%7, time.Now().Add(time.Duration(i)*time.Second))
		fmt.Println(l.Stats().Head)
	}
}

// Whatever the moment, the file holds all that was told to be in it, and the
// chain is whole. WEIR_KILLS is how many times, for more than a test needs.
func TestKilledProcessLeavesAWholeAlertHistory(t *testing.T) {
	if dir := os.Getenv("WEIR_ALERTLOG_TEST_DIR"); dir != "" {
		writeForever(t, dir)
	}
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	kills := 40
	if n, err := strconv.Atoi(os.Getenv("WEIR_KILLS")); err == nil {
		kills = n
	}
	dir, random := t.TempDir(), rand.New(rand.NewPCG(1, 2))
	changes, removed := uint64(0), false
	for range kills {
		cmd := exec.Command(exe, "-test.run=^TestKilledProcessLeavesAWholeAlertHistory$")
		cmd.Env = append(os.Environ(), "WEIR_ALERTLOG_TEST_DIR="+dir)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		var heads []Head
		var deadline *time.Timer
		for s := bufio.NewScanner(out); s.Scan(); {
			h, err := ParseHead(s.Text())
			if err != nil {
				continue // cut by the kill
			}
			if heads = append(heads, h); len(heads) == 2 {
				deadline = time.AfterFunc(time.Duration(random.IntN(int(80*time.Millisecond))), func() { _ = cmd.Process.Kill() })
			}
		}
		_ = cmd.Wait()
		if deadline == nil {
			t.Fatal("the process wrote nothing")
		}
		p := verify(t, dir, heads...)
		if p.Break != nil || p.Heads+p.TooOld != len(heads) || p.Head.N < heads[len(heads)-1].N || p.Head.N <= changes {
			t.Fatalf("after a kill: %+v, break %v; %d heads told, the last %v", p, p.Break, len(heads), heads[len(heads)-1])
		}
		changes, removed = p.Head.N, removed || p.From.N > 0
	}
	t.Logf("%d kills, %d changes, some removed %v", kills, changes, removed)
}

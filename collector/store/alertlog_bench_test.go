package store

import (
	"testing"
	"time"
)

// What detection pays for a change that is kept.
func BenchmarkAlertLogPut(b *testing.B) {
	l := alertLog(b, b.TempDir(), keepAll)
	a := change(0)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if i%1000 == 0 {
			l.pending = l.pending[:0]
		}
		l.Put(a)
	}
}

// What a second with a thousand changes costs the goroutine that writes.
func BenchmarkAlertLogWrite(b *testing.B) {
	l := alertLog(b, b.TempDir(), AlertLogConfig{MaxBytes: 64 << 20, MaxAge: 1000 * time.Hour, EvidenceAge: time.Hour})
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		write(b, l, i*1000, i*1000+1000, day.Add(time.Duration(i)*time.Second))
	}
}

// A history of 100,000 changes: one subject in all of it, and the whole chain.
func BenchmarkAlertLogRead(b *testing.B) {
	dir := b.TempDir()
	l := alertLog(b, dir, keepAll)
	const n = 100_000
	for i := 0; i < n; i += 1000 {
		write(b, l, i, i+1000, day)
	}
	b.Run("query", func(b *testing.B) {
		for b.Loop() {
			a := ask(b, dir, AlertQuery{From: day, To: day.Add(n * time.Second), Subject: "leaf-77777", Limit: 1000})
			if len(a.Alerts) != 1 {
				b.Fatalf("%d found", len(a.Alerts))
			}
		}
	})
	b.Run("verify", func(b *testing.B) {
		for b.Loop() {
			if p := verify(b, dir); p.Break != nil || p.Changes != n {
				b.Fatalf("%+v", p)
			}
		}
	})
}

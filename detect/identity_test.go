package detect

import (
	"testing"
	"time"
)

func TestIdentifyKeepsTheOnset(t *testing.T) {
	for _, onset := range []time.Time{time.Unix(1772366392, 0), time.Unix(0, 0), time.Unix(-5, 0)} {
		a := sampleAlert()
		a.Identify(onset)
		if got := a.Onset(); !got.Equal(onset) || a.Key != alertKey(a.Kind, a.Subject) {
			t.Errorf("onset %v of %s, want %v", got, a.ID, onset)
		}
	}
	for _, id := range []string{"", "x", "bba801ee46e4e063-", "bba801ee46e4e063-12x"} {
		if got := (&Alert{ID: id}).Onset(); !got.IsZero() {
			t.Errorf("%q has the onset %v", id, got)
		}
	}
}

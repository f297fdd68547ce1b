package collector

import (
	"testing"
	"time"

	"weir/detect"
	"weir/detect/site"
)

// TestBoardKeepsWhatWasAffected: what an alert took along comes back before it ends,
// and who reads of it afterwards is told nevertheless.
func TestBoardKeepsWhatWasAffected(t *testing.T) {
	var b board
	at := time.Unix(1795332604, 0)
	for _, step := range []struct {
		change         detect.Change
		affected, want int
	}{{detect.Start, 2, 2}, {detect.Update, 6, 6}, {detect.Update, 0, 0}, {detect.End, 0, 6}} {
		at = at.Add(time.Second)
		v := b.add(&detect.Alert{ID: "a", At: at, Kind: site.BridgeDown, Change: step.change, Subject: &site.Subject{Name: "br0"}, Evidence: &site.Evidence{Affected: step.affected}})
		if v.Affected != step.want {
			t.Errorf("%s: %d affected, want %d", step.change, v.Affected, step.want)
		}
	}
	if all := b.list(); len(all) != 1 || all[0].Affected != 6 || all[0].Ended == nil {
		t.Errorf("%+v, want one that ended with 6 affected", all)
	}
}

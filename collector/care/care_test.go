package care

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"
)

func TestBookKnowsThePresent(t *testing.T) {
	now := time.Unix(1e9, 0)
	b := NewBook()
	b.Add("k-1", Deed{Do: Ack, By: "Ada"})
	b.Add("k-1", Deed{Do: Mark, By: "Joe", Verdict: Noise})
	b.Add("k-1", Deed{Do: Mute, Until: now.Add(time.Hour)})
	b.Add("inc-1", Deed{Do: Hold, By: "Ada"})
	if c := b.Of("k-1", now); c == nil || c.Short() != "ack Ada, muted until 09-09 02:46 UTC, noise" {
		t.Errorf("%+v", c)
	}
	// The same trouble at another time is muted, and not acknowledged.
	if c := b.Of("k-2", now); c == nil || c.Ack != nil || c.Mark != nil || c.Mute == nil || !b.Muted("k", now) {
		t.Errorf("%+v", c)
	}
	if b.Of("k-2", now.Add(2*time.Hour)) != nil || b.Muted("k", now.Add(2*time.Hour)) || len(b.Mutes(now)) != 1 {
		t.Error("a mute has no end")
	}
	if _, ok := b.Held("inc-1"); !ok {
		t.Error("it is not held")
	}
	for _, d := range []string{Unack, Unmute} {
		b.Add("k-1", Deed{Do: d})
	}
	b.Add("inc-1", Deed{Do: Release})
	if c := b.Of("k-1", now); c == nil || c.Ack != nil || c.Mute != nil || c.Mark == nil {
		t.Errorf("%+v", c)
	}
	if _, ok := b.Held("inc-1"); ok || b.Of("x-1", now) != nil || len(b.Mutes(now)) != 0 {
		t.Error("something is left")
	}
	var none *Book
	if none.Of("k-1", now) != nil || none.Muted("k", now) {
		t.Error("nil knows something")
	}
}

// However many there are, the newest are known and no more.
func TestBookIsBounded(t *testing.T) {
	b := NewBook()
	b.Add("first-0", Deed{Do: Ack, By: "Ada"})
	for i := range 3 * MaxKept {
		b.Add(fmt.Sprintf("a-%d", i), Deed{Do: Ack, By: "Ada"})
		if i%1000 == 0 {
			b.Add("first-0", Deed{Do: Mark, Verdict: Useful}) // it is cared for again and again
		}
	}
	if len(b.acks) > MaxKept || len(b.last) > MaxKept || len(b.order) > MaxKept {
		t.Errorf("%d acks, %d names, %d deeds", len(b.acks), len(b.last), len(b.order))
	}
	if b.Of("first-0", time.Now()) == nil || b.Of(fmt.Sprintf("a-%d", 3*MaxKept-1), time.Now()) == nil || b.Of("a-0", time.Now()) != nil {
		t.Error("the newest are forgotten, or the oldest known")
	}
}

func TestBookReadsWhatHistoryHas(t *testing.T) {
	d := Deed{Do: Ack, At: time.Unix(1e9, 0).UTC(), By: "Ada", Note: "on it"}
	body, err := json.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	b := NewBook()
	b.Read("k-1", body)
	b.Read("k-1", []byte("rubbish"))
	if c := b.Of("k-1", time.Now()); c == nil || *c.Ack != d {
		t.Errorf("%+v", c)
	}
}

package collector

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"weir/collector/sink/message"
	"weir/collector/sink/sinktest"
	"weir/collector/store"
	"weir/detect"
)

// The head of the history reaches a sink that keeps a log, whole, and proves it.
func TestHeadsLeaveByASink(t *testing.T) {
	t.Parallel()
	log, chat := newPages(t), newPages(t)
	cfg := withSinks(t, testConfig(t), fmt.Sprintf(`{type: webhook, name: log, url: %q}, {type: webhook, name: chat, role: chat, url: %q}`, log.url, chat.url))
	r := start(t, cfg)
	r.app.emit(raised(detect.Start, ""))
	var head store.Head
	r.eventually("a written change", func() bool {
		head = r.app.alertHistory.kept.Stats().Head
		return head.N > 0
	})
	r.stop()

	r = start(t, cfg) // the head is told at the start
	sinktest.Await(t, "the head", func() bool {
		log.mu.Lock()
		defer log.mu.Unlock()
		for _, g := range log.got {
			if g.Alert.Kind == "alert_history" && strings.HasSuffix(g.Title, head.String()) {
				return true
			}
		}
		return false
	})
	for _, s := range chat.all() {
		if strings.Contains(s, "alert_history") {
			t.Errorf("a chat is told %s", s)
		}
	}
	proof, err := store.VerifyAlerts(t.Context(), cfg.StateDir, []store.Head{head})
	if err != nil || proof.Break != nil || proof.Heads != 1 {
		t.Errorf("%+v, %v", proof, err)
	}

	long := store.Head{N: 1 << 40}
	w := message.Writer{Site: strings.Repeat("s", 40)}
	if m := w.Of(headAlert(long, strings.Repeat("host", 20), w.Site, time.Now())); !strings.Contains(m.Short, long.String()) {
		t.Errorf("the hash is cut: %s", m.Short)
	}
}

package collector

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"weir/collector/care"
	"weir/collector/sink/sinktest"
	"weir/collector/store"
	"weir/collector/web"
	"weir/detect"
)

// care does something about an alert over the control socket.
func (r *running) care(id, do string, ask DeedAsk) (done Done, err error) {
	r.t.Helper()
	return done, web.Call(r.t.Context(), r.cfg.StateDir, http.MethodPost, "api/v1/alerts/"+url.PathEscape(id)+"/"+do, ask, &done)
}

// A muted alert and its return are kept and not sent, until the mute is over.
func TestMutedAlertsWaitForTheEndOfTheMute(t *testing.T) {
	t.Parallel()
	p := newPages(t)
	cfg := withSinks(t, testConfig(t), fmt.Sprintf(`{type: webhook, name: duty, role: pager, detail: full, url: %q}`, p.url))
	r := start(t, cfg)
	first := raised(detect.Start, "")
	r.app.emit(first)
	told := func(want ...string) {
		t.Helper()
		sinktest.Await(t, strings.Join(want, ", "), func() bool { return slices.Equal(p.all(), want) })
	}
	told("start bridge_down critical")
	done, err := r.care(first.ID[:9], care.Mute, DeedAsk{For: "1h", Note: "cable is being moved"})
	if err != nil || done.ID != first.ID || done.Care == nil || done.Care.Mute == nil || done.Wait != "" {
		t.Fatalf("%+v, %v", done, err)
	}
	r.app.emit(raised(detect.End, ""))
	told("start bridge_down critical", "end bridge_down critical")
	again := raised(detect.Start, "")
	again.Identify(time.Unix(1772366460, 0))
	r.app.emit(again)
	if again.Key != first.Key || again.ID == first.ID {
		t.Fatalf("%s and %s", first.ID, again.ID)
	}
	time.Sleep(500 * time.Millisecond)
	told("start bridge_down critical", "end bridge_down critical")
	var mutes []MuteView
	if err := web.Ask(t.Context(), cfg.StateDir, "api/v1/mutes", &mutes); err != nil || len(mutes) != 1 || mutes[0].Key != first.Key || mutes[0].Note != "cable is being moved" {
		t.Errorf("%+v, %v", mutes, err)
	}
	r.eventually("the return is kept", func() bool {
		a, err := store.QueryAlerts(t.Context(), cfg.StateDir, store.AlertQuery{From: time.Now().Add(-time.Hour), To: time.Now().Add(time.Hour)})
		return err == nil && slices.ContainsFunc(a.Alerts, func(c store.AlertChange) bool { return c.ID == again.ID })
	})
	told("start bridge_down critical", "end bridge_down critical")
	began := time.Now()
	if _, err := r.care(again.ID, care.Mute, DeedAsk{For: "1s"}); err != nil {
		t.Fatal(err)
	}
	told("start bridge_down critical", "end bridge_down critical", "start bridge_down critical")
	if d := time.Since(began); d < time.Second {
		t.Errorf("sent after %v", d)
	}
}

// What people did is shown wherever the alert is, and known after a restart.
func TestCareIsShownAndOutlivesARestart(t *testing.T) {
	t.Parallel()
	cfg := testConfig(t)
	r := start(t, cfg)
	a := raised(detect.Start, "")
	r.app.emit(a)
	for _, d := range []struct {
		do  string
		ask DeedAsk
	}{{care.Ack, DeedAsk{Note: "on it"}}, {care.Mark, DeedAsk{Verdict: care.Noise}}, {care.Mute, DeedAsk{For: "1h"}}, {care.Unmute, DeedAsk{}}} {
		if _, err := r.care(a.ID, d.do, d.ask); err != nil {
			t.Fatal(err)
		}
	}
	for _, bad := range []struct {
		id, do string
		ask    DeedAsk
		want   string
	}{
		{"none-1", care.Ack, DeedAsk{}, `alert "none-1": is none`},
		{"zz", care.Ack, DeedAsk{}, `alert "zz": is none`},
		{a.ID, care.Mark, DeedAsk{Verdict: "good"}, `verdict "good": write useful or noise`},
		{a.ID, care.Mute, DeedAsk{}, "until: a mute needs an end"},
		{a.ID, care.Mute, DeedAsk{For: "8760h"}, "until: is more than 31 days away"},
		{a.ID, care.Mute, DeedAsk{For: "soon"}, `for "soon": write a length of time`},
		{a.ID, care.Ack, DeedAsk{Note: strings.Repeat("x", 600)}, "note: is longer than 500 letters"},
		{a.ID, care.Ack, DeedAsk{Note: "a\nb"}, "note: has control characters"},
	} {
		if _, err := r.care(bad.id, bad.do, bad.ask); err == nil || !strings.HasPrefix(err.Error(), bad.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s %s %+v: %v, want %s", bad.do, bad.id, bad.ask, err, bad.want)
		}
	}
	r.stop()

	r = start(t, cfg)
	r.app.emit(raised(detect.Update, ""))
	var all []*web.AlertView
	if err := web.Ask(t.Context(), cfg.StateDir, "api/v1/alerts", &all); err != nil || len(all) != 1 {
		t.Fatalf("%v, %v", all, err)
	}
	if c := all[0].Care; c == nil || c.Ack == nil || c.Ack.Note != "on it" || c.Ack.By == "" || c.Ack.By == "unknown" || c.Mark == nil || c.Mark.Verdict != care.Noise || c.Mute != nil {
		t.Errorf("%+v", c)
	}
	proof, err := store.VerifyAlerts(t.Context(), cfg.StateDir, nil)
	if err != nil || proof.Break != nil || proof.Deeds != 4 {
		t.Errorf("%+v, %v", proof, err)
	}
}

// A condition that returns has the same beginning each time: the alert that is open is
// meant, and where none is, all that begin so have to be told apart.
func TestAlertByTheBeginningOfItsIdentity(t *testing.T) {
	t.Parallel()
	r := start(t, testConfig(t))
	var ids []string
	again := func(change detect.Change, onset time.Time) {
		a := raised(change, "")
		a.Identify(onset)
		r.app.emit(a)
		if change == detect.Start {
			ids = append(ids, a.ID)
		}
	}
	day := time.Unix(1772366400, 0)
	care := func(want string) {
		t.Helper()
		done, err := r.care(ids[0][:8], care.Ack, DeedAsk{})
		got := fmt.Sprint(err)
		if err == nil {
			got = done.ID
		}
		if got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
	again(detect.Start, day)
	care(ids[0])
	again(detect.End, day)
	care(ids[0])
	again(detect.Start, day.Add(time.Minute))
	care(ids[1])
	again(detect.End, day.Add(time.Minute))
	care(fmt.Sprintf("alert %q: 2 begin so, the newest is %s; write all of it", ids[0][:8], ids[1]))
}

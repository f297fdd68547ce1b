package process

import (
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
)

// Watchdog tells systemd now and then that the program lives. The zero value
// tells nothing; use NewWatchdog.
type Watchdog struct {
	every time.Duration // 0: systemd does not ask
	next  time.Time
}

// NewWatchdog returns a Watchdog that tells three times as often as systemd asks.
func NewWatchdog() *Watchdog {
	d, err := daemon.SdWatchdogEnabled(false)
	if err != nil {
		d = 0
	}
	return &Watchdog{every: d / 3}
}

// Beat is called by what must live, more often than systemd asks.
func (w *Watchdog) Beat(now time.Time) {
	if w.every == 0 || now.Before(w.next) {
		return
	}
	w.next = now.Add(w.every)
	tell(daemon.SdNotifyWatchdog)
}

// Ready tells systemd that the program works.
func Ready() { tell(daemon.SdNotifyReady) }

// Stopping tells systemd that the program ends.
func Stopping() { tell(daemon.SdNotifyStopping) }

// tell does nothing where there is no systemd; a systemd that does not listen
// will say so itself.
func tell(state string) { _, _ = daemon.SdNotify(false, state) }

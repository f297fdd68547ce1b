package main

import (
	"context"
	"strings"

	"github.com/coreos/go-systemd/v22/daemon"

	"weir/collector"
)

// notifySystemd has systemd told when the collector is ready, that it lives
// and when it ends, where systemd asks for it (Type=notify, WatchdogSec=).
func notifySystemd(ctx context.Context, io *collector.IO) {
	io.Ready = func(at collector.Addresses) {
		status := "receiving sFlow on " + strings.Join(at.SFlow, ", ")
		tell(daemon.SdNotifyReady + "\nSTATUS=" + status)
	}
	if every, err := daemon.SdWatchdogEnabled(false); err == nil && every > 0 {
		io.Alive = func() { tell(daemon.SdNotifyWatchdog) } // every second; the unit asks for far less
	}
	context.AfterFunc(ctx, func() { tell(daemon.SdNotifyStopping + "\nSTATUS=working on what has arrived") })
}

// tell does nothing where there is no systemd; a systemd that does not hear it
// says so itself.
func tell(state string) { _, _ = daemon.SdNotify(false, state) }

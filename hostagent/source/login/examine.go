package login

import (
	"context"
	"errors"
	"os"

	"github.com/godbus/dbus/v5"

	"weir/hostagent/source"
)

// Examine implements source.Examiner.
func (s *Source) Examine(ctx context.Context) []source.Finding {
	sessions := source.Finding{What: "logins", OK: true, Text: "logind is asked"}
	var owner bool
	c, err := dbus.ConnectSystemBus(dbus.WithContext(ctx))
	if err == nil {
		defer c.Close()
		err = c.BusObject().CallWithContext(ctx, "org.freedesktop.DBus.NameHasOwner", 0, logindName).Store(&owner)
	}
	if err != nil || !owner {
		sessions.Text = s.cfg.WTMP + " is followed"
		if why := readable(s.cfg.WTMP); why != "" {
			sessions.OK, sessions.None, sessions.Text = false, absent(s.cfg.WTMP), "no logind, and "+why
		}
	}
	failed := source.Finding{What: "failed logins", OK: true, Text: s.cfg.BTMP + " is counted"}
	if why := readable(s.cfg.BTMP); why != "" {
		if failed.OK, failed.None, failed.Text = false, absent(s.cfg.BTMP), why; !failed.None {
			failed.Fix = "let the agent read it: group utmp"
		}
	}
	return []source.Finding{sessions, failed}
}

func absent(path string) bool {
	_, err := os.Lstat(path)
	return errors.Is(err, os.ErrNotExist)
}

func readable(path string) string {
	f, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return "there is no " + path
	}
	if err != nil {
		return err.Error()
	}
	_ = f.Close()
	return ""
}

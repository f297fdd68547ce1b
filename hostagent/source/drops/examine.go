package drops

import (
	"context"
	"errors"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"weir/hostagent/source"
)

// Examine implements source.Examiner.
func (*Source) Examine(context.Context) []source.Finding {
	f := source.Finding{What: "dropped packets", OK: true, Text: "the kernel has a drop monitor"}
	c, err := netlink.Dial(unix.NETLINK_GENERIC, nil)
	if err == nil {
		defer c.Close()
		_, _, err = find(c)
	}
	if err != nil {
		f.OK, f.None, f.Text = false, errors.Is(err, source.ErrAbsent), err.Error()
	}
	return []source.Finding{f}
}

package libvirt

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	golibvirt "github.com/digitalocean/go-libvirt"

	"weir/hostagent/source"
)

// conn is one connection. It is never used again once it is gone.
type conn struct {
	rpc      *golibvirt.Libvirt
	raw      net.Conn
	socket   string
	deadline time.Duration
	nowait   atomic.Bool // the daemon knows the flag

	events chan any      // lifecycle, reboot and metadata messages
	gone   chan struct{} // closed when the connection is lost
	wake   chan struct{} // there may be XML to read
	began  chan struct{} // there may be processes to wait for
	doubt  chan struct{} // lists may say what events did not

	ctx    context.Context // of subscriptions: done when the connection is lost
	cancel context.CancelFunc

	mu  sync.Mutex
	why error
}

var (
	errLost    = errors.New("libvirt: connection lost")
	errHanging = errors.New("libvirt does not answer")
)

// dial connects to the first socket that exists.
func dial(ctx context.Context, o *Options) (*conn, error) {
	var d net.Dialer
	for _, path := range o.Sockets {
		dctx, cancel := context.WithTimeout(ctx, o.Deadline)
		raw, err := d.DialContext(dctx, "unix", path)
		cancel()
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if errors.Is(err, os.ErrPermission) {
			return nil, fmt.Errorf("libvirt: %w: allow reading for the agent's user (unix_sock_ro_perms, or polkit's org.libvirt.unix.monitor)", err)
		}
		if err != nil {
			return nil, fmt.Errorf("libvirt: %w", err)
		}
		return open(raw, path, o)
	}
	return nil, fmt.Errorf("libvirt: no socket %s: %w", strings.Join(o.Sockets, ", "), source.ErrAbsent)
}

// open makes the connection ready for calls. It takes over raw.
func open(raw net.Conn, path string, o *Options) (*conn, error) {
	c := &conn{raw: raw, socket: path, deadline: o.Deadline, events: make(chan any), gone: make(chan struct{}), wake: make(chan struct{}, 1), began: make(chan struct{}, 1), doubt: make(chan struct{}, 1)}
	c.nowait.Store(true)
	c.ctx, c.cancel = context.WithCancel(context.Background())
	c.rpc = golibvirt.NewWithDialer(dialed{&frames{Conn: raw, lost: c.lose}})
	uri := golibvirt.QEMUSystem
	if o.URI != "" {
		uri = golibvirt.ConnectURI(o.URI)
	}
	if err := c.call(func() error { return c.rpc.ConnectToURI(uri) }); err != nil {
		c.close()
		return nil, err
	}
	return c, nil
}

// lose notes the first reason and tells everybody.
func (c *conn) lose(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.why == nil {
		c.why = err
		close(c.gone)
		c.cancel()
	}
	c.raw.Close()
}

// reason returns why the connection is gone.
func (c *conn) reason() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.why == nil {
		return errLost
	}
	return c.why
}

func (c *conn) close() { c.lose(errLost) }

// describe wakes who reads XML.
func (c *conn) describe() { wake(c.wake) }

// attend wakes who looks for processes to wait for.
func (c *conn) attend() { wake(c.began) }

// settle wakes who compares lists with events.
func (c *conn) settle() { wake(c.doubt) }

func wake(ch chan<- struct{}) {
	select {
	case ch <- struct{}{}:
	default:
	}
}

// call makes a call. The library knows no deadlines, so when it passes the
// connection is closed under it, which ends every call.
func (c *conn) call(f func() error) error {
	late := time.AfterFunc(c.deadline, func() { c.lose(fmt.Errorf("%w for %v", errHanging, c.deadline)) })
	err := guarded(f)
	late.Stop()
	if err != nil && isGone(c) {
		return c.reason()
	}
	if err != nil {
		return fmt.Errorf("libvirt: %w", err)
	}
	return nil
}

// guarded turns a panic of the library, which trusts lengths in answers, into
// an error.
func guarded(f func() error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("unreadable answer: %v", r)
		}
	}()
	return f()
}

// watch subscribes to what happens to domains. A daemon that does not know an
// event of lesser use is asked for the others.
func (c *conn) watch() error {
	for _, id := range []golibvirt.DomainEventID{
		golibvirt.DomainEventIDLifecycle, golibvirt.DomainEventIDReboot, golibvirt.DomainEventIDMetadataChange,
	} {
		var ch <-chan any
		err := c.call(func() (err error) {
			ch, err = c.rpc.SubscribeEvents(c.ctx, id, nil)
			return err
		})
		if err != nil {
			if id == golibvirt.DomainEventIDLifecycle || isGone(c) {
				return fmt.Errorf("subscribing to events: %w", err)
			}
			continue
		}
		go c.relay(ch)
	}
	return nil
}

// relay moves messages to the one channel that is read.
func (c *conn) relay(ch <-chan any) {
	for m := range ch {
		select {
		case c.events <- m:
		case <-c.gone: // drain: the library's goroutine waits
		}
	}
}

// What a bulk call asks for.
const (
	statsList = uint32(golibvirt.DomainStatsState)
	statsAll  = statsList | uint32(golibvirt.DomainStatsCPUTotal|golibvirt.DomainStatsBalloon|
		golibvirt.DomainStatsVCPU|golibvirt.DomainStatsInterface|golibvirt.DomainStatsBlock)
)

// stats asks for the statistics of all domains at once. A domain whose QEMU is
// busy is not waited for: what it would have to be asked is left out.
func (c *conn) stats(what uint32) ([]golibvirt.DomainStatsRecord, error) {
	flags := golibvirt.ConnectGetAllDomainsStatsActive | golibvirt.ConnectGetAllDomainsStatsInactive
	var r []golibvirt.DomainStatsRecord
	for {
		f := flags
		nowait := c.nowait.Load()
		if nowait {
			f |= golibvirt.ConnectGetAllDomainsStatsNowait
		}
		err := c.call(func() (err error) {
			r, err = c.rpc.ConnectGetAllDomainStats(nil, what, uint32(f))
			return err
		})
		if err != nil && nowait && !isGone(c) {
			c.nowait.Store(false) // libvirt before 4.5
			continue
		}
		return r, err
	}
}

// node asks what processors the host has.
func (c *conn) node() (n nodeInfo, err error) {
	err = c.call(func() error {
		_, _, cpus, mhz, _, _, _, _, err := c.rpc.NodeGetInfo()
		n = nodeInfo{cpus: uint32(cpus), mhz: uint32(mhz)}
		return err
	})
	return n, err
}

// xml asks for a domain's definition as it is now.
func (c *conn) xml(d golibvirt.Domain) (text string, err error) {
	err = c.call(func() (err error) {
		text, err = c.rpc.DomainGetXMLDesc(d, 0)
		return err
	})
	return text, err
}

// state asks for a domain's state and its reason.
func (c *conn) state(d golibvirt.Domain) (state, reason int32, err error) {
	err = c.call(func() (err error) {
		state, reason, err = c.rpc.DomainGetState(d, 0)
		return err
	})
	return state, reason, err
}

// dialed is a library's dialer for a connection that exists.
type dialed struct{ net.Conn }

func (d dialed) Dial() (net.Conn, error) { return d.Conn, nil }

// Frames begin with their length in 4 octets, which counts them and the header
// of 24; libvirt limits it to 32 MiB and some.
const (
	minFrame = 28
	maxFrame = 33 << 20
)

// frames is a connection that ends where the other side's framing is broken:
// the library would panic, or allocate what a length says.
type frames struct {
	net.Conn
	lost func(error)

	head [4]byte
	have int    // octets of head
	left uint32 // octets of the frame that follow
}

// Read reads within one frame. It never returns what it has not checked.
func (f *frames) Read(b []byte) (int, error) {
	n, err := f.read(b)
	if err != nil {
		if errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET) {
			err = fmt.Errorf("%w: the daemon closed it", errLost)
		}
		f.lost(err)
		return n, io.EOF
	}
	return n, nil
}

func (f *frames) read(b []byte) (int, error) {
	if f.left == 0 && f.have == 0 {
		if _, err := io.ReadFull(f.Conn, f.head[:]); err != nil {
			return 0, err
		}
		size := binary.BigEndian.Uint32(f.head[:])
		if size < minFrame || size > maxFrame {
			return 0, fmt.Errorf("libvirt: a frame of %d octets: not libvirt's protocol", size)
		}
		f.left, f.have = size-4, 4
	}
	if f.have > 0 {
		n := copy(b, f.head[4-f.have:])
		f.have -= n
		return n, nil
	}
	n, err := f.Conn.Read(b[:min(len(b), int(f.left))])
	f.left -= uint32(n)
	return n, err
}

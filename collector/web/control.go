package web

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"weir/collector/web/access"
	"weir/collector/web/audit"
)

// Names in the state folder.
const (
	socketName = "control.sock"
	lockName   = "control.lock" // held by the process that serves the socket
)

// maxSocketPath is what fits into sun_path with its final zero (unix(7)).
const maxSocketPath = 107

// Control serves the local control socket: GET /status, /agents and
// /top?key=dst&window=10s&n=10, and the routes of the API, for whoever may open it.
type Control struct {
	listener *net.UnixListener
	lock     *os.File
	path     string
	http     *http.Server
}

// ListenControl makes the socket in stateDir, which it creates. The socket of
// a process that has died is replaced; that of a living one is an error.
// What is done there is kept in log, which may be nil.
func ListenControl(stateDir string, s Source, log *audit.Log) (*Control, error) {
	if err := os.MkdirAll(stateDir, 0o750); err != nil {
		return nil, fmt.Errorf("state_dir %s cannot be made: %w; set state_dir to a folder this user can write", stateDir, reason(err))
	}
	lock, err := lockDir(stateDir)
	if err != nil {
		return nil, err
	}
	path := filepath.Join(stateDir, socketName)
	l, err := bindSocket(stateDir, path)
	if err != nil {
		_ = lock.Close()
		return nil, fmt.Errorf("control socket %s: %w; set state_dir to a folder this user can write", path, reason(err))
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /status", func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, http.StatusOK, s.Status()) })
	mux.HandleFunc("GET /agents", func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, http.StatusOK, orEmpty(s.Agents())) })
	mux.HandleFunc("GET /top", func(w http.ResponseWriter, r *http.Request) { answerTop(w, r, s) })
	serveRoutes(mux, s, Options{Audit: log, As: func(r *http.Request) *access.Person { return access.Of(r.Context()) }})
	h := newHTTPServer(mux)
	h.ConnContext = func(ctx context.Context, c net.Conn) context.Context {
		if a, ok := c.RemoteAddr().(peerAddr); ok {
			ctx = access.With(ctx, a.person)
		}
		return ctx
	}
	return &Control{l, lock, path, h}, nil
}

// peerListener asks the kernel who opens the socket (unix(7), SO_PEERCRED).
type peerListener struct{ *net.UnixListener }

// Accept implements net.Listener. The remote address of what it returns is a
// peerAddr.
func (l peerListener) Accept() (net.Conn, error) {
	c, err := l.AcceptUnix()
	if err != nil {
		return nil, err
	}
	return peerConn{c, peerAddr{peer(c)}}, nil
}

type peerConn struct {
	net.Conn
	addr peerAddr
}

func (c peerConn) RemoteAddr() net.Addr { return c.addr }

// peerAddr is a person as an address, which outlives the wrapping of
// connections.
type peerAddr struct{ person *access.Person }

// Network implements net.Addr.
func (peerAddr) Network() string { return "unix" }

// String implements net.Addr.
func (a peerAddr) String() string { return a.person.Name }

func peer(c *net.UnixConn) *access.Person {
	p := &access.Person{Name: "unknown", Role: access.Admin, Via: "socket"}
	raw, err := c.SyscallConn()
	if err != nil {
		return p
	}
	_ = raw.Control(func(fd uintptr) {
		if cred, err := unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED); err == nil {
			p.Name = "uid " + strconv.FormatUint(uint64(cred.Uid), 10)
		}
	})
	if who, err := user.LookupId(strings.TrimPrefix(p.Name, "uid ")); err == nil {
		p.Name = who.Username
	}
	return p
}

// lockDir takes the lock of stateDir, which the kernel gives up with its
// process: a lock that is held is a collector that lives.
func lockDir(stateDir string) (*os.File, error) {
	name := filepath.Join(stateDir, lockName)
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE|syscall.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, fmt.Errorf("%s cannot be written: %w; set state_dir to a folder this user can write", name, reason(err))
	}
	err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if err == nil {
		err = f.Truncate(0)
	}
	if err == nil {
		_, err = f.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)
	}
	if err == nil {
		return f, nil
	}
	defer f.Close()
	if errors.Is(err, unix.EWOULDBLOCK) {
		return nil, fmt.Errorf("state_dir %s is in use by weir%s; stop it, or set another state_dir", stateDir, holder(f))
	}
	return nil, fmt.Errorf("%s cannot be locked: %w; set state_dir to a folder on a local file system", name, reason(err))
}

// holder says which process wrote the lock file.
func holder(f *os.File) string {
	b := make([]byte, 16)
	n, _ := f.ReadAt(b, 0)
	var pid int
	if _, err := fmt.Sscanf(string(b[:n]), "%d", &pid); err != nil {
		return ""
	}
	return fmt.Sprintf(" with process id %d", pid)
}

// bindSocket binds path, which nobody serves: the caller holds the lock.
func bindSocket(stateDir, path string) (*net.UnixListener, error) {
	if st, err := os.Lstat(path); err == nil {
		if st.Mode().Type() != os.ModeSocket {
			return nil, errors.New("is there and no socket")
		}
		if err := os.Remove(path); err != nil {
			return nil, err
		}
	}
	short, done, err := shortPath(stateDir, path)
	if err != nil {
		return nil, err
	}
	defer done()
	// The mode of the socket's inode holds for the file that bind makes: there
	// is no moment at which others could connect.
	lc := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) error {
		var err error
		if cerr := c.Control(func(fd uintptr) { err = unix.Fchmod(int(fd), 0o600) }); cerr != nil {
			return cerr
		}
		return err
	}}
	l, err := lc.Listen(context.Background(), "unix", short)
	if err != nil {
		return nil, err
	}
	u := l.(*net.UnixListener)
	u.SetUnlinkOnClose(false) // by its real name, in Close
	return u, nil
}

// shortPath returns a name of path that fits into a socket address, and what
// to call after its use.
func shortPath(stateDir, path string) (string, func(), error) {
	if len(path) <= maxSocketPath {
		return path, func() {}, nil
	}
	dir, err := os.Open(stateDir)
	if err != nil {
		return "", nil, err
	}
	short := fmt.Sprintf("/proc/self/fd/%d/%s", dir.Fd(), socketName)
	return short, func() { _ = dir.Close() }, nil
}

// reason is the system's word, without the name that the caller has said.
func reason(err error) error {
	if p, ok := errors.AsType[*os.PathError](err); ok {
		return p.Err
	}
	if o, ok := errors.AsType[*net.OpError](err); ok {
		return o.Err
	}
	return err
}

// Path is the name of the socket.
func (c *Control) Path() string { return c.path }

// Serve answers until Close, and then returns nil.
func (c *Control) Serve() error { return serve(c.http, peerListener{c.listener}) }

// Close ends Serve, waits for the answers under way until ctx is done, and
// removes the socket.
func (c *Control) Close(ctx context.Context) error {
	err := shutdown(ctx, c.http, c.listener)
	if rerr := os.Remove(c.path); err == nil && !errors.Is(rerr, os.ErrNotExist) {
		err = rerr
	}
	_ = c.lock.Close() // last: whoever takes it next binds the name
	return err
}

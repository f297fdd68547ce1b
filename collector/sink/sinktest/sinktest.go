// Package sinktest runs real servers for the tests of sinks, and makes alerts
// to send them. Only tests import it.
package sinktest

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	mathrand "math/rand/v2"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"weir/detect"
)

// Hostile is a name as a hostile agent could send it: line breaks, a header, an
// escape sequence, text that turns its direction, markup, quotes of every
// language, and what is no UTF-8.
const Hostile = "eth0\r\nBcc: evil@example.net\r\n\r\n.\r\n\x00\x1b]0;x\a\u202e\u2028<!channel> @here <b>\"]} $(id) `id` {{.}} %s '; äö → \xff"

// Onset is when the alerts of this package began.
var Onset = time.Date(2026, 3, 1, 11, 59, 52, 0, time.UTC)

// Alert returns a confirmed critical alert about a large flow between two
// numbered hosts, seen at an interface with the given name.
func Alert(n int, change detect.Change, name string) detect.Alert {
	a := detect.Alert{
		At: Onset.Add(612 * time.Millisecond), Seq: 1, Change: change, Kind: detect.LargeFlow, State: detect.Confirmed, Severity: detect.Critical,
		Subject: &detect.FlowSubject{
			Src: netip.AddrFrom4([4]byte{10, 0, byte(n >> 8), byte(n)}), Dst: netip.MustParseAddr("10.0.1.9"), SrcPort: 443, DstPort: 51332,
			Proto: 6, ProtoName: "tcp", Domain: "underlay",
		},
		Evidence: &detect.LargeFlowEvidence{
			BitsPerSecond: 1.2e9, Low: 0.9e9, High: 1.5e9, Agent: netip.MustParseAddr("192.0.2.1"), AgentName: "leaf1",
			Input: detect.Port{Value: 12}, InputName: name, SecondsToAlert: 0.6,
		},
	}
	a.Identify(Onset)
	if change == detect.End {
		a.State, a.Seq = detect.Resolved, 2
	}
	return a
}

// Need skips the test where programs or files are missing, and fails it where
// nothing may be skipped.
func Need(t testing.TB, tools ...string) {
	t.Helper()
	var missing []string
	for _, tool := range tools {
		_, err := exec.LookPath(tool)
		if strings.HasPrefix(tool, "/") {
			found, _ := filepath.Glob(tool)
			if err = nil; len(found) == 0 {
				err = os.ErrNotExist
			}
		}
		if err != nil {
			missing = append(missing, tool)
		}
	}
	if len(missing) == 0 {
		return
	}
	why := "needs " + strings.Join(missing, ", ") + ": run make test-all as root"
	if os.Getenv("WEIR_TEST_ALL") == "1" {
		t.Fatal(why)
	}
	t.Skip(why)
}

// Free returns a port of the loopback that nobody listens on, of TCP and UDP. It is
// below those that the kernel gives to whoever asks for any, so that nobody else is
// given it before it is used.
func Free(t testing.TB) int {
	t.Helper()
	for range 100 {
		port := 20000 + mathrand.IntN(12000)
		l, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: port})
		if err != nil {
			continue
		}
		u, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: port})
		_ = l.Close()
		if err == nil {
			_ = u.Close()
			return port
		}
	}
	t.Fatal("no free port")
	return 0
}

// Process is a server that runs until the test ends, or until it is stopped.
type Process struct {
	cmd  *exec.Cmd
	mu   sync.Mutex
	said strings.Builder
	done chan struct{}
}

// forker returns where to send what starts processes: to a thread that never ends,
// since what is to die with this process dies with the thread that started it, and
// those on which the collector receives end.
var forker = sync.OnceValue(func() chan<- func() {
	work := make(chan func())
	go func() {
		runtime.LockOSThread()
		for f := range work {
			f()
		}
	}()
	return work
})

// Start runs a server. Each line of its standard output is given to line, which
// may be nil.
func Start(t testing.TB, line func(string), name string, args ...string) *Process {
	t.Helper()
	p := &Process{cmd: exec.Command(name, args...), done: make(chan struct{})}
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	p.cmd.Stderr = writer(p.say)
	started := make(chan error)
	forker() <- func() { started <- p.cmd.Start() }
	if err := <-started; err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(p.done)
		for s := bufio.NewScanner(out); s.Scan(); {
			if line != nil {
				line(s.Text())
			} else {
				p.say(append(s.Bytes(), '\n'))
			}
		}
		_, _ = io.Copy(io.Discard, out)
		_ = p.cmd.Wait()
	}()
	t.Cleanup(func() {
		p.Stop()
		if t.Failed() {
			t.Logf("%s said:\n%s", name, p.Said())
		}
	})
	return p
}

type writer func([]byte)

func (w writer) Write(b []byte) (int, error) { w(b); return len(b), nil }

func (p *Process) say(b []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.said.Len() < 1<<20 {
		p.said.Write(b)
	}
}

// Said is what it wrote to standard error, and to standard output where nobody
// takes that.
func (p *Process) Said() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.said.String()
}

// Stop ends the server.
func (p *Process) Stop() {
	_ = p.cmd.Process.Kill()
	<-p.done
}

// Await waits until something is true.
func Await(t testing.TB, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(2 * time.Minute); !is(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited for %s in vain", what)
		}
	}
}

// Listens reports that somebody takes TCP connections there.
func Listens(port int) func() bool {
	return func() bool {
		c, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err == nil {
			_ = c.Close()
		}
		return err == nil
	}
}

// Certificate writes a certificate for 127.0.0.1 and localhost and its key into
// dir, and returns their names and who trusts it.
func Certificate(t testing.TB, dir string) (cert, key string, trust *tls.Config) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "localhost"}, DNSNames: []string{"localhost"},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, c, c, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	write := func(name, kind string, b []byte) string {
		name = filepath.Join(dir, name)
		if err := os.WriteFile(name, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: b}), 0o600); err != nil {
			t.Fatal(err)
		}
		return name
	}
	cert, key = write("cert.pem", "CERTIFICATE", der), write("key.pem", "PRIVATE KEY", keyDER)
	pool := x509.NewCertPool()
	made, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool.AddCert(made)
	return cert, key, &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
}

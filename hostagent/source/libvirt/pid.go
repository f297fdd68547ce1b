package libvirt

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	golibvirt "github.com/digitalocean/go-libvirt"
)

// How often all processes are searched, and for how long not again for one that
// was not among them.
const (
	findEvery = 10 * time.Second
	findAgain = time.Minute
)

// attend has the ends of domains' processes told, whenever it is woken.
func (s *Source) attend(c *conn) {
	for {
		select {
		case <-c.gone:
			return
		case <-c.began:
			s.watchAll(c.socket)
		}
	}
}

// watchAll waits for the processes that are not waited for yet.
func (s *Source) watchAll(socket string) {
	now := time.Now()
	left := s.unwatched(now)
	for uuid, ref := range left {
		if pid := filedPid(socket, ref.Name); pid != 0 && s.exits.watch(ref.UUID, pid) {
			delete(left, uuid)
		}
	}
	if len(left) == 0 || !s.mayFind(now) {
		return
	}
	for uuid, pid := range findPids(s.opts.Proc) {
		if ref, ok := left[uuid]; ok {
			s.exits.watch(ref.UUID, pid)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, ref := range left {
		if d := s.table.domains[ref.UUID]; d != nil {
			d.sought = now
		}
	}
}

// mayFind reports whether all processes may be searched again.
func (s *Source) mayFind(now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if now.Sub(s.found) < findEvery {
		return false
	}
	s.found = now
	return true
}

// unwatched returns the domains whose processes are to be found, by UUID.
func (s *Source) unwatched(now time.Time) map[string]golibvirt.Domain {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := map[string]golibvirt.Domain{}
	for u, d := range s.table.domains {
		if alive(d.life) && !d.exited && now.Sub(d.sought) > findAgain && !s.exits.watches(u) {
			all[d.uuid] = d.ref
		}
	}
	return all
}

// maxCommand is how much of a process's command line is read, in octets. That of
// QEMU has some thousand, and its UUID within the first.
const maxCommand = 16 << 10

// filedPid returns a domain's process by the file that libvirt keeps of it beside
// its socket, 0 without.
func filedPid(socket, name string) int {
	if name == "" || name != filepath.Base(name) {
		return 0
	}
	b, err := os.ReadFile(filepath.Join(filepath.Dir(socket), "qemu", name+".pid"))
	if err != nil {
		return 0
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(b)))
	if err != nil || pid < 2 {
		return 0
	}
	return pid
}

// isProcessOf reports whether a process is the domain's, by its command line. One
// whose command line is hidden is believed to be.
func isProcessOf(proc string, pid int, u golibvirt.UUID) bool {
	command, err := commandLine(proc, pid)
	if err != nil {
		return errors.Is(err, os.ErrPermission) || errors.Is(err, os.ErrNotExist) // hidepid
	}
	is, ok := commandUUID(command)
	return ok && is == formatUUID(u)
}

func commandLine(proc string, pid int) ([]byte, error) {
	f, err := os.Open(filepath.Join(proc, strconv.Itoa(pid), "cmdline"))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, maxCommand))
}

// commandUUID returns what follows -uuid on a command line.
func commandUUID(command []byte) (uuid string, ok bool) {
	_, rest, ok := bytes.Cut(command, []byte("\x00-uuid\x00"))
	if !ok {
		return "", false
	}
	word, _, _ := bytes.Cut(rest, []byte{0})
	return strings.ToLower(string(word)), true
}

// findPids looks through all processes for those of domains and returns them by
// UUID: for where libvirt's files cannot be read.
func findPids(proc string) map[string]int {
	dir, err := os.Open(proc)
	if err != nil {
		return nil
	}
	defer dir.Close()
	names, err := dir.Readdirnames(-1)
	if err != nil {
		return nil
	}
	found := map[string]int{}
	for _, name := range names {
		pid, err := strconv.Atoi(name)
		if err != nil || pid < 2 {
			continue
		}
		command, err := commandLine(proc, pid)
		if err != nil {
			continue
		}
		if uuid, ok := commandUUID(command); ok {
			found[uuid] = pid
		}
	}
	return found
}

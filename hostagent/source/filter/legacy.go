package filter

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	toolIPTables  = "iptables"
	toolIP6Tables = "ip6tables"
)

// legacyFamily is one of the two kinds of legacy tables. Their structures differ
// in the length of what begins an entry.
type legacyFamily struct {
	tool   string
	names  string // file that lists the tables that exist
	domain int
	level  int
	match  int // octets of ipt_ip or ip6t_ip6
}

// The files are those of thread-self, because self names the namespace of the first thread.
var legacyFamilies = [...]legacyFamily{
	{toolIPTables, "/proc/thread-self/net/ip_tables_names", unix.AF_INET, unix.SOL_IP, 84},
	{toolIP6Tables, "/proc/thread-self/net/ip6_tables_names", unix.AF_INET6, unix.SOL_IPV6, 136},
}

// Options of getsockopt, from linux/netfilter_ipv4/ip_tables.h; those of IPv6
// have the same numbers.
const (
	getInfo    = 64
	getEntries = 65
	tableName  = 32 // octets
	hooks      = 5
)

// info is struct ipt_getinfo.
type info struct {
	Name       [tableName]byte
	ValidHooks uint32
	HookEntry  [hooks]uint32
	Underflow  [hooks]uint32
	NumEntries uint32
	Size       uint32
}

// legacyKey names a table; its info tells most changes for little.
type legacyKey struct {
	tool, name string
}

// legacyTables returns what is known for little of each table that exists in
// the calling thread's namespace.
func legacyTables() (map[legacyKey]info, error) {
	all := map[legacyKey]info{}
	err := eachLegacy(func(f *legacyFamily, fd int, name string) error {
		in, err := f.info(fd, name)
		if err == nil {
			all[legacyKey{f.tool, name}] = in
		}
		return err
	})
	return all, err
}

// readLegacy adds the legacy tables of the calling thread's namespace to s.
func readLegacy(s *State) error {
	return eachLegacy(func(f *legacyFamily, fd int, name string) error {
		t, err := f.read(fd, name)
		if err == nil {
			s.Tables = append(s.Tables, t)
		}
		return err
	})
}

// eachLegacy hands each legacy table of the calling thread's namespace to look,
// with the socket to ask about it. A table that is gone since it was listed is
// no error; what else fails is returned together, after all were looked at.
func eachLegacy(look func(f *legacyFamily, fd int, name string) error) error {
	var failed error
	for i := range legacyFamilies {
		f := &legacyFamilies[i]
		names, err := f.tables()
		if err != nil || len(names) == 0 {
			failed = errors.Join(failed, err)
			continue
		}
		fd, err := f.socket()
		if err != nil {
			failed = errors.Join(failed, err)
			continue
		}
		for _, n := range names {
			if err := look(f, fd, n); err != nil && !errors.Is(err, unix.ENOENT) {
				failed = errors.Join(failed, err)
			}
		}
		_ = unix.Close(fd)
	}
	return failed
}

// tables returns the tables that exist; none where the kernel has no legacy
// tables at all.
func (f *legacyFamily) tables() (names []string, err error) {
	b, err := readNames(f.names)
	if errors.Is(err, unix.ENOENT) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %s: %w", f.tool, f.names, err)
	}
	for s := bufio.NewScanner(bytes.NewReader(b)); s.Scan(); {
		if n := s.Text(); n != "" && len(n) < tableName {
			names = append(names, n)
		}
	}
	return names, nil
}

// maxNames bounds a list of tables, in octets.
const maxNames = 4096

// readNames reads a file by bare system calls: os.ReadFile registers a file of
// /proc/net with the runtime's poller, which then wakes for it.
func readNames(name string) ([]byte, error) {
	fd, err := unix.Open(name, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	defer unix.Close(fd)
	b := make([]byte, 0, maxNames)
	for len(b) < cap(b) {
		n, err := unix.Read(fd, b[len(b):cap(b)])
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if n == 0 {
			break
		}
		b = b[:len(b)+n]
	}
	return b, nil
}

func (f *legacyFamily) socket() (int, error) {
	fd, err := unix.Socket(f.domain, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.IPPROTO_RAW)
	if err != nil {
		return -1, fmt.Errorf("%s: raw socket: %w", f.tool, err)
	}
	return fd, nil
}

func (f *legacyFamily) info(fd int, name string) (in info, err error) {
	copy(in.Name[:], name)
	n := uint32(unsafe.Sizeof(in))
	if err := getsockopt(fd, f.level, getInfo, unsafe.Pointer(&in), &n); err != nil {
		return in, fmt.Errorf("%s: table %s: %w", f.tool, name, err)
	}
	return in, nil
}

func getsockopt(fd, level, option int, p unsafe.Pointer, n *uint32) error {
	_, _, e := unix.Syscall6(unix.SYS_GETSOCKOPT, uintptr(fd), uintptr(level), uintptr(option), uintptr(p), uintptr(unsafe.Pointer(n)), 0)
	if e != 0 {
		return e
	}
	return nil
}

// entriesHead is the length of struct ipt_get_entries before its entries.
const entriesHead = 40

// maxEntries bounds what one table may take, in octets.
const maxEntries = 256 << 20

// read asks for all rules of a table. Where the table changes between the two
// questions it is asked again.
func (f *legacyFamily) read(fd int, name string) (t Table, err error) {
	for range 4 {
		in, err := f.info(fd, name)
		if err != nil {
			return Table{}, err
		}
		if in.Size > maxEntries {
			return Table{}, fmt.Errorf("%s: table %s has %d octets, too many to read", f.tool, name, in.Size)
		}
		b := make([]byte, entriesHead+int(in.Size))
		copy(b, name)
		binary.NativeEndian.PutUint32(b[tableName:], in.Size)
		n := uint32(len(b))
		err = getsockopt(fd, f.level, getEntries, unsafe.Pointer(&b[0]), &n)
		if errors.Is(err, unix.EAGAIN) {
			continue
		}
		if err != nil {
			return Table{}, fmt.Errorf("%s: table %s: %w", f.tool, name, err)
		}
		t = Table{Tool: f.tool, Family: f.tool, Name: name}
		t.Rules, t.Digest, t.Policy = f.count(&in, b[entriesHead:])
		return t, nil
	}
	return Table{}, fmt.Errorf("%s: table %s changed each time it was read", f.tool, name)
}

// count walks the entries of a table: struct ipt_entry, then matches, then a
// target. Besides the rules there is one entry for the policy of each base
// chain, two for each chain of the operator's (its name in a target ERROR, and a
// return), and a last ERROR. Counters are left out of the digest.
func (f *legacyFamily) count(in *info, b []byte) (rules int, digest [8]byte, policy string) {
	const (
		counters   = 16 // octets: packets, bytes
		verdictAt  = 32 // in a standard target
		targetName = 2
	)
	ne := binary.NativeEndian
	head := f.match + 4 + 2 + 2 + 4 + counters
	h := sha256.New()
	entries, errorTargets := 0, 0
	policy = accept
	for at := 0; at+head <= len(b); {
		e := b[at:]
		target, next := int(ne.Uint16(e[f.match+4:])), int(ne.Uint16(e[f.match+6:]))
		if next < head || next > len(e) || target < head || target+verdictAt > next {
			break // the kernel does not do that
		}
		entries++
		if bytes.HasPrefix(e[target+targetName:], []byte("ERROR\x00")) {
			errorTargets++
		}
		if f.guards(in, uint32(at)) && target+verdictAt+4 <= next && int32(ne.Uint32(e[target+verdictAt:])) == -1 {
			policy = drop // -NF_DROP - 1
		}
		h.Write(e[:f.match+8]) // addresses, interfaces, protocol, flags; then what follows the counters
		h.Write(e[head:next])
		at += next
	}
	bases := 0
	for k := range hooks {
		if in.ValidHooks&(1<<k) != 0 {
			bases++
		}
	}
	copy(digest[:], h.Sum(nil))
	return max(0, entries-bases-errorTargets-max(0, errorTargets-1)), digest, policy
}

// guards reports whether the entry at that place is the policy of the base chain
// that guards the node or what it forwards.
func (f *legacyFamily) guards(in *info, at uint32) bool {
	for _, k := range [...]int{unix.NF_INET_LOCAL_IN, unix.NF_INET_FORWARD} {
		if in.ValidHooks&(1<<k) != 0 && in.Underflow[k] == at {
			return true
		}
	}
	return false
}

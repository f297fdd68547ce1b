package proc

import (
	"bytes"
	"errors"
	"path"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"weir/decoder/sflow"
)

// errSpace says that a file system does not answer; a disk that died does not.
var errSpace = errors.New("a file system does not tell its size")

// spaceWait is how long a poll waits for the file systems.
const spaceWait = 250 * time.Millisecond

// room is what the file systems on disks have, in octets.
type room struct {
	total, free uint64
	fullest     sflow.Percentage // of the fullest one
}

// space asks the file systems in a goroutine of its own: one of a dead disk
// holds who asks for ever.
type space struct {
	root   string
	except []string
	answer chan room
	busy   bool
}

// ask returns the room of all file systems on disks, zero where one of them does
// not answer in time.
func (s *space) ask() (room, error) {
	if !s.busy {
		s.busy = true
		go func() { s.answer <- measure(s.root, s.except) }()
	}
	timer := time.NewTimer(spaceWait)
	defer timer.Stop()
	select {
	case r := <-s.answer:
		s.busy = false
		return r, nil
	case <-timer.C:
		return room{}, errSpace
	}
}

// maxMounts bounds the file systems that are asked.
const maxMounts = 1024

// measure asks every file system on a disk once, wherever it is mounted.
func measure(root string, except []string) (r room) {
	file := reader{root: root}
	b, err := file.read("/proc/self/mounts")
	if err != nil {
		return r
	}
	seen := map[unix.Fsid]bool{}
	for n := 0; len(b) > 0 && n < maxMounts; n++ {
		var first []byte
		first, b = line(b)
		device, rest := word(first)
		at, rest := word(rest)
		kind, _ := word(rest)
		if !bytes.HasPrefix(device, []byte("/dev/")) && string(kind) != "zfs" || bytes.HasPrefix(device, []byte("/dev/loop")) ||
			string(kind) == "iso9660" || string(kind) == "squashfs" {
			continue
		}
		mount := unescape(at)
		var f unix.Statfs_t
		if excepted(mount, except) || unix.Statfs(root+mount, &f) != nil || f.Blocks == 0 || seen[f.Fsid] {
			continue
		}
		if f.Fsid != (unix.Fsid{}) {
			seen[f.Fsid] = true
		}
		r.add(f.Blocks, f.Bfree, f.Bavail, uint64(f.Frsize))
	}
	return r
}

// add counts one file system as df does: what only root may use is neither used
// nor free.
func (r *room) add(blocks, free, available, size uint64) {
	r.total += blocks * size
	r.free += available * size
	used := blocks - min(free, blocks)
	if used+available == 0 {
		return
	}
	r.fullest = max(r.fullest, sflow.Percentage(used*10000/(used+available)))
}

func excepted(mount string, patterns []string) bool {
	for _, p := range patterns {
		if ok, err := path.Match(p, mount); ok && err == nil {
			return true
		}
	}
	return false
}

// unescape undoes the octal codes of blanks in /proc/self/mounts.
func unescape(b []byte) string {
	if bytes.IndexByte(b, '\\') < 0 {
		return string(b)
	}
	out := make([]byte, 0, len(b))
	for i := 0; i < len(b); i++ {
		if b[i] == '\\' && i+3 < len(b) {
			if v, err := strconv.ParseUint(string(b[i+1:i+4]), 8, 8); err == nil {
				out = append(out, byte(v))
				i += 3
				continue
			}
		}
		out = append(out, b[i])
	}
	return string(out)
}

package proc

import (
	"bytes"

	"golang.org/x/sys/unix"

	"weir/decoder/sflow"
)

// sector is the unit of /proc/diskstats, whatever the disk's own is.
const sector = 512

// maxDisks bounds what is remembered about disks' names.
const maxDisks = 4096

// disk fills c from /proc/diskstats, and from the last answer about the file
// systems.
func (s *Source) disk(c *sflow.HostDiskIO) error {
	*c = sflow.HostDiskIO{Reads: unknown, BytesRead: unknown64, ReadTime: unknown,
		Writes: unknown, BytesWritten: unknown64, WriteTime: unknown}
	b, err := s.r.read("/proc/diskstats")
	if err != nil {
		return err
	}
	parseDiskstats(b, c, s.whole)
	room, err := s.space.ask()
	c.Total, c.Free, c.PartMaxUsed = room.total, room.free, room.fullest
	return err
}

// unknown64 is a counter that the kernel does not tell.
const unknown64 = sflow.Counter64(0xffffffffffffffff)

// parseDiskstats adds up the disks for which whole is true.
func parseDiskstats(b []byte, c *sflow.HostDiskIO, whole func(name []byte) bool) {
	var reads, readSectors, readTime, writes, writeSectors, writeTime uint64
	found := false
	for len(b) > 0 {
		var first []byte
		first, b = line(b)
		_, rest := word(first)
		_, rest = word(rest)
		name, rest := word(rest)
		var v [8]uint64 // reads, merged, sectors, ms, writes, merged, sectors, ms
		if numbers(rest, v[:]) < len(v) || !whole(name) {
			continue
		}
		found = true
		reads, readSectors, readTime = reads+v[0], readSectors+v[2], readTime+v[3]
		writes, writeSectors, writeTime = writes+v[4], writeSectors+v[6], writeTime+v[7]
	}
	if !found {
		return // a node without a disk of its own: unknown, not zero
	}
	c.Reads, c.BytesRead, c.ReadTime = sflow.Counter32(reads), sflow.Counter64(readSectors*sector), sflow.Counter32(readTime)
	c.Writes, c.BytesWritten, c.WriteTime = sflow.Counter32(writes), sflow.Counter64(writeSectors*sector), sflow.Counter32(writeTime)
}

// whole reports whether a block device is a disk of its own: not a partition,
// nor something that lies on disks counted already.
func (s *Source) whole(name []byte) bool {
	for _, p := range [...]string{"loop", "ram", "zram", "dm-", "md", "sr", "fd"} {
		if bytes.HasPrefix(name, []byte(p)) {
			return false
		}
	}
	v, known := s.disks[string(name)]
	if !known {
		var st unix.Stat_t
		// Partitions are folders inside their disk's; slashes in names are "!" there.
		v = unix.Stat(s.r.root+"/sys/block/"+string(bytes.ReplaceAll(name, []byte{'/'}, []byte{'!'})), &st) == nil
		if len(s.disks) >= maxDisks {
			clear(s.disks)
		}
		s.disks[string(name)] = v
	}
	return v
}

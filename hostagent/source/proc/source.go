package proc

import (
	"errors"
	"time"

	"weir/decoder/sflow"
	"weir/hostagent/source"
	"weir/hostagent/source/link"
)

var errFormat = errors.New("not in the kernel's format")

// Source tells the node's own counters as one counter sample of the host.
type Source struct {
	r             reader
	node          string
	uuid          [16]byte
	mhz           uint32
	name, release []byte
	disks         map[string]bool // block devices: whole disks or not
	space         space
	links         *link.Table

	descrRec sflow.HostDescr
	cpuRec   sflow.HostCPU
	memRec   sflow.HostMemory
	diskRec  sflow.HostDiskIO
	netRec   sflow.HostNetIO
	adapters sflow.HostAdapters
	mib      mib2
}

// Config is what a Source needs.
type Config struct {
	Root  string // "" or a directory with proc, sys and etc in it
	Node  string // the node's name; "" is the kernel's
	Links *link.Table
	// ExceptMounts are patterns of mount points whose room is not told.
	ExceptMounts []string
}

// New returns a Source.
func New(c Config) *Source {
	s := &Source{r: reader{root: c.Root}, node: c.Node, uuid: UUID(c.Root), disks: map[string]bool{}, links: c.Links,
		space: space{root: c.Root, except: c.ExceptMounts, answer: make(chan room, 1)}}
	s.mhz = s.speed()
	return s
}

// Name returns "host".
func (s *Source) Name() string { return "host" }

// Collect appends the host's counter sample. A part that cannot be read is left
// out and told in the error.
func (s *Source) Collect(now time.Time, to *source.Snapshot) error {
	var errs []error
	to.Begin(source.Host())
	part := func(err error, r sflow.Appender) {
		if err != nil {
			errs = append(errs, err)
			return
		}
		to.Record(r)
	}
	part(s.descr(&s.descrRec), &s.descrRec)
	if s.links != nil {
		err := s.net(now, &s.netRec, &s.adapters)
		part(err, &s.adapters)
		if err == nil {
			to.Record(&s.netRec)
		}
	}
	part(s.cpu(&s.cpuRec), &s.cpuRec)
	part(s.memory(&s.memRec), &s.memRec)
	err := s.disk(&s.diskRec)
	if err != nil {
		errs = append(errs, err)
	}
	if err == nil || errors.Is(err, errSpace) {
		to.Record(&s.diskRec)
	}
	if err := s.snmp(&s.mib); err != nil {
		errs = append(errs, err)
	} else {
		s.groups(to)
	}
	return errors.Join(errs...)
}

// groups appends the groups of MIB-II that the kernel has.
func (s *Source) groups(to *source.Snapshot) {
	for _, g := range [...]struct {
		has bool
		rec sflow.Appender
	}{
		{s.mib.hasIP, &s.mib.ip}, {s.mib.hasICMP, &s.mib.icmp}, {s.mib.hasTCP, &s.mib.tcp}, {s.mib.hasUDP, &s.mib.udp},
	} {
		if g.has {
			to.Record(g.rec)
		}
	}
}

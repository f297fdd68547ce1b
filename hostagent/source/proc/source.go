package proc

import (
	"errors"
	"time"

	"weir/decoder/sflow"
	"weir/hostagent/source"
)

var errFormat = errors.New("not in the kernel's format")

// Source tells the node's own counters as one counter sample of the host.
type Source struct {
	r             reader
	node          string
	uuid          [16]byte
	mhz           uint32
	name, release []byte

	descrRec sflow.HostDescr
	cpuRec   sflow.HostCPU
}

// Config is what a Source needs.
type Config struct {
	Root string // "" or a directory with proc, sys and etc in it
	Node string // the node's name; "" is the kernel's
}

// New returns a Source.
func New(c Config) *Source {
	s := &Source{r: reader{root: c.Root}, node: c.Node, uuid: UUID(c.Root)}
	s.mhz = s.speed()
	return s
}

// Name returns "host".
func (s *Source) Name() string { return "host" }

// Collect appends the host's counter sample. A part that cannot be read is left
// out.
func (s *Source) Collect(_ time.Time, to *source.Snapshot) error {
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
	part(s.cpu(&s.cpuRec), &s.cpuRec)
	return errors.Join(errs...)
}

package site

import (
	"cmp"
	"slices"

	"weir/decoder/witness"
	"weir/detect/site/fact"
)

// instance is a virtual machine that somebody described.
type instance struct {
	uuid    string
	name    string // Nova's where it is known
	domain  string // libvirt's
	project string // its name, its identity while that is unknown
	tenant  tenant
	node    *node
	ports   []*port
	macs    []uint64
	state   string // as the host agent spells it
	reason  string
	since   int64 // of the state
	started int64
	spoke   bool // since it was started
	asks    int  // DHCP requests without an answer
	orphan  string
	leaving int64 // it is on its way out: migration, resize, deletion
	exited  int64 // when its process ended, of which libvirt has yet to tell; 0 it has
	host    *host
	unseen  bool  // told of no more
	saidAt  int64 // by a host agent
	kept    bool  // from before a restart: it was not told of yet
}

// entity names the instance in conditions and timelines.
func (i *instance) entity() string { return "instance/" + i.uuid }

// tenant is a project by its identity and its name.
type tenant struct{ id, name string }

// owned takes whose the instance is: states have both, events the identity alone.
func (i *instance) owned(d *fact.Detail) {
	t := &i.tenant
	if id := d.Text(witness.Project); id != "" && id != t.id {
		*t = tenant{id: id}
	}
	t.name = cmp.Or(d.Text(witness.ProjectName), t.name)
	i.project = cmp.Or(t.name, t.id)
}

// watched reports whether the project is one of those that are watched.
func (s *Site) watched(i *instance) bool {
	return i != nil && i.project != "" && (slices.Contains(s.cfg.Watched, i.tenant.name) || slices.Contains(s.cfg.Watched, i.tenant.id))
}

// Watch takes the projects that are watched: that one instance of them cannot be
// reached is critical. Call it from the Site's goroutine.
func (s *Site) Watch(projects []string) { s.cfg.Watched = projects }

// label is what people call the instance.
func (i *instance) label() string {
	switch {
	case i.name != "":
		return i.name
	case i.domain != "":
		return i.domain
	}
	return i.uuid
}

// runs reports whether the instance should be reachable.
func (i *instance) runs() bool {
	return i.leaving == 0 && lives(i.state)
}

// lives reports whether an instance of that state has a process.
func lives(state string) bool {
	switch state {
	case "", "running", "blocked", "paused":
		return true
	}
	return false
}

func (i *instance) replace(old, p *port) {
	for k := range i.ports {
		if i.ports[k] == old {
			i.ports[k] = p
		}
	}
}

// maxInstances bounds the instances that are known.
const maxInstances = 1 << 17

// instance returns the instance with a UUID, which it makes.
func (s *Site) instance(uuid string) *instance {
	i := s.insts[uuid]
	if i == nil {
		if len(s.insts) >= maxInstances {
			s.refused++
			return nil
		}
		i = &instance{uuid: uuid}
		s.insts[uuid] = i
	}
	return i
}

// bind makes p a port of i.
func (s *Site) bind(i *instance, p *port) {
	if p.inst == i {
		return
	}
	if p.inst == nil {
		s.drop(InstanceUnreachable, p.instanceEntity(), ReasonGone)
	}
	p.inst, p.instance = i, true
	p.node.carriesInstances()
	if !slices.Contains(i.ports, p) && len(i.ports) < 64 {
		i.ports = append(i.ports, p)
	}
}

// place notes on which node the instance is.
func (i *instance) place(n *node) {
	if i.node == n {
		return
	}
	if i.node != nil {
		delete(i.node.insts, i.uuid)
	}
	i.node = n
	if n.insts == nil {
		n.insts = map[string]*instance{}
	}
	n.insts[i.uuid] = i
}

// settled notes that an instance runs on another node than before.
func (s *Site) settled(i *instance, n *node) {
	old := i.node
	old.note(s.now, i.entity(), "instance "+i.label()+" moved", old.label(), n.label(), Passive)
	n.note(s.now, i.entity(), "instance "+i.label()+" moved", old.label(), n.label(), Passive)
	for _, p := range i.ports {
		p.inst, p.wasUp = nil, false // what is left of it is nobody's
	}
	i.ports, i.leaving = nil, 0
	s.drop(InstanceUnreachable, i.entity(), ReasonGone)
	s.drop(InstanceStopped, i.entity(), ReasonGone)
}

package site

import (
	"hash/maphash"
	"strings"

	"weir/detect/keys"
)

// placing is what was said last of where instances are.
type placing struct {
	seed maphash.Seed
	sum  uint64 // of all ports and names
	said bool
	at   int64 // ns
}

// Instances returns at which ports instances are, and their names; nil where that
// is as it was returned last. It is looked at once a second, less often of many
// thousands.
func (s *Site) Instances() *keys.InstanceTable {
	p := &s.placing
	every := watchEvery * int64(1+len(s.insts)/16384)
	if d := s.now - p.at; p.said && d >= 0 && d < every {
		return nil
	}
	if !p.said {
		p.seed = maphash.MakeSeed()
	}
	p.at = s.now
	sum := uint64(0) // in any order
	s.eachPort(func(i *instance, number, index uint32) {
		sum += maphash.Comparable(p.seed, portOf{number, index, i.uuid, i.label(), i.project})
	})
	if p.said && sum == p.sum {
		return nil
	}
	p.said, p.sum = true, sum
	return s.instanceTable()
}

type portOf struct {
	number, index       uint32
	uuid, name, project string
}

// eachPort passes every port that is an instance's, once for each number of an
// agent that tells of its node.
func (s *Site) eachPort(yield func(i *instance, number, index uint32)) {
	for _, i := range s.insts {
		for _, p := range i.ports {
			if p == nil || p.gone || p.inst != i || p.node == nil || p.node.ports[p.index] != p {
				continue
			}
			for _, x := range p.node.senders {
				if s.byNumber[x.number] == p.node {
					yield(i, x.number, p.index)
				}
			}
		}
	}
}

// instanceTable lists ports and names.
func (s *Site) instanceTable() *keys.InstanceTable {
	var ports []keys.InstancePort
	s.eachPort(func(i *instance, number, index uint32) {
		if u, ok := keys.ParseUUID(i.uuid); ok {
			ports = append(ports, keys.InstancePort{Agent: number, Index: index, Instance: u})
		}
	})
	return keys.NewInstanceTable(ports, s.instanceNames())
}

// instanceNames gives each instance a name of its own: tenants choose theirs, and
// where several choose one, or one that could be taken for another's, the UUID
// stands beside it.
func (s *Site) instanceNames() map[keys.UUID]keys.InstanceName {
	names, used := make(map[keys.UUID]keys.InstanceName, len(s.insts)), make(map[string]int, len(s.insts))
	for _, i := range s.insts {
		used[i.label()]++
	}
	for _, i := range s.insts {
		u, ok := keys.ParseUUID(i.uuid)
		if !ok {
			continue
		}
		name := i.label()
		_, alike := keys.ParseUUID(name)
		switch {
		case name == i.uuid:
			name = "" // shown as what it is
		case alike || used[name] > 1 || name == keys.NoInstance || strings.Contains(name, "/"):
			name += "/" + u.String()
		}
		names[u] = keys.InstanceName{Name: name, Project: i.project}
	}
	return names
}

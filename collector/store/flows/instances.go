package flows

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"weir/detect/rules"
)

// Instance is one of the model of the site, with the addresses that it has now.
// History itself has addresses alone.
type Instance struct {
	UUID      string
	Name      string
	Project   string
	Ports     []string // UUIDs that Neutron gave its ports
	Addresses []netip.Addr
}

// instanceColumn is the column of addresses that one of instances is made of.
func instanceColumn(name string) (of string, ok bool) {
	of, ok = strings.CutSuffix(name, "_instance")
	return of, ok && (of == "src" || of == "dst")
}

// AllColumns are Columns with those that the model of the site adds.
func AllColumns() []string { return append(Columns(), "src_instance", "dst_instance") }

// directory has the instances while a query is read.
type directory struct {
	ask   func() ([]Instance, error) // nil where there is no model
	known []Instance
	asked bool
	err   error
	notes []string
}

func (d *directory) all() []Instance {
	if !d.asked && d.ask != nil {
		d.known, d.err = d.ask()
	}
	d.asked = true
	return d.known
}

// filter reads a filter, in which instances may be named.
func (d *directory) filter(text string) (*rules.Filter, error) {
	if d.ask == nil {
		return ParseFilter(text)
	}
	f, err := rules.ParseFilterNaming(text, filterFields(), notKeptWord, d.resolve)
	if d.err != nil {
		return nil, d.err
	}
	return f, err
}

// maxNoted is how many addresses a note tells of.
const maxNoted = 16

// resolve implements rules.Resolver.
func (d *directory) resolve(name string) (addresses []netip.Addr, problem string, fits []string) {
	var found []*Instance
	all := d.all()
	for i := range all {
		if x := &all[i]; x.Name == name || strings.EqualFold(x.UUID, name) || slices.ContainsFunc(x.Ports, func(p string) bool { return strings.EqualFold(p, name) }) {
			found = append(found, x)
			for _, a := range x.Addresses {
				if !slices.Contains(addresses, a) {
					addresses = append(addresses, a)
				}
			}
		}
	}
	switch {
	case len(found) == 0:
		return nil, "is no instance in the model of the site", d.near(name)
	case len(addresses) == 0:
		return nil, "has no address that the model of the site knows", []string{"its addresses, as src or dst"}
	}
	d.note(name, found, addresses)
	return addresses, "", nil
}

// near are names that begin as one does.
func (d *directory) near(name string) (fits []string) {
	for _, x := range d.known {
		if len(fits) < 5 && x.Name != "" && name != "" && strings.HasPrefix(strings.ToLower(x.Name), strings.ToLower(name[:1])) && !slices.Contains(fits, x.Name) {
			fits = append(fits, x.Name)
		}
	}
	return append(fits, "the name or UUID of an instance, or the UUID of a port of it")
}

// note says what a name stood for.
func (d *directory) note(name string, found []*Instance, addresses []netip.Addr) {
	text := make([]string, 0, len(addresses))
	shared := 0
	for i, a := range addresses {
		if i < maxNoted {
			text = append(text, a.String())
		}
		if others := slices.ContainsFunc(d.known, func(x Instance) bool {
			return slices.Contains(x.Addresses, a) && !slices.ContainsFunc(found, func(f *Instance) bool { return f.UUID == x.UUID })
		}); others {
			shared++
		}
	}
	if len(addresses) > maxNoted {
		text = append(text, fmt.Sprintf("and %d more", len(addresses)-maxNoted))
	}
	s := fmt.Sprintf("instance %q: its addresses now, %s, in the model of the site; those it had before are not looked for", name, strings.Join(text, ", "))
	if len(found) > 1 {
		s = fmt.Sprintf("instance %q: %d are called that; %s", name, len(found), strings.Replace(strings.TrimPrefix(s, fmt.Sprintf("instance %q: ", name)), "its addresses", "their addresses", 1))
	}
	if shared > 0 {
		s += fmt.Sprintf("; %d of them other instances have too, whose flows are among these", shared)
	}
	if !slices.Contains(d.notes, s) {
		d.notes = append(d.notes, s)
	}
}

// maxLabel is how many instances of one address are named.
const maxLabel = 3

// name gives a query that sums by instances their names, and all that names stood
// for. What is of no instance has none.
func (d *directory) name(q *Query) error {
	q.notes = d.notes
	if !slices.ContainsFunc(q.By, func(n string) bool { _, ok := instanceColumn(n); return ok }) || d.ask == nil {
		return nil
	}
	all := d.all()
	if d.err != nil {
		return fmt.Errorf("by: %w", d.err)
	}
	called := map[string]int{}
	for _, x := range all {
		called[x.Name]++
	}
	labels, have := map[string][]string{}, 0
	for _, x := range all {
		have += min(len(x.Addresses), 1)
		label := x.Name
		switch {
		case x.Name == "":
			label = x.UUID
		case called[x.Name] > 1:
			label = x.Name + " (" + x.UUID + ")"
		}
		for _, a := range x.Addresses {
			labels[a.String()] = append(labels[a.String()], label)
		}
	}
	q.named = make(map[string]string, len(labels))
	several := 0
	for a, of := range labels {
		slices.Sort(of)
		if of = slices.Compact(of); len(of) > 1 {
			several++
		}
		if n := len(of) - maxLabel; n > 0 {
			of = append(of[:maxLabel], fmt.Sprintf("%d more", n))
		}
		q.named[a] = strings.Join(of, " or ")
	}
	s := fmt.Sprintf("instances: by the addresses that %d of %d have now, in the model of the site; what is of none has no name", have, len(all))
	if several > 0 {
		s += fmt.Sprintf("; %d addresses several have, all of which are named", several)
	}
	q.notes = append(q.notes, s)
	return nil
}

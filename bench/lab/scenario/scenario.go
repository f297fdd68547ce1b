// Package scenario is the score of the lab's plays: what happens to which nodes,
// which alert is to follow within what time, and what became of it. It reads
// scenario files and counts; package play does the deeds.
//
// A folder of scenarios holds nodes.yaml, which names groups of nodes, and one
// file for each scenario. A scenario is played on the nodes of one group, a run at
// a time on each node, every run on another bridge, instance or guest where the
// subject is one: what has failed twice lately is damped as flapping.
//
//	name: Linux bridge switched off
//	class: H1
//	group: linux
//	subject: bridge
//	runs: 40
//	event: [{sh: ip link set {bridge} down}]
//	undo: [{sh: ip link set {bridge} up}]
//	expect: {kind: bridge_down, type: bridge, name: "{bridge}", within: 300ms}
//
// A scenario without expect is a quiet one: every alert is a false alarm.
package scenario

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// Group is a number of nodes that are alike.
type Group struct {
	Name      string `yaml:"name"`
	Count     int    `yaml:"count"`     // nodes
	Switch    string `yaml:"switch"`    // linux or ovs
	Bridges   int    `yaml:"bridges"`   // beside the br0 of Open vSwitch, which has the uplink
	Instances int    `yaml:"instances"` // on each bridge
	Taps      bool   `yaml:"taps"`      // instances on Open vSwitch are behind taps, as QEMU's are
	Guests    int    `yaml:"guests"`    // virtual machines of QEMU, on brq0
	NICs      int    `yaml:"nics"`      // nic1 … beside eth0 and eth1, with a cable each
	Agent     bool   `yaml:"agent"`     // weir-agent runs on the node
	Plain     bool   `yaml:"plain"`     // of weir-agent the collector gets standard structures alone
	SFlow     bool   `yaml:"sflow"`     // Open vSwitch exports sFlow itself
	HSFlowd   string `yaml:"hsflowd"`   // the Host sFlow daemon runs on the node, with these sections in its configuration
	Adaptors  int    `yaml:"adaptors"`  // s between its looks at interfaces; 0 leaves its own 10
	Sampling  int    `yaml:"sampling"`  // one packet in so many; 10
	Polling   int    `yaml:"polling"`   // of counters in seconds; 1
	Talk      int    `yaml:"talk"`      // packets a second between instances of neighbouring nodes, by br0
	Local     int    `yaml:"local"`     // packets a second between the first two instances of each further bridge
	Watch     bool   `yaml:"watch"`     // weir-agent samples packets too
	Leaf      bool   `yaml:"leaf"`      // the nodes hang on an Open vSwitch of their own, which exports sFlow; so does what they say
	Apart     int    `yaml:"apart"`     // so many of the nodes, the last, do not hang on it
	Bond      bool   `yaml:"bond"`      // by two cables each, which are a link aggregation group with LACP
	VLANs     int    `yaml:"vlans"`     // instances of br0 are in so many VLANs, in turns
	Router    bool   `yaml:"router"`    // one more node has a router between these; instances talk to what is beyond too
	Tunnels   int    `yaml:"tunnels"`   // instances of br0 are in so many networks by VXLAN, as Neutron's agent writes it
	Guarded   int    `yaml:"guarded"`   // the node's packet filter drops what is not for its instances, on br0 or brq1: so many handshakes a second are tried at each from outside
	Spoof     int    `yaml:"spoof"`     // so many of the guarded instances send with others' addresses, which is dropped too
	Stage     int    `yaml:"stage"`     // groups of one stage are raised and played together
}

// Scenario is what happens and what is to follow.
type Scenario struct {
	File    string              `yaml:"-"`
	Name    string              `yaml:"name"`
	Class   string              `yaml:"class"` // H1 … H5, of the table
	Group   string              `yaml:"group"` // of nodes; "" is all at once, after everything else
	Subject string              `yaml:"subject"`
	Vars    map[string][]string `yaml:"vars"`  // further names for steps, each run another
	Uses    int                 `yaml:"uses"`  // runs on one subject at most; 2
	Runs    int                 `yaml:"runs"`  // in all; a third of them at the second loss and further
	Extra   bool                `yaml:"extra"` // takes long: is played only where it is named
	Short   int                 `yaml:"short"` // in the short selection; 0 leaves it out
	Every   Duration            `yaml:"every"` // between the beginnings of runs
	Prepare []Step              `yaml:"prepare"`
	Event   []Step              `yaml:"event"`
	Undo    []Step              `yaml:"undo"`
	Rest    Duration            `yaml:"rest"`  // of the node after a run; 2s
	Quick   bool                `yaml:"quick"` // the next run on the node does not wait until the alerts have ended
	Expect  *Expect             `yaml:"expect"`
	For     Duration            `yaml:"for"`      // how long a quiet run is watched
	Records bool                `yaml:"recorded"` // an information is no false alarm of a quiet run
	Matrix  string              `yaml:"matrix"`   // confusion matrix that it is a row of
	Loss    []string            `yaml:"loss"`     // of datagrams: "0", "1", "5" per cent, "bursts"
}

// Expect is the alert that must come.
type Expect struct {
	Kind     string   `yaml:"kind"`
	Type     string   `yaml:"type"`     // of the subject; "" any
	Name     string   `yaml:"name"`     // of the subject; "" any
	Severity string   `yaml:"severity"` // "" any
	Cause    string   `yaml:"cause"`    // that the alert's line holds
	P50      Duration `yaml:"p50"`
	Within   Duration `yaml:"within"`   // p99
	Patience Duration `yaml:"patience"` // when a run is given up; the larger of 5 s and 2 × within
	Stays    Duration `yaml:"stays"`    // how long the run goes on after the alert
	Effects  int      `yaml:"effects"`  // that the alert lists at least, within the larger of within and 10 s, and before the event is undone
}

// Step is one thing that is done. One of its fields but On is set.
type Step struct {
	Sh      string   `yaml:"sh"`      // a command, in the namespace of the node or where On says
	On      string   `yaml:"on"`      // "instance": in the instance's namespace; "others": in all others of the group; "leaf", "router": of the group
	Repeat  int      `yaml:"repeat"`  // of Sh
	Agent   string   `yaml:"agent"`   // kill, stop, start, upgrade
	HSFlowd string   `yaml:"hsflowd"` // kill, stop, start, or "sampling=1000", "polling=10": started again with that
	Switch  string   `yaml:"switch"`  // of Open vSwitch: kill, start, delete, make, empty, fill
	Path    string   `yaml:"path"`    // block and open datagrams to the collector, cut and join all cables, deaf and hear for all nodes
	Guest   string   `yaml:"guest"`   // kill, start, or a command of virsh
	Weir    string   `yaml:"weir"`    // restart
	Attack  string   `yaml:"attack"`  // stop, start: what guarded instances are tried with, and send themselves
	Wait    Duration `yaml:"wait"`    // a time
	Ignored bool     `yaml:"ignored"` // a failure of Sh is no failure
}

// Duration is a time.Duration that YAML writes as 1m30s.
type Duration time.Duration

// UnmarshalYAML implements yaml.Unmarshaler.
func (d *Duration) UnmarshalYAML(n *yaml.Node) error {
	v, err := time.ParseDuration(n.Value)
	if err != nil || v < 0 {
		return fmt.Errorf("line %d: %q is no time: write 300ms or 1m30s", n.Line, n.Value)
	}
	*d = Duration(v)
	return nil
}

// MarshalText implements encoding.TextMarshaler.
func (d Duration) MarshalText() ([]byte, error) { return []byte(time.Duration(d).String()), nil }

// Times is how often the scenario is played at a loss.
func (s *Scenario) Times(loss string) int {
	if loss != s.Loss[0] {
		return (s.Runs + 2) / 3
	}
	return s.Runs
}

// Load reads nodes.yaml and the scenarios of a folder in the order of their
// names; only keeps those whose file or name begins with one of its words, all
// where it is empty.
func Load(dir string, only []string) ([]Group, []Scenario, error) {
	var groups []Group
	if err := read(filepath.Join(dir, "nodes.yaml"), &groups); err != nil {
		return nil, nil, err
	}
	for i := range groups {
		if err := groups[i].fill(); err != nil {
			return nil, nil, fmt.Errorf("nodes.yaml: group %q: %w", groups[i].Name, err)
		}
	}
	files, err := filepath.Glob(filepath.Join(dir, "*.yaml"))
	if err != nil {
		return nil, nil, err
	}
	var all []Scenario
	used := make([]bool, len(only))
	for _, f := range files {
		base := strings.TrimSuffix(filepath.Base(f), ".yaml")
		if base == "nodes" {
			continue
		}
		s := Scenario{File: base}
		if err := read(f, &s); err != nil {
			return nil, nil, err
		}
		if err := s.fill(groups); err != nil {
			return nil, nil, fmt.Errorf("%s.yaml: %w", base, err)
		}
		if len(only) == 0 && !s.Extra || chosen(&s, only, used) {
			all = append(all, s)
		}
	}
	for i, u := range used {
		if !u {
			return nil, nil, fmt.Errorf("no scenario %q in %s", only[i], dir)
		}
	}
	return groups, all, nil
}

func chosen(s *Scenario, only []string, used []bool) (is bool) {
	for i, word := range only {
		word = strings.TrimSuffix(filepath.Base(word), ".yaml")
		if strings.HasPrefix(s.File, word) || strings.HasPrefix(s.Name, word) || s.Class == word {
			is, used[i] = true, true
		}
	}
	return is
}

func read(file string, v any) error {
	b, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	d := yaml.NewDecoder(bytes.NewReader(b))
	d.KnownFields(true)
	if err := d.Decode(v); err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("%s: %w", filepath.Base(file), err)
	}
	return nil
}

func (g *Group) fill() error {
	g.Sampling, g.Polling = max(g.Sampling, 10), max(g.Polling, 1)
	switch {
	case g.Name == "" || strings.ContainsAny(g.Name, " /-") || len(g.Name) > 6:
		return errors.New("needs a name of at most six letters")
	case g.Switch != "linux" && g.Switch != "ovs":
		return fmt.Errorf("switch %q: write linux or ovs", g.Switch)
	case g.Count < 1 || g.Count > 64 || g.Bridges > 64 || g.Instances > 64 || g.Guests > 32:
		return errors.New("1 to 64 nodes, at most 64 bridges, 64 instances on each and 32 guests")
	case g.Switch != "ovs" && (g.Leaf || g.VLANs > 0 || g.Tunnels > 0 || g.Taps):
		return errors.New("VLANs, tunnels, taps and a leaf take nodes with Open vSwitch")
	case g.Bond && !g.Leaf || g.Router && g.VLANs == 0 || g.VLANs > 0 && g.Tunnels > 0 || g.VLANs > 100 || g.Tunnels > 100:
		return errors.New("a bond takes a leaf, a router takes VLANs, tunnels take the place of VLANs; at most 100 of either")
	case g.Talk > 0 && (g.Switch != "ovs" && g.Guarded == 0 || g.Count < 2 || g.Instances < 1):
		return errors.New("to talk it takes two nodes with Open vSwitch, or guarded, and instances")
	case g.Guarded > 100 || g.Spoof > g.Instances || g.Guarded > 0 && (g.Instances < 1 || g.Switch == "linux" && g.Bridges != 1) || g.Spoof > 0 && g.Guarded == 0:
		return errors.New("to be guarded it takes instances, on Linux one bridge; at most 100 handshakes a second of each, and those spoof that are guarded")
	}
	return nil
}

// subjects are what a run may happen to: uplink is the bridge that has one, site is
// all nodes of the group with what joins them, one run at a time.
var subjects = []string{"node", "bridge", "uplink", "instance", "guest", Site}

// Site is the subject of a run that happens to all nodes of its group.
const Site = "site"

func (s *Scenario) fill(groups []Group) error {
	s.Uses, s.Runs = max(s.Uses, 0), max(s.Runs, 1)
	if s.Uses == 0 {
		s.Uses = 2
	}
	if s.Subject == "" {
		s.Subject = "node"
	}
	if s.Rest == 0 {
		s.Rest = Duration(2 * time.Second)
	}
	if len(s.Loss) == 0 {
		s.Loss = []string{"0"}
	}
	known := s.Group == ""
	for _, g := range groups {
		known = known || g.Name == s.Group
	}
	switch {
	case s.Name == "":
		return errors.New("needs a name")
	case !known:
		return fmt.Errorf("no group %q in nodes.yaml", s.Group)
	case !slices.Contains(subjects, s.Subject):
		return fmt.Errorf("subject %q: choose from %s", s.Subject, strings.Join(subjects, ", "))
	case len(s.Event) == 0:
		return errors.New("no event")
	case s.Expect == nil && s.For == 0:
		return errors.New("without expect it needs for: how long it is watched")
	case s.Expect != nil && (s.Expect.Kind == "" || s.Expect.Within == 0):
		return errors.New("expect needs kind and within")
	}
	for _, l := range s.Loss {
		if _, ok := Losses[l]; !ok {
			return fmt.Errorf("loss %q: choose from 0, 1, 5, bursts", l)
		}
	}
	if e := s.Expect; e != nil && e.Patience == 0 {
		e.Patience = max(Duration(5*time.Second), 2*e.Within)
	}
	return nil
}

// Loss says which datagrams are lost: in every Of that arrive the first Lost, or
// where it is random each with that probability.
type Loss struct {
	Lost, Of int
	Random   bool
	Text     string
	Note     string // what is to be known of results at it
}

// Losses are the ways to lose datagrams, by name.
var Losses = map[string]Loss{
	"0": {Text: "no loss"},
	"1": {Lost: 10, Of: 1000, Random: true, Text: "1 % lost"},
	"5": {Lost: 50, Of: 1000, Random: true, Text: "5 % lost"},
	"bursts": {Lost: 60, Of: 2000, Text: "3 % lost, 60 datagrams in a row",
		Note: "targets are for 1 %: of 1,000 agents that beat once a second and lose 3 %, loss alone takes 6 beats in a row of some 23 times a year and 7 of them 0.7 times, so that who has only its own beats to go by waits 7 to 8 s; what goes on on the same way, or is seen no more, tells sooner, unless such a run has hit that meanwhile"},
}

// LossOrder is the order in which they are played.
var LossOrder = []string{"0", "1", "5", "bursts"}

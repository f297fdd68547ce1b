package web

import (
	"fmt"
	"math"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"time"

	"weir/collector/agents"
	"weir/collector/web/access"
)

// AgentRow is an agent in short.
type AgentRow struct {
	Number     uint32     `json:"number"`
	Agent      netip.Addr `json:"agent"`
	Source     netip.Addr `json:"source"`
	Name       string     `json:"name,omitempty"`
	Hypervisor bool       `json:"hypervisor"`
	LastHeard  time.Time  `json:"last_heard"`
	Interfaces int        `json:"interfaces"`
	Down       int        `json:"down"` // interfaces that are enabled and not up
	Received   uint64     `json:"received"`
	Lost       uint64     `json:"lost"`
	Sampling   [2]uint32  `json:"sampling"`  // least and most packets a sample, as told; 0 without
	Effective  [2]float64 `json:"effective"` // as sample_pool shows; 0 unknown
	Drops      uint64     `json:"drops"`     // samples that the agent says it lost
	Debt       uint64     `json:"debt"`      // records and samples of it that are not decoded
	Notes      []Note     `json:"notes"`     // where it does not do as the specification says, or as it tells
}

// Note is one thing that an agent does otherwise than it should.
type Note struct {
	Text    string `json:"text"`
	Matters bool   `json:"matters"` // figures suffer from it
}

// AgentDetail is all that is known of an agent.
type AgentDetail struct {
	AgentRow
	Info *agents.AgentInfo `json:"info"`
}

// Least that is judged, and how far an effective rate may be from what is told.
const (
	judgedSamples = 200
	judgedAfter   = 2 * time.Minute
	rateStrays    = 1.25
)

// agentRoutes are agents in short, and one of them.
func agentRoutes(s Source) []Route {
	return []Route{{
		Method: "GET", Path: "/api/v1/agents/overview", Needs: access.Viewer, Summary: "Agents in short, with where they stray from the specification.", Answer: []AgentRow{},
		Serve: Answers(func(*http.Request) (any, error) {
			all := s.Agents()
			rows := make([]AgentRow, 0, len(all))
			for _, a := range all {
				rows = append(rows, agentRow(a))
			}
			return rows, nil
		}),
	}, {
		Method: "GET", Path: "/api/v1/agent", Needs: access.Viewer, Summary: "One agent with all that is known of it.", Answer: AgentDetail{},
		Params: []Param{{Name: "agent", Says: "address or number"}},
		Serve: Answers(func(r *http.Request) (any, error) {
			text := r.URL.Query().Get("agent")
			for _, a := range s.Agents() {
				if a.Agent.String() == text || strconv.FormatUint(uint64(a.Number), 10) == text {
					return AgentDetail{agentRow(a), a}, nil
				}
			}
			return nil, mistake(fmt.Sprintf("agent %q: is not known to this collector", text))
		}),
	}}
}

func agentRow(a *agents.AgentInfo) AgentRow {
	x := AgentRow{
		Number: a.Number, Agent: a.Agent, Source: a.Source, Name: a.Name, Hypervisor: a.Hypervisor,
		LastHeard: a.LastHeard, Interfaces: len(a.Interfaces), Notes: []Note{},
	}
	for i := range a.Interfaces {
		if f := &a.Interfaces[i]; f.Counted && f.AdminUp && !f.OperUp {
			x.Down++
		}
	}
	for i := range a.SubAgents {
		x.Received, x.Lost = x.Received+a.SubAgents[i].Datagrams.Received, x.Lost+a.SubAgents[i].Datagrams.Lost
	}
	for i := range a.Sources {
		f := &a.Sources[i]
		x.Drops += uint64(f.Drops)
		if f.SamplingRate > 0 {
			x.Sampling = [2]uint32{least(x.Sampling[0], f.SamplingRate), max(x.Sampling[1], f.SamplingRate)}
		}
		if f.EffectiveRate > 0 && f.Flows.Received >= judgedSamples {
			x.Effective = [2]float64{least(x.Effective[0], f.EffectiveRate), max(x.Effective[1], f.EffectiveRate)}
		}
	}
	for i := range a.Debt {
		x.Debt += a.Debt[i].Count
	}
	conform(&x, a)
	return x
}

// least is the lesser of two, 0 being none.
func least[T uint32 | float64](a, b T) T {
	if a == 0 {
		return b
	}
	return min(a, b)
}

// conform notes where the agent strays.
func conform(x *AgentRow, a *agents.AgentInfo) {
	note := func(matters bool, n int, format string, args ...any) {
		if n > 0 {
			x.Notes = append(x.Notes, Note{fmt.Sprintf(format, args...), matters})
		}
	}
	note(true, b2i(a.Contested), "another source claims its address")
	note(true, b2i(a.FramesLost > 0), "weir-agent has lost LLDP, ARP and DHCP frames since it started, for want of room: %d; a switch it hangs on, or an instance that gets no address, may be told late or not at all", a.FramesLost)
	noteSequences(note, a)
	noteSources(note, a)
	unknown, differ, resets := 0, 0, 0
	for i := range a.Interfaces {
		f := &a.Interfaces[i]
		unknown += b2i(f.Counted && f.SaidSpeed == 0 && f.OperUp)
		differ += b2i(f.SaidSpeed != 0 && f.Speed != 0 && f.Speed != f.SaidSpeed)
		resets += int(f.Resets)
	}
	note(false, unknown, "%d of %d interfaces do not tell their speed", unknown, len(a.Interfaces))
	note(true, differ, "%d interfaces tell a speed that their counters exceed or SNMP denies", differ)
	note(false, resets, "counters began anew %d times", resets)
	slices.SortStableFunc(x.Notes, func(a, b Note) int { return b2i(b.Matters) - b2i(a.Matters) })
}

func noteSequences(note func(bool, int, string, ...any), a *agents.AgentInfo) {
	spaces, jumps, duplicates := 0, 0, 0
	for i := range a.SubAgents {
		d := &a.SubAgents[i].Datagrams
		spaces += b2i(d.Spaces > 1)
		jumps += int(d.Jumps) - int(min(d.Jumps, a.SubAgents[i].Restarts))
		duplicates += int(d.Duplicates)
	}
	note(true, spaces, "%d sub-agents interleave several sequences of datagrams", spaces)
	note(false, jumps, "its sequence of datagrams jumped %d times", jumps)
	note(false, duplicates, "%d datagrams came twice", duplicates)
}

func noteSources(note func(bool, int, string, ...any), a *agents.AgentInfo) {
	strays, shared, silent, sampled := 0, 0, 0, 0
	worst := 1.0
	for i := range a.Sources {
		f := &a.Sources[i]
		sampled += b2i(f.SamplingRate > 0)
		shared += b2i(f.SharedPool)
		if f.SamplingRate > 0 && f.Counters.Received == 0 && f.Flows.Received >= judgedSamples && a.LastHeard.Sub(a.FirstHeard) > judgedAfter {
			silent++
		}
		if f.EffectiveRate > 0 && f.SamplingRate > 0 && f.Flows.Received >= judgedSamples && !f.SharedPool {
			if ratio := f.EffectiveRate / float64(f.SamplingRate); ratio > rateStrays || ratio < 1/rateStrays {
				strays++
				if math.Abs(math.Log(ratio)) > math.Abs(math.Log(worst)) {
					worst = ratio
				}
			}
		}
	}
	note(true, strays, "%d of %d sources sample at another rate than they tell, up to %.2f times it", strays, sampled, worst)
	note(false, shared, "one sample pool for all its sources: their effective rates cannot be told")
	note(true, silent, "%d of %d sources send samples and no counters", silent, sampled)
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

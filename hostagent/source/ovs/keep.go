package ovs

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/ovn-org/libovsdb/ovsdb"

	"weir/decoder/witness"
)

// Keep is an sFlow row that a bridge is to have.
type Keep struct {
	Bridge   string
	Targets  []string
	Sampling int
	Polling  int    // seconds; 0: Open vSwitch's default
	Header   int    // octets; 0: Open vSwitch's default
	Agent    string // interface; empty: Open vSwitch chooses
}

// keepEvery is the least time between two writes of one bridge's row: somebody
// else may want another one.
const keepEvery = 10 * time.Second

// keptCause is told with a change that the agent itself made.
const keptCause = "restored by weir-agent"

// keeper keeps sFlow rows.
type keeper struct {
	keep    []Keep
	resting map[string]bool   // bridges whose row was written not long ago
	wrote   map[string]string // the row that was written and is not seen yet
	err     error
}

func newKeeper(k []Keep) keeper {
	return keeper{keep: k, resting: map[string]bool{}, wrote: map[string]string{}}
}

// explain says of changes which ones were the agent's own.
func (k *keeper) explain(changes []change) {
	for i := range changes {
		c := &changes[i]
		if c.name == witness.OVSSFlowChanged && c.after != "" && k.wrote[c.bridge.name] == c.after {
			c.cause = keptCause
			delete(k.wrote, c.bridge.name)
		}
	}
}

// row returns the row as the database is to have it.
func (k *Keep) row() *sflowRow {
	r := &sflowRow{UUID: "kept", Targets: slices.Clone(k.Targets), Sampling: &k.Sampling}
	if k.Agent != "" {
		r.Agent = &k.Agent
	}
	if k.Polling > 0 {
		r.Polling = &k.Polling
	}
	if k.Header > 0 {
		r.Header = &k.Header
	}
	return r
}

// keep writes the rows that are not as they are to be.
func (s *Source) keep(ctx context.Context, db *database) {
	for i := range s.keeper.keep {
		k := &s.keeper.keep[i]
		s.mu.Lock()
		b := s.view.bridges[k.Bridge]
		want := k.row().String()
		todo := b != nil && b.sflow != want && !s.keeper.resting[k.Bridge]
		if todo {
			s.keeper.resting[k.Bridge] = true
			s.keeper.wrote[k.Bridge] = want
			time.AfterFunc(keepEvery, func() { s.rested(k.Bridge) })
		}
		s.mu.Unlock()
		if !todo {
			continue
		}
		err := db.setSFlow(ctx, b.id, k.row())
		s.mu.Lock()
		s.keeper.err = nil
		if err != nil {
			delete(s.keeper.wrote, k.Bridge)
			s.keeper.err = fmt.Errorf("ovs: writing the sFlow row of %s: %w", k.Bridge, err)
		}
		s.mu.Unlock()
	}
}

func (s *Source) rested(bridge string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.keeper.resting, bridge)
}

// setSFlow gives a bridge a new sFlow row; the database forgets the old one when
// nobody refers to it.
func (db *database) setSFlow(ctx context.Context, bridgeID string, row *sflowRow) error {
	ctx, cancel := context.WithTimeout(ctx, deadline)
	defer cancel()
	ops, err := db.c.Create(row)
	if err != nil {
		return err
	}
	b := &bridgeRow{UUID: bridgeID, SFlow: &row.UUID}
	update, err := db.c.Where(&bridgeRow{UUID: bridgeID}).Update(b, &b.SFlow)
	if err != nil {
		return err
	}
	ops = append(ops, update...)
	results, err := db.c.Transact(ctx, ops...)
	if err != nil {
		return err
	}
	_, err = ovsdb.CheckOperationResults(results, ops)
	return err
}

package store

import (
	"database/sql"
	"fmt"
	"net/netip"
	"time"

	"weir/collector/agents"
)

type agentKey struct{ agent, source netip.Addr }

// row is an agent as the file holds it.
type row struct {
	name        string
	first, last int64
}

// lastStep is how much later an agent must have been heard for that alone to
// be written: what is remembered is that it exists.
const lastStep = int64(10 * time.Minute)

// SaveAgents makes the file hold these agents and no others. Only what changed
// is written, all of it or nothing. Call it at most once a second.
func (s *Store) SaveAgents(known []agents.Known) error {
	type change struct {
		key agentKey
		row row
	}
	var changes []change
	want := make(map[agentKey]bool, len(known))
	for _, k := range known {
		key := agentKey{k.Agent, k.Source}
		if want[key] || !k.Agent.IsValid() || !k.Source.IsValid() {
			continue
		}
		want[key] = true
		r := row{k.Name, k.First.UnixNano(), k.Last.UnixNano()}
		old, had := s.saved[key]
		if d := r.last - old.last; !had || old.name != r.name || old.first != r.first || d >= lastStep || d < 0 {
			changes = append(changes, change{key, r})
		}
	}
	var gone []agentKey
	for key := range s.saved {
		if !want[key] {
			gone = append(gone, key)
		}
	}
	if len(changes)+len(gone) == 0 {
		return nil
	}
	err := s.inTransaction(func(tx *sql.Tx) error {
		put, err := tx.Prepare(`INSERT INTO agents (agent, source, name, first, last) VALUES (?, ?, ?, ?, ?)
			ON CONFLICT (agent, source) DO UPDATE SET name = excluded.name, first = excluded.first, last = excluded.last`)
		if err != nil {
			return err
		}
		for _, c := range changes {
			if _, err := put.Exec(c.key.agent.String(), c.key.source.String(), c.row.name, c.row.first, c.row.last); err != nil {
				return err
			}
		}
		del, err := tx.Prepare(`DELETE FROM agents WHERE agent = ? AND source = ?`)
		if err != nil {
			return err
		}
		for _, k := range gone {
			if _, err := del.Exec(k.agent.String(), k.source.String()); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("state file %s: agents cannot be saved: %w", s.path, err)
	}
	for _, c := range changes {
		s.saved[c.key] = c.row
	}
	for _, k := range gone {
		delete(s.saved, k)
	}
	return nil
}

// LoadAgents returns the agents that were saved.
func (s *Store) LoadAgents() ([]agents.Known, error) {
	fail := func(err error) ([]agents.Known, error) {
		return nil, fmt.Errorf("state file %s: agents cannot be read: %w", s.path, err)
	}
	rows, err := s.db.Query(`SELECT agent, source, name, first, last FROM agents ORDER BY agent, source`)
	if err != nil {
		return fail(err)
	}
	defer func() { _ = rows.Close() }()
	var known []agents.Known
	saved := map[agentKey]row{}
	for rows.Next() {
		var agent, source string
		var r row
		if err := rows.Scan(&agent, &source, &r.name, &r.first, &r.last); err != nil {
			return fail(err)
		}
		k := agents.Known{Name: r.name, First: time.Unix(0, r.first).UTC(), Last: time.Unix(0, r.last).UTC()}
		if k.Agent, err = netip.ParseAddr(agent); err != nil {
			return fail(err)
		}
		if k.Source, err = netip.ParseAddr(source); err != nil {
			return fail(err)
		}
		known = append(known, k)
		saved[agentKey{k.Agent, k.Source}] = r
	}
	if err := rows.Err(); err != nil {
		return fail(err)
	}
	s.saved = saved
	return known, nil
}

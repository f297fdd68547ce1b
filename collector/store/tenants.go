package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"
)

// Tenant is by what an instance of a project is, or was, known: what is kept of a
// project is erased by it, whatever alerts told.
type Tenant struct {
	Project   string       `json:"project"`
	UUID      string       `json:"uuid"`
	Ports     []Port       `json:"ports,omitempty"`
	Addresses []netip.Addr `json:"addresses,omitempty"`
	Seen      string       `json:"seen"` // the last day, UTC
}

// Port is an interface that an agent has counters of.
type Port struct {
	Agent netip.Addr `json:"agent"`
	Name  string     `json:"name"`
}

const (
	tenantState = "tenants"
	// maxTenants is how many are remembered, those that are there first.
	maxTenants = 1 << 17
	// maxParts bounds ports and addresses of each, the newest first.
	maxParts = 64
)

// SaveTenants remembers the instances that there are, and those that were for as
// long as keep. Call it about once a minute.
func (s *Store) SaveTenants(there []Tenant, now time.Time, keep time.Duration) error {
	body, err := s.LoadSite(tenantState)
	if err != nil {
		return err
	}
	var was []Tenant
	if body != nil && json.Unmarshal(body, &was) != nil {
		was = nil // somebody else wrote it; what is there is told again
	}
	had := map[string]*Tenant{}
	for i := range was {
		had[was[i].UUID] = &was[i]
	}
	day, oldest := now.UTC().Format(time.DateOnly), now.Add(-keep).UTC().Format(time.DateOnly)
	all := make([]Tenant, 0, len(there))
	for _, t := range there {
		if t.Seen = day; had[t.UUID] != nil && had[t.UUID].Project == t.Project {
			t.Ports, t.Addresses = joined(t.Ports, had[t.UUID].Ports), joined(t.Addresses, had[t.UUID].Addresses)
		}
		delete(had, t.UUID)
		all = append(all, t)
	}
	for i := range was {
		if t := had[was[i].UUID]; t != nil && t.Seen >= oldest {
			all = append(all, *t)
		}
	}
	if len(all) == 0 && body == nil {
		return nil
	}
	if body, err = json.Marshal(all[:min(len(all), maxTenants)]); err != nil {
		return err
	}
	return s.SaveSite(tenantState, body)
}

// joined has what is there, and what was.
func joined[T comparable](there, was []T) []T {
	all := slices.Clone(there)
	for _, x := range was {
		if !slices.Contains(all, x) {
			all = append(all, x)
		}
	}
	return all[:min(len(all), maxParts)]
}

// tenants returns those that are remembered.
func tenants(ctx context.Context, tx *sql.Tx) (all []Tenant, err error) {
	var body []byte
	err = tx.QueryRowContext(ctx, `SELECT body FROM site WHERE name = ?`, tenantState).Scan(&body)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	} else if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(body, &all); err != nil {
		return nil, fmt.Errorf("the instances of projects cannot be read: %w", err)
	}
	return all, nil
}

// findTenants adds what is remembered of a project's instances.
func (e *Erased) findTenants(ctx context.Context, tx *sql.Tx, project string) error {
	all, err := tenants(ctx, tx)
	for i := range all {
		t := &all[i]
		if t.Project != project {
			continue
		}
		if !slices.Contains(e.Instances, t.UUID) {
			e.Instances = append(e.Instances, t.UUID)
		}
		e.Addresses = union(e.Addresses, t.Addresses)
		e.Ports = union(e.Ports, t.Ports)
	}
	return err
}

func union[T comparable](all, more []T) []T {
	for _, x := range more {
		if !slices.Contains(all, x) {
			all = append(all, x)
		}
	}
	return all
}

// forgetTenants removes what is remembered of a project's instances.
func forgetTenants(ctx context.Context, tx *sql.Tx, project string) error {
	all, err := tenants(ctx, tx)
	if err != nil {
		return err
	}
	before := len(all)
	all = slices.DeleteFunc(all, func(t Tenant) bool { return t.Project == project })
	if len(all) == before {
		return nil
	}
	body, err := json.Marshal(all)
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, `UPDATE site SET body = ? WHERE name = ?`, body, tenantState)
	return err
}

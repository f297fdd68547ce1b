package store

import (
	"bytes"
	"database/sql"
	"errors"
	"fmt"
)

// SaveSite keeps a part of the site's state under a name. What did not change
// is not written. Call it at most once a second.
func (s *Store) SaveSite(name string, body []byte) error {
	if bytes.Equal(s.site[name], body) {
		return nil
	}
	err := s.inTransaction(func(tx *sql.Tx) error {
		_, err := tx.Exec(`INSERT INTO site (name, body) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET body = excluded.body`, name, body)
		return err
	})
	if err != nil {
		return fmt.Errorf("state file %s: %s cannot be saved: %w", s.path, name, err)
	}
	if s.site == nil {
		s.site = map[string][]byte{}
	}
	s.site[name] = bytes.Clone(body)
	return nil
}

// LoadSite returns what was kept under a name, nil without.
func (s *Store) LoadSite(name string) ([]byte, error) {
	var body []byte
	err := s.db.QueryRow(`SELECT body FROM site WHERE name = ?`, name).Scan(&body)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("state file %s: %s cannot be read: %w", s.path, name, err)
	}
	return body, nil
}

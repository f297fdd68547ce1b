package store

import (
	"bytes"
	"database/sql"
	"fmt"
)

// OpenAlert is an alert that somebody was told of and that has not ended.
type OpenAlert struct {
	Key  string
	Body []byte // as the collector writes it
}

// SaveAlerts makes the file hold these alerts and no others. Only what changed
// is written, all of it or nothing.
func (s *Store) SaveAlerts(open []OpenAlert) error {
	want := make(map[string][]byte, len(open))
	for _, a := range open {
		want[a.Key] = a.Body
	}
	changed := len(want) != len(s.alerts)
	for key, body := range want {
		changed = changed || !bytes.Equal(s.alerts[key], body)
	}
	if !changed {
		return nil
	}
	err := s.inTransaction(func(tx *sql.Tx) error {
		put, err := tx.Prepare(`INSERT INTO open_alerts (key, body) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET body = excluded.body`)
		if err != nil {
			return err
		}
		for key, body := range want {
			if bytes.Equal(s.alerts[key], body) {
				continue
			}
			if _, err := put.Exec(key, body); err != nil {
				return err
			}
		}
		for key := range s.alerts {
			if _, keep := want[key]; keep {
				continue
			}
			if _, err := tx.Exec(`DELETE FROM open_alerts WHERE key = ?`, key); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("state file %s: open alerts cannot be saved: %w", s.path, err)
	}
	s.alerts = want
	return nil
}

// LoadAlerts returns the alerts that were saved, by key.
func (s *Store) LoadAlerts() ([]OpenAlert, error) {
	rows, err := s.db.Query(`SELECT key, body FROM open_alerts ORDER BY key`)
	if err != nil {
		return nil, fmt.Errorf("state file %s: open alerts cannot be read: %w", s.path, err)
	}
	defer func() { _ = rows.Close() }()
	var all []OpenAlert
	saved := map[string][]byte{}
	for rows.Next() {
		var a OpenAlert
		if err := rows.Scan(&a.Key, &a.Body); err != nil {
			return nil, fmt.Errorf("state file %s: open alerts cannot be read: %w", s.path, err)
		}
		all = append(all, a)
		saved[a.Key] = a.Body
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("state file %s: open alerts cannot be read: %w", s.path, err)
	}
	s.alerts = saved
	return all, nil
}

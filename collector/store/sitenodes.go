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

// siteNodesSchema has what is known of each node of the site.
const siteNodesSchema = `CREATE TABLE site_nodes (
		key   TEXT NOT NULL PRIMARY KEY, -- the node's address
		heard INTEGER NOT NULL,          -- last, ns since 1970
		size  INTEGER NOT NULL,          -- of the JSON text in octets
		body  BLOB NOT NULL              -- JSON, deflated
	) STRICT`

// maxNodesText bounds what is kept of all nodes, in octets of JSON text: on disk it
// takes about a sixth of that.
const maxNodesText = 96 << 20

// SiteNode is what is known of a node of the site.
type SiteNode struct {
	Key   string
	Heard time.Time
	Body  []byte // JSON
}

// SaveNodes keeps what is known of nodes, and forgets those that were last heard
// before oldest. It returns for how many there was no place: of those nothing is
// kept.
func (s *Store) SaveNodes(nodes []SiteNode, oldest time.Time) (refused int, err error) {
	if len(nodes) == 0 {
		return 0, nil
	}
	sizes, total, err := s.nodeSizes()
	if err != nil {
		return 0, err
	}
	// This takes its time, in which others may write.
	bodies := make([][]byte, len(nodes))
	var d deflater
	for i := range nodes {
		if len(nodes[i].Body) <= maxText {
			bodies[i] = d.shorten(nodes[i].Body)
		}
	}
	err = s.inTransaction(func(tx *sql.Tx) error {
		put, err := tx.Prepare(`INSERT INTO site_nodes (key, heard, size, body) VALUES (?, ?, ?, ?)
			ON CONFLICT (key) DO UPDATE SET heard = excluded.heard, size = excluded.size, body = excluded.body`)
		if err != nil {
			return err
		}
		defer put.Close()
		for i := range nodes {
			n := &nodes[i]
			total -= sizes[n.Key]
			sizes[n.Key] = 0
			if len(n.Body) > maxText || total+len(n.Body) > maxNodesText {
				refused++
				if _, err := tx.Exec(`DELETE FROM site_nodes WHERE key = ?`, n.Key); err != nil {
					return err
				}
				continue
			}
			total += len(n.Body)
			if _, err := put.Exec(n.Key, n.Heard.UnixNano(), len(n.Body), bodies[i]); err != nil {
				return err
			}
		}
		_, err = tx.Exec(`DELETE FROM site_nodes WHERE heard < ?`, oldest.UnixNano())
		return err
	})
	if err != nil {
		return refused, fmt.Errorf("state file %s: the model of the site cannot be saved: %w", s.path, err)
	}
	return refused, nil
}

// nodeSizes returns how much is kept of each node, and of all.
func (s *Store) nodeSizes() (sizes map[string]int, total int, err error) {
	rows, err := s.db.Query(`SELECT key, size FROM site_nodes`)
	if err != nil {
		return nil, 0, err
	}
	defer rows.Close()
	sizes = map[string]int{}
	for rows.Next() {
		var key string
		var size int
		if err := rows.Scan(&key, &size); err != nil {
			return nil, 0, err
		}
		sizes[key] = size
		total += size
	}
	return sizes, total, rows.Err()
}

// LoadNodes passes what was kept of each node, and how many rows could not be read.
func (s *Store) LoadNodes(yield func(body []byte)) (damaged int, err error) {
	rows, err := s.db.Query(`SELECT body FROM site_nodes ORDER BY key`)
	if err != nil {
		return 0, fmt.Errorf("state file %s: the model of the site cannot be read: %w", s.path, err)
	}
	defer rows.Close()
	for rows.Next() {
		var b sql.RawBytes
		if err := rows.Scan(&b); err != nil {
			return damaged, err
		}
		body, err := inflated(b)
		if err != nil {
			damaged++
			continue
		}
		yield(body)
	}
	return damaged, rows.Err()
}

// ReadNodes passes what was kept of each node in a state directory, whether a
// collector runs with it or not. Without one the error is fs.ErrNotExist.
func ReadNodes(ctx context.Context, dir string, yield func(body []byte)) error {
	db, path, err := readAlertLog(ctx, dir)
	if err != nil {
		return err
	}
	_, err = (&Store{db: db, path: path}).LoadNodes(yield)
	return errors.Join(err, db.Close())
}

// keptNode is as much of a node's JSON text as is to be known to erase a project
// from it; the rest stays as it is.
type keptNode struct {
	rest, parts, learned map[string]json.RawMessage
	instances            []json.RawMessage
	ports                []json.RawMessage
	sights               []json.RawMessage
}

func (k *keptNode) read(body []byte) error {
	if err := json.Unmarshal(body, &k.rest); err != nil {
		return err
	}
	read := func(from map[string]json.RawMessage, name string, into any) error {
		if from[name] == nil {
			return nil
		}
		return json.Unmarshal(from[name], into)
	}
	return errors.Join(read(k.rest, "parts", &k.parts), read(k.rest, "learned", &k.learned),
		read(k.parts, "instances", &k.instances), read(k.parts, "ports", &k.ports), read(k.learned, "sights", &k.sights))
}

func (k *keptNode) write() (body []byte, err error) {
	put := func(into map[string]json.RawMessage, name string, v any) {
		b, merr := json.Marshal(v)
		err = errors.Join(err, merr)
		if into != nil {
			into[name] = b
		}
	}
	put(k.parts, "instances", k.instances)
	put(k.parts, "ports", k.ports)
	put(k.learned, "sights", k.sights)
	put(k.rest, "parts", k.parts)
	put(k.rest, "learned", k.learned)
	if err != nil {
		return nil, err
	}
	return json.Marshal(k.rest)
}

// take removes what is of a project, and adds by what its instances were known.
func (k *keptNode) take(project string, e *Erased) (found int) {
	var macs []string
	ids := map[string]bool{}
	k.instances = slices.DeleteFunc(k.instances, func(b json.RawMessage) bool {
		var i struct {
			UUID, Project string
			MACs          []string
		}
		if json.Unmarshal(b, &i) != nil || i.Project != project {
			return false
		}
		found++
		ids[i.UUID] = true
		macs = append(macs, i.MACs...)
		e.Instances = union(e.Instances, []string{i.UUID})
		return true
	})
	if found == 0 {
		return 0
	}
	k.ports = slices.DeleteFunc(k.ports, func(b json.RawMessage) bool {
		var p struct {
			UUID string
			MACs []struct {
				MAC string
				IPs []netip.Addr
			}
		}
		if json.Unmarshal(b, &p) != nil || p.UUID == "" || !ids[p.UUID] {
			return false
		}
		for _, m := range p.MACs {
			macs = append(macs, m.MAC)
			e.Addresses = union(e.Addresses, m.IPs)
		}
		return true
	})
	k.sights = slices.DeleteFunc(k.sights, func(b json.RawMessage) bool {
		var x struct{ MAC string }
		return json.Unmarshal(b, &x) == nil && slices.Contains(macs, x.MAC)
	})
	return found
}

// takeNodes removes what is kept of a project's instances from the model of the site,
// unless it is only to be found.
func (e *Erased) takeNodes(ctx context.Context, tx *sql.Tx, project string, remove bool) error {
	rows, err := tx.QueryContext(ctx, `SELECT key, body FROM site_nodes`)
	if err != nil {
		return err
	}
	changed := map[string][]byte{}
	err = func() error {
		defer rows.Close()
		for rows.Next() {
			var key string
			var b []byte
			if err := rows.Scan(&key, &b); err != nil {
				return err
			}
			var k keptNode
			body, err := inflated(b)
			if err != nil || k.read(body) != nil {
				changed[key] = nil // nobody can search it
				continue
			}
			if found := k.take(project, e); found > 0 {
				e.Model += found
				if changed[key], err = k.write(); err != nil {
					return err
				}
			}
		}
		return rows.Err()
	}()
	if err != nil || !remove {
		return err
	}
	var d deflater
	for key, body := range changed {
		if body == nil {
			_, err = tx.ExecContext(ctx, `DELETE FROM site_nodes WHERE key = ?`, key)
		} else {
			_, err = tx.ExecContext(ctx, `UPDATE site_nodes SET size = ?, body = ? WHERE key = ?`, len(body), d.shorten(body), key)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

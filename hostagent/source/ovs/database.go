package ovs

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"

	"github.com/go-logr/logr"
	"github.com/ovn-org/libovsdb/cache"
	"github.com/ovn-org/libovsdb/client"
	"github.com/ovn-org/libovsdb/model"
)

var (
	errLost    = errors.New("ovs: the database closed the connection")
	errHanging = errors.New("ovs: the database does not answer")
)

// database is one connection to the database with a copy of the tables that are
// watched. It is never used again once it is gone.
type database struct {
	c       client.Client
	changed chan struct{} // something in the copy
	gone    chan struct{} // closed when the connection is lost

	mu  sync.Mutex
	why error
}

// dial connects and copies.
func dial(ctx context.Context, path string) (*database, error) {
	ctx, cancel := context.WithTimeout(ctx, deadline)
	defer cancel()
	// The library hides why it cannot connect.
	var d net.Dialer
	probe, err := d.DialContext(ctx, "unix", path)
	if err != nil {
		return nil, absentOr(path, err)
	}
	probe.Close()
	m, err := newModel()
	if err != nil {
		return nil, fmt.Errorf("ovs: %w", err)
	}
	log := logr.Discard()
	c, err := client.NewOVSDBClient(m, client.WithEndpoint("unix:"+path), client.WithLogger(&log))
	if err != nil {
		return nil, fmt.Errorf("ovs: %w", err)
	}
	db := &database{c: c, changed: make(chan struct{}, 1), gone: make(chan struct{})}
	go func() {
		select {
		case <-c.DisconnectNotify():
			db.lose(errLost)
		case <-db.gone:
		}
	}()
	if err = c.Connect(ctx); err == nil {
		c.Cache().AddEventHandler(&cache.EventHandlerFuncs{
			AddFunc:    func(string, model.Model) { db.wake() },
			UpdateFunc: func(string, model.Model, model.Model) { db.wake() },
			DeleteFunc: func(string, model.Model) { db.wake() },
		})
		err = monitor(ctx, c)
	}
	if err != nil {
		if ctx.Err() != nil {
			err = errHanging
		}
		db.lose(err)
		return nil, fmt.Errorf("ovs: %w", err)
	}
	return db, nil
}

func (db *database) wake() {
	select {
	case db.changed <- struct{}{}:
	default:
	}
}

// lose notes the first reason, tells everybody and closes.
func (db *database) lose(err error) {
	db.mu.Lock()
	first := db.why == nil
	if first {
		db.why = err
	}
	db.mu.Unlock()
	if first {
		close(db.gone)
		go db.c.Close() // it waits for calls that run
	}
}

func (db *database) close() { db.lose(errLost) }

// reason returns why the connection is gone.
func (db *database) reason() error {
	db.mu.Lock()
	defer db.mu.Unlock()
	if db.why == nil {
		return errLost
	}
	return db.why
}

// echo asks whether the database answers.
func (db *database) echo() error {
	ctx, cancel := context.WithTimeout(context.Background(), deadline)
	defer cancel()
	err := db.c.Echo(ctx)
	if err != nil {
		if ctx.Err() != nil {
			err = errHanging
		}
		db.lose(err)
	}
	return err
}

// view reads the copy. Transactions that arrive meanwhile make it read again, so
// that no half of one is seen.
func (db *database) view() *view {
	for range 5 {
		select {
		case <-db.changed:
		default:
		}
		v := db.read()
		if len(db.changed) == 0 {
			return v
		}
	}
	return db.read()
}

func (db *database) read() *view {
	tables := db.c.Cache()
	if tables == nil {
		return newView() // lost meanwhile
	}
	b := builder{
		ports: rows[portRow](tables, "Port"), interfaces: rows[interfaceRow](tables, "Interface"), sflows: rows[sflowRow](tables, "sFlow"),
	}
	v := newView()
	for _, r := range rows[bridgeRow](tables, "Bridge") {
		b.bridge(v, r)
	}
	return v
}

// rows returns a table of the copy. A row is replaced when it changes, never
// written to.
func rows[T any](tables *cache.TableCache, name string) map[string]*T {
	t := tables.Table(name)
	if t == nil {
		return nil
	}
	shallow := t.RowsShallow()
	all := make(map[string]*T, len(shallow))
	for id, m := range shallow {
		if r, ok := m.(*T); ok {
			all[id] = r
		}
	}
	return all
}

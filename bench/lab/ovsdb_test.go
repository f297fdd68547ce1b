package lab

import (
	"encoding/json"
	"net"
	"sync"
	"testing"
	"time"
)

// ovsdb is a client of a node's database beside the agent: it changes rows and is
// told of every change, as the agent is.
type ovsdb struct {
	t    *testing.T
	conn net.Conn

	mu      sync.Mutex // of writes
	id      int
	updates chan time.Time // when a change was told
	replies chan struct{}
}

// watchOVSDB watches the sFlow rows of a database.
func watchOVSDB(t *testing.T, socket string) *ovsdb {
	t.Helper()
	conn, err := net.Dial("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	d := &ovsdb{t: t, conn: conn, updates: make(chan time.Time, 64), replies: make(chan struct{}, 64)}
	done := make(chan struct{})
	go func() { defer close(done); d.read() }()
	t.Cleanup(func() { conn.Close(); <-done })
	d.call("monitor", "Open_vSwitch", nil, map[string]any{"sFlow": map[string]any{"columns": []string{"sampling"}}})
	return d
}

func (d *ovsdb) send(message map[string]any) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := json.NewEncoder(d.conn).Encode(message); err != nil {
		d.t.Error(err)
	}
}

// call sends a request and waits for its answer.
func (d *ovsdb) call(method string, params ...any) {
	d.t.Helper()
	d.id++
	d.send(map[string]any{"method": method, "params": params, "id": d.id})
	select {
	case <-d.replies:
	case <-time.After(soon):
		d.t.Fatalf("%s: no answer", method)
	}
}

func (d *ovsdb) read() {
	for in := json.NewDecoder(d.conn); ; {
		var m struct {
			Method string
			Params json.RawMessage
			ID     any
			Error  any
		}
		if in.Decode(&m) != nil {
			return
		}
		switch m.Method {
		case "update":
			d.updates <- time.Now()
		case "echo":
			d.send(map[string]any{"result": m.Params, "error": nil, "id": m.ID})
		default:
			if m.Error != nil {
				d.t.Errorf("ovsdb: %v", m.Error)
			}
			d.replies <- struct{}{}
		}
	}
}

// sampling commits another sampling rate of every sFlow row, and returns when the
// change was told to this client.
func (d *ovsdb) sampling(rate int) time.Time {
	d.t.Helper()
	d.call("transact", "Open_vSwitch", map[string]any{"op": "update", "table": "sFlow", "where": []any{}, "row": map[string]any{"sampling": rate}})
	select {
	case at := <-d.updates:
		return at
	case <-time.After(soon):
		d.t.Fatal("the change is not told")
	}
	return time.Time{}
}

package collector

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"weir/collector/config"
	"weir/collector/web"
)

func TestRunTellsTheHeaviestKeys(t *testing.T) {
	t.Parallel()
	cfg := testConfig(t)
	cfg.Top.Keys = []config.TopKey{"src_port: bytes", "dst_port: packets distinct(src_port)"}
	r := start(t, cfg)
	type top struct {
		Key     string
		Seconds float64
		Total   float64
		Exact   bool
		Items   []struct {
			Key       map[string]float64
			Rate      float64
			Low, High float64
			Samples   uint64
		}
	}
	ask := func(q web.TopQuery) (all []top, err error) {
		return all, web.Ask(t.Context(), cfg.StateDir, "top?"+q.Values().Encode(), &all)
	}
	if all, err := ask(web.TopQuery{Window: 10 * time.Second, N: 5}); err != nil || len(all) != 2 || len(all[0].Items) != 0 {
		t.Errorf("before any sample: %v, %+v", err, all)
	}
	if b := topBounds(r.status()); len(b) != 0 {
		t.Errorf("memory is taken before any sample: %+v", b)
	}
	// Two agents, on two shards or one, that see one elephant.
	e1, e2 := newExporter("192.0.2.11"), newExporter("192.0.2.12")
	c1, c2 := r.dial("127.0.0.11"), r.dial("127.0.0.12")
	var all []top
	i := 0
	r.eventually("a top of both agents", func() bool {
		i++
		r.send(c1, e1.flows(40000, uint16(1000+i%8)))
		r.send(c2, e2.flows(40000, uint16(1000+i%8)))
		var err error
		if all, err = ask(web.TopQuery{Key: "src_port", Window: time.Minute, N: 3}); err != nil {
			t.Fatal(err)
		}
		return len(all) == 1 && len(all[0].Items) == 3 && all[0].Seconds > 1.5 && i >= 8 // every key once
	})
	// What came in the last seconds is counted once they are over.
	r.eventually("all samples of both agents", func() bool {
		var err error
		if all, err = ask(web.TopQuery{Key: "src_port", Window: 5 * time.Minute, N: 3}); err != nil {
			t.Fatal(err)
		}
		return len(all) == 1 && len(all[0].Items) == 3 && all[0].Items[0].Samples == uint64(2*i)
	})
	it := all[0].Items[0]
	if all[0].Key != "src_port" || !all[0].Exact || it.Key["src_port"] != 40000 || it.Low > it.Rate || it.High < it.Rate {
		t.Errorf("%+v", all[0])
	}
	if share := it.Rate / all[0].Total; share < 0.49 || share > 0.51 {
		t.Errorf("the elephant has %v of all", share)
	}
	b := topBounds(r.status())
	if k := b["top_keys src_port: bytes"]; k.Used != 9 && k.Used != 18 || k.Limit%cfg.Top.Entries != 0 || k.Refused != 0 {
		t.Errorf("%+v", k)
	}
	if n := b["top_bytes"].Used; n < 2e6 || n > 6e6 {
		t.Errorf("%d bytes", n)
	}
	if _, err := ask(web.TopQuery{Key: "vlan", Window: time.Second, N: 1}); err == nil || err.Error() != `key "vlan": is not counted; write one of src_port dst_port, or list it in top.keys` {
		t.Errorf("error %v", err)
	}
	if err := web.Ask(t.Context(), cfg.StateDir, "top?key="+url.QueryEscape("dst_port: packets distinct(src_port)"), &all); err != nil || len(all) != 1 {
		t.Errorf("with its value: %v, %+v", err, all)
	}
}

func topBounds(s web.Status) map[string]web.Bound {
	m := map[string]web.Bound{}
	for _, b := range s.Bounds {
		if strings.HasPrefix(b.Name, "top_") {
			m[b.Name] = b
		}
	}
	return m
}

func TestRunWithoutTopKeys(t *testing.T) {
	t.Parallel()
	cfg := testConfig(t)
	cfg.Top.Keys = nil
	start(t, cfg)
	var all []any
	err := web.Ask(t.Context(), cfg.StateDir, "top", &all)
	if err == nil || err.Error() != "no keys are counted: top.keys is empty in the configuration; list some and restart weir" {
		t.Errorf("error %v", err)
	}
}

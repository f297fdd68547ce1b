package sflow

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func exampleAdapters() *HostAdapters {
	l := AppendHostAdapter(nil, 2, MAC{0x52, 0x54, 0, 0x12, 0x34, 0x56})
	l = AppendHostAdapter(l, 3)
	l = AppendHostAdapter(l, 0, MAC{0xfa, 0x16, 0x3e, 1, 2, 3}, MAC{0xfa, 0x16, 0x3e, 4, 5, 6})
	return &HostAdapters{Adapters: l}
}

func TestHostAdaptersReadsTheWire(t *testing.T) {
	body := unhex(t, `
		00000003                                     # adapters
		00000002 00000001 525400123456 ffff          # ifIndex 2, one address, garbage in the pad
		00000003 00000000                            # ifIndex 3, no address
		00000000 00000002 fa163e010203 0000 fa163e040506 0000
		99999999                                     # after the last adapter`)
	type adapter struct {
		Index uint32
		MACs  []string
	}
	want := []adapter{
		{2, []string{"52:54:00:12:34:56"}}, {3, nil}, {0, []string{"fa:16:3e:01:02:03", "fa:16:3e:04:05:06"}},
	}
	var c HostAdapters
	if err := c.Decode(Record{Format: FormatHostAdapters, Body: body}); err != nil {
		t.Fatal(err)
	}
	var got []adapter
	for a := range c.Adapters.All() {
		g := adapter{Index: a.IfIndex}
		for m := range a.MACs.All() {
			g.MACs = append(g.MACs, m.String())
		}
		if a.MACs.Len() != len(g.MACs) {
			t.Errorf("Len = %d, want %d", a.MACs.Len(), len(g.MACs))
		}
		got = append(got, g)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	json, err := c.Adapters.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(`[{"if_index":2,"mac_address":["52:54:00:12:34:56"]},{"if_index":3,"mac_address":[]},`+
		`{"if_index":0,"mac_address":["fa:16:3e:01:02:03","fa:16:3e:04:05:06"]}]`, string(json)); diff != "" {
		t.Errorf("JSON (-want +got):\n%s", diff)
	}
}

func TestHostAdaptersCanBeLeftEarly(t *testing.T) {
	for a := range exampleAdapters().Adapters.All() {
		if a.IfIndex != 2 || a.MACs.At(0) != (MAC{0x52, 0x54, 0, 0x12, 0x34, 0x56}) {
			t.Errorf("first adapter is %v", a)
		}
		for range a.MACs.All() {
			break
		}
		break
	}
}

func TestHostAdaptersRejectsCountsBeyondTheRecord(t *testing.T) {
	for _, c := range []struct{ name, wire string }{
		{"adapters", "00000002 00000001 00000000"},
		{"all ones of adapters", "ffffffff 00000001 00000000"},
		{"addresses", "00000001 00000001 00000002 525400123456 0000"},
		{"all ones of addresses", "00000001 00000001 ffffffff 525400123456 0000"},
		{"a product that wraps in 32 bits", "00000001 00000001 20000001 525400123456 0000"},
	} {
		var a HostAdapters
		if err := a.Decode(Record{Format: FormatHostAdapters, Body: unhex(t, c.wire)}); err != ErrTruncated || a.Adapters != nil {
			t.Errorf("%s: error %v and %d bytes, want %v and none", c.name, err, len(a.Adapters), ErrTruncated)
		}
	}
}

package flows

import (
	"errors"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"weir/detect/rules"
)

// inventory are instances of a site: two are called alike, two have one address, one
// has none.
var inventory = []Instance{
	{UUID: "dead0300-0000-4000-8000-000000000001", Name: "web-1", Project: "shop", Ports: []string{"0a0b0c0d-0000-4000-8000-00000000000a"}, Addresses: addresses("10.0.0.1", "10.0.1.1")},
	{UUID: "dead0300-0000-4000-8000-000000000002", Name: "db", Addresses: addresses("10.0.0.2")},
	{UUID: "dead0300-0000-4000-8000-000000000003", Name: "db", Addresses: addresses("10.0.0.3")},
	{UUID: "dead0300-0000-4000-8000-000000000004", Name: `my "vm" 4`, Addresses: addresses("10.0.0.3")},
	{UUID: "dead0300-0000-4000-8000-000000000005", Name: "unheard"},
}

func addresses(all ...string) (of []netip.Addr) {
	for _, a := range all {
		of = append(of, netip.MustParseAddr(a))
	}
	return of
}

func known() ([]Instance, error) { return inventory, nil }

// A filter that names an instance asks for its addresses, and the answer says so.
func TestFilterNamesInstances(t *testing.T) {
	now := time.Now()
	for _, c := range []struct{ filter, want, note string }{
		{"instance = web-1", "src in (10.0.0.1, 10.0.1.1) or dst in (10.0.0.1, 10.0.1.1)", `instance "web-1": its addresses now, 10.0.0.1, 10.0.1.1, in the model`},
		{"instance = DEAD0300-0000-4000-8000-000000000002 and dst_port = 53", "(src = 10.0.0.2 or dst = 10.0.0.2) and dst_port = 53", "10.0.0.2"},
		{"instance != 0a0b0c0d-0000-4000-8000-00000000000a", "not (src in (10.0.0.1, 10.0.1.1) or dst in (10.0.0.1, 10.0.1.1))", "10.0.1.1"},
		{`instance = "db"`, "src in (10.0.0.2, 10.0.0.3) or dst in (10.0.0.2, 10.0.0.3)", "2 are called that; their addresses now, 10.0.0.2, 10.0.0.3, in the model of the site; those it had before are not looked for; 1 of them other instances have too"},
		{`not instance in (web-1, db)`, "not (src in (10.0.0.1, 10.0.1.1, 10.0.0.2, 10.0.0.3) or dst in (10.0.0.1, 10.0.1.1, 10.0.0.2, 10.0.0.3))", "db"},
		{"instance not in (web-1)", "not (src in (10.0.0.1, 10.0.1.1) or dst in (10.0.0.1, 10.0.1.1))", "web-1"},
		{"src = 10.0.0.1", "src = 10.0.0.1", ""},
	} {
		t.Run(c.filter, func(t *testing.T) {
			q, err := (&Ask{From: "-1h", To: "now", Filter: c.filter, Instances: known}).Query(now)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, q.Filter.String()); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
			if notes := strings.Join(q.notes, "\n"); !strings.Contains(notes, c.note) || (c.note == "") != (notes == "") {
				t.Errorf("notes %q, want %q", notes, c.note)
			}
		})
	}
}

func TestFilterNamesTheWrongInstance(t *testing.T) {
	broken := errors.New("the disk is gone")
	for _, c := range []struct {
		name, filter, by, want string
		of                     func() ([]Instance, error)
	}{
		{"unknown", "src = 1.2.3.4 or instance = web-2", "", `column 29: "web-2" is no instance in the model of the site; write web-1, the name or`, known},
		{"no address", "instance = unheard", "", `"unheard" has no address that the model of the site knows; write its addresses`, known},
		{"order", "instance < web-1", "", "column 10: ", known},
		{"nothing", "instance =", "", "the name of an instance", known},
		{"list that is not closed", "instance in (web-1", "", "the list is not closed", known},
		{"list without a comma", "instance in (web-1 db)", "", "the next value", known},
		{"no model", "instance = web-1", "", "history does not keep it", nil},
		{"no model, summed", "", "src_instance", `by "src_instance": no model of the site is known here`, nil},
		{"broken model", "instance = web-1", "", "the disk is gone", func() ([]Instance, error) { return nil, broken }},
		{"broken model, summed", "", "dst_instance", "the disk is gone", func() ([]Instance, error) { return nil, broken }},
		{"no such column", "", "instance", "src_instance, dst_instance", known},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := (&Ask{From: "-1h", To: "now", Filter: c.filter, By: c.by, Instances: c.of}).Query(time.Now())
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, want %s", err, c.want)
			}
			if s, ok := errors.AsType[*rules.SyntaxError](err); ok && s.From > len(c.filter) {
				t.Errorf("at %d of %q", s.From, c.filter)
			}
		})
	}
}

// Sums by instance are those of their addresses together, as if they were one: with
// their vantage points, from segments and journals.
func TestSumsByInstance(t *testing.T) {
	rows := zipfRows(30_000, 10_000, 500, false)
	dir := stored(t, rows, 2)
	of := map[string]string{} // by address: two of three are an instance's
	all := []Instance{{UUID: "u-0", Name: "web-0"}, {UUID: "u-1", Name: "<b>web-1</b>"}}
	for i := range rows {
		for _, a := range []string{plainRow(&rows[i]).Src, plainRow(&rows[i]).Dst} {
			if n := int(a[len(a)-1]-'0') % 3; n < 2 && of[a] == "" {
				of[a] = all[n].Name
				all[n].Addresses = append(all[n].Addresses, netip.MustParseAddr(a))
			}
		}
	}
	for _, c := range []struct {
		name, by, filter string
		key              func(r *Row) string
		pass             func(r *Row) bool
	}{
		{"destinations", "dst_instance", "", func(r *Row) string { return of[r.Dst] }, func(*Row) bool { return true }},
		{"pairs", "src_instance,dst_instance", "", func(r *Row) string { return of[r.Src] + " " + of[r.Dst] }, func(*Row) bool { return true }},
		{"beside the address", "dst,dst_instance", "proto = tcp", func(r *Row) string { return r.Dst + " " + of[r.Dst] }, func(r *Row) bool { return r.Proto == 6 }},
		{"of one", "src_instance", `instance = "<b>web-1</b>"`, func(r *Row) string { return of[r.Src] },
			func(r *Row) bool { return of[r.Src] == "<b>web-1</b>" || of[r.Dst] == "<b>web-1</b>" }},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := Ask{From: epoch.Format(time.RFC3339), To: epoch.Add(48 * time.Hour).Format(time.RFC3339), By: c.by, Filter: c.filter, Instances: func() ([]Instance, error) { return all, nil }}
			q, err := a.Query(epoch)
			if err != nil {
				t.Fatal(err)
			}
			r, err := Scan(t.Context(), dir, q)
			if err != nil || r.Broken != "" || r.Rollup != nil || len(r.Notes) == 0 {
				t.Fatal(err, r)
			}
			want := exact(rows, c.key, c.pass)
			if len(r.Rows) != len(want) {
				t.Fatalf("%d rows, want %d", len(r.Rows), len(want))
			}
			for _, s := range r.Rows {
				if w := want[strings.Join(s.Key, " ")]; s.Samples != w.Samples || s.Bytes != w.Bytes || s.Points != w.Points {
					t.Errorf("%v: %+v, want %+v", s.Key, s, w)
				}
			}
		})
	}
}

package config

import (
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"weir/collector/web/access"
)

// accessOfFile is what TestParseReadsEveryKey reads.
func accessOfFile() Access {
	var h access.Hash
	for i := range h {
		h[i] = byte(i)
	}
	return Access{
		Certificate: "/etc/weir/tls.crt", Key: "/etc/weir/tls.key", ClientCA: "/etc/weir/people.crt", Only: "metrics",
		Hosts: []string{"weir.example.net", "2001:db8::1"}, Others: AccessRole{access.Viewer},
		Proxies: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/28")}, UserHeader: "X-User", Rate: 5,
		People: []Person{
			{Known: access.Known{Name: "Ada", Role: access.Operator, Token: h}},
			{Known: access.Known{Name: "joe@example.net", Role: access.Viewer, Projects: []string{"p1", "p2"}}},
		},
	}
}

// Who may ask is said by the whole: each line names what to do.
func TestAccessNamesEveryMistake(t *testing.T) {
	const tls = "certificate: /c, key: /k"
	const person = `people: [{name: a, role: viewer, token: "sha256:000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"}]`
	for _, c := range []struct{ name, file, want string }{
		{"open to others without TLS", "http: ':8343'\naccess: {" + person + "}",
			`f:1: http: "[::]:8343": others than this machine can reach it, and there is no TLS; set access.certificate and access.key, or http to 127.0.0.1, or access.only: metrics to serve nothing but metrics and health`},
		{"open to others and nobody known", "http: ':8343'\naccess: {" + tls + "}",
			"f:1: http: \"[::]:8343\": others than this machine can reach it, and nobody can say who they are; list people with a token in access.people (`weir token` makes one), or set access.client_ca, or http to 127.0.0.1"},
		{"people without a token are nobody", "http: ':8343'\naccess: {" + tls + ", people: [{name: a, role: admin}]}", "nobody can say who they are"},
		{"token", "http: ':8343'\naccess: {" + tls + ", " + person + "}", ""},
		{"certificates of people", "http: ':8343'\naccess: {" + tls + ", client_ca: /ca}", ""},
		{"a proxy", "http: ':8343'\naccess: {" + tls + ", proxies: [192.0.2.1]}", ""},
		{"metrics alone", "http: ':8343'\naccess: {only: metrics}", ""},
		{"no HTTP", "http: ''", ""},
		{"this machine", "http: '127.0.0.1:1'", ""},
		{"half of TLS", "access: {certificate: /c}", "f:1: access: certificate and key belong together; name the files of both, or of neither"},
		{"people's certificates without TLS", "access: {client_ca: /c}", `f:1: access.client_ca: "/c": is of no use without TLS; name access.certificate and access.key`},
		{"a token in the file", "access: {people: [{name: a, role: viewer, token: weir_abcdefghijklmnopqrstuvwxyz}]}", "f:1: access.people[0].token: a secret must not stand in the file"},
		{"a token for a hash", "access: {people: [{name: a, role: viewer, token: 'sha256:weir_abc'}]}", "f:1: access.people[0].token: after sha256:"},
		{"a bad hash", "access: {people: [{name: a, role: viewer, token: 'sha256:12'}]}", "after sha256: are no 64 hexadecimal digits; make one with `weir token`"},
		{"no role", "access: {people: [{name: a}]}", `f:1: access.people[0].role: "" is no role; write viewer, operator or admin`},
		{"another role", "access: {people: [{name: a, role: boss}]}", `"boss" is no role`},
		{"no name", "access: {people: [{role: viewer}]}", "f:1: access.people[0].name: is missing; write name: NAME"},
		{"one name twice", "access: {people: [{name: a, role: viewer}, {name: a, role: admin}]}", `f:1: access.people[1].name: "a" is the name of another person`},
		{"one token twice", "access: {people: [{name: a, role: viewer, token: &t 'sha256:" + strings.Repeat("ab", 32) + "'}, {name: b, role: viewer, token: *t}]}",
			"f:1: access.people[1].token: is the token of another person; make one for each with `weir token`"},
		{"projects of an operator", "access: {people: [{name: a, role: operator, projects: [p]}]}", "are for a viewer who sees these alone"},
		{"no projects", "access: {people: [{name: a, role: viewer, projects: []}]}", "are for a viewer who sees these alone"},
		{"unknown key", "access: {people: [{name: a, role: viewer, rank: 1}]}", "access.people[0].rank: unknown key; write one of name, role, token, projects"},
		{"host with a port", "access: {hosts: ['a:1']}", "no name of a host; write one such as weir.example.net, without a port"},
		{"role of this machine", "access: {local: root}", "no role; write none, viewer, operator or admin"},
		{"header", "access: {user_header: 'X User'}", "no name of a header"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Parse("f", []byte(c.file))
			switch {
			case c.want == "" && err != nil:
				t.Errorf("refused: %v", err)
			case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n")):
				t.Errorf("%v, want one line with %s", err, c.want)
			}
		})
	}
}

// A token is read from a file, as itself or as its hash, and a change of the file
// is a change of the configuration.
func TestTokensOfFilesAreReloaded(t *testing.T) {
	path := filepath.Join(t.TempDir(), "token")
	parse := func(token string) Config {
		t.Helper()
		if err := os.WriteFile(path, []byte(token+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		c, err := Parse("f", []byte("access: {people: [{name: a, role: viewer, token: 'file:"+path+"'}]}"))
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	const token = "weir_0123456789abcdefghijklmnop"
	plain, hashed, other := parse(token), parse(access.HashOf(token).String()), parse(token+"x")
	if plain.Access.People[0].Token != hashed.Access.People[0].Token {
		t.Error("a token and its hash differ")
	}
	applied, restart := Changes(plain, other)
	if diff := cmp.Diff([]string{"access.people"}, applied); diff != "" || restart != nil {
		t.Errorf("restart %v (-want +got)\n%s", restart, diff)
	}
	if got := Reloaded(plain, other); got.Access.People[0].Token != access.HashOf(token+"x") {
		t.Error("the new token is not taken")
	}
	if err := os.WriteFile(path, []byte("short\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Parse("f", []byte("access: {people: [{name: a, role: viewer, token: 'file:"+path+"'}]}")); err == nil || !strings.Contains(err.Error(), "short enough to be guessed") || strings.Contains(err.Error(), `"short"`) {
		t.Errorf("a short token: %v", err)
	}
}

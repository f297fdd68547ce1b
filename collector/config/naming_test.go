package config

import (
	"fmt"
	"strings"
	"testing"
)

func TestNamingSaysWhatIsWrong(t *testing.T) {
	t.Setenv("COMMUNITY", "s3cret-community")
	t.Setenv("SHORT", "short")
	for _, c := range []struct{ name, text, want string }{
		{"relative file", "names: {files: [names.yaml]}", `f:1: names.files[0]: "names.yaml": the path is not absolute; write /path/names.yaml`},
		{"no URL", "names: {url: inventory}", `names.url: "inventory": not a URL`},
		{"password in the URL", "names: {url: 'http://u:p@192.0.2.1/'}", "leave user and password out and set names.token"},
		{"community in the file", "snmp: [{agents: [10.0.0.0/8], community: public}]", "snmp[0].community: a secret must not stand in the file"},
		{"no agents", "snmp: [{community: '${COMMUNITY}'}]", "snmp[0]: has no agents"},
		{"neither", "snmp: [{agents: [10.0.0.0/8]}]", "snmp[0]: has neither community nor user"},
		{"both", "snmp: [{agents: [10.0.0.0/8], community: '${COMMUNITY}', user: x}]", "has both community and user"},
		{"short password", "snmp: [{agents: [10.0.0.0/8], user: x, auth: sha, auth_password: '${SHORT}'}]", "is shorter than 8 characters"},
		{"auth without password", "snmp: [{agents: [10.0.0.0/8], user: x, auth: sha}]", "has one of auth and auth_password"},
		{"privacy without auth", "snmp: [{agents: [10.0.0.0/8], user: x, privacy: aes, privacy_password: '${COMMUNITY}'}]", "has privacy without auth"},
		{"unknown key", "snmp: [{agent: 10.0.0.0/8}]", "snmp[0].agent: unknown key; did you mean agents?"},
		{"bad network", "snmp: [{agents: [leaf1], community: '${COMMUNITY}'}]", "snmp[0].agents[0]: not a network"},
		{"unknown protocol", "snmp: [{agents: [10.0.0.0/8], user: x, auth: crc}]", "snmp[0].auth: \"crc\": not one of the words"},
		{"a name to forward to", "forward: [collector2]", `forward[0]: "collector2": not the address and port of one collector`},
		{"everybody to forward to", "forward: ['0.0.0.0:6343']", "not the address and port of one collector"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Parse("f", []byte(c.text))
			if err == nil || !strings.Contains(strings.ReplaceAll(err.Error(), `[0]: "leaf1": `, "[0]: "), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

func TestNamingShowsNoSecret(t *testing.T) {
	t.Setenv("COMMUNITY", "s3cret-community")
	c, err := Parse("f", []byte("snmp: [{agents: [10.0.0.0/8], community: '${COMMUNITY}'}]\nnames: {token: '${COMMUNITY}'}"))
	if err != nil {
		t.Fatal(err)
	}
	if c.SNMP[0].Access().Community != "s3cret-community" {
		t.Error("the poller is not told")
	}
	for _, text := range []string{fmt.Sprintf("%v %+v %#v", c.SNMP, c.SNMP, c.SNMP), fmt.Sprintf("%+v %#v", c.Names, c.Names)} {
		if strings.Contains(text, "s3cret") {
			t.Errorf("shown: %s", text)
		}
	}
}

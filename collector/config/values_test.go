package config

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"weir/detect"
)

func TestValuesReadWhatTheyWrite(t *testing.T) {
	for _, c := range []struct{ in, want string }{{"32MiB", "32MiB"}, {"1048576", "1MiB"}, {"1.5 GiB", "1536MiB"}, {"500kB", "500000B"}, {"12B", "12B"}} {
		if v, err := parseBytes(c.in); err != nil || v.String() != c.want {
			t.Errorf("size %q: %v, %v; want %s", c.in, v, err, c.want)
		}
	}
	for _, c := range []struct{ in, want string }{{"100/s", "100/s"}, {"90/min", "1.5/s"}, {"3600/h", "1/s"}} {
		if v, err := ParseRate(c.in); err != nil || v.String() != c.want {
			t.Errorf("rate %q: %v, %v; want %s", c.in, v, err, c.want)
		}
	}
}

func TestSecretIsNeverPrinted(t *testing.T) {
	t.Setenv("WEIR_TEST_TOKEN", "hunter2")
	s, err := ParseSecret("${WEIR_TEST_TOKEN}")
	if err != nil || s.Reveal() != "hunter2" {
		t.Fatalf("%q, %v", s.Reveal(), err)
	}
	holder := struct{ S Secret }{s}
	text, _ := s.MarshalText()
	for _, printed := range []string{
		fmt.Sprint(s), fmt.Sprintf("%v %+v %#v %s %q %x", s, s, s, s, s, s), fmt.Sprintf("%+v %#v", holder, holder), string(text),
	} {
		if strings.Contains(printed, "hunter2") || strings.Contains(printed, fmt.Sprintf("%x", "hunter2")) {
			t.Errorf("printed: %s", printed)
		}
	}
}

func TestSecretFollowsReferences(t *testing.T) {
	dir := t.TempDir()
	name := write(t, filepath.Join(dir, "token"), "s3cret\n")
	if s, err := ParseSecret("file:" + name); err != nil || s.Reveal() != "s3cret" || s.String() != "file:"+name {
		t.Errorf("%q %v, %v", s.Reveal(), s, err)
	}
	for _, file := range []string{
		"agent_key: hunter2", "influx: {token: hunter2}", "influx: {url: 'http://weir:hunter2@a'}", "influx: {url: 'htp://weir:hunter2@a'}",
		"names: {token: hunter2}", "names: {url: 'http://weir:hunter2@a'}", "snmp: [{agents: [10.0.0.0/8], community: hunter2}]",
		"alerts: {heartbeat: 'http://weir:hunter2@a'}", "alerts: {sinks: [{type: mail, password: hunter2}]}", "alerts: {sinks: [{type: fax, password: hunter2}]}",
		"alerts: {sinks: [{type: slack, url: 'https://weir:hunter2@a/b'}]}", "access: {people: [{name: a, role: viewer, token: 'sha256:hunter2'}]}",
	} {
		if _, err := Parse("f", []byte(file)); err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v, want an error without the secret", file, err)
		}
	}
	empty := write(t, filepath.Join(dir, "empty"), "\n")
	long := write(t, filepath.Join(dir, "long"), strings.Repeat("x", maxSecret+1))
	for _, c := range []struct{ ref, want string }{
		{"hunter2", "a secret must not stand in the file; write ${NAME} for a variable of the environment, or file:/path"},
		{"${WEIR_TEST_UNSET}", "variable WEIR_TEST_UNSET of the environment is not set; set it for this process, or use file:/path"},
		{"file:token", "the path is not absolute; write file:/path"},
		{"file:" + empty, empty + " is empty; write the secret into it"},
		{"file:" + long, long + " is longer than 64KiB; name the file that holds the secret alone"},
		{"file:" + dir + "/none", "open " + dir + "/none: no such file or directory; make the file readable for this user"},
	} {
		if _, err := ParseSecret(c.ref); err == nil || err.Error() != c.want {
			t.Errorf("%s: error %v, want %s", c.ref, err, c.want)
		}
	}
}

func TestChangesTellReloadFromRestart(t *testing.T) {
	old, fresh := Default(), Default()
	fresh.LargeFlow.Threshold = detect.Threshold{BitsPerSecond: 5e7}
	fresh.Log.Level = "debug"
	fresh.Shards = 4
	fresh.Listen = append(fresh.Listen, fresh.HTTP)
	applied, restart := Changes(old, fresh)
	if diff := cmp.Diff([]string{"large_flow.threshold", "log.level"}, applied); diff != "" {
		t.Errorf("applied (-want +got)\n%s", diff)
	}
	if diff := cmp.Diff([]string{"listen", "shards"}, restart); diff != "" {
		t.Errorf("restart (-want +got)\n%s", diff)
	}
	got := Reloaded(old, fresh)
	if a, r := Changes(got, fresh); len(a) != 0 || len(r) != 2 || got.Shards != 0 {
		t.Errorf("after the reload %v and %v differ", a, r)
	}
	if a, r := Changes(old, old); a != nil || r != nil {
		t.Errorf("no change gives %v, %v", a, r)
	}
}

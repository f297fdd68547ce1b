package config

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"weir/collector/sink/route"
	"weir/detect"
)

// alertsFile sets every key of alerts and severity away from its default.
func alertsFile() string {
	s := `alerts:
  zone: Europe/Berlin
  runbook: https://wiki.example/{kind}
  link: "https://weir.example/{incident}"
  heartbeat: https://hc.example/ping
  sinks: [{type: slack, url: "https://chat.example/hook"}]
severity:
`
	for _, c := range route.Cases() {
		s += "  " + c.Name + ": critical after 1m\n"
	}
	return s
}

func alertsOfFile() (Alerts, Severities) {
	zone, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		panic(err)
	}
	a := Alerts{
		Zone: Zone{zone}, Runbook: "https://wiki.example/{kind}", Link: "https://weir.example/{incident}",
		Heartbeat: SecretURL{plain: "https://hc.example/ping"},
		Sinks: []AlertSink{{
			Type: "slack", Name: "slack", Role: route.Chat, Detail: "ids", URL: SecretURL{plain: "https://chat.example/hook"}, Facility: 16,
			text: "type=slack;url=https://chat.example/hook;",
		}},
	}
	var s Severities
	for i := range route.Cases() {
		s[i] = route.Level{Severity: detect.Critical, Delay: time.Minute}
	}
	return a, s
}

// Equal lets tests compare what is written.
func (s AlertSink) Equal(o AlertSink) bool {
	return cmp.Diff([]any{s.Name, s.Role, s.Detail, s.URL, s.User, s.Address, s.Network, s.Security, s.From, s.To, s.Facility, s.Command, s.text},
		[]any{o.Name, o.Role, o.Detail, o.URL, o.User, o.Address, o.Network, o.Security, o.From, o.To, o.Facility, o.Command, o.text}) == ""
}

func TestSeveritiesHaveRoomForEachCase(t *testing.T) {
	if n := len(route.Cases()); n > len(Severities{}) {
		t.Errorf("%d cases", n)
	}
}

func TestSinksAreRead(t *testing.T) {
	dir := t.TempDir()
	secret := write(t, filepath.Join(dir, "secret"), "s3cret\n")
	tmpl := write(t, filepath.Join(dir, "t"), `{"text": {{json .Title}}}`)
	t.Setenv("HOOK", "https://hook.example/T000/XYZ")
	c, err := Parse("f", []byte(`
alerts:
  sinks:
    - {type: alertmanager, name: am1, url: "http://127.0.0.1:9093", user: weir, password: "file:`+secret+`"}
    - {type: pagerduty, key: "file:`+secret+`"}
    - {type: slack, url: "${HOOK}"}
    - {type: mail, address: "mail.example.net:587", from: weir@example.net, to: [noc@example.net, "On Call <o@example.net>"]}
    - {type: syslog, url: "tls://log.example.net:6514", facility: local7}
    - {type: webhook, url: "https://hooks.example.net", role: pager, detail: full, secret: "file:`+secret+`", template: `+tmpl+`}
    - {type: command, command: [/bin/sh, "-c", "{short}"]}
`))
	if err != nil {
		t.Fatal(err)
	}
	got := c.Alerts.Sinks
	if len(got) != 7 {
		t.Fatalf("%d sinks", len(got))
	}
	am, pd, chat, mail, log, hook, cmd := got[0], got[1], got[2], got[3], got[4], got[5], got[6]
	for _, c := range []struct{ name, got, want string }{
		{"alertmanager's role", string(am.Role) + am.Detail, "chatfull"},
		{"alertmanager's password", am.Password.Reveal(), "s3cret"},
		{"pagerduty's role", string(pd.Role) + pd.Detail, "pagerids"},
		{"pagerduty's key", pd.Key.Reveal(), "s3cret"},
		{"slack's role", string(chat.Role) + chat.Detail, "chatids"},
		{"slack's address", chat.URL.Reveal(), "https://hook.example/T000/XYZ"},
		{"slack's address as it is told", chat.URL.String(), "${HOOK}"},
		{"mail", string(mail.Role) + mail.Detail + mail.Security + mail.To[1].Name, "chatfullstarttlsOn Call"},
		{"syslog", log.Network + log.Address + string(log.Role), "tlslog.example.net:6514log"},
		{"webhook", string(hook.Role) + hook.Detail + hook.Secret.Reveal(), "pagerfulls3cret"},
		{"command", strings.Join(cmd.Command, " "), "/bin/sh -c {short}"},
	} {
		if c.got != c.want {
			t.Errorf("%s: %q, want %q", c.name, c.got, c.want)
		}
	}
	if log.Facility != 23 || hook.Template == nil {
		t.Errorf("facility %d, template %v", log.Facility, hook.Template)
	}
	for _, s := range got {
		if strings.Contains(s.text, "s3cret") || strings.Contains(s.text, "XYZ") {
			t.Errorf("%s keeps a secret: %s", s.Name, s.text)
		}
	}
}

func TestSinksNameEveryMistake(t *testing.T) {
	dir := t.TempDir()
	broken := write(t, filepath.Join(dir, "t"), `{{.Title`)
	in := func(sink string) string { return "alerts: {sinks: [" + sink + "]}" }
	const at = "f:1: alerts.sinks[0]."
	for _, c := range []struct{ name, file, want string }{
		{"no type", in(`{url: "http://a"}`), at + `type: "" is no type of sink; write type: and one of alertmanager, webhook, mail, syslog, slack, pagerduty, command`},
		{"unknown type", in(`{type: fax}`), at + `type: "fax" is no type of sink; write type: and one of alertmanager, webhook, mail, syslog, slack, pagerduty, command`},
		{"missing", in(`{type: slack}`), at + `url: is missing; a sink of type slack needs url`},
		{"of another type", in(`{type: slack, url: "http://a", to: [x]}`), at + `to: unknown key; write one of type, name, role, detail, url, ca`},
		{"twice", in(`{type: slack, url: "http://a"}, {type: slack, url: "http://b"}`), `f:1: alerts.sinks[1].name: "slack" is the name of another sink; give each sink a name: of its own`},
		{"key in the file", in(`{type: pagerduty, key: abcdef}`), at + `key: a secret must not stand in the file; write ${NAME} for a variable of the environment, or file:/path`},
		{"variable that is not set", in(`{type: slack, url: "${NO_SUCH}"}`), at + `url: "${NO_SUCH}": variable NO_SUCH of the environment is not set; set it for this process, or use file:/path`},
		{"role", in(`{type: slack, url: "http://a", role: boss}`), at + `role: "boss": not one of the words; write pager, chat, log`},
		{"syslog", in(`{type: syslog, url: "log.example.net:514"}`), at + `url: "log.example.net:514": no address of a syslog server; write udp://HOST:514, tcp://HOST:514 or tls://HOST:6514`},
		{"mail to nobody", in(`{type: mail, address: "a:25", from: w@example.net, to: []}`), at + `to: names nobody; write at least one address`},
		{"mail's header in an address", in(`{type: mail, address: "a:25", from: w@example.net, to: ["a@example.net\r\nBcc: b@example.net"]}`), at + `to[0]: no address of a mailbox; write noc@example.net or NOC <noc@example.net>`},
		{"user without password", in(`{type: mail, address: "a:25", from: w@example.net, to: [a@example.net], user: w}`), at + `password: is missing beside user; write password: ${NAME}`},
		{"password in the clear", in(`{type: mail, address: "a:25", from: w@example.net, to: [a@example.net], user: w, password: "${HOME}", security: off}`), at + `security: off would send the password in the clear; write starttls or tls, or remove user and password`},
		{"template", in(`{type: webhook, url: "http://a", template: ` + broken + `}`), at + `template: "` + broken + `": template: t:1: unclosed action; correct the template`},
		{"command", in(`{type: command, command: [page]}`), at + `command: does not begin with the absolute path of a program; write ["/path/to/program", "ARGUMENT", …]`},
		{"command that is not there", in(`{type: command, command: [/no/such]}`), at + `command: /no/such is no program that can be run; write ["/path/to/program", "ARGUMENT", …]`},
		{"ca", in(`{type: slack, url: "http://a", ca: /no/such}`), at + `ca: "/no/such": cannot be used: open /no/such: no such file or directory; name a file of certificates in PEM format`},
		{"password in an address", in(`{type: slack, url: "http://a:b@c"}`), at + `url: "http://…@c": has a user or password, which must not stand in the file; write user: and password:, or ${NAME} for the whole address`},
		{"zone", "alerts: {zone: Berlin}", `f:1: alerts.zone: "Berlin": no time zone; write one such as Europe/Berlin, UTC, or Local for this machine's`},
		{"link", "alerts: {link: 'http://a/{subject}'}", `f:1: alerts.link: "http://a/{subject}": has something else in braces than {kind}, {id}, {key} and {incident}, or a space or quote; write a URL such as https://wiki.example/weir/{kind}`},
		{"severity", "severity: {flood: loud}", `f:1: severity.flood: "loud": no severity; write info, warning, critical, or with a page delay "critical after 30s"`},
		{"delay of a warning", "severity: {flood: warning after 1m}", `f:1: severity.flood: "warning after 1m": has a page delay, and only critical alerts page; write info, warning, critical, or with a page delay "critical after 30s"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Parse("f", []byte(c.file))
			if err == nil {
				t.Fatal("no error")
			}
			if diff := cmp.Diff(c.want, err.Error()); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

// The examples of the sample are sinks that can be read.
func TestSampleSinksAreRead(t *testing.T) {
	b, err := os.ReadFile("../../cmd/weir/etc/weir.yaml")
	if err != nil {
		t.Fatal(err)
	}
	_, part, _ := strings.Cut(string(b), "\nalerts:\n")
	part, _, _ = strings.Cut(part, "\n  sinks: []")
	dir := t.TempDir()
	program := write(t, filepath.Join(dir, "page"), "#!/bin/sh\n")
	if err := os.Chmod(program, 0o755); err != nil {
		t.Fatal(err)
	}
	file := "alerts:\n  sinks:\n"
	for line := range strings.Lines(part) {
		if example, ok := strings.CutPrefix(line, "  # "); ok && (strings.HasPrefix(example, "- ") || strings.HasPrefix(example, "  ")) {
			file += "    " + example
		}
	}
	for _, name := range []string{"AM_TOKEN", "PAGERDUTY_KEY", "HOOK_SECRET"} {
		t.Setenv(name, "x")
	}
	t.Setenv("SLACK_WEBHOOK", "https://hooks.example/x")
	for from, to := range map[string]string{
		"/usr/local/bin/page": program, "/etc/weir/hook.json.tmpl": write(t, filepath.Join(dir, "t"), "{}"),
		"file:/etc/weir/mail.password": "${AM_TOKEN}",
	} {
		file = strings.ReplaceAll(file, from, to)
	}
	file = regexp.MustCompile(`(?m)^.*ca: /etc.*\n`).ReplaceAllString(file, "")
	c, err := Parse("sample", []byte(file))
	if err != nil {
		t.Fatalf("%v\n%s", err, file)
	}
	if len(c.Alerts.Sinks) != len(sinkTypes()) {
		t.Errorf("%d examples of %d types", len(c.Alerts.Sinks), len(sinkTypes()))
	}
}

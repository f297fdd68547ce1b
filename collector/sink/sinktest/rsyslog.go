package sinktest

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Rsyslog is a real one.
type Rsyslog struct {
	*Process
	UDP, TCP, TLS string // addresses; TLS "" without a certificate
	file, conf    string
	ports         []int // of TCP and TLS
}

// LogLine is a message as rsyslog took it apart.
type LogLine struct {
	Arrived, Priority, Time, Host, App, MsgID, Data, Text string
}

// NewRsyslog starts one. cert may be empty.
func NewRsyslog(t testing.TB, cert, key string) *Rsyslog {
	t.Helper()
	Need(t, "/usr/sbin/rsyslogd", "/usr/lib/*/rsyslog/lmnsd_ossl.so")
	dir := t.TempDir()
	r := &Rsyslog{file: filepath.Join(dir, "log")}
	udp, tcp, tls := Free(t), Free(t), Free(t)
	r.UDP, r.TCP = fmt.Sprintf("127.0.0.1:%d", udp), fmt.Sprintf("127.0.0.1:%d", tcp)
	global, more := "", ""
	if cert != "" {
		r.TLS = fmt.Sprintf("127.0.0.1:%d", tls)
		r.ports = append(r.ports, tls)
		global = fmt.Sprintf(`DefaultNetstreamDriverCAFile=%q DefaultNetstreamDriverCertFile=%q DefaultNetstreamDriverKeyFile=%q`, cert, cert, key)
		more = fmt.Sprintf(`input(type="imtcp" address="127.0.0.1" port="%d" streamDriver.Name="ossl" streamDriver.Mode="1" streamDriver.AuthMode="anon")`, tls)
	}
	conf := fmt.Sprintf(`global(workDirectory=%q %s)
module(load="imudp") module(load="imtcp")
template(name="json" type="list") {
  constant(value="{") property(name="pri" outname="Priority" format="jsonf")
  constant(value=",") property(name="timegenerated" dateFormat="rfc3339" outname="Arrived" format="jsonf")
  constant(value=",") property(name="timereported" dateFormat="rfc3339" outname="Time" format="jsonf")
  constant(value=",") property(name="hostname" outname="Host" format="jsonf")
  constant(value=",") property(name="app-name" outname="App" format="jsonf")
  constant(value=",") property(name="msgid" outname="MsgID" format="jsonf")
  constant(value=",") property(name="structured-data" outname="Data" format="jsonf")
  constant(value=",") property(name="msg" outname="Text" format="jsonf")
  constant(value="}\n")
}
input(type="imudp" address="127.0.0.1" port="%d")
input(type="imtcp" address="127.0.0.1" port="%d")
%s
action(type="omfile" file=%q template="json" asyncWriting="off" flushOnTXEnd="on")
`, dir, global, udp, tcp, more, r.file)
	name := filepath.Join(dir, "rsyslog.conf")
	if err := os.WriteFile(name, []byte(conf), 0o600); err != nil {
		t.Fatal(err)
	}
	r.conf, r.ports = name, append(r.ports, tcp)
	r.Restart(t)
	return r
}

// Restart starts it again after Stop.
func (r *Rsyslog) Restart(t testing.TB) {
	t.Helper()
	_ = os.Remove(r.conf + ".pid")
	r.Process = Start(t, nil, "/usr/sbin/rsyslogd", "-n", "-f", r.conf, "-i", r.conf+".pid")
	for _, port := range r.ports {
		Await(t, "rsyslog", Listens(port))
	}
}

// Lines returns what it took so far.
func (r *Rsyslog) Lines(t testing.TB) (all []LogLine) {
	t.Helper()
	b, err := os.ReadFile(r.file)
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(b)) {
		if !strings.HasSuffix(line, "\n") {
			break // being written
		}
		var l LogLine
		if err := json.Unmarshal([]byte(line), &l); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		all = append(all, l)
	}
	return all
}

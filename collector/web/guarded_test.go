package web_test

import (
	"bufio"
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"weir/collector/web"
	"weir/collector/web/access"
	"weir/collector/web/audit"
)

const token = "weir_ada_ada_ada_ada_ada_ada"

// authority signs certificates.
type authority struct {
	t    *testing.T
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	n    int64
}

func newAuthority(t *testing.T) *authority {
	a := &authority{t: t}
	a.cert, a.key = a.make("authority", true)
	return a
}

func (a *authority) make(name string, ca bool) (*x509.Certificate, *ecdsa.PrivateKey) {
	a.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.t.Fatal(err)
	}
	a.n++
	c := &x509.Certificate{
		SerialNumber: big.NewInt(a.n), Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: ca, BasicConstraintsValid: true, DNSNames: []string{"weir.example.net"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	parent, signer := a.cert, a.key
	if parent == nil {
		parent, signer = c, key
	}
	der, err := x509.CreateCertificate(rand.Reader, c, parent, &key.PublicKey, signer)
	if err != nil {
		a.t.Fatal(err)
	}
	if c, err = x509.ParseCertificate(der); err != nil {
		a.t.Fatal(err)
	}
	return c, key
}

// files writes a certificate for a name into dir.
func (a *authority) files(dir, name string) (certificate, key string) {
	a.t.Helper()
	c, k := a.make(name, false)
	der, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		a.t.Fatal(err)
	}
	certificate, key = filepath.Join(dir, name+".crt"), filepath.Join(dir, name+".key")
	a.write(certificate, "CERTIFICATE", c.Raw)
	a.write(key, "PRIVATE KEY", der)
	return certificate, key
}

func (a *authority) write(path, kind string, der []byte) {
	a.t.Helper()
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		a.t.Fatal(err)
	}
}

// client trusts the authority, and shows a certificate unless that is "".
func (a *authority) client(certificate, key string) *http.Client {
	a.t.Helper()
	conf := &tls.Config{RootCAs: x509.NewCertPool()}
	conf.RootCAs.AddCert(a.cert)
	if certificate != "" {
		pair, err := tls.LoadX509KeyPair(certificate, key)
		if err != nil {
			a.t.Fatal(err)
		}
		conf.Certificates = []tls.Certificate{pair}
	}
	tr := &http.Transport{TLSClientConfig: conf, DisableKeepAlives: true}
	a.t.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Transport: tr}
}

// listen serves until the test ends.
func listen(t *testing.T, s web.Source, o web.Options) *web.Server {
	t.Helper()
	srv, err := web.Listen(netip.MustParseAddrPort("127.0.0.1:0"), s, o)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- srv.Serve() }()
	t.Cleanup(func() {
		_ = srv.Close(t.Context())
		if err := <-done; err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
	return srv
}

func me(t *testing.T, c *http.Client, url string, header ...string) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	resp, err := c.Do(r)
	if err != nil {
		return 0, err.Error()
	}
	defer resp.Body.Close()
	b, _ := io.ReadAll(resp.Body)
	return resp.StatusCode, string(b)
}

// Over TLS people are known by their token or certificate, and a certificate that
// is renewed is served without a restart.
func TestTLSTokensAndCertificates(t *testing.T) {
	dir, ca := t.TempDir(), newAuthority(t)
	crt, key := ca.files(dir, "server")
	ca.write(filepath.Join(dir, "ca.crt"), "CERTIFICATE", ca.cert.Raw)
	joe, joeKey := ca.files(dir, "joe")
	other := newAuthority(t)
	eve, eveKey := other.files(t.TempDir(), "joe") // signed by somebody else
	certs, err := web.NewCertificates(crt, key, filepath.Join(dir, "ca.crt"))
	if err != nil {
		t.Fatal(err)
	}
	srv := listen(t, shown{}, web.Options{TLS: certs, Guard: access.New(access.Config{
		People: []access.Known{{Name: "Ada", Role: access.Operator, Token: access.HashOf(token)}, {Name: "joe", Role: access.Viewer}},
	})})
	url := "https://" + srv.Addr().String() + "/api/v1/me"
	for _, c := range []struct {
		name   string
		client *http.Client
		header []string
		code   int
		want   string
	}{
		{"nobody", ca.client("", ""), nil, 401, "needs a token"},
		{"token", ca.client("", ""), []string{"Authorization", "Bearer " + token}, 200, `"name":"Ada","via":"token","role":"operator"`},
		{"wrong token", ca.client("", ""), []string{"Authorization", "Bearer x"}, 401, "none of this weir"},
		{"certificate", ca.client(joe, joeKey), nil, 200, `"name":"joe","via":"certificate","role":"viewer"`},
		{"certificate of another authority", ca.client(eve, eveKey), nil, 0, "tls"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if code, body := me(t, c.client, url, c.header...); code != c.code || !strings.Contains(body, c.want) {
				t.Errorf("%d %s, want %d with %s", code, body, c.code, c.want)
			}
		})
	}
	if code, body := me(t, http.DefaultClient, "http://"+srv.Addr().String()+"/api/v1/me"); code != 400 {
		t.Errorf("without TLS: %d %s", code, body)
	}

	serial := func() int64 {
		conn, err := tls.Dial("tcp", srv.Addr().String(), ca.client("", "").Transport.(*http.Transport).TLSClientConfig)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		return conn.ConnectionState().PeerCertificates[0].SerialNumber.Int64()
	}
	before := serial()
	ca.files(dir, "server")
	if err := certs.Reload(); err != nil || serial() == before {
		t.Errorf("the renewed certificate is not served: %v", err)
	}
	if err := os.WriteFile(crt, []byte("rubbish"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := certs.Reload(); err == nil || !strings.HasPrefix(err.Error(), "access: certificate "+crt) || strings.Contains(err.Error(), "\n") {
		t.Errorf("error %v", err)
	}
	if code, _ := me(t, ca.client("", ""), url, "Authorization", "Bearer "+token); code != 200 {
		t.Errorf("%d after a reload that failed", code)
	}
}

func TestCertificatesSayWhichFileIsWrong(t *testing.T) {
	dir, ca := t.TempDir(), newAuthority(t)
	crt, key := ca.files(dir, "server")
	for _, c := range []struct{ crt, key, ca, want string }{
		{"/no/such.crt", key, "", "access: /no/such.crt cannot be read: no such file or directory; name files in PEM format that this user can read"},
		{crt, crt, "", "access: certificate " + crt + " with key " + crt + " cannot be used: "},
		{crt, key, "/no/such.ca", "access: client_ca /no/such.ca cannot be read: no such file or directory; "},
		{crt, key, key, "access: client_ca " + key + " has no certificate; name a file in PEM format"},
	} {
		if _, err := web.NewCertificates(c.crt, c.key, c.ca); err == nil || !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("%v, want %s", err, c.want)
		}
	}
}

// changed is a collector with one route that changes something.
type changed struct{ shown }

func (changed) Routes() []web.Route {
	return []web.Route{
		{Method: "POST", Path: "/api/v1/change", Needs: access.Operator, Audit: audit.Change, Body: map[string]string{}, MaxBody: 1024,
			Serve: web.Answers(func(r *http.Request) (any, error) {
				var v map[string]string
				return v, web.ReadBody(r, &v)
			})},
		{Method: "GET", Path: "/api/v1/payload", Needs: access.Operator, Audit: audit.Payload,
			Serve: func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "payload") }},
	}
}

// Forged and oversized requests change nothing, and all of it is written down.
func TestChangesAreGuardedAndWrittenDown(t *testing.T) {
	dir := t.TempDir()
	l := audit.New(dir, 0)
	srv := listen(t, changed{}, web.Options{Audit: l, Guard: access.New(access.Config{Local: access.Operator, People: []access.Known{{Name: "joe", Role: access.Viewer, Token: access.HashOf(token)}}})})
	const okBody = `{"a":"b"}`
	for _, c := range []struct {
		name, body string
		header     []string
		code       int
	}{
		{"a change", okBody, []string{"Content-Type", "application/json; charset=utf-8"}, 200},
		{"a form of another site", okBody, []string{"Content-Type", "application/json", "Origin", "https://evil.example"}, 403},
		{"a form of a browser that tells", okBody, []string{"Content-Type", "application/json", "Sec-Fetch-Site", "cross-site"}, 403},
		{"what a form can send", okBody, []string{"Content-Type", "text/plain"}, 415},
		{"without a type", okBody, nil, 415},
		{"a rebound name", okBody, []string{"Content-Type", "application/json", "Host", "evil.example"}, 403},
		{"too long", `{"a":"` + strings.Repeat("x", 2000) + `"}`, []string{"Content-Type", "application/json"}, 413},
		{"no JSON", "a=b", []string{"Content-Type", "application/json"}, 400},
		{"two objects", okBody + okBody, []string{"Content-Type", "application/json"}, 400},
		{"by a viewer", okBody, []string{"Content-Type", "application/json", "Authorization", "Bearer " + token}, 403},
		{"by nobody", okBody, []string{"Content-Type", "application/json", "Authorization", "Bearer x"}, 401},
	} {
		t.Run(c.name, func(t *testing.T) {
			r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+srv.Addr().String()+"/api/v1/change", strings.NewReader(c.body))
			if err != nil {
				t.Fatal(err)
			}
			for i := 0; i < len(c.header); i += 2 {
				if c.header[i] == "Host" {
					r.Host = c.header[i+1]
				}
				r.Header.Set(c.header[i], c.header[i+1])
			}
			resp, err := http.DefaultClient.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			b, _ := io.ReadAll(resp.Body)
			if resp.StatusCode != c.code {
				t.Errorf("%d %s, want %d", resp.StatusCode, b, c.code)
			}
			if said := (web.AskError{}); c.code != 200 && (json.Unmarshal(b, &said) != nil || said.Problem == "") {
				t.Errorf("%s says no problem", b)
			}
		})
	}
	if code, body := me(t, http.DefaultClient, "http://"+srv.Addr().String()+"/api/v1/payload"); code != 200 || body != "payload" {
		t.Errorf("payload: %d %s", code, body)
	}
	all, err := l.Last(100, func(*audit.Entry) bool { return true })
	if err != nil {
		t.Fatal(err)
	}
	count := map[string]int{}
	for _, e := range all {
		count[e.What+" "+e.Person+" "+fmt.Sprint(e.Status)]++
	}
	for want, n := range map[string]int{"change local 200": 1, "change local 400": 2, "refused joe 403": 1, "refused  401": 1, "payload local 0": 1, "refused  403": 2} {
		if count[want] != n {
			t.Errorf("%q: %d times, want %d, in %v", want, count[want], n, count)
		}
	}
	if all[0].Query != okBody || all[0].Via != "local" || all[0].From == "" || all[0].Role != "operator" {
		t.Errorf("%+v", all[0])
	}
}

// What must be written down is not told where it cannot be.
func TestPayloadIsNotShownUnwritten(t *testing.T) {
	l := audit.New(filepath.Join(t.TempDir(), "no", "such"), 0)
	srv := listen(t, changed{}, web.Options{Audit: l, Guard: access.New(access.Config{Local: access.Operator})})
	if code, body := me(t, http.DefaultClient, "http://"+srv.Addr().String()+"/api/v1/payload"); code != 503 || strings.Contains(body, `"payload"`) {
		t.Errorf("%d %s", code, body)
	}
}

// A client that sends nothing, or half of something, is let go, and others are
// served meanwhile.
func TestSlowClientsAreLetGo(t *testing.T) {
	if testing.Short() {
		t.Skip("takes 6 s")
	}
	t.Parallel()
	srv := listen(t, changed{}, web.Options{Guard: access.New(access.Config{Local: access.Operator})})
	dial := func(text string) net.Conn {
		c, err := net.Dial("tcp", srv.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(c, text); err != nil {
			t.Fatal(err)
		}
		return c
	}
	began := time.Now()
	var slow []net.Conn
	for range 20 {
		slow = append(slow, dial("GET /api/v1/me HTTP/1.1\r\nHost: localhost\r\n"))
	}
	body := dial("POST /api/v1/change HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{")
	long := dial("GET /" + strings.Repeat("x", 64<<10) + " HTTP/1.1\r\nHost: localhost\r\n\r\n")
	if resp, err := http.ReadResponse(bufio.NewReader(long), nil); err != nil || resp.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("a long line: %v, %v", resp, err)
	}
	if code, _ := me(t, http.DefaultClient, "http://"+srv.Addr().String()+"/api/v1/me"); code != 200 {
		t.Errorf("others get %d", code)
	}
	for _, c := range slow {
		_ = c.SetReadDeadline(began.Add(time.Minute))
		if b, err := io.ReadAll(c); err != nil || bytes.Contains(b, []byte(" 200 ")) {
			t.Errorf("%q, %v", b, err)
		}
		c.Close()
	}
	_ = body.SetReadDeadline(began.Add(time.Minute))
	if resp, err := http.ReadResponse(bufio.NewReader(body), nil); err != nil || resp.StatusCode != http.StatusRequestTimeout {
		t.Errorf("half a body: %v, %v", resp, err)
	}
	body.Close()
	long.Close()
}

// Package post sends requests to HTTP services that take alerts, and tells what
// can be tried again from what cannot.
package post

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"weir/collector/sink"
)

// maxAnswer bounds what is read of an answer.
const maxAnswer = 8 << 10

// Client posts to one URL. It is safe for concurrent use.
type Client struct {
	url     string
	secret  bool // the URL itself is a secret: it is never told
	headers http.Header
	http    *http.Client
	user    *url.Userinfo
	tls     *tls.Config
}

// Config of a Client.
type Config struct {
	URL       string
	SecretURL bool   // the URL itself gives access: no error names it
	Token     string // sent as "Authorization: Bearer"; "" is none
	User      string // of basic authentication; "" is none
	Password  string
	TLS       *tls.Config // nil is the system's trust
}

// New returns a Client. A proxy is used where the environment names one
// (HTTPS_PROXY); redirections are not followed, since what is posted is only for
// the URL that is configured.
func New(c Config) *Client {
	h := http.Header{"User-Agent": {"weir"}}
	if c.Token != "" {
		h.Set("Authorization", "Bearer "+c.Token)
	}
	p := &Client{url: c.URL, secret: c.SecretURL, headers: h, tls: c.TLS}
	if c.User != "" {
		p.user = url.UserPassword(c.User, c.Password)
	}
	p.http = &http.Client{
		Transport: &http.Transport{
			Proxy:                 http.ProxyFromEnvironment,
			DialContext:           (&net.Dialer{Timeout: 5 * time.Second}).DialContext,
			TLSHandshakeTimeout:   5 * time.Second,
			ResponseHeaderTimeout: 10 * time.Second,
			IdleConnTimeout:       90 * time.Second,
			MaxIdleConnsPerHost:   2,
			TLSClientConfig:       c.TLS,
			ForceAttemptHTTP2:     true,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return p
}

// JSON posts a JSON body to the client's URL with path added to it.
func (c *Client) JSON(ctx context.Context, path string, body []byte) error {
	return c.Do(ctx, path, body, http.Header{"Content-Type": {"application/json"}})
}

// Do posts a body to the client's URL with path added to it. An error wraps
// sink.ErrPermanent where trying again is useless.
func (c *Client) Do(ctx context.Context, path string, body []byte, headers http.Header) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, strings.TrimSuffix(c.url, "/")+path, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("%s: the URL cannot be used: %w", c.where(), sink.ErrPermanent)
	}
	for _, set := range []http.Header{c.headers, headers} {
		for k, v := range set {
			req.Header[k] = v
		}
	}
	if c.user != nil {
		pass, _ := c.user.Password()
		req.SetBasicAuth(c.user.Username(), pass)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return fmt.Errorf("%s: %w", c.where(), reason(err))
	}
	defer resp.Body.Close()
	text, _ := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 64<<10)) // so that the connection can be used again
	answer := strings.TrimSpace(resp.Status + " " + sink.Printable(string(text), 200))
	sink.Answered(ctx, "%s", answer)
	return c.judge(resp, answer)
}

// judge says what an answer means.
func (c *Client) judge(resp *http.Response, answer string) error {
	code := resp.StatusCode
	switch {
	case code >= 200 && code < 300:
		return nil
	case code == http.StatusUnauthorized || code == http.StatusForbidden:
		return fmt.Errorf("%s answers %s: the token, user or password is wrong", c.where(), answer)
	case code == http.StatusNotFound:
		return fmt.Errorf("%s answers %s: the url is wrong", c.where(), answer)
	case code == http.StatusRequestTimeout || code == http.StatusTooManyRequests || code >= 500:
		err := fmt.Errorf("%s answers %s", c.where(), answer)
		if after := retryAfter(resp.Header.Get("Retry-After"), time.Now()); after > 0 {
			return &sink.Later{After: after, Err: err}
		}
		return err
	case code >= 300 && code < 400:
		return fmt.Errorf("%s answers %s to another place, which is not followed; set url to it: %w", c.where(), answer, sink.ErrPermanent)
	}
	return fmt.Errorf("%s answers %s: %w", c.where(), answer, sink.ErrPermanent)
}

// where names the service without what could be a secret in its URL.
func (c *Client) where() string {
	u, err := url.Parse(c.url)
	if err != nil || u.Host == "" {
		return "the service"
	}
	if c.secret {
		return u.Scheme + "://" + u.Host
	}
	return u.Scheme + "://" + u.Host + u.Path
}

// reason leaves out the URL, which can be a secret.
func reason(err error) error {
	if u, ok := errors.AsType[*url.Error](err); ok {
		return u.Err
	}
	return err
}

// retryAfter reads the header's seconds or date (RFC 9110 section 10.2.3).
func retryAfter(h string, now time.Time) time.Duration {
	if h == "" {
		return 0
	}
	if n, err := strconv.Atoi(h); err == nil && n >= 0 && n < 1e6 {
		return time.Duration(n) * time.Second
	}
	if t, err := http.ParseTime(h); err == nil {
		return t.Sub(now)
	}
	return 0
}

// Probe connects to the service, with its certificate, and asks nothing.
func (c *Client) Probe(ctx context.Context) error {
	u, err := url.Parse(c.url)
	if err != nil {
		return fmt.Errorf("%s: the URL cannot be used", c.where())
	}
	if p, err := http.ProxyFromEnvironment(&http.Request{URL: u}); err == nil && p != nil {
		u = p // whether the service is there only the proxy knows
	}
	port := u.Port()
	if port == "" {
		port = map[string]string{"https": "443"}[u.Scheme]
		if port == "" {
			port = "80"
		}
	}
	d := &net.Dialer{}
	conn, err := d.DialContext(ctx, "tcp", net.JoinHostPort(u.Hostname(), port))
	if err != nil {
		return fmt.Errorf("%s: %w", c.where(), err)
	}
	defer conn.Close()
	if u.Scheme != "https" {
		return nil
	}
	conf := &tls.Config{}
	if c.tls != nil {
		conf = c.tls.Clone()
	}
	conf.ServerName = u.Hostname()
	if err := tls.Client(conn, conf).HandshakeContext(ctx); err != nil {
		return fmt.Errorf("%s: %w", c.where(), err)
	}
	return nil
}

// Get asks for the client's URL.
func (c *Client) Get(ctx context.Context) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.url, nil)
	if err != nil {
		return fmt.Errorf("%s: the URL cannot be used", c.where())
	}
	req.Header = c.headers.Clone()
	resp, err := c.http.Do(req)
	if err != nil {
		return fmt.Errorf("%s: %w", c.where(), reason(err))
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, maxAnswer))
	return c.judge(resp, resp.Status)
}

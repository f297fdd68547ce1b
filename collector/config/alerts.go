package config

import (
	"fmt"
	"net/url"
	"strings"
	"time"
	_ "time/tzdata" // zones on machines without them, such as the image

	"weir/collector/sink/route"
	"weir/detect"
)

// Alerts configures who is told.
type Alerts struct {
	// Zone is told beside UTC.
	Zone Zone
	// Runbook and Link are put into messages, with {kind}, {id}, {key} and
	// {incident}; "" is none.
	Runbook, Link Link
	// Heartbeat is asked for every minute while all is well; "" is none.
	Heartbeat SecretURL
	// Sinks are those who are told.
	Sinks []AlertSink
}

// Zone is a time zone.
type Zone struct{ loc *time.Location }

// Location returns the zone; UTC where none is set.
func (z Zone) Location() *time.Location {
	if z.loc == nil {
		return time.UTC
	}
	return z.loc
}

// String is the name of the zone.
func (z Zone) String() string { return z.Location().String() }

// Equal reports that both are the same zone.
func (z Zone) Equal(o Zone) bool { return z.String() == o.String() }

func parseZone(s string) (Zone, error) {
	if s == "Local" {
		return Zone{time.Local}, nil
	}
	loc, err := time.LoadLocation(s)
	if err != nil || s == "" {
		return Zone{}, &fault{"no time zone", `write one such as Europe/Berlin, UTC, or Local for this machine's`}
	}
	return Zone{loc}, nil
}

// Link is a URL with words in braces.
type Link string

func parseLink(s string) (Link, error) {
	if s == "" {
		return "", nil
	}
	filled := strings.NewReplacer("{kind}", "k", "{id}", "k", "{key}", "k", "{incident}", "k").Replace(s)
	if strings.ContainsAny(filled, "{} \t\"<>") {
		return "", &fault{"has something else in braces than {kind}, {id}, {key} and {incident}, or a space or quote", "write a URL such as https://wiki.example/weir/{kind}"}
	}
	if _, err := parseHTTPURL(filled); err != nil {
		return "", err
	}
	return Link(s), nil
}

// parseHTTPURL reads the address of a web server.
func parseHTTPURL(s string) (*url.URL, error) {
	u, err := url.Parse(s)
	switch {
	case err != nil, u.Scheme != "http" && u.Scheme != "https", u.Host == "":
		return nil, &fault{"no address of a web server", "write one such as https://alerts.example/hook"}
	case u.User != nil:
		return nil, &fault{"has a user or password, which must not stand in the file", "write user: and password:, or ${NAME} for the whole address"}
	}
	return u, nil
}

// SecretURL is an address that may be a secret itself: then the file has a
// reference to it.
type SecretURL struct {
	Secret
	plain string
}

// Reveal returns the address; "" is none.
func (u SecretURL) Reveal() string {
	if u.plain != "" {
		return u.plain
	}
	return u.Secret.Reveal()
}

// IsSecret reports that the address must not be told.
func (u SecretURL) IsSecret() bool { return u.plain == "" }

// String returns the address, or the reference to it.
func (u SecretURL) String() string {
	if u.plain != "" {
		return u.plain
	}
	return u.Secret.String()
}

// Format writes the address or the reference whatever the verb.
func (u SecretURL) Format(f fmt.State, _ rune) { fmt.Fprint(f, u.String()) }

// Equal reports that both are the same.
func (u SecretURL) Equal(o SecretURL) bool { return u == o }

// parseSecretURL reads an address, or a reference to one; "" is none.
func parseSecretURL(s string) (SecretURL, error) {
	if s == "" {
		return SecretURL{}, nil
	}
	if strings.HasPrefix(s, "http://") || strings.HasPrefix(s, "https://") {
		_, err := parseHTTPURL(s)
		return SecretURL{plain: s}, err
	}
	if !strings.HasPrefix(s, "${") && !strings.HasPrefix(s, "file:") {
		return SecretURL{}, &fault{"neither an address nor a reference to one", "write https://…, ${NAME} or file:/path"}
	}
	secret, err := ParseSecret(s)
	if err != nil {
		return SecretURL{}, err
	}
	if _, err := parseHTTPURL(secret.Reveal()); err != nil {
		return SecretURL{}, &fault{"what it names is no address of a web server", "write one such as https://alerts.example/hook into it"}
	}
	return SecretURL{Secret: secret}, nil
}

// Severities are the levels of route.Cases, in their order.
type Severities [40]route.Level

func defaultSeverities() (s Severities) {
	for i, c := range route.Cases() {
		s[i] = c.Level
	}
	return s
}

// Table returns the table of severities.
func (s *Severities) Table() route.Table {
	levels := map[string]route.Level{}
	for i, c := range route.Cases() {
		levels[c.Name] = s[i]
	}
	return route.NewTable(levels)
}

// parseLevel reads "warning" or "critical after 30s".
func parseLevel(s string) (route.Level, error) {
	const fix = `write info, warning, critical, or with a page delay "critical after 30s"`
	word, delay, has := strings.Cut(s, " after ")
	l := route.Level{Severity: detect.Severity(strings.TrimSpace(word))}
	switch l.Severity {
	case detect.Info, detect.Warning, detect.Critical:
	default:
		return l, &fault{"no severity", fix}
	}
	if has {
		d, err := within(0, 24*time.Hour)(strings.TrimSpace(delay))
		if err != nil {
			return l, &fault{"the page delay is no time up to 24h", fix}
		}
		if l.Severity != detect.Critical {
			return l, &fault{"has a page delay, and only critical alerts page", fix}
		}
		l.Delay = d
	}
	return l, nil
}

// alertKeys are the keys of alerts and severity.
func alertKeys() []key {
	all := []key{
		scalar("alerts.zone", func(c *Config) *Zone { return &c.Alerts.Zone }, parseZone),
		scalar("alerts.runbook", func(c *Config) *Link { return &c.Alerts.Runbook }, parseLink),
		scalar("alerts.link", func(c *Config) *Link { return &c.Alerts.Link }, parseLink),
		scalar("alerts.heartbeat", func(c *Config) *SecretURL { return &c.Alerts.Heartbeat }, parseSecretURL),
		sinkList("alerts.sinks"),
	}
	for i, c := range route.Cases() {
		all = append(all, live(scalar("severity."+c.Name, func(c *Config) *route.Level { return &c.Severity[i] }, parseLevel)))
	}
	return all
}

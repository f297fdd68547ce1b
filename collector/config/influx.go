package config

import (
	"net/url"
	"strings"
	"time"
)

// Influx configures where time series are written.
type Influx struct {
	// URL of the server, such as http://127.0.0.1:8086; "" writes nothing.
	URL string
	// Token of InfluxDB 2 and 3, or user:password of 1.8.
	Token Secret
	// Org of InfluxDB 2.
	Org string
	// Bucket, or database or database/retention policy of 1.8.
	Bucket string
	// Retention of a bucket that is made where it is missing; 0 is for ever.
	Retention time.Duration
	// Interval of what is not written as it comes.
	Interval time.Duration
	// Series is how many series are written at most.
	Series int
	// Spool bounds what waits on disk while the server is away.
	Spool Bytes
}

func defaultInflux() Influx {
	return Influx{
		Bucket: "weir", Retention: 30 * 24 * time.Hour, Interval: 10 * time.Second, Series: 200000, Spool: GiB,
	}
}

// influxKeys are the keys of Influx and the site's name.
func influxKeys() []key {
	return []key{
		scalar("site", func(c *Config) *string { return &c.Site }, parseSite),
		scalar("influx.url", func(c *Config) *string { return &c.Influx.URL }, ParseInfluxURL),
		scalar("influx.token", func(c *Config) *Secret { return &c.Influx.Token }, parseOptionalSecret),
		scalar("influx.org", func(c *Config) *string { return &c.Influx.Org }, anyText),
		scalar("influx.bucket", func(c *Config) *string { return &c.Influx.Bucket }, parseBucket),
		scalar("influx.retention", func(c *Config) *time.Duration { return &c.Influx.Retention }, parseRetention),
		scalar("influx.interval", func(c *Config) *time.Duration { return &c.Influx.Interval }, within(time.Second, 10*time.Minute)),
		scalar("influx.series", func(c *Config) *int { return &c.Influx.Series }, whole(1000, 1<<24)),
		scalar("influx.spool", func(c *Config) *Bytes { return &c.Influx.Spool }, bytesWithin(16*MiB, 1024*GiB)),
	}
}

// maxName bounds names of sites, organisations and buckets.
const maxName = 64

func anyText(s string) (string, error) {
	if len(s) > maxName {
		return "", &fault{"longer than 64 octets", "write a shorter name"}
	}
	if strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return "", &fault{"has control characters", "write letters, digits, - and _"}
	}
	return s, nil
}

// parseSite reads the site's name; it is in every point and label.
func parseSite(s string) (string, error) {
	if s == "" {
		return "", &fault{"is empty", "write a short name, or remove the key for its default"}
	}
	return anyText(s)
}

func parseBucket(s string) (string, error) {
	if s == "" || strings.HasPrefix(s, "/") || strings.HasSuffix(s, "/") {
		return "", &fault{"no name of a bucket", "write one such as weir, or database/policy for InfluxDB 1"}
	}
	return anyText(s)
}

// ParseInfluxURL reads the address of a server; "" is none.
func ParseInfluxURL(s string) (string, error) {
	if s == "" {
		return "", nil
	}
	u, err := url.Parse(s)
	switch {
	case err != nil, u.Scheme != "http" && u.Scheme != "https", u.Host == "":
		return "", &fault{"no address of a server", "write one such as http://127.0.0.1:8086"}
	case u.User != nil:
		return "", &fault{"has a user or password, which must not stand in the file", "write influx.token: ${NAME} with user:password"}
	case u.RawQuery != "", u.Fragment != "":
		return "", &fault{"has a query or a fragment", "write the address alone, such as http://127.0.0.1:8086"}
	}
	return strings.TrimSuffix(u.String(), "/"), nil
}

// parseOptionalSecret reads a reference; "" is none.
func parseOptionalSecret(s string) (Secret, error) {
	if s == "" {
		return Secret{}, nil
	}
	return ParseSecret(s)
}

// parseRetention reads a time, also in days: "30d"; "0" is for ever.
func parseRetention(s string) (time.Duration, error) {
	if s == "0" {
		return 0, nil
	}
	if days, ok := strings.CutSuffix(s, "d"); ok {
		n, err := whole(1, 36500)(days)
		return time.Duration(n) * 24 * time.Hour, err
	}
	d, err := time.ParseDuration(s)
	if err != nil || d < time.Hour {
		return 0, &fault{"no time of an hour or more", "write one such as 30d or 12h, or 0 for ever"}
	}
	return d, nil
}

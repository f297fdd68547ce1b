package influx

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/influxdata/influxdb-client-go/v2/domain"
)

// bucketEvery is the least time between two attempts to make the bucket.
const bucketEvery = 30 * time.Second

// makeBucket makes the bucket with its retention, where the server lets us. It
// reports whether it did.
func (s *Sink) makeBucket() bool {
	now := time.Now()
	s.mu.Lock()
	due := now.Sub(s.logged["bucket"]) >= bucketEvery
	if due {
		s.logged["bucket"] = now
	}
	s.mu.Unlock()
	if !due {
		return false
	}
	ctx, cancel := context.WithTimeout(s.ctx, s.cfg.Timeout)
	defer cancel()
	err := s.client.makeDatabase(ctx, &s.cfg)
	if err != nil {
		err = s.client.makeBucket(ctx, &s.cfg)
	}
	if err != nil {
		s.cfg.Log.Warn().Str("bucket", s.cfg.Bucket).Str("said", oneLine(err.Error())).Msg("influx: the missing bucket could not be made")
		return false
	}
	s.cfg.Log.Info().Str("bucket", s.cfg.Bucket).Str("retention", s.cfg.Retention.String()).Msg("influx: the bucket was missing and has been made")
	return true
}

// makeBucket makes a bucket of 2.x.
func (c *client) makeBucket(ctx context.Context, cfg *Config) error {
	org, err := c.OrganizationsAPI().FindOrganizationByName(ctx, cfg.Org)
	if err != nil {
		return err
	}
	_, err = c.BucketsAPI().CreateBucketWithName(ctx, org, cfg.Bucket, domain.RetentionRule{EverySeconds: int64(cfg.Retention / time.Second)})
	return err
}

// makeDatabase makes a database of 1.x, and the retention policy if one is
// named.
func (c *client) makeDatabase(ctx context.Context, cfg *Config) error {
	db, policy, _ := strings.Cut(cfg.Bucket, "/")
	duration := "INF"
	if cfg.Retention > 0 {
		duration = fmt.Sprintf("%ds", int64(cfg.Retention/time.Second))
	}
	q := "CREATE DATABASE " + quote(db) + " WITH DURATION " + duration
	if policy != "" {
		q += " NAME " + quote(policy)
	}
	err := c.query(ctx, cfg, q)
	if err != nil && policy != "" { // the database is there, with another policy
		err = c.query(ctx, cfg, "CREATE RETENTION POLICY "+quote(policy)+" ON "+quote(db)+" DURATION "+duration+" REPLICATION 1")
	}
	return err
}

// quote writes a name of InfluxQL.
func quote(name string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`).Replace(name) + `"`
}

// query sends InfluxQL that changes something. 1.x takes user and password in
// the form of a token.
func (c *client) query(ctx context.Context, cfg *Config, q string) error {
	body := strings.NewReader(url.Values{"q": {q}}.Encode())
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, strings.TrimSuffix(cfg.URL, "/")+"/query", body)
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if user, password, ok := strings.Cut(cfg.Token, ":"); ok {
		req.SetBasicAuth(user, password)
	} else if cfg.Token != "" {
		req.Header.Set("Authorization", "Token "+cfg.Token)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	return queryError(resp)
}

// queryError returns what an answer to InfluxQL says went wrong, nil for
// nothing: mistakes in statements come with status 200.
func queryError(resp *http.Response) error {
	var a struct {
		Results []struct {
			Error string `json:"error"`
		} `json:"results"`
		Error string `json:"error"`
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
	if err != nil {
		return err
	}
	if err := json.Unmarshal(body, &a); err != nil || resp.StatusCode/100 != 2 {
		return fmt.Errorf("%s: %s", resp.Status, body)
	}
	for _, r := range a.Results {
		if r.Error != "" {
			return errors.New(r.Error)
		}
	}
	if a.Error != "" {
		return errors.New(a.Error)
	}
	return nil
}

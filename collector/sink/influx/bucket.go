package influx

import (
	"net/http"
	"net/url"
	"strings"
)

func (c *client) makeBucket(cfg *Config) {
	db, _, _ := strings.Cut(cfg.Bucket, "/")
	q := url.Values{"q": {`CREATE DATABASE "` + db + `" WITH DURATION ` + cfg.Retention.String()}}
	resp, err := http.PostForm(strings.TrimSuffix(cfg.URL, "/")+"/query", q)
	if err == nil {
		resp.Body.Close()
	}
}

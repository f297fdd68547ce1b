package names

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"path"
	"strings"
	"time"
)

// fetchTimeout bounds one import.
const fetchTimeout = time.Minute

// Fetcher imports names over HTTP, from an inventory that serves them.
type Fetcher struct {
	URL   string // http or https
	Token string // sent as "Authorization: Bearer"; "" is none

	client http.Client
	etag   string
	since  string // Last-Modified
}

// ErrUnchanged says that nothing is new since the last Fetch.
var ErrUnchanged = errors.New("nothing is new")

// Fetch asks once. It belongs to one goroutine. The answer is CSV where its
// type or the name in the URL says so, else YAML or JSON.
func (f *Fetcher) Fetch(ctx context.Context) ([]Device, error) {
	ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, f.URL, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", "application/json, application/yaml, text/csv")
	if f.Token != "" {
		req.Header.Set("Authorization", "Bearer "+f.Token)
	}
	if f.etag != "" {
		req.Header.Set("If-None-Match", f.etag)
	}
	if f.since != "" {
		req.Header.Set("If-Modified-Since", f.since)
	}
	resp, err := f.client.Do(req)
	if err != nil {
		if u, ok := errors.AsType[*url.Error](err); ok {
			err = u.Err
		}
		return nil, fmt.Errorf("%s does not answer: %w", f.shown(), err)
	}
	defer resp.Body.Close()
	switch resp.StatusCode {
	case http.StatusOK:
	case http.StatusNotModified:
		return nil, ErrUnchanged
	case http.StatusUnauthorized, http.StatusForbidden:
		return nil, fmt.Errorf("%s answers %s; set names.token to one that may read it", f.shown(), resp.Status)
	case http.StatusNotFound:
		return nil, fmt.Errorf("%s answers %s; set names.url to where the names are", f.shown(), resp.Status)
	default:
		return nil, fmt.Errorf("%s answers %s", f.shown(), resp.Status)
	}
	b, err := io.ReadAll(io.LimitReader(resp.Body, maxFile+1))
	if err != nil {
		return nil, fmt.Errorf("%s broke off: %w", f.shown(), err)
	}
	if len(b) > maxFile {
		return nil, fmt.Errorf("%s answers with more than 64 MiB", f.shown())
	}
	devices, err := Parse(f.shown(), b, f.isCSV(resp))
	if err == nil {
		f.etag, f.since = resp.Header.Get("Etag"), resp.Header.Get("Last-Modified")
	}
	return devices, err
}

func (f *Fetcher) isCSV(resp *http.Response) bool {
	if strings.Contains(resp.Header.Get("Content-Type"), "csv") {
		return true
	}
	u, err := url.Parse(f.URL)
	return err == nil && strings.EqualFold(path.Ext(u.Path), ".csv")
}

// shown is the URL without what may be secret.
func (f *Fetcher) shown() string {
	u, err := url.Parse(f.URL)
	if err != nil {
		return "names.url"
	}
	u.RawQuery, u.User = "", nil
	return u.String()
}

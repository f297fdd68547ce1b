package web

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// maxAnswer bounds what a client reads: more than 2^20 agents with names.
const maxAnswer = 1 << 30

// Ask gets name, "status", "agents" or "top?n=5", from the collector that runs with
// stateDir, into v. Its error is one line that says what to do.
func Ask(ctx context.Context, stateDir, name string, v any) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	path := filepath.Join(stateDir, socketName)
	transport := &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			short, done, err := shortPath(stateDir, path)
			if err != nil {
				return nil, err
			}
			defer done()
			var d net.Dialer
			return d.DialContext(ctx, "unix", short)
		},
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://weir/"+name, nil)
	if err != nil {
		return err
	}
	resp, err := (&http.Client{Transport: transport}).Do(req)
	if err != nil {
		return explain(stateDir, path, err)
	}
	defer resp.Body.Close()
	if resp.StatusCode == http.StatusBadRequest {
		b, _ := io.ReadAll(io.LimitReader(resp.Body, 4096))
		return errors.New(strings.TrimSpace(string(b)))
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("control socket %s answers %s to /%s; is it of another version of weir?", path, resp.Status, name)
	}
	if err := json.NewDecoder(http.MaxBytesReader(nil, resp.Body, maxAnswer)).Decode(v); err != nil {
		return fmt.Errorf("control socket %s: the answer cannot be read: %w", path, err)
	}
	return nil
}

func explain(stateDir, path string, err error) error {
	switch {
	case errors.Is(err, os.ErrNotExist), errors.Is(err, syscall.ECONNREFUSED):
		return fmt.Errorf("no weir runs with state_dir %s; start it with `weir run`, or name its configuration with --config FILE", stateDir)
	case errors.Is(err, os.ErrPermission):
		return fmt.Errorf("control socket %s is not for this user; ask as the user that runs weir, or as root", path)
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("control socket %s: no answer within 10 seconds", path)
	}
	return fmt.Errorf("control socket %s: %w", path, err)
}

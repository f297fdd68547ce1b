package web

import (
	"bytes"
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
	return ask(ctx, stateDir, http.MethodGet, name, nil, askTime, v)
}

// askTime is how long a client waits for an answer.
const askTime = 10 * time.Second

// Call asks the collector that runs with stateDir for a path of the API such as
// "api/v1/windows", with a body in JSON unless that is nil, and reads the answer
// into v. Its error is one line that says what to do.
func Call(ctx context.Context, stateDir, method, path string, body, v any) error {
	return ask(ctx, stateDir, method, path, body, askTime, v)
}

// longTime is how long a client waits for what takes long.
const longTime = 3 * time.Minute

// CallLong is Call for what may take minutes.
func CallLong(ctx context.Context, stateDir, method, path string, body, v any) error {
	return ask(ctx, stateDir, method, path, body, longTime, v)
}

// Fetch copies the answer to a GET of the API, which is no JSON, to w.
func Fetch(ctx context.Context, stateDir, path string, w io.Writer) error {
	ctx, cancel := context.WithTimeout(ctx, longTime)
	defer cancel()
	resp, err := request(ctx, stateDir, http.MethodGet, path, nil, longTime)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if _, err := io.Copy(w, resp.Body); err != nil {
		return fmt.Errorf("control socket %s: the answer was cut: %w", filepath.Join(stateDir, socketName), err)
	}
	return nil
}

// ask sends a request that is to be answered within a time.
func ask(ctx context.Context, stateDir, method, name string, body any, within time.Duration, v any) error {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	resp, err := request(ctx, stateDir, method, name, body, within)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if err := json.NewDecoder(http.MaxBytesReader(nil, resp.Body, maxAnswer)).Decode(v); err != nil {
		return fmt.Errorf("control socket %s: the answer cannot be read: %w", filepath.Join(stateDir, socketName), err)
	}
	return nil
}

// request sends a request, and returns an answer that is no error; its body must
// be closed.
func request(ctx context.Context, stateDir, method, name string, body any, within time.Duration) (*http.Response, error) {
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
	var sent io.Reader
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			return nil, err
		}
		sent = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(ctx, method, "http://weir/"+name, sent)
	if err != nil {
		return nil, err
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := (&http.Client{Transport: transport}).Do(req)
	if err != nil {
		return nil, explain(stateDir, path, within, err)
	}
	if resp.StatusCode == http.StatusOK {
		return resp, nil
	}
	defer resp.Body.Close()
	b, _ := io.ReadAll(io.LimitReader(resp.Body, 4096))
	var said AskError
	var prometheus struct {
		Error string `json:"error"`
	}
	switch {
	case json.Unmarshal(b, &said) == nil && said.Problem != "":
		return nil, &said
	case json.Unmarshal(b, &prometheus) == nil && prometheus.Error != "":
		return nil, errors.New(prometheus.Error)
	case resp.StatusCode == http.StatusBadRequest:
		return nil, errors.New(strings.TrimSpace(string(b)))
	}
	return nil, fmt.Errorf("control socket %s answers %s to /%s; is it of another version of weir?", path, resp.Status, name)
}

// notRunning is an error for want of a collector.
type notRunning struct{ error }

// NotRunning reports that err is for want of a collector that runs.
func NotRunning(err error) bool {
	_, ok := errors.AsType[notRunning](err)
	return ok
}

func explain(stateDir, path string, within time.Duration, err error) error {
	switch {
	case errors.Is(err, os.ErrNotExist), errors.Is(err, syscall.ECONNREFUSED):
		return notRunning{fmt.Errorf("no weir runs with state_dir %s; start it with `weir run`, or name its configuration with --config FILE", stateDir)}
	case errors.Is(err, os.ErrPermission):
		return fmt.Errorf("control socket %s is not for this user; ask as the user that runs weir, or as root", path)
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("control socket %s: no answer within %.0f seconds", path, within.Seconds())
	}
	return fmt.Errorf("control socket %s: %w", path, err)
}

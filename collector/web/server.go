package web

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/netip"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"

	"weir/collector/web/access"
)

// maxConnections bounds the connections of the HTTP server and of the control
// socket; a further one takes the place of one that is idle or slow to ask, or waits.
const maxConnections = 128

// Server serves /metrics, /healthz, /readyz, and the API and the page to those who
// may.
type Server struct {
	listener net.Listener
	http     *http.Server
}

// Listen binds addr. Its error is one line that says what to do. On an address
// that others can reach, who asks needs a name: the configuration has seen to it.
func Listen(addr netip.AddrPort, s Source, o Options) (*Server, error) {
	l, err := net.Listen("tcp", addr.String())
	if err != nil && o.OtherPort {
		l, err = net.Listen("tcp", netip.AddrPortFrom(addr.Addr(), 0).String())
	}
	if err != nil {
		reason := err
		if op, ok := errors.AsType[*net.OpError](err); ok {
			reason = op.Err
		}
		if errors.Is(err, syscall.EADDRINUSE) {
			return nil, fmt.Errorf("http: %s is in use by another process; stop it, or set http to another address or to \"\"", addr)
		}
		return nil, fmt.Errorf("http: cannot listen on %s: %w; set http to an address of this machine or to \"\"", addr, reason)
	}
	o.Local = addr.Addr().IsLoopback()
	h := Handler(s)
	if o.Guard != nil {
		h = newHandler(s, o)
	}
	server := newHTTPServer(h)
	if o.TLS != nil {
		server.TLSConfig = o.TLS.config()
	}
	return &Server{l, server}, nil
}

// newHTTPServer has limits for clients that are slow or many.
func newHTTPServer(h http.Handler) *http.Server {
	return &http.Server{
		Handler:           h,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		WriteTimeout:      30 * time.Second,
		IdleTimeout:       time.Minute,
		MaxHeaderBytes:    16 << 10,
		ErrorLog:          log.New(io.Discard, "", 0), // handshakes that fail are their senders' matter
	}
}

// Addr is the address bound, with its real port.
func (s *Server) Addr() netip.AddrPort {
	return s.listener.Addr().(*net.TCPAddr).AddrPort()
}

// Serve answers until Close, and then returns nil.
func (s *Server) Serve() error { return serve(s.http, s.listener) }

func serve(h *http.Server, l net.Listener) error {
	places := newRoom(l, maxConnections)
	h.ConnState = places.state
	run := h.Serve
	if h.TLSConfig != nil {
		run = func(l net.Listener) error { return h.ServeTLS(l, "", "") }
	}
	if err := run(places); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// Close ends Serve, and waits for the answers under way until ctx is done.
func (s *Server) Close(ctx context.Context) error { return shutdown(ctx, s.http, s.listener) }

func shutdown(ctx context.Context, h *http.Server, l net.Listener) error {
	err := h.Shutdown(ctx)
	if err != nil {
		err = h.Close()
	}
	_ = l.Close() // where Serve was never called
	return err
}

// Handler answers what anybody who reaches the server may know: metrics and
// health, no flow and no alert.
func Handler(s Source) http.Handler { return safe(newMux(s)) }

// newHandler is Handler with the page and the API, for those whom the options
// let.
func newHandler(s Source, o Options) http.Handler {
	mux := newMux(s)
	if _, ok := s.(PageSource); ok {
		addPage(mux, o)
	}
	serveRoutes(mux, s, o)
	if o.Local {
		return onlyLocalNames(o.Guard, safe(mux))
	}
	return safe(mux)
}

func newMux(s Source) *http.ServeMux {
	metrics := promhttp.HandlerFor(newRegistry(s), promhttp.HandlerOpts{
		MaxRequestsInFlight: 4,
		ErrorHandling:       promhttp.ContinueOnError, // one bad metric does not hide the others
	})
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", metrics)
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, http.StatusOK, map[string]string{"status": "ok"})
	})
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		st := s.Status()
		code := http.StatusOK
		if !st.Ready() {
			code = http.StatusServiceUnavailable
		}
		writeJSON(w, code, Readiness{st.Ready(), st.Components})
	})
	return mux
}

// Readiness is the answer of /readyz.
type Readiness struct {
	Ready      bool        `json:"ready"`
	Components []Component `json:"components"`
}

func writeJSON(w http.ResponseWriter, code int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(v) // the client has gone
}

// safe keeps answers out of caches and from being taken for a page.
func safe(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		next.ServeHTTP(w, r)
	})
}

// onlyLocalNames refuses requests for another host than this one: a page of
// another site whose name was rebound to a loopback address reads nothing.
func onlyLocalNames(g *access.Guard, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if why := g.Host(r); why != nil {
			refuse(w, why)
			return
		}
		next.ServeHTTP(w, r)
	})
}

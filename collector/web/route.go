package web

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"weir/collector/web/access"
	"weir/collector/web/audit"
)

// Route is one path of the HTTP API, which the control socket has too. The table
// of them is what is served, what its document says, and what tests walk.
type Route struct {
	Method  string
	Path    string      // as http.ServeMux has it, "/api/v1/incidents/{id}"
	Needs   access.Role // the least; with access.Scoped it shows such a person what is its own
	Audit   string      // what the audit log calls it, one of audit's words; "" is not kept
	Summary string      // for the document
	Params  []Param     // of the query
	Body    any         // example of the JSON body; nil is none
	MaxBody int64       // octets; 0 is 64 KiB
	Answer  any         // example of the JSON answer, for the document; nil is any
	Type    string      // of the answer where it is no JSON
	Serve   http.HandlerFunc
}

// Param is one parameter of a query.
type Param struct {
	Name, Says string
	Example    any // of its type; nil is a string
}

// RouteSource is a Source with further routes.
type RouteSource interface{ Routes() []Route }

// defaultBody bounds a request's body, in octets.
const defaultBody = 64 << 10

// Problem is the answer to a request that is not served.
type Problem struct {
	Status int `json:"-"` // of HTTP
	AskError
}

// NewProblem returns one.
func NewProblem(status int, text string) *Problem { return &Problem{status, *mistake(text)} }

// mistake is one of a question that is no filter.
func mistake(text string) *AskError { return &AskError{Problem: text, Offset: -1} }

// Answers makes a handler of a question with a JSON answer. A *Problem and an
// *AskError are the asker's mistakes, any other error is ours.
func Answers(ask func(*http.Request) (any, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		v, err := ask(r)
		if err != nil {
			refuse(w, err)
			return
		}
		writeJSON(w, http.StatusOK, v)
	}
}

// refuse answers an error.
func refuse(w http.ResponseWriter, err error) {
	if p, ok := errors.AsType[*Problem](err); ok {
		writeJSON(w, p.Status, &p.AskError)
		return
	}
	if m, ok := errors.AsType[*AskError](err); ok {
		writeJSON(w, http.StatusBadRequest, m)
		return
	}
	if r, ok := errors.AsType[*access.Refusal](err); ok {
		writeJSON(w, r.Status, mistake(r.Problem))
		return
	}
	if tooLong, ok := errors.AsType[*http.MaxBytesError](err); ok {
		writeJSON(w, http.StatusRequestEntityTooLarge, mistake("the body is longer than "+bytesText(tooLong.Limit)))
		return
	}
	code := http.StatusInternalServerError
	if errors.Is(err, context.DeadlineExceeded) {
		code = http.StatusServiceUnavailable
	}
	writeJSON(w, code, mistake(err.Error()))
}

// ReadBody reads the JSON body of a request into v. The error is for refuse.
func ReadBody(r *http.Request, v any) error {
	d := json.NewDecoder(r.Body)
	d.DisallowUnknownFields()
	err := d.Decode(v)
	if err == nil {
		if _, err = d.Token(); errors.Is(err, io.EOF) {
			return nil
		}
		err = errors.New("something follows it")
	}
	if tooLong, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return tooLong
	}
	return mistake("the body is not the JSON object that is wanted: " + err.Error())
}

// Routes returns the table of the API of a source.
func Routes(s Source) []Route {
	all := []Route{
		{Method: "GET", Path: "/api/v1/me", Needs: access.Scoped, Summary: "Who asks, and what the person may.", Answer: Me{},
			Serve: Answers(func(r *http.Request) (any, error) {
				p := access.Of(r.Context())
				return Me{*p, p.Role.String()}, nil
			})},
		{Method: "GET", Path: "/api/v1/status", Needs: access.Viewer, Summary: "The collector at this moment; counts run from its start.", Answer: Status{},
			Serve: Answers(func(*http.Request) (any, error) { return s.Status(), nil })},
	}
	if p, ok := s.(PageSource); ok {
		all = append(all, pageRoutes(p)...)
	}
	if p, ok := s.(SiteSource); ok {
		all = append(all, siteRoutes(p)...)
	}
	if k, ok := s.(SeriesSource); ok {
		all = append(all, seriesRoutes(k)...)
	}
	if t, ok := s.(AlertTester); ok {
		all = append(all, testRoute(t))
	}
	if e, ok := s.(EventSource); ok {
		all = append(all, eventRoute(e))
	}
	if l, ok := s.(Auditor); ok {
		all = append(all, auditRoute(l))
	}
	if more, ok := s.(RouteSource); ok {
		all = append(all, more.Routes()...)
	}
	return all
}

// Me is who asks.
type Me struct {
	access.Person
	RoleName string `json:"role"`
}

// Options say how an API is served.
type Options struct {
	Guard *access.Guard
	Audit *audit.Log    // nil keeps nothing
	Local bool          // on loopback; Listen sets it
	TLS   *Certificates // nil is none
	// OtherPort lets Listen take any port of the address where that one is taken.
	OtherPort bool
	// As is who asks, without looking; for the control socket.
	As func(*http.Request) *access.Person
}

// serveRoutes adds the API to a mux.
func serveRoutes(mux *http.ServeMux, s Source, o Options) {
	for _, route := range Routes(s) {
		mux.Handle(route.Method+" "+route.Path, o.guarded(&route))
	}
	mux.Handle("/api/", o.checked(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		refuse(w, NewProblem(http.StatusNotFound, "there is no "+r.Method+" "+r.URL.Path+"; /api/v1/openapi.json lists what there is"))
	})))
}

// identify says who asks, and puts it into the request's context. It refuses who
// asks too often.
func (o *Options) identify(r *http.Request) (*http.Request, *access.Person, *access.Refusal) {
	r, p, why := o.recognise(r)
	if why == nil && o.As == nil {
		why = o.Guard.Allow(p)
	}
	return r, p, why
}

// recognise is identify, however often it is asked.
func (o *Options) recognise(r *http.Request) (*http.Request, *access.Person, *access.Refusal) {
	if o.As != nil {
		p := o.As(r)
		return r.WithContext(access.With(r.Context(), p)), p, nil
	}
	why := o.Guard.Host(r)
	if why == nil {
		why = access.Origin(r)
	}
	if why != nil {
		return r, nil, why
	}
	p, why := o.Guard.Identify(r, o.Local)
	if why != nil {
		return r, p, why
	}
	return r.WithContext(access.With(r.Context(), p)), p, nil
}

// challenge lets a browser ask for the token.
func challenge(w http.ResponseWriter, why *access.Refusal) {
	switch why.Status {
	case http.StatusUnauthorized:
		w.Header().Add("WWW-Authenticate", `Bearer realm="weir"`)
		w.Header().Add("WWW-Authenticate", `Basic realm="weir: the token is the password", charset="UTF-8"`)
	case http.StatusTooManyRequests:
		w.Header().Set("Retry-After", "2")
	}
}

// checked lets those through whom the guard knows, whatever their role.
func (o Options) checked(next http.Handler) http.Handler { return through(o.identify, next) }

// known is checked for files of the page, of which a visit takes many: they are
// not counted.
func (o Options) known(next http.Handler) http.Handler { return through(o.recognise, next) }

func through(who func(*http.Request) (*http.Request, *access.Person, *access.Refusal), next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r, _, why := who(r)
		if why != nil {
			challenge(w, why)
			refuse(w, why)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// guarded serves a route to those who may, and keeps what they did.
func (o Options) guarded(route *Route) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		began := time.Now()
		r, p, why := o.identify(r)
		if why == nil && p.Role < route.Needs {
			why = &access.Refusal{Status: http.StatusForbidden, Problem: "this needs the role " + needs(route.Needs) + ", and " + p.Name + " is " + roleOf(p)}
		}
		e := entry(r, p, route, began)
		if why != nil {
			e.What, e.Status = audit.Refused, why.Status
			_ = o.Audit.Put(e)
			challenge(w, why)
			refuse(w, why)
			return
		}
		if err := route.asks(r); err != nil {
			refuse(w, err)
			return
		}
		if !o.takeBody(w, r, route, &e) {
			return
		}
		if route.Audit == audit.Export || route.Audit == audit.Payload {
			// What leaves is written down before it does.
			if err := o.Audit.Put(e); err != nil {
				refuse(w, NewProblem(http.StatusServiceUnavailable, "this must be written down and cannot: "+err.Error()))
				return
			}
			route.Serve(w, r)
			return
		}
		seen := &counted{ResponseWriter: w, status: http.StatusOK}
		route.Serve(seen, r)
		if route.Audit != "" {
			if e.Query == "" {
				e.Query = r.PostForm.Encode() // where the route has read a form
			}
			e.Status, e.Octets, e.Seconds = seen.status, seen.octets, time.Since(began).Seconds()
			_ = o.Audit.Put(e) // counted there
		}
	})
}

// asks reports a parameter that the route does not have: an answer that passed over
// it would not be what was asked for. Prometheus passes over it.
func (route *Route) asks(r *http.Request) error {
	if !strings.HasPrefix(route.Path, "/api/") {
		return nil
	}
	known := make([]string, 0, len(route.Params))
	for _, p := range route.Params {
		known = append(known, p.Name)
	}
	return only(r, known...)
}

// takeBody bounds the body. That of a change is read first, to be kept.
func (o *Options) takeBody(w http.ResponseWriter, r *http.Request, route *Route, e *audit.Entry) bool {
	limit := route.MaxBody
	if limit == 0 {
		limit = defaultBody
	}
	r.Body = http.MaxBytesReader(w, r.Body, limit)
	if route.Body == nil {
		return true
	}
	if t, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";"); !strings.EqualFold(strings.TrimSpace(t), "application/json") {
		refuse(w, NewProblem(http.StatusUnsupportedMediaType, "send the body as Content-Type: application/json"))
		return false
	}
	b, err := io.ReadAll(r.Body)
	if err != nil {
		if _, ok := errors.AsType[*http.MaxBytesError](err); !ok {
			err = NewProblem(http.StatusRequestTimeout, "the body did not come")
		}
		refuse(w, err)
		return false
	}
	e.Query = string(b)
	r.Body = io.NopCloser(bytes.NewReader(b))
	return true
}

func entry(r *http.Request, p *access.Person, route *Route, at time.Time) audit.Entry {
	e := audit.Entry{At: at.UTC(), From: r.RemoteAddr, What: route.Audit, Method: r.Method, Path: r.URL.Path, Query: r.URL.RawQuery}
	if p != nil {
		e.Person, e.Role, e.Via = p.Name, roleOf(p), p.Via
	}
	return e
}

func needs(r access.Role) string {
	if r == access.Viewer {
		return "viewer of all projects"
	}
	return r.String()
}

func roleOf(p *access.Person) string {
	if p.Role == access.Scoped {
		return "viewer of some projects"
	}
	return p.Role.String()
}

// counted remembers what was answered.
type counted struct {
	http.ResponseWriter
	status int
	octets int64
}

func (c *counted) WriteHeader(code int) {
	c.status = code
	c.ResponseWriter.WriteHeader(code)
}

func (c *counted) Write(b []byte) (int, error) {
	n, err := c.ResponseWriter.Write(b)
	c.octets += int64(n)
	return n, err
}

// Unwrap is for http.ResponseController.
func (c *counted) Unwrap() http.ResponseWriter { return c.ResponseWriter }

// bytesText writes 65536 as "64 KiB".
func bytesText(n int64) string {
	units := []string{"octets", "KiB", "MiB"}
	i := 0
	for ; n >= 1024 && n%1024 == 0 && i < len(units)-1; i++ {
		n /= 1024
	}
	return strconv.FormatInt(n, 10) + " " + units[i]
}

// only returns the values of the query's parameters, and an error where one is
// there that the route does not know, or twice.
func only(r *http.Request, known ...string) error {
	for name, values := range r.URL.Query() {
		if !slices.Contains(known, name) {
			fix := "; write " + strings.Join(known, ", ")
			if len(known) == 0 {
				fix = "; there are none here"
			}
			return mistake("parameter \"" + name + "\": is unknown" + fix)
		}
		if len(values) > 1 {
			return mistake("parameter \"" + name + "\": stands twice; write it once")
		}
	}
	return nil
}

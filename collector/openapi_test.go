package collector

import (
	"bytes"
	"encoding"
	"encoding/json"
	"flag"
	"net/http"
	"net/netip"
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"weir/collector/agents"
	"weir/collector/store"
	"weir/collector/store/flows"
	"weir/collector/web"
	"weir/collector/web/access"
	"weir/detect"
	"weir/detect/keys"
)

var updateOpenAPI = flag.Bool("update", false, "write openapi.json anew")

type object = map[string]any

// elsewhere are the answers of routes whose room does not know their types.
var elsewhere = map[string]any{
	"GET /api/v1/flows":          flows.Result{},
	"GET /api/v1/alerts/history": store.AlertAnswer{},
}

// document writes the document of the API from its routes.
type document struct {
	t       *testing.T
	schemas object
}

func newDocument(t *testing.T, routes []web.Route) object {
	d := &document{t: t, schemas: object{}}
	problem := d.schema(reflect.TypeFor[web.AskError]())
	paths := object{}
	for _, r := range routes {
		path, _ := paths[r.Path].(object)
		if path == nil {
			path = object{}
			paths[r.Path] = path
		}
		path[strings.ToLower(r.Method)] = d.operation(&r, problem)
	}
	return object{
		"openapi": "3.1.0",
		"info": object{"title": "weir", "version": "1", "description": "The HTTP API of the sFlow collector weir. What is served here, the control socket in state_dir serves too. " +
			"A role includes those before it: viewer of some projects, viewer, operator, admin; x-role is the least that may ask."},
		"paths":    paths,
		"security": []any{object{"token": []any{}}, object{"password": []any{}}, object{"certificate": []any{}}, object{}},
		"components": object{"schemas": d.schemas, "securitySchemes": object{
			"token":       object{"type": "http", "scheme": "bearer"},
			"password":    object{"type": "http", "scheme": "basic", "description": "The token is the password, of any user."},
			"certificate": object{"type": "mutualTLS"},
		}},
	}
}

var inPath = regexp.MustCompile(`\{([a-z]+)(\.\.\.)?\}`)

func (d *document) operation(r *web.Route, problem object) object {
	role := r.Needs.String()
	if r.Needs == access.Scoped {
		role = "viewer of some projects"
	}
	o := object{"summary": r.Summary, "x-role": role}
	params := []any{}
	for _, m := range inPath.FindAllStringSubmatch(r.Path, -1) {
		params = append(params, object{"name": m[1], "in": "path", "required": true, "schema": object{"type": "string"}})
	}
	for _, p := range r.Params {
		s := object{"type": "string"}
		if p.Example != nil {
			s = d.schema(reflect.TypeOf(p.Example))
			s["default"] = p.Example
		}
		params = append(params, object{"name": p.Name, "in": "query", "description": p.Says, "schema": s})
	}
	if len(params) > 0 {
		o["parameters"] = params
	}
	if r.Body != nil {
		o["requestBody"] = object{"required": true, "content": object{"application/json": object{"schema": d.schema(reflect.TypeOf(r.Body))}}}
	}
	answer := r.Answer
	if answer == nil {
		answer = elsewhere[r.Method+" "+r.Path]
	}
	schema := object{}
	if answer != nil {
		schema = d.schema(reflect.TypeOf(answer))
		if reflect.TypeOf(answer).Kind() == reflect.Pointer {
			schema = object{"anyOf": []any{schema, object{"type": "null"}}}
		}
	}
	kind := "application/json"
	if r.Type != "" {
		kind = r.Type
	}
	o["responses"] = object{
		"200":     object{"description": "The answer.", "content": object{kind: object{"schema": schema}}},
		"default": object{"description": "What is wrong with the question, who may ask, or what went wrong.", "content": object{"application/json": object{"schema": problem}}},
	}
	return o
}

var (
	textMarshaler = reflect.TypeFor[encoding.TextMarshaler]()
	jsonMarshaler = reflect.TypeFor[json.Marshaler]()
)

// schema describes how a type is written.
func (d *document) schema(t reflect.Type) object {
	switch t {
	case reflect.TypeFor[time.Time](), reflect.TypeFor[detect.Time]():
		return object{"type": "string", "format": "date-time"}
	case reflect.TypeFor[netip.Addr](), reflect.TypeFor[netip.Prefix](), reflect.TypeFor[store.Head]():
		return object{"type": "string"}
	case reflect.TypeFor[json.RawMessage]():
		return object{}
	case reflect.TypeFor[agents.Rate]():
		return object{"type": []any{"number", "null"}, "description": "null is unknown"}
	case reflect.TypeFor[keys.Key]():
		return object{"type": "object", "additionalProperties": object{"type": []any{"string", "integer"}}}
	case reflect.TypeFor[detect.Uint64]():
		return object{"type": []any{"integer", "null"}}
	case reflect.TypeFor[web.Status]():
	default:
		if t.Kind() != reflect.Interface && t.Kind() != reflect.Pointer && t.Implements(jsonMarshaler) {
			d.t.Errorf("%v writes itself: say here how", t)
			return object{}
		}
		if t.Kind() != reflect.Pointer && t.Implements(textMarshaler) {
			return object{"type": "string"}
		}
	}
	switch t.Kind() {
	case reflect.Bool:
		return object{"type": "boolean"}
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return object{"type": "integer"}
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return object{"type": "integer", "minimum": 0}
	case reflect.Float32, reflect.Float64:
		return object{"type": "number"}
	case reflect.String:
		return object{"type": "string"}
	case reflect.Interface:
		return object{}
	case reflect.Pointer:
		return d.schema(t.Elem())
	case reflect.Slice:
		return object{"type": "array", "items": d.schema(t.Elem())}
	case reflect.Array:
		return object{"type": "array", "items": d.schema(t.Elem()), "minItems": t.Len(), "maxItems": t.Len()}
	case reflect.Map:
		return object{"type": "object", "additionalProperties": d.schema(t.Elem())}
	case reflect.Struct:
		return d.reference(t)
	}
	d.t.Errorf("%v cannot be described", t)
	return object{}
}

// reference describes a structure once.
func (d *document) reference(t reflect.Type) object {
	_, pkg, _ := strings.Cut(t.PkgPath(), "/")
	name := strings.ReplaceAll(pkg, "/", ".") + "." + t.Name()
	if i := strings.LastIndexByte(pkg, '/'); i >= 0 {
		name = pkg[i+1:] + "." + t.Name()
	}
	ref := object{"$ref": "#/components/schemas/" + name}
	if d.schemas[name] != nil {
		return ref
	}
	s := object{"type": "object", "additionalProperties": false}
	d.schemas[name] = s
	properties, required := object{}, []any{}
	d.fields(t, properties, &required)
	s["properties"] = properties
	if len(required) > 0 {
		s["required"] = required
	}
	return ref
}

func (d *document) fields(t reflect.Type, properties object, required *[]any) {
	for i := range t.NumField() {
		f := t.Field(i)
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case name == "-":
			continue
		case f.Anonymous && name == "":
			d.fields(f.Type, properties, required)
			continue
		case !f.IsExported():
			continue
		case name == "":
			name = f.Name
		}
		s := d.schema(f.Type)
		left := strings.Contains(options, "omit")
		if f.Type.Kind() == reflect.Pointer && !left {
			s = object{"anyOf": []any{s, object{"type": "null"}}}
		}
		properties[name] = s
		if !left {
			*required = append(*required, name)
		}
	}
}

// The document that is served is that of the routes that are.
func TestOpenAPIHasEveryRoute(t *testing.T) {
	r := start(t, testConfig(t))
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetIndent("", " ")
	e.SetEscapeHTML(false)
	if err := e.Encode(newDocument(t, web.Routes(r.app))); err != nil {
		t.Fatal(err)
	}
	if *updateOpenAPI {
		if err := os.WriteFile("openapi.json", b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(strings.Split(string(openAPI), "\n"), strings.Split(b.String(), "\n")); diff != "" && !*updateOpenAPI {
		t.Errorf("the routes have changed: go test ./collector -run OpenAPI -update (-document +routes)\n%s", diff)
	}
	seen := map[string]bool{}
	for _, route := range web.Routes(r.app) {
		name := route.Method + " " + route.Path
		if seen[name] || route.Summary == "" || !strings.HasSuffix(route.Summary, ".") || route.Needs == access.Nobody {
			t.Errorf("%s: is twice, or has no summary in a sentence, or is for everybody", name)
		}
		seen[name] = true
		if route.Method != http.MethodGet && route.Audit == "" && strings.HasPrefix(route.Path, "/api/") {
			t.Errorf("%s changes something and is not written down", name)
		}
	}
}

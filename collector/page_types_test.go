package collector

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// schema is what of the document's schemas types are made of.
type schema struct {
	Ref        string            `json:"$ref"`
	AnyOf      []schema          `json:"anyOf"`
	Type       any               `json:"type"` // a text or several
	Format     string            `json:"format"`
	Items      *schema           `json:"items"`
	MinItems   int               `json:"minItems"`
	Properties map[string]schema `json:"properties"`
	Required   []string          `json:"required"`
	Additional json.RawMessage   `json:"additionalProperties"`
}

// contents are bodies by their media type.
type contents map[string]struct{ Schema schema }

// apiDocument is what of the document types are made of.
type apiDocument struct {
	Paths map[string]map[string]struct {
		Parameters  []struct{ Name, In string }
		RequestBody struct{ Content contents }
		Responses   map[string]struct{ Content contents }
	}
	Components struct{ Schemas map[string]schema }
}

// typescript writes a schema as a type.
func (s *schema) typescript() string {
	var all []string
	for i := range s.AnyOf {
		all = append(all, s.AnyOf[i].typescript())
	}
	names, _ := s.Type.([]any)
	if one, ok := s.Type.(string); ok {
		names = []any{one}
	}
	for _, n := range names {
		switch n {
		case "integer", "number":
			n = "number"
		case "array":
			n = "readonly " + s.Items.item() + "[]"
			if s.MinItems > 0 { // arrays of Go, of one length
				n = "readonly [" + strings.TrimSuffix(strings.Repeat(s.Items.typescript()+", ", s.MinItems), ", ") + "]"
			}
		case "object":
			var of schema
			if json.Unmarshal(s.Additional, &of) != nil {
				of = schema{}
			}
			n = "{ readonly [name: string]: " + of.typescript() + " }"
		}
		all = append(all, fmt.Sprint(n))
	}
	if _, name, ok := strings.Cut(s.Ref, "#/components/schemas/"); ok {
		all = append(all, name)
	}
	if len(all) == 0 {
		return "unknown" // it differs by what else is told
	}
	slices.Sort(all)
	return strings.Join(slices.Compact(all), " | ")
}

// item is typescript as it stands before [].
func (s *schema) item() string {
	if t := s.typescript(); !strings.ContainsAny(t, " |") {
		return t
	}
	return "(" + s.typescript() + ")"
}

// structures writes the document's structures, those of a package of Go together.
func (d *apiDocument) structures(w *strings.Builder) {
	room := ""
	for _, name := range slices.Sorted(maps.Keys(d.Components.Schemas)) {
		s := d.Components.Schemas[name]
		in, short, _ := strings.Cut(name, ".")
		if in != room && room != "" {
			w.WriteString("}\n\n")
		}
		if in != room {
			fmt.Fprintf(w, "export namespace %s {\n", in)
			room = in
		}
		fmt.Fprintf(w, "  export interface %s {\n", short)
		for _, field := range slices.Sorted(maps.Keys(s.Properties)) {
			f, may := s.Properties[field], "?"
			if slices.Contains(s.Required, field) {
				may = ""
			}
			fmt.Fprintf(w, "    readonly %s%s: %s;\n", field, may, f.typescript())
		}
		w.WriteString("  }\n")
	}
	w.WriteString("}\n\n")
}

// routes writes what paths are asked, and what they answer in a media type.
func (d *apiDocument) routes(w *strings.Builder, name, says, method, media string) {
	fmt.Fprintf(w, "/** %s */\nexport interface %s {\n", says, name)
	for _, path := range slices.Sorted(maps.Keys(d.Paths)) {
		o, ok := d.Paths[path][method]
		answer, fits := o.Responses["200"].Content[media]
		if !ok || !fits || !strings.HasPrefix(path, "/api/") {
			continue
		}
		asks := []string{}
		for _, p := range o.Parameters {
			may := "?"
			if p.In == "path" {
				may = ""
			}
			asks = append(asks, p.Name+may+": Asked")
		}
		all := "{ " + strings.Join(asks, "; ") + " }"
		if len(asks) == 0 {
			all = "Record<string, never>"
		}
		fmt.Fprintf(w, "  %q: { asks: %s; ", path, all)
		if body, ok := o.RequestBody.Content["application/json"]; ok {
			fmt.Fprintf(w, "body: %s; ", body.Schema.typescript())
		} else if method == "post" {
			w.WriteString("body?: undefined; ")
		}
		fmt.Fprintf(w, "answer: %s };\n", answer.Schema.typescript())
	}
	w.WriteString("}\n")
}

// The page's types are those of the document, and thereby of the routes.
func TestOpenAPIIsWhatThePageExpects(t *testing.T) {
	b, err := os.ReadFile("openapi.json") // it may just have been written
	if err != nil {
		t.Fatal(err)
	}
	var d apiDocument
	if err := json.Unmarshal(b, &d); err != nil {
		t.Fatal(err)
	}
	var w strings.Builder
	w.WriteString("// The API as openapi.json has it. Written by `go test ./collector -run OpenAPI -update`.\n\n")
	d.structures(&w)
	w.WriteString("/** Asked is a parameter of a question. */\nexport type Asked = string | number | boolean | undefined;\n\n")
	d.routes(&w, "Gets", "Gets are the questions.", "get", "application/json")
	w.WriteByte('\n')
	d.routes(&w, "Streams", "Streams are what goes on being told.", "get", "text/event-stream")
	w.WriteByte('\n')
	d.routes(&w, "Posts", "Posts are the changes.", "post", "application/json")

	file := filepath.Join("web", "page", "src", "api.ts")
	if *updateOpenAPI {
		if err := os.WriteFile(file, []byte(w.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	have, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.Split(string(have), "\n"), strings.Split(w.String(), "\n")); diff != "" {
		t.Errorf("the document has changed: go test ./collector -run OpenAPI -update, then make page (-page +document)\n%s", diff)
	}
}

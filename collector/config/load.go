package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// maxFile bounds one configuration file.
const maxFile = 1 << 20

// Load reads the file at path, then every conf.d/*.yaml beside it in the order
// of their names, over the defaults: of a key set in two files the later one
// holds, and a list replaces the earlier list. An empty path is DefaultFile if
// that exists, else the defaults alone, with the history in weir-data below the
// working directory. Its error is an Errors.
func Load(path string) (Config, error) {
	c := Default()
	files, err := Files(path)
	if err != nil {
		return c, err
	}
	if len(files) == 0 {
		c.withoutFile(os.Getenv)
	}
	r := &report{}
	for i, name := range files {
		r.file = name
		advice := advise("--config")
		if i > 0 {
			advice = "make it a file this user can read, or move it out of conf.d"
		}
		b, err := readFile(name, advice)
		if err != nil {
			r.add(nil, "", err)
			continue
		}
		r.parse(&c, b)
	}
	r.checkAccess(&c)
	return c, r.err()
}

// LoadFile reads one file over the defaults, and nothing beside it. flag is what
// named it, such as --rules: its error, an Errors, says so.
func LoadFile(name, flag string) (Config, error) {
	b, err := readFile(name, advise(flag))
	if err != nil {
		r := &report{file: name}
		r.add(nil, "", err)
		return Default(), r.err()
	}
	return Parse(name, b)
}

// Files returns the names of the files that Load(path) reads, in order.
func Files(path string) ([]string, error) {
	if path == "" {
		if _, err := os.Stat(DefaultFile); err != nil {
			return nil, nil
		}
		path = DefaultFile
	}
	more, err := filepath.Glob(filepath.Join(escapeGlob(filepath.Dir(path)), "conf.d", "*.yaml"))
	if err != nil {
		return nil, Errors{{File: path, Problem: err.Error(), Fix: "rename the folder"}}
	}
	slices.Sort(more)
	return append([]string{path}, more...), nil
}

// Parse reads one file's bytes over the defaults; file names them in errors.
func Parse(file string, b []byte) (Config, error) {
	c := Default()
	r := &report{file: file}
	r.parse(&c, b)
	r.checkAccess(&c)
	return c, r.err()
}

// advise says what to do about a file that a flag named.
func advise(flag string) string { return "name a file this user can read with " + flag + " FILE" }

// readFile reads a file; advice says what to do where that fails.
func readFile(name, advice string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, unreadable(err, advice)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, unreadable(err, advice)
	}
	if len(b) > maxFile {
		return nil, &fault{"is longer than 1MiB", advice}
	}
	return b, nil
}

// unreadable leaves out the name, which the line begins with.
func unreadable(err error, advice string) error {
	if p, ok := errors.AsType[*os.PathError](err); ok {
		err = p.Err
	}
	return &fault{"cannot be read: " + err.Error(), advice}
}

// escapeGlob makes dir match itself alone.
func escapeGlob(dir string) string {
	return regexp.MustCompile(`[\\*?\[]`).ReplaceAllString(dir, `\$0`)
}

// report collects the mistakes of the file being read.
type report struct {
	file string
	errs Errors
	read map[string]place // where a key's value was read last
}

// place is a line of a file.
type place struct {
	file string
	line int
}

func (r *report) err() error {
	if len(r.errs) == 0 {
		return nil
	}
	return r.errs
}

// add notes err at n; a nil n is the file as a whole.
func (r *report) add(n *yaml.Node, key string, err error) {
	e := &Error{File: r.file, Key: key, Problem: err.Error()}
	if f, ok := errors.AsType[*fault](err); ok {
		e.Problem, e.Fix = f.problem, f.fix
	}
	_, e.Outside = errors.AsType[outside](err)
	_, secret := errors.AsType[hidden](err)
	if n != nil {
		e.Line = n.Line
		if n.Kind == yaml.ScalarNode && n.Tag != "!!null" && n.Value != key && !secret {
			e.Value = shown(n.Value)
		}
	}
	r.errs = append(r.errs, e)
}

// parse reads one document into c.
func (r *report) parse(c *Config, b []byte) {
	dec := yaml.NewDecoder(bytes.NewReader(b))
	var doc, next yaml.Node
	switch err := dec.Decode(&doc); {
	case errors.Is(err, io.EOF):
		return // nothing but comments
	case err != nil:
		r.syntax(err)
		return
	}
	if err := dec.Decode(&next); err == nil {
		r.add(&next, "", &fault{"a second document begins here", `remove the "---" line`})
		return
	} else if !errors.Is(err, io.EOF) {
		r.syntax(err)
		return
	}
	root := resolve(doc.Content[0])
	switch {
	case root.Kind == yaml.MappingNode:
		r.group(c, "", root)
	case root.Tag != "!!null":
		r.add(root, "", &fault{"the file needs keys, has " + describe(root), `write lines such as 'listen: ["[::]:6343"]'`})
	}
}

var yamlLine = regexp.MustCompile(`^yaml: (?:line (\d+): )?`)

// syntax notes that the file is no YAML.
func (r *report) syntax(err error) {
	text := strings.ReplaceAll(err.Error(), "\n", " ")
	m := yamlLine.FindStringSubmatch(text)
	n := &yaml.Node{}
	if m != nil {
		text = text[len(m[0]):]
		n.Line, _ = strconv.Atoi(m[1])
	}
	r.add(n, "", &fault{"not YAML: " + text, "indent with spaces, put a space after each colon, quote values with special characters (here or on the line above)"})
}

// resolve follows an alias. Nodes are read one by one, so that aliases of
// aliases cannot grow.
func resolve(n *yaml.Node) *yaml.Node {
	if n.Kind == yaml.AliasNode {
		return n.Alias
	}
	return n
}

// group reads the keys of a mapping below prefix, "" or "limits.".
func (r *report) group(c *Config, prefix string, n *yaml.Node) {
	seen := map[string]int{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		k, v := n.Content[i], resolve(n.Content[i+1])
		name := prefix + k.Value
		r.readAt(name, k.Line)
		if k.Kind != yaml.ScalarNode {
			r.add(k, strings.TrimSuffix(prefix, "."), &fault{"a key is " + describe(k), "write KEY: VALUE"})
			continue
		}
		if line, twice := seen[name]; twice {
			r.add(&yaml.Node{Line: k.Line}, name, &fault{fmt.Sprintf("stands twice, first on line %d", line), "remove one"})
			continue
		}
		seen[name] = k.Line
		r.key(c, name, k, v)
	}
}

// readAt notes where a key stands; of one that stands in several files the last
// place holds, as its value does.
func (r *report) readAt(name string, line int) {
	if r.read == nil {
		r.read = map[string]place{}
	}
	r.read[name] = place{r.file, line}
}

// key reads one key's value.
func (r *report) key(c *Config, name string, k, v *yaml.Node) {
	for i := range keys {
		if keys[i].name == name {
			keys[i].set(c, v, r)
			return
		}
	}
	if !isGroup(name) {
		r.add(&yaml.Node{Line: k.Line}, name, &fault{"unknown key", suggest(name)})
		return
	}
	switch {
	case v.Kind == yaml.MappingNode:
		r.group(c, name+".", v)
	case v.Tag != "!!null": // all its keys commented out
		r.add(v, name, &fault{"needs keys, has " + describe(v), "write the keys below it, indented"})
	}
}

func isGroup(name string) bool {
	return slices.ContainsFunc(keys, func(k key) bool { return strings.HasPrefix(k.name, name+".") })
}

package config

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// maxFile bounds the configuration file.
const maxFile = 1 << 20

// Error is one mistake.
type Error struct {
	File    string
	Line    int // 0: the file as a whole
	Key     string
	Problem string
	Fix     string
}

// Error is one line: file:line: key: problem; fix.
func (e *Error) Error() string {
	s := e.File
	if e.Line > 0 {
		s += ":" + strconv.Itoa(e.Line)
	}
	if e.Key != "" {
		s += ": " + e.Key
	}
	s += ": " + e.Problem
	if e.Fix != "" {
		s += "; " + e.Fix
	}
	return s
}

// Errors are all mistakes of a file.
type Errors []*Error

// Error has one line for each.
func (e Errors) Error() string {
	lines := make([]string, len(e))
	for i, err := range e {
		lines[i] = err.Error()
	}
	return strings.Join(lines, "\n")
}

// Load reads the file at path over the defaults; an empty path is DefaultFile
// where that exists, else the defaults alone. The digest is of what was read.
// The error is an Errors.
func Load(path string) (c Config, digest string, err error) {
	if path == "" {
		if _, err := os.Stat(DefaultFile); errors.Is(err, os.ErrNotExist) {
			c := Default()
			return c, digestOf(nil), nil
		}
		path = DefaultFile
	}
	f, err := os.Open(path)
	if err != nil {
		return Default(), "", Errors{{File: path, Problem: "cannot be read: " + cause(err), Fix: "name a readable file with --config FILE"}}
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	switch {
	case err != nil:
		return Default(), "", Errors{{File: path, Problem: "cannot be read: " + cause(err), Fix: "name a file with --config FILE"}}
	case len(b) > maxFile:
		return Default(), "", Errors{{File: path, Problem: "is longer than 1 MiB", Fix: "name the configuration file"}}
	}
	c, err = Parse(path, b)
	return c, digestOf(b), err
}

func cause(err error) string {
	if p, ok := errors.AsType[*os.PathError](err); ok {
		return p.Err.Error()
	}
	return err.Error()
}

func digestOf(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:8])
}

// Parse reads a file's bytes over the defaults; file names them in errors.
func Parse(file string, b []byte) (Config, error) {
	c := Default()
	dec := yaml.NewDecoder(bytes.NewReader(b))
	dec.KnownFields(true)
	if err := dec.Decode(&c); err != nil && !errors.Is(err, io.EOF) {
		return c, mistakes(file, err)
	}
	var more yaml.Node
	if err := dec.Decode(&more); !errors.Is(err, io.EOF) {
		return c, Errors{{File: file, Line: more.Line, Problem: "a second document begins here", Fix: `remove the "---" line`}}
	}
	var all Errors
	c.check(func(key, problem, fix string) {
		all = append(all, &Error{File: file, Line: lineOf(b, key), Key: key, Problem: problem, Fix: fix})
	})
	if len(all) > 0 {
		return c, all
	}
	return c, nil
}

var (
	yamlLine    = regexp.MustCompile(`^(?:yaml: )?line (\d+): `)
	yamlUnknown = regexp.MustCompile(`^field (\S+) not found in type`)
	yamlTwice   = regexp.MustCompile(`^mapping key "([^"]*)" already defined at line (\d+)`)
	yamlType    = regexp.MustCompile("^cannot unmarshal !!(\\w+)(?: `(.*)`)? into (.*)$")
)

// mistakes turns the library's errors into ours.
func mistakes(file string, err error) Errors {
	var lines []string
	if t, ok := errors.AsType[*yaml.TypeError](err); ok {
		for _, e := range t.Errors {
			lines = append(lines, fmt.Sprint(e))
		}
	} else {
		lines = []string{strings.ReplaceAll(err.Error(), "\n", " ")}
	}
	var all Errors
	for _, l := range lines {
		all = append(all, mistake(file, l))
	}
	return all
}

func mistake(file, text string) *Error {
	e := &Error{File: file}
	if m := yamlLine.FindStringSubmatch(text); m != nil {
		e.Line, _ = strconv.Atoi(m[1])
		text = text[len(m[0]):]
	}
	switch {
	case yamlUnknown.MatchString(text):
		e.Key = yamlUnknown.FindStringSubmatch(text)[1]
		e.Problem, e.Fix = "unknown key", suggest(e.Key)
	case yamlTwice.MatchString(text):
		m := yamlTwice.FindStringSubmatch(text)
		e.Key, e.Problem, e.Fix = m[1], "stands twice, first on line "+m[2], "remove one"
	case yamlType.MatchString(text):
		m := yamlType.FindStringSubmatch(text)
		e.Problem = "needs " + typeName(m[3]) + ", has " + strconv.Quote(m[2])
		if m[2] == "" {
			e.Problem = "needs " + typeName(m[3]) + ", has a " + map[string]string{"map": "group of keys", "seq": "list"}[m[1]]
		}
		e.Fix = "`weir-agent check --sample` shows every key"
	case strings.HasPrefix(text, "value: "):
		// One of our own values.
		key, rest, _ := strings.Cut(strings.TrimPrefix(text, "value: "), "; ")
		e.Problem, e.Fix = key, rest
	default:
		e.Problem = "not YAML: " + strings.TrimPrefix(text, "yaml: ")
		e.Fix = "indent with spaces, put a space after each colon, quote values with special characters"
	}
	return e
}

func typeName(t string) string {
	switch {
	case t == "string":
		return "a text"
	case t == "bool":
		return "true or false"
	case strings.HasPrefix(t, "[]"):
		return `a list such as ["a", "b"]`
	case strings.Contains(t, "int"):
		return "a whole number"
	case strings.Contains(t, "float"):
		return "a number"
	}
	return "keys, indented"
}

// lineOf finds the line of a dotted key, 0 where it is not found.
func lineOf(b []byte, key string) int {
	var doc yaml.Node
	if yaml.Unmarshal(b, &doc) != nil || len(doc.Content) == 0 {
		return 0
	}
	n, line := doc.Content[0], 0
	for part := range strings.SplitSeq(key, ".") {
		found := false
		for i := 0; i+1 < len(n.Content) && n.Kind == yaml.MappingNode; i += 2 {
			if n.Content[i].Value == part {
				n, line, found = n.Content[i+1], n.Content[i].Line, true
				break
			}
		}
		if !found {
			break
		}
	}
	return line
}

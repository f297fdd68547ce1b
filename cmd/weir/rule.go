package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"go.yaml.in/yaml/v3"

	"weir/cmd/internal/commandline"
	"weir/collector"
	"weir/collector/config"
)

func newRule(p *program) *cobra.Command {
	return commandline.Group(&cobra.Command{
		Use:   "rule",
		Short: "List, add and remove rules of a running collector",
		Long: `List the rules in force, and add and remove some without touching the
configuration. What is added is checked as the configuration is, is in force at
once and after a restart, and stands in added.json in state_dir; ` + "`weir check`" + `
shows it.`,
		Example: "  weir rule list\n  weir rule add dns.yaml\n  weir rule remove \"dns to servers\"",
	}, newRuleList(p), newRuleAdd(p), newRuleRemove(p))
}

func newRuleList(p *program) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use: "list", Short: "List the rules in force", Example: "  weir rule list",
		RunE: func(cmd *cobra.Command, _ []string) error {
			var all []collector.RuleView
			if err := p.ask(cmd.Context(), "api/v1/rules", &all); err != nil {
				return err
			}
			if asJSON {
				return printJSON(p.out, all)
			}
			t := newTable(p.out, "NAME", "SEVERITY", "OF", "WHAT")
			for _, r := range all {
				of := addedBy(r.By, r.At)
				if r.Off {
					of += ", off"
				}
				t.row(printable(r.Name), r.Severity, printable(of), printable(r.Says))
			}
			return t.Flush()
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

// addedBy says whose a rule or a key is: of the configuration, or of somebody who
// added it while weir ran.
func addedBy(name string, at time.Time) string {
	if name == "" {
		return "configuration"
	}
	return name + ", " + day(at)
}

func newRuleAdd(p *program) *cobra.Command {
	return &cobra.Command{
		Use:   "add FILE",
		Short: "Add rules",
		Long: `Add the rule in FILE, in YAML or JSON, with the keys of a rule in the
configuration, or all of a list, as below rules there; - is standard input. Where
one has a mistake none is added, and all mistakes are told; where the collector
has no place for one, such as for a name that it knows, those before it are in force.`,
		Example: "  weir rule add dns.yaml\n  echo '{name: big, key: dst, threshold: 5Gbit/s}' | weir rule add -",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			bodies, err := rulesOf(p.in, args[0])
			if err != nil {
				return err
			}
			for _, body := range bodies {
				var got collector.RuleView
				if err := p.call(cmd.Context(), http.MethodPost, "api/v1/rules", body, &got); err != nil {
					return err
				}
				if _, err = fmt.Fprintf(p.out, "%s: %s\n", printable(got.Name), printable(got.Says)); err != nil {
					return err
				}
			}
			return nil
		},
	}
}

// maxRuleFile bounds the file of rules, in octets.
const maxRuleFile = 64 << 10

// rulesOf reads one rule in YAML as JSON, or those of a list, which may stand below
// the key rules as in the configuration. Its error has a line for each mistake.
func rulesOf(stdin io.Reader, name string) ([]json.RawMessage, error) {
	in, err := openInput(name, stdin)
	if err != nil {
		return nil, err
	}
	defer in.Close()
	b, err := io.ReadAll(io.LimitReader(in, maxRuleFile+1))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if len(b) > maxRuleFile {
		return nil, commandline.Usagef("%s: is longer than 64KiB; name a file with rules alone", name)
	}
	var doc yaml.Node
	if err := yaml.Unmarshal(b, &doc); err != nil {
		return nil, commandline.Usagef("%s: %s", name, strings.ReplaceAll(err.Error(), "\n", " "))
	}
	all := ruleNodes(&doc)
	var mistakes config.Errors
	var bodies []json.RawMessage
	for _, n := range all {
		_, err := config.CheckRule(name, n)
		if wrong, ok := errors.AsType[config.Errors](err); ok {
			mistakes = append(mistakes, wrong...)
			continue
		}
		var keys map[string]any
		if err == nil {
			err = n.Decode(&keys)
		}
		body, unwritten := json.Marshal(keys)
		if err = errors.Join(err, unwritten); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		bodies = append(bodies, body)
	}
	if len(all) == 0 {
		return nil, commandline.Usagef("%s: has no rule; write its keys, such as name, key and threshold", name)
	}
	if len(mistakes) > 0 {
		return nil, commandline.Usage(mistakes)
	}
	return bodies, nil
}

// ruleNodes are the rules of a document.
func ruleNodes(doc *yaml.Node) []*yaml.Node {
	if len(doc.Content) == 0 {
		return nil
	}
	n := doc.Content[0]
	if n.Kind == yaml.MappingNode && len(n.Content) == 2 && n.Content[0].Value == "rules" {
		n = n.Content[1]
	}
	switch {
	case n.Kind == yaml.SequenceNode:
		return n.Content
	case n.Tag == "!!null" || n.Kind == yaml.MappingNode && len(n.Content) == 0:
		return nil
	}
	return []*yaml.Node{n}
}

func newRuleRemove(p *program) *cobra.Command {
	return &cobra.Command{
		Use: "remove NAME", Short: "Remove a rule that was added; its alerts end", Example: "  weir rule remove \"dns to servers\"",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			var gone collector.RuleView
			if err := p.call(cmd.Context(), http.MethodDelete, "api/v1/rules/"+url.PathEscape(args[0]), nil, &gone); err != nil {
				return err
			}
			_, err := fmt.Fprintln(p.out, printable(gone.Name))
			return err
		},
	}
}

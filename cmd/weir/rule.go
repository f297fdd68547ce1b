package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"text/tabwriter"

	"github.com/spf13/cobra"
	"go.yaml.in/yaml/v3"

	"weir/collector"
	"weir/collector/web"
)

func newRule(p *program) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "rule",
		Short: "List, add and remove rules of a running collector",
		Long: `List the rules in force, and add and remove some without touching the
configuration. What is added is checked as the configuration is, is in force at
once and after a restart, and stands in added.json in state_dir; ` + "`weir check`" + `
shows it.`,
		Example: "  weir rule list\n  weir rule add dns.yaml\n  weir rule remove \"dns to servers\"",
		RunE:    func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	for _, sub := range []*cobra.Command{newRuleList(p), newRuleAdd(p), newRuleRemove(p)} {
		sub.Args = asUsage(sub.Args)
		cmd.AddCommand(sub)
	}
	return cmd
}

func newRuleList(p *program) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use: "list", Short: "List the rules in force", Example: "  weir rule list",
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := p.loadToAsk()
			if err != nil {
				return err
			}
			var all []collector.RuleView
			if err := web.Ask(cmd.Context(), cfg.StateDir, "api/v1/rules", &all); err != nil {
				return err
			}
			if asJSON {
				return printJSON(p.out, all)
			}
			w := tabwriter.NewWriter(p.out, 0, 0, 2, ' ', 0)
			fmt.Fprintln(w, "NAME\tSEVERITY\tOF\tWHAT")
			for i := range all {
				of := "configuration"
				if all[i].By != "" {
					of = all[i].By + ", " + day(all[i].At)
				}
				if all[i].Off {
					of += ", off"
				}
				fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", printable(all[i].Name), all[i].Severity, printable(of), printable(all[i].Says))
			}
			return w.Flush()
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

func newRuleAdd(p *program) *cobra.Command {
	return &cobra.Command{
		Use:   "add FILE",
		Short: "Add a rule",
		Long: `Add the rule in FILE, in YAML or JSON, with the keys of a rule in the
configuration; - is standard input.`,
		Example: "  weir rule add dns.yaml\n  echo '{name: big, key: dst, threshold: 5Gbit/s}' | weir rule add -",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			body, err := ruleOf(p.in, args[0])
			if err != nil {
				return err
			}
			cfg, err := p.loadToAsk()
			if err != nil {
				return err
			}
			var got collector.RuleView
			if err := web.Call(cmd.Context(), cfg.StateDir, http.MethodPost, "api/v1/rules", body, &got); err != nil {
				return err
			}
			_, err = fmt.Fprintf(p.out, "%s: %s\n", printable(got.Name), printable(got.Says))
			return err
		},
	}
}

// maxRuleFile bounds the file of a rule, in octets.
const maxRuleFile = 64 << 10

// ruleOf reads a rule in YAML as JSON.
func ruleOf(stdin io.Reader, name string) (json.RawMessage, error) {
	in := stdin
	if name != "-" {
		f, err := os.Open(name)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		in = f
	}
	b, err := io.ReadAll(io.LimitReader(in, maxRuleFile+1))
	if err == nil && len(b) > maxRuleFile {
		err = errors.New("is longer than 64KiB; name a file with one rule")
	}
	var v map[string]any
	if err == nil {
		err = yaml.Unmarshal(b, &v)
	}
	if err == nil && len(v) == 0 {
		err = errors.New("has no rule; write its keys, such as name, key and threshold")
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	body, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return body, nil
}

func newRuleRemove(p *program) *cobra.Command {
	return &cobra.Command{
		Use: "remove NAME", Short: "Remove a rule that was added; its alerts end", Example: "  weir rule remove \"dns to servers\"",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			cfg, err := p.loadToAsk()
			if err != nil {
				return err
			}
			return web.Call(cmd.Context(), cfg.StateDir, http.MethodDelete, "api/v1/rules/"+url.PathEscape(args[0]), nil, &collector.RuleView{})
		},
	}
}

func newKey(p *program) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "key",
		Short: "List, add and remove the keys that a running collector counts",
		Long: `List the keys whose heaviest are counted, and add and remove some without
touching the configuration. A change begins the counting of all keys anew: their
windows fill again within five minutes. What is added stands in added.json in
state_dir.`,
		Example: "  weir key list\n  weir key add \"src,dst_port: packets\"\n  weir key remove \"src,dst_port: packets\"",
		RunE:    func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	change := func(use, short, method string) *cobra.Command {
		return &cobra.Command{
			Use: use + " KEY", Short: short, Example: "  weir key " + use + " \"src,dst_port: packets\"", Args: cobra.ExactArgs(1),
			RunE: func(cmd *cobra.Command, args []string) error {
				cfg, err := p.loadToAsk()
				if err != nil {
					return err
				}
				path, body := "api/v1/keys", any(collector.NewKey{Key: args[0]})
				if method == http.MethodDelete {
					path, body = path+"?"+url.Values{"key": {args[0]}}.Encode(), nil
				}
				var got collector.KeyView
				if err := web.Call(cmd.Context(), cfg.StateDir, method, path, body, &got); err != nil {
					return err
				}
				_, err = fmt.Fprintln(p.out, printable(got.Key))
				return err
			},
		}
	}
	list := &cobra.Command{
		Use: "list", Short: "List the keys that are counted", Example: "  weir key list",
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := p.loadToAsk()
			if err != nil {
				return err
			}
			var all []collector.KeyView
			if err := web.Ask(cmd.Context(), cfg.StateDir, "api/v1/keys", &all); err != nil {
				return err
			}
			w := tabwriter.NewWriter(p.out, 0, 0, 2, ' ', 0)
			fmt.Fprintln(w, "KEY\tOF")
			for i := range all {
				of := "configuration"
				if all[i].By != "" {
					of = all[i].By + ", " + day(all[i].At)
				}
				fmt.Fprintf(w, "%s\t%s\n", printable(all[i].Key), printable(of))
			}
			return w.Flush()
		},
	}
	for _, sub := range []*cobra.Command{
		list, change("add", "Count a key", http.MethodPost), change("remove", "Count a key that was added no more", http.MethodDelete),
	} {
		sub.Args = asUsage(sub.Args)
		cmd.AddCommand(sub)
	}
	return cmd
}

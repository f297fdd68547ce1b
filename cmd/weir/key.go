package main

import (
	"context"
	"fmt"
	"net/http"
	"net/url"

	"github.com/spf13/cobra"

	"weir/cmd/internal/commandline"
	"weir/collector"
	"weir/collector/config"
)

func newKey(p *program) *cobra.Command {
	return commandline.Group(&cobra.Command{
		Use:   "key",
		Short: "List, add and remove the keys that a running collector counts",
		Long: `List the keys whose heaviest are counted, and add and remove some without
touching the configuration. A change begins the counting of all keys anew: their
windows fill again within five minutes. What is added stands in added.json in
state_dir.`,
		Example: "  weir key list\n  weir key add \"src,dst_port: packets\"\n  weir key remove \"src,dst_port: packets\"",
	}, newKeyList(p), newKeyAdd(p), newKeyRemove(p))
}

func newKeyList(p *program) *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "List the keys that are counted", Example: "  weir key list",
		RunE: func(cmd *cobra.Command, _ []string) error {
			var all []collector.KeyView
			if err := p.ask(cmd.Context(), "api/v1/keys", &all); err != nil {
				return err
			}
			t := newTable(p.out, "KEY", "OF")
			for _, k := range all {
				t.row(printable(k.Key), printable(addedBy(k.By, k.At)))
			}
			return t.Flush()
		},
	}
}

func newKeyAdd(p *program) *cobra.Command {
	return &cobra.Command{
		Use: "add KEY", Short: "Count a key", Example: "  weir key add \"src,dst_port: packets\"", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := checkKey(args[0]); err != nil {
				return err
			}
			return p.changeKey(cmd.Context(), http.MethodPost, "api/v1/keys", collector.NewKey{Key: args[0]})
		},
	}
}

func newKeyRemove(p *program) *cobra.Command {
	return &cobra.Command{
		Use: "remove KEY", Short: "Count a key that was added no more", Example: "  weir key remove \"src,dst_port: packets\"", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := checkKey(args[0]); err != nil {
				return err
			}
			return p.changeKey(cmd.Context(), http.MethodDelete, "api/v1/keys?"+url.Values{"key": {args[0]}}.Encode(), nil)
		},
	}
}

// checkKey reads a key, so that its mistakes need no collector.
func checkKey(text string) error {
	if _, err := config.ParseTopKey(text); err != nil {
		return commandline.Usagef("key %q: %w", text, err)
	}
	return nil
}

// changeKey has the collector change the keys that it counts, and prints the one
// changed.
func (p *program) changeKey(ctx context.Context, method, path string, body any) error {
	var got collector.KeyView
	if err := p.call(ctx, method, path, body, &got); err != nil {
		return err
	}
	_, err := fmt.Fprintln(p.out, printable(got.Key))
	return err
}

package main

import "github.com/spf13/cobra"

// group makes cmd a command that only holds others and shows its help, with cmd's
// arguments checked as those of every command are.
func group(cmd *cobra.Command, subs ...*cobra.Command) *cobra.Command {
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
	for _, sub := range subs {
		sub.Args = asUsage(sub.Args)
		cmd.AddCommand(sub)
	}
	return cmd
}

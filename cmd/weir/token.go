package main

import (
	"bufio"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"weir/collector/web/access"
)

func newToken(p *program) *cobra.Command {
	var hash bool
	cmd := &cobra.Command{
		Use:   "token",
		Short: "Make a token for the HTTP API, and its hash for the configuration",
		Long: `Print a random token, for the person who asks, and its SHA-256, for the list
access.people of the configuration. The token is kept nowhere.`,
		Example: "  weir token\n  weir token --hash < token-of-ada",
		RunE: func(*cobra.Command, []string) error {
			token := access.NewToken()
			if hash {
				line, _ := bufio.NewReader(p.in).ReadString('\n')
				if token = strings.TrimSpace(line); token == "" {
					return errors.New("standard input is empty: give the token on it")
				}
			}
			h, err := access.ParseHash(token)
			if err != nil {
				return fmt.Errorf("the token on standard input: %w; `weir token` makes one", err)
			}
			if !hash {
				fmt.Fprintf(p.out, "token: %s\n", token)
			}
			_, err = fmt.Fprintf(p.out, "hash: %s\n", h)
			return err
		},
	}
	cmd.Flags().BoolVar(&hash, "hash", false, "print only the hash of the token on standard input")
	return cmd
}

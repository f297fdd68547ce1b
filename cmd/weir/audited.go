package main

import (
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"weir/collector/store"
	"weir/collector/web/audit"
)

// folderOf returns the folder of a history in its directory where that was named, and
// else what was named.
func folderOf(dir, folder string) string {
	if dir == "" {
		return ""
	}
	if in, err := os.Stat(filepath.Join(dir, folder)); err != nil || !in.IsDir() {
		return dir
	}
	return filepath.Join(dir, folder)
}

// stateBeside returns the state directory that a directory of the history belongs to
// where people keep it as weir does, and "" elsewhere: then it is a copy.
func stateBeside(dir string) string {
	for range 2 {
		dir = filepath.Dir(filepath.Clean(dir))
		if store.HasState(dir) {
			return dir
		}
	}
	return ""
}

// noted writes into the audit log of a state directory that a command reads what is
// kept there, as its own files or those of the history: what is one of audit's
// words. The API does so for who asks it. A query that cannot be noted is answered
// nevertheless; what leaves the machine, and what people said to each other, is not.
// Without a state directory there is nobody who would ask.
func noted(cmd *cobra.Command, args []string, stateDir, what string) error {
	if !store.HasState(stateDir) {
		return nil
	}
	person := "uid " + strconv.Itoa(os.Getuid())
	if u, err := user.Current(); err == nil {
		person = u.Username
	}
	words := slices.Clone(args)
	cmd.LocalFlags().VisitAll(func(f *pflag.Flag) {
		if f.Changed {
			words = append(words, "--"+f.Name+"="+f.Value.String())
		}
	})
	log := audit.New(stateDir, 0)
	defer log.Close()
	err := log.Put(audit.Entry{
		At: time.Now().UTC(), Person: person, Role: "admin", Via: "files", From: os.Getenv("SUDO_USER"),
		What: what, Method: "COMMAND", Path: cmd.CommandPath(), Query: strings.Join(words, " "),
	})
	if err != nil && what != audit.Query {
		return fmt.Errorf("this must be written down in %s and cannot: %w: ask as the user that runs weir, or the running collector over its API", stateDir, err)
	}
	return nil
}

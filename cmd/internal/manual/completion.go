package manual

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"
)

// Completion returns the command that prints what a shell reads to complete the
// commands and flags of a program.
func Completion(program string, out io.Writer) *cobra.Command {
	return &cobra.Command{
		Use:   "completion bash|zsh|fish",
		Short: "Print the completion of a shell",
		Long: fmt.Sprintf(`Print what a shell reads to complete commands and flags of %s. The packages
install it.`, program),
		Example: fmt.Sprintf(`  %[1]s completion bash > /etc/bash_completion.d/%[1]s
  %[1]s completion zsh > "${fpath[1]}/_%[1]s"`, program),
		Args:      cobra.MatchAll(cobra.ExactArgs(1), cobra.OnlyValidArgs),
		ValidArgs: []string{"bash", "zsh", "fish"},
		RunE: func(cmd *cobra.Command, args []string) error {
			switch args[0] {
			case "zsh":
				return cmd.Root().GenZshCompletion(out)
			case "fish":
				return cmd.Root().GenFishCompletion(out, true)
			}
			return cmd.Root().GenBashCompletionV2(out, true)
		},
	}
}

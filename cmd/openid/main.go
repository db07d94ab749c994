// Command openid shows and tries out logins with OpenID Connect.
//
//	openid demo          a provider and a web application on this machine, to click through
//	openid demo --once   the same login driven by the command itself, with a timeline of every check
//
// Exit codes: 0 all went well, and an interrupted openid demo, which has no other end; 1 a step failed; 2 a mistake in the arguments, or
// openid demo --once was interrupted. Under go run, 2 becomes 1.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// Exit codes, as the help texts promise.
const (
	exitOK     = 0
	exitFailed = 1
	exitUsage  = 2
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// run is main without the process around it.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	root := newRoot()
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	cmd, err := root.ExecuteContextC(ctx)
	var failed *failure
	switch {
	case err == nil:
		return exitOK
	case ctx.Err() != nil:
		fmt.Fprintln(stderr, "openid: interrupted")
		return exitUsage
	case errors.As(err, &failed):
		if !failed.told {
			fmt.Fprintln(stderr, "openid:", failed)
		}
		return exitFailed
	}
	fmt.Fprintf(stderr, "openid: %v; see %s --help\n", err, cmd.CommandPath())
	return exitUsage
}

// mistake puts what the flag parser says of a value in the words of this command.
func mistake(_ *cobra.Command, err error) error {
	var value *pflag.InvalidValueError
	if !errors.As(err, &value) {
		return err
	}
	want := "a number"
	if value.GetFlag().Value.Type() == "bool" {
		want = "true or false"
	}
	return fmt.Errorf("--%s: expected %s, got %q", value.GetFlag().Name, want, value.GetValue())
}

// A failure is an error of the work itself. Every other error that a command returns is a mistake in its arguments.
type failure struct {
	err  error
	told bool // the output says it already
}

func (f *failure) Error() string { return f.err.Error() }
func (f *failure) Unwrap() error { return f.err }

func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:   "openid",
		Short: "Show and try out logins with OpenID Connect",
		Long: `Show and try out logins with OpenID Connect.

Exit codes:
  0  all went well; interrupting openid demo is its normal end
  1  a step failed
  2  a mistake in the arguments, or openid demo --once was interrupted

go run turns 2 into 1.`,
		SilenceErrors:      true,
		SilenceUsage:       true,
		DisableSuggestions: true, // a mistake is told in one line, which ends with the way to the help
	}
	root.SetFlagErrorFunc(mistake)
	root.AddCommand(newDemo(), newVersion())
	return root
}

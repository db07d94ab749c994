// Command openid shows and tries out logins with OpenID Connect.
//
//	openid demo          a provider and a web application on this machine, to click through
//	openid demo --once   the same login driven by the command itself, with a timeline of every check
//
// Exit codes: 0 all went well, 1 a step failed, 2 a mistake in the arguments, or interrupted.
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
	err := root.ExecuteContext(ctx)
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
	fmt.Fprintln(stderr, "openid:", err)
	return exitUsage
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
  0  all went well
  1  a step failed
  2  a mistake in the arguments, or interrupted`,
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.AddCommand(newDemo(), newVersion())
	return root
}

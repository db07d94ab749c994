package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"text/tabwriter"

	"github.com/spf13/cobra"
	"golang.org/x/term"
)

const maxPort = 65535

// demoFlags are the flags of openid demo.
type demoFlags struct {
	once, lies, noBrowser bool
	lie                   []string // a second one is a mistake
	output                string
	port, providerPort    int
}

func newDemo() *cobra.Command {
	var f demoFlags
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Watch a real login happen on this machine",
		Long: `Watch a real login happen on this machine.

Without --once it starts an OpenID Provider and a small web application that logs in at it, and opens a browser when there is one. Both listen
on loopback addresses only and keep everything in memory.

With --once it drives the login by itself: it follows the redirects, fills in the login and consent forms, refreshes the tokens and logs out.
It prints every exchange and every check on the way.

With --lie it puts an attacker with a key of its own between the application and the provider, who tells one lie. The login must fail with
the name of the check that refused it.

Exit codes:
  0  all went well; without --once, interrupting it is its normal end
  1  a step failed (with --lie: the lie was refused)
  2  a mistake in the arguments, or --once was interrupted

go run turns 2 into 1.`,
		Example: `  openid demo
  openid demo --once
  openid demo --once --output json
  openid demo --once --lie id-token-aud
  openid demo --lies`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			l, err := f.check(cmd)
			if err != nil {
				return err
			}
			return f.run(cmd, l)
		},
	}
	cmd.Flags().BoolVar(&f.once, "once", false, "drive one login without a browser and print its timeline")
	cmd.Flags().StringVar(&f.output, "output", "text", "with --once or --lies: text or json")
	cmd.Flags().StringArrayVar(&f.lie, "lie", nil, "with --once: tell the lie of this `name`")
	cmd.Flags().BoolVar(&f.lies, "lies", false, "list the lies")
	cmd.Flags().IntVar(&f.port, "port", 0, "`port` of the application (0: any free one)")
	cmd.Flags().IntVar(&f.providerPort, "provider-port", 0, "`port` of the provider (0: any free one)")
	cmd.Flags().BoolVar(&f.noBrowser, "no-browser", false, "do not open a browser")
	return cmd
}

// check finds mistakes in the arguments, and the lie that they name.
func (f *demoFlags) check(cmd *cobra.Command) (*lie, error) {
	switch {
	case f.output != "text" && f.output != "json":
		return nil, fmt.Errorf("--output: expected text or json, got %q", f.output)
	case f.lies && (f.once || len(f.lie) > 0):
		return nil, errors.New("--lies only lists: it goes with --output alone")
	case cmd.Flags().Changed("output") && !f.once && !f.lies:
		return nil, errors.New("--output needs --once or --lies")
	case f.port < 0 || f.port > maxPort:
		return nil, fmt.Errorf("--port: expected 0 to %d, got %d", maxPort, f.port)
	case f.providerPort < 0 || f.providerPort > maxPort:
		return nil, fmt.Errorf("--provider-port: expected 0 to %d, got %d", maxPort, f.providerPort)
	case f.port != 0 && f.port == f.providerPort:
		return nil, fmt.Errorf("--provider-port: expected another port than --port, got %d for both", f.port)
	case len(f.lie) > 0 && !f.once:
		return nil, errors.New("--lie needs --once; in the browser, the page has a button for every lie")
	case len(f.lie) > 1:
		return nil, errors.New("--lie: one lie at a time")
	case len(f.lie) == 0:
		return nil, nil
	}
	l := findLie(f.lie[0])
	if l == nil {
		return nil, fmt.Errorf("--lie: there is no lie %q (openid demo --lies lists them)", f.lie[0])
	}
	return l, nil
}

func (f *demoFlags) run(cmd *cobra.Command, l *lie) error {
	stdout := cmd.OutOrStdout()
	if f.lies {
		return failed(listLies(stdout, f.output == "json"))
	}
	st, err := openStage(f.port, f.providerPort)
	if err != nil {
		return failed(err)
	}
	if !f.once {
		browser := !f.noBrowser && isTerminal(stdout) && os.Getenv("CI") == ""
		return failed(st.serve(cmd.Context(), stdout, browser))
	}
	rep := st.once(cmd.Context(), l)
	if err := st.close(); err != nil {
		return failed(err)
	}
	if err := cmd.Context().Err(); err != nil {
		return err
	}
	if f.output == "json" {
		err = rep.writeJSON(stdout)
		fmt.Fprintln(cmd.ErrOrStderr(), rep.verdict())
	} else {
		err = rep.writeText(stdout, isTerminal(stdout) && os.Getenv("NO_COLOR") == "")
	}
	if err == nil && rep.failure != nil {
		return &failure{rep.failure, true}
	}
	return failed(err)
}

func failed(err error) error {
	if err == nil {
		return nil
	}
	return &failure{err: err}
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

func listLies(w io.Writer, asJSON bool) error {
	if asJSON {
		list := make([]lieJSON, len(lies))
		for i, l := range lies {
			list[i] = *l.json()
		}
		return writeJSON(w, list)
	}
	t := tabwriter.NewWriter(w, 0, 0, 3, ' ', 0)
	fmt.Fprintln(t, "LIE\tWHAT IT FALSIFIES\tREFUSED BY")
	for _, l := range lies {
		fmt.Fprintf(t, "%s\t%s\tcheck %q of %s\n", l.name, l.falsifies, l.check, l.document)
	}
	return t.Flush()
}

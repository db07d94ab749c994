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
	once, lies, flows, noBrowser bool
	lie                          []string // a second one is a mistake
	flow                         string
	output                       string
	port, providerPort           int
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

With --flow it speaks in another way: pushed and signed requests, bound tokens, signed responses and so on. The name all plays every one
of them in turn.

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
  openid demo --once --flow par-dpop
  openid demo --once --flow all
  openid demo --flows
  openid demo --once --lie id-token-aud
  openid demo --lies`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			l, chosen, err := f.check(cmd)
			if err != nil {
				return err
			}
			return f.run(cmd, l, chosen)
		},
	}
	cmd.Flags().BoolVar(&f.once, "once", false, "drive one login without a browser and print its timeline")
	cmd.Flags().StringVar(&f.output, "output", "text", "with --once, --lies or --flows: text or json")
	cmd.Flags().StringArrayVar(&f.lie, "lie", nil, "with --once: tell the lie of this `name`")
	cmd.Flags().BoolVar(&f.lies, "lies", false, "list the lies")
	cmd.Flags().StringVar(&f.flow, "flow", "", "with --once: speak in the way of this `name`, or in all")
	cmd.Flags().BoolVar(&f.flows, "flows", false, "list the flows")
	cmd.Flags().IntVar(&f.port, "port", 0, "`port` of the application (0: any free one)")
	cmd.Flags().IntVar(&f.providerPort, "provider-port", 0, "`port` of the provider (0: any free one)")
	cmd.Flags().BoolVar(&f.noBrowser, "no-browser", false, "do not open a browser")
	return cmd
}

// check finds mistakes in the arguments, and the lie or the flows that they name.
func (f *demoFlags) check(cmd *cobra.Command) (*lie, []*flow, error) {
	if err := f.mistake(cmd); err != nil {
		return nil, nil, err
	}
	if len(f.lie) == 1 {
		l := findLie(f.lie[0])
		if l == nil {
			return nil, nil, fmt.Errorf("--lie: there is no lie %q (openid demo --lies lists them)", f.lie[0])
		}
		return l, nil, nil
	}
	switch f.flow {
	case "":
		return nil, nil, nil
	case "all":
		return nil, playable(), nil
	}
	chosen := findFlow(f.flow)
	switch {
	case chosen == nil:
		return nil, nil, fmt.Errorf("--flow: there is no flow %q (openid demo --flows lists them)", f.flow)
	case chosen.cannot != "":
		return nil, nil, fmt.Errorf("--flow: %s is proven in interop/ instead: %s", chosen.name, chosen.cannot)
	}
	return nil, []*flow{chosen}, nil
}

func (f *demoFlags) mistake(cmd *cobra.Command) error {
	switch {
	case f.output != "text" && f.output != "json":
		return fmt.Errorf("--output: expected text or json, got %q", f.output)
	case f.lies && (f.once || f.flows || len(f.lie) > 0 || f.flow != ""):
		return errors.New("--lies only lists: it goes with --output alone")
	case f.flows && (f.once || len(f.lie) > 0 || f.flow != ""):
		return errors.New("--flows only lists: it goes with --output alone")
	case cmd.Flags().Changed("output") && !f.once && !f.lies && !f.flows:
		return errors.New("--output needs --once, --lies or --flows")
	case f.port < 0 || f.port > maxPort:
		return fmt.Errorf("--port: expected 0 to %d, got %d", maxPort, f.port)
	case f.providerPort < 0 || f.providerPort > maxPort:
		return fmt.Errorf("--provider-port: expected 0 to %d, got %d", maxPort, f.providerPort)
	case f.port != 0 && f.port == f.providerPort:
		return fmt.Errorf("--provider-port: expected another port than --port, got %d for both", f.port)
	case len(f.lie) > 0 && !f.once:
		return errors.New("--lie needs --once; in the browser, the page has a button for every lie")
	case len(f.lie) > 1:
		return errors.New("--lie: one lie at a time")
	case f.flow != "" && !f.once:
		return errors.New("--flow needs --once")
	case f.flow != "" && len(f.lie) > 0:
		return errors.New("--flow and --lie: one of them at a time")
	}
	return nil
}

func (f *demoFlags) run(cmd *cobra.Command, l *lie, chosen []*flow) error {
	stdout := cmd.OutOrStdout()
	if f.flows {
		return failed(listFlows(stdout, f.output == "json"))
	}
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
	if chosen != nil {
		return f.runFlows(cmd, st, chosen)
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

// runFlows plays flows in turn and goes on after one that fails.
func (f *demoFlags) runFlows(cmd *cobra.Command, st *stage, chosen []*flow) (err error) {
	stdout := cmd.OutOrStdout()
	var reports []*report
	var first error
	for _, one := range chosen {
		if cmd.Context().Err() != nil {
			break
		}
		rep := st.onceAs(cmd.Context(), one)
		if reports = append(reports, rep); first == nil {
			first = rep.failure
		}
		if f.output == "text" && err == nil {
			err = rep.writeText(stdout, isTerminal(stdout) && os.Getenv("NO_COLOR") == "")
		}
	}
	if closing := st.close(); err == nil {
		err = closing
	}
	if interrupted := cmd.Context().Err(); interrupted != nil {
		return interrupted
	}
	switch {
	case err != nil:
	case f.output == "json" && f.flow == "all":
		documents := make([]reportJSON, len(reports))
		for i, rep := range reports {
			documents[i] = rep.json()
		}
		err = writeJSON(stdout, documents)
	case f.output == "json":
		err = reports[0].writeJSON(stdout)
	case f.flow == "all":
		err = writeFlows(stdout, reports)
	}
	if err == nil && first != nil {
		return &failure{first, true}
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

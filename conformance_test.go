package openid

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/openid-client/openid/internal/hostile"
)

// A plan is one of the certification suite's plans for relying parties, under the suite's own name: modules, in variants.
type plan struct {
	name    string
	axes    []string // what its variants differ in, in the order of their values
	choices []choice
	open    []openModule
}

// A choice is one choice of a plan's variants, and all modules that apply to it.
type choice struct {
	values []string // along the plan's axes
	kind   string   // what its number of modules depends on: the values that decide
	count  int      // of modules: the suite's own number
	cases  []conformance
}

// A conformance is a module in a variant, with what is expected of the client.
type conformance struct {
	module string
	check  string   // refuses; empty: none
	code   Code     // the error that the provider says; empty: none
	never  []string // the requests that are not sent afterwards
	run    func(t *testing.T) (*hostile.Provider, error)
}

// An openModule is one that is not run, for the reason that is given. It does not count.
type openModule struct{ module, why string }

func (c conformance) result() string {
	switch {
	case c.check != "":
		return "refused by `" + c.check + "`"
	case c.code != "":
		return "reported as `" + string(c.code) + "`"
	}
	return "completes"
}

func conformancePlans(t *testing.T) []plan {
	return slices.Concat(connectPlans(), logoutPlans(), fapiPlans(t), []plan{cibaPlan(t)}, brazilPlans(t), openPlans())
}

// TestConformance runs every module of every plan in every variant that it applies to.
func TestConformance(t *testing.T) {
	for _, p := range conformancePlans(t) {
		t.Run(p.name, func(t *testing.T) {
			for _, ch := range p.choices {
				for _, c := range ch.cases {
					t.Run(c.module+"/"+strings.Join(ch.values, ", "), func(t *testing.T) {
						t.Parallel()
						c.judge(t)
					})
				}
			}
		})
	}
}

func (c conformance) judge(t *testing.T) {
	p, err := c.run(t)
	switch {
	case refusedBy(err) != c.check, c.code != "" && !errors.Is(err, c.code), c.check == "" && c.code == "" && err != nil:
		t.Fatalf("refused by %q (%v), expected: %s", refusedBy(err), err, c.result())
	}
	if err != nil && strings.Contains(err.Error(), hostile.Canary) {
		t.Errorf("the error shows a secret: %v", err)
	}
	for _, endpoint := range c.never {
		if n := p.Count(endpoint); n != 0 {
			t.Errorf("%d requests to %s after the refusal", n, endpoint)
		}
	}
}

// TestConformancePlans: no plan and no module is lost, and none is there twice.
func TestConformancePlans(t *testing.T) {
	plans := map[string]bool{}
	for _, p := range conformancePlans(t) {
		if plans[p.name] {
			t.Errorf("%s is there twice", p.name)
		}
		plans[p.name] = true
		choices := map[string]bool{}
		for _, ch := range p.choices {
			variant := strings.Join(ch.values, ", ")
			if choices[variant] || len(ch.values) != len(p.axes) {
				t.Errorf("%s: %s is there twice, or is not along %v", p.name, variant, p.axes)
			}
			choices[variant] = true
			modules := map[string]bool{}
			for _, c := range ch.cases {
				if modules[c.module] {
					t.Errorf("%s, %s: %s is there twice", p.name, variant, c.module)
				}
				modules[c.module] = true
			}
			if len(modules) != ch.count {
				t.Errorf("%s, %s: %d modules, expected %d", p.name, variant, len(modules), ch.count)
			}
		}
	}
	if len(plans) != 33 {
		t.Errorf("%d plans, expected 33", len(plans))
	}
}

const conformancePage = "docs/conformance.md"

const conformanceHead = `# Conformance

This is this library's own matrix, run by its own tests against its own provider. **It is no certificate**, and nobody but this project vouches
for it. Plans, modules and variants have the names that the OpenID Foundation's conformance suite gives them, so that whoever certifies a
program that uses this library finds here what to expect; what each module does was written anew for the provider in ` + "`internal/hostile`" + `.

Every case is a test, ` + "`TestConformance/plan/module/variant`" + `. "Completes" means up to the end that the module has: UserInfo, a protected resource, a
logout. "Refused by" names the check of the *VerificationError*, "reported as" the error code that the provider gave and that reached the caller.
"Not sent" are the endpoints that heard nothing after that. How many modules a choice of variants has is written down beside the plans and
compared by ` + "`TestConformancePlans`" + `. The plans of Brazil are run without that ecosystem's consents and directory, which are no part of this library. This page is written by ` + "`go test -run TestConformancePage -update .`" + `.

`

// TestConformancePage: the page lists exactly what is run.
func TestConformancePage(t *testing.T) {
	want := conformanceHead + conformanceTables(conformancePlans(t))
	if flag.Lookup("update").Value.String() == "true" {
		if err := os.WriteFile(conformancePage, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	got, err := os.ReadFile(conformancePage)
	if err != nil || string(got) != want {
		t.Errorf("%s is not what is run (%v): go test -run TestConformancePage -update .", conformancePage, err)
	}
}

func conformanceTables(plans []plan) string {
	var summary, tables strings.Builder
	all := 0
	for _, p := range plans {
		n := 0
		for _, ch := range p.choices {
			n += len(ch.cases)
		}
		all += n
		fmt.Fprintf(&summary, "| [%s](#%[1]s) | %d | %d | %d |\n", p.name, len(p.choices), n, len(p.open))
		p.table(&tables)
	}
	return fmt.Sprintf("| plan | choices of variants | cases | open modules |\n|---|---:|---:|---:|\n%s| together | | %d | |\n%s", summary.String(), all, tables.String())
}

// table lists a plan's modules; those whose result depends on the variant stand in several rows.
func (p plan) table(b *strings.Builder) {
	fmt.Fprintf(b, "\n## %s\n\n", p.name)
	if len(p.choices) > 0 {
		fmt.Fprint(b, "| variant | values |\n|---|---|\n")
		for i, axis := range p.axes {
			var values []string
			for _, ch := range p.choices {
				if !slices.Contains(values, ch.values[i]) {
					values = append(values, ch.values[i])
				}
			}
			fmt.Fprintf(b, "| %s | %s |\n", axis, strings.Join(values, ", "))
		}
		fmt.Fprint(b, "\n| module | variant | result | not sent |\n|---|---|---|---|\n")
	} else {
		fmt.Fprint(b, "| module | variant | result | not sent |\n|---|---|---|---|\n")
	}
	type row struct{ module, result, never string }
	var rows []row
	kinds := map[row][]string{}
	for _, ch := range p.choices {
		for _, c := range ch.cases {
			r := row{c.module, c.result(), strings.Join(c.never, ", ")}
			if kinds[r] == nil {
				rows = append(rows, r)
			}
			if !slices.Contains(kinds[r], ch.kind) {
				kinds[r] = append(kinds[r], ch.kind)
			}
		}
	}
	slices.SortStableFunc(rows, func(a, b row) int { return strings.Compare(a.module, b.module) })
	for _, r := range rows {
		fmt.Fprintf(b, "| %s | %s | %s | %s |\n", r.module, strings.Join(kinds[r], "; "), r.result, r.never)
	}
	for _, o := range p.open {
		fmt.Fprintf(b, "| %s | | open: %s | |\n", o.module, o.why)
	}
	if len(p.choices) > 0 {
		fmt.Fprintf(b, "\n<details><summary>%d choices</summary>\n\n", len(p.choices))
		for _, ch := range p.choices {
			fmt.Fprintf(b, "- %s: %d\n", strings.Join(ch.values, ", "), len(ch.cases))
		}
		fmt.Fprint(b, "\n</details>\n")
	}
}

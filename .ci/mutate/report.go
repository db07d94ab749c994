package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"
)

// report collects what became of the mutants.
type report struct {
	w, log  io.Writer
	reasons map[string]string
	least   int
	whole   bool // all mutants are tried, so that the list can be judged
	mu      sync.Mutex
	rows    []row
	total   row
}

type row struct {
	name                             string
	mutants, killed, timedOut, lived int
	skipped, unbuilt                 int
	took                             time.Duration
}

func newReport(w, log io.Writer, reasons map[string]string, least int, whole bool) *report {
	return &report{w: w, log: log, reasons: reasons, least: least, whole: whole, total: row{name: "all"}}
}

// survivor tells of a survivor as soon as it is one.
func (p *report) survivor(m *mutant, o outcome) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, known := p.reasons[m.key()]; known {
		return
	}
	what := "no test fails"
	if o == unreached {
		what = "no test comes here"
	}
	fmt.Fprintf(p.w, "%s\n\t# line %d: %s\n", m.key(), m.line, what)
}

// add judges a package: whether its survivors are those of the list, and the share.
func (p *report) add(r *trial, tried []bool, outcomes []outcome, took time.Duration) bool {
	total := row{name: r.dir, took: took}
	ok := true
	complain := func(format string, args ...any) {
		ok = false
		fmt.Fprintf(p.log, format+"\n", args...)
	}
	seen := map[string]bool{}
	i := 0
	for _, s := range r.sources {
		one := row{name: s.name, skipped: s.skipped}
		for _, m := range s.mutants {
			_, listed := p.reasons[m.key()]
			seen[m.key()] = true
			switch o := outcomes[i]; {
			case r.unbuilt[m.id]:
				one.unbuilt++
				if listed {
					complain("in the list, but it cannot be built: %s", m.key())
				}
			case !tried[i]:
			default:
				one.mutants++
				switch o {
				case timedOut:
					one.timedOut++
					fallthrough
				case killed:
					one.killed++
					if listed {
						complain("in the list, but killed: %s", m.key())
					}
				default:
					one.lived++
					if !listed {
						complain("survives, and is not in the list: %s", m.key())
					}
				}
			}
			i++
		}
		for key := range p.reasons {
			if p.whole && strings.HasPrefix(key, s.name+": ") && !seen[key] {
				complain("in the list, but there is no such mutant: %s", key)
			}
		}
		p.rows = append(p.rows, one)
		total.sum(one)
	}
	if p.whole && total.killed*100 < p.least*total.mutants {
		complain("%s: %s killed, at least %d %% are asked for", r.dir, total.share(), p.least)
	}
	if len(r.sources) > 1 {
		p.rows = append(p.rows, total)
	}
	p.total.sum(total)
	p.total.took += took
	return ok || !p.whole
}

func (a *row) sum(b row) {
	a.mutants += b.mutants
	a.killed += b.killed
	a.timedOut += b.timedOut
	a.lived += b.lived
	a.skipped += b.skipped
	a.unbuilt += b.unbuilt
}

func (a row) share() string {
	if a.mutants == 0 {
		return "-"
	}
	return fmt.Sprintf("%.1f %%", float64(a.killed)*100/float64(a.mutants))
}

// table is what docs/assurance.md records.
func (p *report) table() {
	fmt.Fprintln(p.w, "\n| package or file | mutants | killed | of these by the time limit | survivors | share |\n|---|---|---|---|---|---|")
	for _, r := range slices.Concat(p.rows, []row{p.total}) {
		fmt.Fprintf(p.w, "| `%s` | %d | %d | %d | %d | %s |\n", r.name, r.mutants, r.killed, r.timedOut, r.lived, r.share())
	}
	fmt.Fprintf(p.w, "\nNot made: %d statements that declare something or stand in the head of another, %d mutants that Go does not compile. Took %s.\n",
		p.total.skipped, p.total.unbuilt, p.total.took.Round(time.Second))
}

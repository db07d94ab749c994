// Command mutate changes the code that judges what comes from outside, one place at a time, and reports which changes no test notices.
//
// The operators are condition (true or false instead of a condition; an operand of && or || as if it were not there), boundary (< and <=
// change places, > and >= too), return value (the zero value, true for false, an error for none and the other way round) and removal (a
// statement is not there). Messages are not changed. A mutant is killed when a test of its own package fails.
//
//	.ci/mutate/run [-p 1] [-only pattern] [-list] [-v] [package or file ...]
//
// It fails when a survivor is not in survivors.txt, when one of that list is killed or gone, and when less than 95 % of the mutants of a
// package are killed.
package main

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"
)

// least is the share that must be killed, in percent.
const least = 95

func main() {
	root := flag.String("root", filepath.Join("..", ".."), "the `folder` of the repository")
	workers := flag.Int("p", 1, "mutants tried at once")
	only := flag.String("only", "", "try the mutants whose name matches `pattern`; the list and the share are not judged")
	verbose := flag.Bool("v", false, "say which test killed each mutant")
	list := flag.Bool("list", false, "list the mutants and try none")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	ok, err := mutate(ctx, options{root: *root, workers: *workers, only: *only, list: *list, verbose: *verbose, named: flag.Args(), targets: targets,
		least: least, out: os.Stdout, log: os.Stderr, survivors: filepath.Join(*root, ".ci", "mutate", "survivors.txt")})
	if err != nil {
		fmt.Fprintln(os.Stderr, "mutate:", err)
	}
	if err != nil || !ok {
		os.Exit(1)
	}
}

type options struct {
	root, survivors, only string
	workers, least        int
	list, verbose         bool
	named                 []string
	targets               []target
	out, log              io.Writer
}

func mutate(ctx context.Context, o options) (ok bool, err error) {
	if o.root, err = filepath.Abs(o.root); err != nil {
		return false, err
	}
	only, err := regexp.Compile(o.only)
	if err != nil {
		return false, err
	}
	reasons, err := readSurvivors(o.survivors)
	if err != nil {
		return false, err
	}
	ok = true
	report := newReport(o.out, o.log, reasons, o.least, o.only == "")
	some, err := chosen(o.root, o.targets, o.named)
	if err != nil {
		return false, err
	}
	for _, t := range some {
		passed, err := try(ctx, o, t, only, report)
		if err != nil {
			return false, err
		}
		ok = ok && passed
	}
	if !o.list {
		report.table()
	}
	return ok, nil
}

// chosen are the targets that are named, by package or by file; all when none is.
func chosen(root string, targets []target, named []string) (some []target, err error) {
	for _, t := range targets {
		if len(t.files) == 0 {
			if t.files, err = goFiles(filepath.Join(root, t.dir)); err != nil {
				return nil, err
			}
		}
		if len(named) > 0 && !slices.Contains(named, t.dir) {
			t.files = slices.DeleteFunc(slices.Clone(t.files), func(file string) bool {
				return !slices.Contains(named, filepath.ToSlash(filepath.Join(t.dir, file)))
			})
		}
		if len(t.files) > 0 {
			some = append(some, t)
		}
	}
	return some, nil
}

// goFiles are the files of a package without its tests.
func goFiles(dir string) (names []string, err error) {
	entries, err := os.ReadDir(dir)
	for _, e := range entries {
		if name := e.Name(); strings.HasSuffix(name, ".go") && !strings.HasSuffix(name, "_test.go") {
			names = append(names, name)
		}
	}
	return names, err
}

func try(ctx context.Context, o options, t target, only *regexp.Regexp, report *report) (bool, error) {
	tmp, err := os.MkdirTemp("", "mutate")
	if err != nil {
		return false, err
	}
	defer os.RemoveAll(tmp)
	began := time.Now()
	r, err := newTrial(o.root, tmp, t)
	if err != nil {
		return false, err
	}
	if o.verbose {
		r.tell = func(m *mutant, how outcome, test string) {
			switch how {
			case timedOut:
				test += " (by the time limit)"
			case survived:
				test += " (once, and then no more)"
			}
			fmt.Fprintf(o.log, "%s: %s\n", cmp.Or(test, "a panic"), m.key())
		}
	}
	if o.list {
		for _, m := range r.mutants {
			fmt.Fprintln(o.out, m.key())
		}
		return true, nil
	}
	if err := r.build(ctx); err != nil {
		return false, err
	}
	if err := r.measure(ctx); err != nil {
		return false, err
	}
	fmt.Fprintf(o.log, "%s: %d mutants, %d tests, ready after %s\n", t.dir, len(r.mutants), len(r.ordered), time.Since(began).Round(time.Second))
	outcomes := make([]outcome, len(r.mutants))
	var group sync.WaitGroup
	work, failed := make(chan int), make(chan error, o.workers)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	for range o.workers {
		group.Go(func() {
			for i := range work {
				m := r.mutants[i]
				var err error
				if outcomes[i], err = r.try(ctx, m); err != nil {
					failed <- err
					cancel()
					return
				}
				if outcomes[i] == survived || outcomes[i] == unreached {
					report.survivor(m, outcomes[i])
				}
			}
		})
	}
	tried := make([]bool, len(r.mutants))
	for i, m := range r.mutants {
		if r.unbuilt[m.id] || !only.MatchString(m.key()) {
			continue
		}
		tried[i] = true
		select {
		case work <- i:
		case <-ctx.Done():
		}
	}
	close(work)
	group.Wait()
	select {
	case err := <-failed:
		return false, err
	default:
	}
	if err := ctx.Err(); err != nil {
		return false, err
	}
	return report.add(r, tried, outcomes, time.Since(began)), nil
}

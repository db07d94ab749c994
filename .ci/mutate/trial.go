package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// A target is a package and those of its files that are changed.
type target struct {
	dir   string   // from the root of the repository, with slashes
	files []string // all when none is named
	texts []string // functions that only make messages
	tests []string // the files whose tests are run; all when none is named
}

// trial tries the mutants of one package on its tests.
type trial struct {
	target
	root, tmp string
	sources   []*source
	mutants   []*mutant
	unbuilt   map[int]bool // mutants that the compiler refuses
	ordered   []*test      // by what they take
	mu        sync.Mutex
	tell      func(m *mutant, o outcome, test string) // if somebody wants to know what killed it; the test is empty for a panic elsewhere
	killer    map[string]*test                        // by function, what killed its last mutant
}

type test struct {
	name string
	took time.Duration
	hits []byte
}

type outcome int

const (
	survived outcome = iota
	killed
	timedOut // killed as well
	unreached
)

func newTrial(root, tmp string, t target) (*trial, error) {
	r := &trial{target: t, root: root, tmp: tmp, unbuilt: map[int]bool{}, killer: map[string]*test{}}
	for _, name := range t.files {
		text, err := os.ReadFile(filepath.Join(root, t.dir, name))
		if err != nil {
			return nil, err
		}
		s, err := find(filepath.ToSlash(filepath.Join(t.dir, name)), text, t.texts)
		if err != nil {
			return nil, err
		}
		r.sources = append(r.sources, s)
		for _, m := range s.mutants {
			m.id += len(r.mutants)
		}
		r.mutants = append(r.mutants, s.mutants...)
	}
	return r, nil
}

func (r *trial) binary() string { return filepath.Join(r.tmp, "test") }

// build compiles the tests with all mutants. Those that the compiler refuses are left out.
func (r *trial) build(ctx context.Context) error {
	for range 5 {
		replace := map[string]string{}
		put := func(name, text string) error {
			file := filepath.Join(r.tmp, filepath.Base(name))
			replace[filepath.Join(r.root, r.dir, filepath.Base(name))] = file
			return os.WriteFile(file, []byte(text), 0o600)
		}
		first, schemas := 1, map[string][]string{}
		for _, s := range r.sources {
			text := s.schema(first, r.unbuilt)
			first += len(s.mutants)
			schemas[filepath.Base(s.name)] = strings.Split(text, "\n")
			if err := put(s.name, text); err != nil {
				return err
			}
		}
		if err := put("mutant_switchboard.go", switchboard(r.sources[0].pkg, len(r.mutants))); err != nil {
			return err
		}
		list, err := json.Marshal(map[string]any{"Replace": replace})
		if err != nil {
			return err
		}
		overlay := filepath.Join(r.tmp, "overlay.json")
		if err := os.WriteFile(overlay, list, 0o600); err != nil {
			return err
		}
		cmd := exec.CommandContext(ctx, "go", "test", "-c", "-vet=off", "-gcflags=-e", "-overlay", overlay, "-o", r.binary(), ".")
		cmd.Dir = filepath.Join(r.root, r.dir)
		out, err := cmd.CombinedOutput()
		if err == nil {
			return nil
		}
		before := len(r.unbuilt)
		for _, place := range compilerSays.FindAllStringSubmatch(string(out), -1) {
			line, _ := strconv.Atoi(place[2])
			if lines := schemas[place[1]]; line <= len(lines) {
				r.leaveOut(lines[line-1])
			}
		}
		if len(r.unbuilt) == before {
			return fmt.Errorf("building the tests of %s: %w\n%s", r.dir, err, out)
		}
	}
	return errors.New("the mutants of " + r.dir + " cannot be built")
}

var compilerSays = regexp.MustCompile(`(?m)([^/\s]+\.go):(\d+):\d+: `)

// leaveOut gives up the mutants of a line: those of a return statement, whose types may not be had there, or else all.
func (r *trial) leaveOut(line string) {
	var all, returns []int
	for _, found := range inSchema.FindAllStringSubmatch(line, -1) {
		id, _ := strconv.Atoi(found[1])
		all = append(all, id)
		if r.mutants[id-1].operator == returnValue {
			returns = append(returns, id)
		}
	}
	if len(returns) > 0 {
		all = returns
	}
	for _, id := range all {
		r.unbuilt[id] = true
	}
}

// measure runs each test by itself without a mutant, and notes what it reaches and how long it takes.
func (r *trial) measure(ctx context.Context) error {
	out, err := r.command(ctx, nil, "-test.list=.").Output()
	if err != nil {
		return fmt.Errorf("listing the tests of %s: %w", r.dir, err)
	}
	chosen, err := r.chosen()
	if err != nil {
		return err
	}
	hits := filepath.Join(r.tmp, "hits")
	for _, name := range strings.Fields(string(out)) {
		if strings.HasPrefix(name, "Benchmark") || len(r.tests) > 0 && !chosen[name] {
			continue
		}
		if err := os.WriteFile(hits, make([]byte, len(r.mutants)+1), 0o600); err != nil {
			return err
		}
		out, err := r.command(ctx, []string{envHits + "=" + hits}, "-test.v", "-test.run=^"+name+"$").CombinedOutput()
		if err != nil {
			return fmt.Errorf("%s of %s fails without any mutant: %w\n%s", name, r.dir, err, out)
		}
		t := &test{name: name, took: 5 * time.Millisecond}
		if found := success.FindSubmatch(out); found != nil {
			took, _ := time.ParseDuration(string(found[1]))
			t.took += took
		}
		if t.hits, err = os.ReadFile(hits); err != nil {
			return err
		}
		r.ordered = append(r.ordered, t)
	}
	slices.SortFunc(r.ordered, func(a, b *test) int { return int(a.took - b.took) })
	return nil
}

// chosen are the functions of the files whose tests are run.
func (r *trial) chosen() (map[string]bool, error) {
	names := map[string]bool{}
	for _, file := range r.tests {
		parsed, err := parser.ParseFile(token.NewFileSet(), filepath.Join(r.root, r.dir, file), nil, parser.SkipObjectResolution)
		if err != nil {
			return nil, err
		}
		for _, d := range parsed.Decls {
			if f, ok := d.(*ast.FuncDecl); ok {
				names[f.Name.Name] = true
			}
		}
	}
	return names, nil
}

var success = regexp.MustCompile(`(?m)^--- PASS: \S+ \(([0-9.]+s)\)$`)

// memory bounds what a mutant may ask for, in KiB: some append without end.
const memory = 12 << 20

func (r *trial) command(ctx context.Context, env []string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "sh", append([]string{"-c", "ulimit -v " + strconv.Itoa(memory) + `; exec "$0" "$@"`, r.binary()}, args...)...)
	cmd.Dir = filepath.Join(r.root, r.dir)
	cmd.Env = append(os.Environ(), env...)
	cmd.WaitDelay = time.Second
	return cmd
}

// together is how long the tests take that are run in one process.
const together = 2 * time.Second

// try runs the tests that reach m, fast ones first, until one fails.
func (r *trial) try(ctx context.Context, m *mutant) (outcome, error) {
	var reach []*test
	for _, t := range r.ordered {
		if t.hits[m.id] != 0 {
			reach = append(reach, t)
		}
	}
	if len(reach) == 0 {
		return unreached, nil
	}
	r.mu.Lock()
	likely := r.killer[m.file+m.function]
	r.mu.Unlock()
	if i := slices.Index(reach, likely); i > 0 {
		reach = slices.Insert(slices.Delete(reach, i, i+1), 0, likely)
	}
	for retries := 3; len(reach) > 0; {
		n, took := 1, reach[0].took
		for n < len(reach) && reach[0] != likely && took+reach[n].took < together {
			took += reach[n].took
			n++
		}
		limit := time.Minute + 20*took
		o, failed, err := r.run(ctx, m, reach[:n], limit)
		if err != nil {
			return 0, err
		}
		if o != survived && retries > 0 {
			// A test that fails now and then, as on a machine that is busy, must not pass for one that noticed.
			again := reach[:n]
			if i := slices.IndexFunc(again, func(t *test) bool { return t.name == failed }); i >= 0 && o == killed {
				again = again[i : i+1]
			}
			confirmed, _, err := r.run(ctx, m, again, limit)
			if err != nil {
				return 0, err
			}
			if confirmed == survived {
				retries--
				if r.tell != nil {
					r.tell(m, survived, failed)
				}
				continue
			}
		}
		if o != survived {
			if r.tell != nil {
				r.tell(m, o, failed)
			}
			if i := slices.IndexFunc(reach[:n], func(t *test) bool { return t.name == failed }); i >= 0 {
				r.mu.Lock()
				r.killer[m.file+m.function] = reach[i]
				r.mu.Unlock()
			}
			return o, nil
		}
		reach = reach[n:]
	}
	return survived, nil
}

var failure = regexp.MustCompile(`(?m)^--- FAIL: ([^/ \n]+)`)

func (r *trial) run(ctx context.Context, m *mutant, tests []*test, limit time.Duration) (o outcome, failed string, err error) {
	names := make([]string, len(tests))
	for i, t := range tests {
		names[i] = t.name
	}
	limited, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	out, err := r.command(limited, []string{envMutant + "=" + strconv.Itoa(m.id)}, "-test.failfast", "-test.run=^("+strings.Join(names, "|")+")$").CombinedOutput()
	var exit *exec.ExitError
	switch {
	case ctx.Err() != nil:
		return 0, "", ctx.Err()
	case limited.Err() != nil:
		return timedOut, names[0], nil
	case err == nil:
		return survived, "", nil
	case !errors.As(err, &exit) && !errors.Is(err, exec.ErrWaitDelay):
		return 0, "", err
	}
	if found := failure.FindSubmatch(out); found != nil {
		failed = string(bytes.TrimSpace(found[1]))
	}
	return killed, failed, nil
}

// Command race measures what one operation costs, this library beside others, as a multiple of the floor: the bare work of the standard
// library.
//
//	go run ./cmd/race                                  every subject
//	go run ./cmd/race --subject verify --rounds 10     one subject, roughly
//	go run ./cmd/race --output json
//
// Subjects are verify, refuse-signature, refuse-key, sign, decrypt, token, source, session, login and connections.
package main

import (
	"cmp"
	"errors"
	"flag"
	"fmt"
	"log"
	"os"
	"runtime"
	"runtime/pprof"
	"slices"
	"time"

	"github.com/openid-client/openid/bench/choice"
	"github.com/openid-client/openid/bench/contender"
	"github.com/openid-client/openid/bench/fixture"
	"github.com/openid-client/openid/bench/provider"
	"github.com/openid-client/openid/bench/table"
)

// selection is what of a run is wanted.
type selection struct{ subjects, variants, contenders choice.Choice }

func (only selection) check() error {
	var names, variants []string
	for _, s := range subjects {
		names, variants = append(names, s.name), append(variants, s.variant)
	}
	return cmp.Or(
		only.subjects.Check("subject", append(slices.Compact(names), "connections")),
		only.variants.Check("variant", slices.Compact(slices.Sorted(slices.Values(variants)))),
		only.contenders.Check("contender", contender.Names()),
	)
}

var errNothing = errors.New("no subject has this variant and this contender")

func main() {
	provider.ServeIfChild()
	log.SetFlags(0)
	if err := run(); err != nil {
		log.Fatal(err)
	}
}

func run() error {
	var only selection
	flag.StringVar((*string)(&only.subjects), "subject", "", "only these subjects, comma separated")
	flag.StringVar((*string)(&only.variants), "variant", "", "only these variants, for example ES256")
	flag.StringVar((*string)(&only.contenders), "contender", "", "only these contenders, beside the floor")
	rounds := flag.Int("rounds", 90, "rounds of each race")
	batch := flag.Duration("batch", 10*time.Millisecond, "length of one batch")
	output := flag.String("output", "markdown", "markdown or json")
	profile := flag.String("profile", "", "write a CPU profile of the races to this file")
	flag.Parse()
	if err := only.check(); err != nil {
		return err
	}

	if *profile != "" {
		f, err := os.Create(*profile)
		if err != nil {
			return err
		}
		defer f.Close()
		if err := pprof.StartCPUProfile(f); err != nil {
			return err
		}
		defer pprof.StopCPUProfile()
	}
	tables, err := runAll(only, *rounds, *batch)
	if err != nil {
		return err
	}
	return table.Write(os.Stdout, *output, tables...)
}

func runAll(only selection, rounds int, batch time.Duration) ([]*table.Table, error) {
	set, err := fixture.New()
	if err != nil {
		return nil, err
	}
	var tables []*table.Table
	for _, s := range subjects {
		if !only.subjects.Has(s.name) || !only.variants.Has(s.variant) {
			continue
		}
		t, err := runOne(s, set, only, rounds, batch)
		if err != nil {
			return nil, fmt.Errorf("%s %s: %w", s.name, s.variant, err)
		}
		if t != nil {
			tables = append(tables, t)
		}
	}
	if only.subjects.Has("connections") && only.variants == "" {
		t, err := connections(only)
		if err != nil {
			return nil, fmt.Errorf("connections: %w", err)
		}
		if len(t.Rows) > 1 {
			tables = append(tables, t)
		}
	}
	if len(tables) == 0 {
		return nil, errNothing
	}
	return tables, nil
}

// runOne races on one processor, so that a library's goroutines cannot hide their work beside the clock. Nobody
// but the floor is no race: the table is nil.
func runOne(s subject, set *fixture.Set, only selection, rounds int, batch time.Duration) (*table.Table, error) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	lanes, stop, err := s.lanes(set, s.variant)
	if err != nil {
		return nil, err
	}
	defer stop()
	lanes = append(lanes[:1], slices.DeleteFunc(lanes[1:], func(l *lane) bool { return !only.contenders.Has(l.name) })...)
	if len(lanes) == 1 {
		return nil, nil
	}
	if err := race(lanes, rounds, batch); err != nil {
		return nil, err
	}
	return result(s, lanes), nil
}

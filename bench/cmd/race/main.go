// Command race measures what one operation costs, this library beside others, as a multiple of the floor: the bare work of the standard
// library.
//
//	go run ./cmd/race                                  every subject
//	go run ./cmd/race --subject verify --rounds 10     one subject, roughly
//	go run ./cmd/race --output json
//
// Subjects are verify, refuse-signature, refuse-key, sign, token and connections.
package main

import (
	"flag"
	"fmt"
	"log"
	"os"
	"runtime"
	"runtime/pprof"
	"slices"
	"strings"
	"time"

	"github.com/openid-client/openid/bench/fixture"
	"github.com/openid-client/openid/bench/provider"
	"github.com/openid-client/openid/bench/table"
)

// selection is what of a run is wanted; empty means all.
type selection struct{ subjects, variants, contenders string }

func in(list, name string) bool { return list == "" || slices.Contains(strings.Split(list, ","), name) }

func main() {
	provider.ServeIfChild()
	log.SetFlags(0)
	var only selection
	flag.StringVar(&only.subjects, "subject", "", "only these subjects, comma separated")
	flag.StringVar(&only.variants, "variant", "", "only these variants, for example ES256")
	flag.StringVar(&only.contenders, "contender", "", "only these contenders, beside the floor")
	rounds := flag.Int("rounds", 90, "rounds of each race")
	batch := flag.Duration("batch", 10*time.Millisecond, "length of one batch")
	output := flag.String("output", "markdown", "markdown or json")
	profile := flag.String("profile", "", "write a CPU profile of the races to this file")
	flag.Parse()

	if *profile != "" {
		f, err := os.Create(*profile)
		if err != nil {
			log.Fatal(err)
		}
		defer f.Close()
		if err := pprof.StartCPUProfile(f); err != nil {
			log.Fatal(err)
		}
		defer pprof.StopCPUProfile()
	}
	tables, err := runAll(only, *rounds, *batch)
	if err == nil {
		err = table.Write(os.Stdout, *output, tables...)
	}
	if err != nil {
		log.Print(err)
	}
}

func runAll(only selection, rounds int, batch time.Duration) ([]*table.Table, error) {
	set, err := fixture.New()
	if err != nil {
		return nil, err
	}
	var tables []*table.Table
	for _, s := range subjects {
		if !in(only.subjects, s.name) || !in(only.variants, s.variant) {
			continue
		}
		t, err := runOne(s, set, only, rounds, batch)
		if err != nil {
			return nil, fmt.Errorf("%s %s: %w", s.name, s.variant, err)
		}
		tables = append(tables, t)
	}
	if in(only.subjects, "connections") && only.variants == "" {
		t, err := connections(only)
		if err != nil {
			return nil, fmt.Errorf("connections: %w", err)
		}
		tables = append(tables, t)
	}
	return tables, nil
}

// runOne races on one processor, so that a library's goroutines cannot hide their work beside the clock.
func runOne(s subject, set *fixture.Set, only selection, rounds int, batch time.Duration) (*table.Table, error) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	lanes, stop, err := s.lanes(set, s.variant)
	if err != nil {
		return nil, err
	}
	defer stop()
	lanes = append(lanes[:1], slices.DeleteFunc(lanes[1:], func(l *lane) bool { return !in(only.contenders, l.name) })...)
	if err := race(lanes, rounds, batch); err != nil {
		return nil, err
	}
	return result(s, lanes), nil
}

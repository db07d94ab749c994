// Command storm shows what a verifier does when many come at once, when it is attacked, and when the key server fails: this library
// beside others, each with a provider of its own on loopback.
//
//	go run ./cmd/storm                           every storm, about two minutes
//	go run ./cmd/storm --storm cold,rotation
//	go run ./cmd/storm --output json
package main

import (
	"cmp"
	"flag"
	"fmt"
	"log"
	"os"
	"time"

	"github.com/openid-client/openid/bench/choice"
	"github.com/openid-client/openid/bench/contender"
	"github.com/openid-client/openid/bench/fixture"
	"github.com/openid-client/openid/bench/table"
)

// selection is what of a run is wanted.
type selection struct{ storms, contenders choice.Choice }

func (only selection) check() error {
	var names, sailors []string
	for _, s := range storms {
		names = append(names, s.name)
	}
	for _, c := range contender.All {
		if sails(c) {
			sailors = append(sailors, c.Name)
		}
	}
	return cmp.Or(only.storms.Check("storm", names), only.contenders.Check("contender", sailors))
}

// sails reports whether a library takes part: it verifies, and is not there a second time.
func sails(c contender.Contender) bool { return c.Verifier != nil && !c.Decodes }

func main() {
	log.SetFlags(0)
	var only selection
	flag.StringVar((*string)(&only.storms), "storm", "", "only these storms, comma separated")
	flag.StringVar((*string)(&only.contenders), "contender", "", "only these contenders, comma separated")
	output := flag.String("output", "markdown", "markdown or json")
	flag.Parse()
	if err := only.check(); err != nil {
		log.Fatal(err)
	}

	set, err := fixture.New()
	if err != nil {
		log.Fatal(err)
	}
	var tables []*table.Table
	for _, s := range storms {
		if !only.storms.Has(s.name) {
			continue
		}
		t, err := runStorm(s, set, only.contenders)
		if err != nil {
			log.Fatal(err)
		}
		tables = append(tables, t)
	}
	if err := table.Write(os.Stdout, *output, tables...); err != nil {
		log.Fatal(err)
	}
}

func runStorm(s storm, set *fixture.Set, contenders choice.Choice) (*table.Table, error) {
	t := &table.Table{
		Title:   s.name + ": " + s.story,
		Columns: []string{"contender", "fetches", "good passed", "good failed", "bad accepted", "p50 ms", "p99 ms", "new key after ms", "target", "met"},
	}
	for _, c := range contender.All {
		if !sails(c) || !contenders.Has(c.Name) {
			continue
		}
		f, err := start(c, set, s.delay, !s.cold)
		if err != nil {
			return nil, fmt.Errorf("%s: %s: %w", s.name, c.Name, err)
		}
		o := s.run(f, full)
		f.close()
		row := []any{c.Name, o.fetches, o.passed, o.failed, o.accepted, ms(o.half), ms(o.most), nil, nil, nil}
		if o.recovered > 0 {
			row[7] = ms(o.recovered)
		}
		if c.Name == "ours" {
			row[8], row[9] = s.target, s.met(o)
		}
		t.Add(row...)
	}
	return t, nil
}

func ms(d time.Duration) table.Fixed {
	return table.Fixed{Value: float64(d) / float64(time.Millisecond), Digits: 1}
}

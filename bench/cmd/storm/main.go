// Command storm shows what a verifier does when many come at once, when it is attacked, and when the key server fails: this library
// beside others, each with a provider of its own on loopback.
//
//	go run ./cmd/storm                           every storm, about two minutes
//	go run ./cmd/storm --storm cold,rotation
//	go run ./cmd/storm --output json
package main

import (
	"flag"
	"fmt"
	"log"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/openid-client/openid/bench/contender"
	"github.com/openid-client/openid/bench/fixture"
	"github.com/openid-client/openid/bench/table"
)

func in(list, name string) bool { return list == "" || slices.Contains(strings.Split(list, ","), name) }

func main() {
	log.SetFlags(0)
	only := flag.String("storm", "", "only these storms, comma separated")
	contenders := flag.String("contender", "", "only these contenders, comma separated")
	output := flag.String("output", "markdown", "markdown or json")
	flag.Parse()

	set, err := fixture.New()
	if err != nil {
		log.Fatal(err)
	}
	var tables []*table.Table
	for _, s := range storms {
		if !in(*only, s.name) {
			continue
		}
		t, err := runStorm(s, set, *contenders)
		if err != nil {
			log.Fatal(err)
		}
		tables = append(tables, t)
	}
	if err := table.Write(os.Stdout, *output, tables...); err != nil {
		log.Fatal(err)
	}
}

func runStorm(s storm, set *fixture.Set, contenders string) (*table.Table, error) {
	t := &table.Table{
		Title:   s.name + ": " + s.story,
		Columns: []string{"contender", "fetches", "good passed", "good failed", "bad accepted", "p50 ms", "p99 ms", "new key after ms", "target", "met"},
	}
	for _, c := range contender.All {
		if c.Verifier == nil || c.Decodes || !in(contenders, c.Name) {
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

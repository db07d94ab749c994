// Command refresh lets four processes with 250 callers each find one expired token, whose refresh token is good once: at a server on loopback
// that takes 300 ms and revokes the whole grant when a refresh token comes a second time. A fifth process may come first, and be killed.
//
//	go run ./cmd/refresh
//	go run ./cmd/refresh --contender ours --output json
package main

import (
	"flag"
	"fmt"
	"log"
	"os"
	"time"

	"github.com/openid-client/openid/bench/choice"
	"github.com/openid-client/openid/bench/contender"
	"github.com/openid-client/openid/bench/table"
)

const processes, callers = 4, 250

// A storm is what happens to the process that comes first.
type storm struct {
	name   string
	first  string        // what it does before it is killed: "", "holds" (before the refresh token leaves) or "sends"
	window time.Duration // in which the server takes a used refresh token again
	down   bool          // it answers 503
}

var storms = []storm{
	{name: "nobody is killed"},
	{name: "the server is down", down: true},
	{name: "killed before it sent", first: "holds"},
	{name: "killed after it sent, the server takes the token again for 10 s", first: "sends", window: 10 * time.Second},
	{name: "killed after it sent, the server is strict", first: "sends"},
}

func main() {
	playIfChild()
	log.SetFlags(0)
	var only choice.Choice
	flag.StringVar((*string)(&only), "contender", "", "only these contenders, comma separated")
	output := flag.String("output", "markdown", "markdown or json")
	flag.Parse()
	var names []string
	for _, c := range contender.All {
		if c.Resume != nil {
			names = append(names, c.Name)
		}
	}
	if err := only.Check("contender", names); err != nil {
		log.Fatal(err)
	}
	t := &table.Table{Title: fmt.Sprintf("%d processes × %d callers, one expired token", processes, callers),
		Columns: []string{"contender", "storm", "refreshes", "served", "failed", "grant", "ms"}}
	for _, s := range storms {
		for _, c := range contender.All {
			if c.Resume == nil || !only.Has(c.Name) {
				continue
			}
			fmt.Fprintf(os.Stderr, "%s: %s …\n", c.Name, s.name)
			r, err := s.run(c)
			if err != nil {
				log.Fatalf("%s: %s: %v", c.Name, s.name, err)
			}
			grant := "lives"
			if r.revoked {
				grant = "revoked"
			}
			t.Add(c.Name, s.name, r.refreshes, r.served, r.failed, grant, r.took.Milliseconds())
		}
	}
	if err := table.Write(os.Stdout, *output, t); err != nil {
		log.Fatal(err)
	}
}

package main

import (
	"context"
	"net/http"
	"sync"

	"github.com/openid-client/openid/bench/contender"
	"github.com/openid-client/openid/bench/provider"
	"github.com/openid-client/openid/bench/table"
)

const (
	requests       = 1000
	atOnce         = 50
	maxConnections = 60
)

// connections counts how many connections are opened by requests that are many at a time, each library with the transport that it takes
// when it is given none.
func connections(only selection) (*table.Table, error) {
	t := &table.Table{
		Title:   "connections opened by 1,000 token requests, 50 at once",
		Columns: []string{"contender", "connections", "target", "met"},
	}
	p, err := provider.Spawn()
	if err != nil {
		return nil, err
	}
	defer p.Stop()
	n, err := connectionsOf(p, contender.FloorPost(p.URL+"/token", http.DefaultClient))
	if err != nil {
		return nil, err
	}
	t.Add("floor", n, nil, nil)
	for _, c := range contender.All {
		if c.ClientCredentials == nil || !only.contenders.Has(c.Name) {
			continue
		}
		obtain, err := c.ClientCredentials(p.URL+"/token", nil)
		if err != nil {
			return nil, err
		}
		n, err := connectionsOf(p, obtain)
		if err != nil {
			return nil, err
		}
		row := []any{c.Name, n, nil, nil}
		if c.Name == "ours" {
			row[2], row[3] = maxConnections, n <= maxConnections
		}
		t.Add(row...)
		http.DefaultClient.CloseIdleConnections()
	}
	return t, nil
}

func connectionsOf(p *provider.Process, obtain contender.Obtain) (int, error) {
	before, err := p.Connections()
	if err != nil {
		return 0, err
	}
	errs := make(chan error, atOnce)
	var workers sync.WaitGroup
	for range atOnce {
		workers.Go(func() {
			for range requests / atOnce {
				if _, err := obtain(context.Background()); err != nil {
					errs <- err
					return
				}
			}
		})
	}
	workers.Wait()
	close(errs)
	for err := range errs {
		return 0, err
	}
	after, err := p.Connections()
	return after - before - 1, err // one of them asked
}

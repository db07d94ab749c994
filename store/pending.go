package store

import (
	"context"
	"sync"
)

// pending counts what is lost when the process ends now: functions of an Update that run, and results that are not saved yet. A WaitGroup
// may not be waited for while it begins to count.
type pending struct {
	mu   sync.Mutex
	n    int
	none chan struct{} // closed when n falls to zero; nil: nobody waits
}

func (p *pending) begin() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.n++
}

func (p *pending) end() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.n--; p.n == 0 && p.none != nil {
		close(p.none)
		p.none = nil
	}
}

// goes runs f beside its caller.
func (p *pending) goes(f func()) {
	p.begin()
	go func() {
		defer p.end()
		f()
	}()
}

// wait returns when nothing is pending, or with ctx's error.
func (p *pending) wait(ctx context.Context) error {
	p.mu.Lock()
	if p.n == 0 {
		p.mu.Unlock()
		return nil
	}
	if p.none == nil {
		p.none = make(chan struct{})
	}
	none := p.none
	p.mu.Unlock()
	select {
	case <-none:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

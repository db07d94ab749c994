package main

import (
	"context"
	"slices"
	"sync"

	"github.com/openid-client/openid"
)

// maxEntries bounds a timeline; a login, its refresh and its logout take about a hundred.
const maxEntries = 1000

// A timeline keeps what [openid.Config].Trace reported for one browser.
type timeline struct {
	mu      sync.Mutex
	entries []entry
}

// An entry is one event and the step of the application during which it happened.
type entry struct {
	Step string
	openid.Event
}

type recorderKey struct{}

type recorder struct {
	timeline *timeline
	step     string
}

// during returns a context under which [trace] adds to t.
func (t *timeline) during(ctx context.Context, step string) context.Context {
	return context.WithValue(ctx, recorderKey{}, recorder{t, step})
}

// trace is the applications' Config.Trace: it finds the timeline in the context, so that one client serves many browsers.
func trace(ctx context.Context, e openid.Event) {
	r, ok := ctx.Value(recorderKey{}).(recorder)
	if !ok {
		return
	}
	r.timeline.mu.Lock()
	defer r.timeline.mu.Unlock()
	if len(r.timeline.entries) < maxEntries {
		r.timeline.entries = append(r.timeline.entries, entry{r.step, e})
	}
}

func (t *timeline) clear() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.entries = nil
}

func (t *timeline) all() []entry {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Clone(t.entries)
}

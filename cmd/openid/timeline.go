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

// A recorder is on the timeline of one browser for one request.
type recorder struct {
	seat *seat
	mu   sync.Mutex
	step string
}

// during returns a context under which [trace] and [fail] write to s.
func (s *seat) during(ctx context.Context, step string) context.Context {
	return context.WithValue(ctx, recorderKey{}, &recorder{seat: s, step: step})
}

func recording(ctx context.Context) *recorder {
	r, _ := ctx.Value(recorderKey{}).(*recorder)
	return r
}

func watching(ctx context.Context) bool { return recording(ctx) != nil }

// enter begins another step of the same request.
func enter(ctx context.Context, step string) {
	if r := recording(ctx); r != nil {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.step = step
	}
}

func (r *recorder) current() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.step
}

// fail says why the step did not succeed. What is said later of the same request are only its consequences.
func fail(ctx context.Context, err error) {
	if r := recording(ctx); r != nil && r.seat.failure() == nil {
		r.seat.setFailed(&failedStep{r.current(), err})
	}
}

// trace is the applications' [openid.Config].Trace: it finds the timeline in the context, so that one client serves many browsers.
func trace(ctx context.Context, e openid.Event) {
	r := recording(ctx)
	if r == nil {
		return
	}
	t, step := &r.seat.timeline, r.current()
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.entries) < maxEntries {
		t.entries = append(t.entries, entry{step, e})
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

package storetest

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/openid-client/openid/store"
)

const (
	long  = time.Minute           // lives as long as the case
	short = 50 * time.Millisecond // is over soon
	limit = 2 * time.Minute       // for one case, so that a broken backend cannot hold up the rest
)

// A trial is one run of one case. Faults are collected, not reported: the suite's own tests want to see them.
type trial struct {
	t     *testing.T // for cleaning up only
	ctx   context.Context
	o     Options
	b     store.Backend
	key   string
	times store.Options
	*notes
}

// notes are what all of a trial write into.
type notes struct {
	mu     sync.Mutex
	found  []string
	over   bool               // after a fatal one: what follows from it is no news
	cancel context.CancelFunc // ends the trial
	beside sync.WaitGroup
	stores []*store.Store
}

func (c testCase) faults(t *testing.T, b store.Backend, o Options) []string {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), limit)
	defer cancel()
	r := &trial{t: t, ctx: ctx, o: o, b: b, key: c.name + ":" + rand.Text(), notes: &notes{cancel: cancel}}
	if !o.Bubble { // short leases, and more patience than a loaded machine takes
		r.times = store.Options{Lease: 700 * time.Millisecond, Try: 500 * time.Millisecond, Grace: time.Second, MaxHold: 20 * time.Second, Linger: 10 * time.Second}
	}
	func() {
		defer r.stopped()
		c.try(r)
	}()
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		r.fault("was not over after %s", limit)
	}
	cancel()
	r.beside.Wait()
	ctx, cancel = context.WithTimeout(context.WithoutCancel(ctx), limit)
	defer cancel()
	for _, s := range r.stores {
		if err := s.Close(ctx); err != nil {
			r.fault("Close: %v", err)
		}
	}
	return r.found
}

// stop is the panic of fatal.
type stop struct{}

func (r *trial) stopped() {
	if p := recover(); p != nil && p != (stop{}) {
		panic(p)
	}
}

func (n *notes) fault(format string, args ...any) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if text := fmt.Sprintf(format, args...); !n.over && !slices.Contains(n.found, text) {
		n.found = append(n.found, text)
	}
}

func (r *trial) fatal(format string, args ...any) {
	r.fault(format, args...)
	r.mu.Lock()
	r.over = true
	r.mu.Unlock()
	r.cancel() // nobody waits for what does not come any more
	panic(stop{})
}

func (r *trial) must(what string, err error) {
	if err != nil {
		r.fatal("%s: %v", what, err)
	}
}

// refused expects that a step of somebody who lost the lease was refused.
func (r *trial) refused(what string, err error) {
	if !errors.Is(err, store.ErrLost) {
		r.fatal("%s: expected ErrLost, got %v", what, err)
	}
}

// atOnce runs f n times at once and waits.
func (r *trial) atOnce(n int, f func(i int)) {
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() { defer r.stopped(); f(i) })
	}
	all.Wait()
}

// start runs f beside the case; wait waits for its end.
func (r *trial) start(f func()) (wait func()) {
	done := make(chan struct{})
	r.beside.Go(func() {
		defer close(done)
		defer r.stopped()
		f()
	})
	return func() { <-done }
}

// await waits for a sign, at most as long as the case lasts.
func (r *trial) await(sign <-chan struct{}) {
	select {
	case <-sign:
	case <-r.ctx.Done():
	}
}

// lapse lets a short lease or lifetime end.
func lapse() { time.Sleep(short + short/2) }

func token() store.Token {
	var b [16]byte
	rand.Read(b[:])
	return store.Token(base64.RawURLEncoding.EncodeToString(b[:]))
}

// store is a user of the backend, with a queue of its own, like another process.
func (r *trial) store() *store.Store { return r.storeOver(r.b, r.times) }

func (r *trial) storeOver(b store.Backend, o store.Options) *store.Store {
	s := store.New(b, o)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.stores = append(r.stores, s)
	return s
}

// holds expects the value of the key.
func (r *trial) holds(want string) {
	v, err := r.b.Get(r.ctx, r.key)
	if err != nil || v == nil || string(v) != want {
		r.fatal("Get: expected %q, got %s, %v", want, show(v), err)
	}
}

func (r *trial) holdsNothing() {
	if v, err := r.b.Get(r.ctx, r.key); err != nil || v != nil {
		r.fatal("Get: expected no value, got %s, %v", show(v), err)
	}
}

func show(v []byte) string {
	if v == nil {
		return "none"
	}
	return fmt.Sprintf("%.40q", v)
}

func (r *trial) add(v string, ttl time.Duration) bool {
	added, err := r.b.Add(r.ctx, r.key, []byte(v), ttl, token())
	r.must("Add", err)
	return added
}

func (r *trial) added(v string, ttl time.Duration) {
	if !r.add(v, ttl) {
		r.fatal("Add(%q) found the key taken", v)
	}
}

func (r *trial) lock(tok, over store.Token, d time.Duration) store.Locked {
	l, err := r.b.Lock(r.ctx, r.key, tok, over, d)
	r.must("Lock", err)
	return l
}

// locked leases the key and expects to.
func (r *trial) locked(tok, over store.Token, d time.Duration) store.Locked {
	l := r.lock(tok, over, d)
	if !l.OK {
		r.fatal("Lock: refused, held by %q for %s", l.Holder, l.Wait)
	}
	return l
}

func (r *trial) renew(tok store.Token, d time.Duration) error {
	return r.b.Renew(r.ctx, r.key, tok, d)
}

func (r *trial) save(tok store.Token, c store.Change) error { return r.b.Save(r.ctx, r.key, tok, c) }

// saved saves and expects to.
func (r *trial) saved(tok store.Token, c store.Change) { r.must("Save", r.save(tok, c)) }

func put(v string) store.Change { return store.Put([]byte(v), long) }

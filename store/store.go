// Package store keeps what several requests, and several processes, must agree on: tokens that are refreshed, sessions, what may be used
// once. A [Backend] implements six small steps on one key; [Store] is the one algorithm over them, with four operations at four prices:
//
//   - [Store.Get] reads, on every request, and takes no lease.
//   - [Store.Add] stores what is not there yet: the second one is refused (state, nonce, jti).
//   - [Store.Update] lets one holder among all processes work on a value.
//   - [Store.Delete] removes, also under the hands of a running Update.
//
// [Memory] serves one process, [File] the processes of one machine.
package store

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"time"
)

// An Error is one of this package's constants; compare with errors.Is.
type Error string

// Error says what happened.
func (e Error) Error() string { return "store: " + string(e) }

const (
	ErrLost       Error = "the lease was lost: the key was deleted, or taken over by another holder"
	ErrFull       Error = "full: nothing that has not expired is thrown out"
	ErrUnreadable Error = "a value cannot be read: another key sealed it, it lay elsewhere, or it is damaged"

	errLifetime Error = "a value needs a lifetime above zero"
)

// A Token names one acquisition of a lease, or one Add: 128 random bits in 22 characters. It is compared, never ordered.
type Token string

func newToken() Token {
	var b [16]byte
	rand.Read(b[:])
	return Token(base64.RawURLEncoding.EncodeToString(b[:]))
}

// A Backend's steps touch one key, are atomic, never wait for a holder and never run the caller's code. Each may be asked for again with the
// same Token after its answer was lost. Times are the store's clock, not the caller's; lifetimes and leases are above zero. Package storetest
// is this contract as a test.
type Backend interface {
	// Get returns a value; nil, nil: there is none. An empty value is not nil.
	Get(ctx context.Context, key string) ([]byte, error)
	// Add stores value for ttl unless the key has one or is leased. It reports whether tok's value is the one that is stored.
	Add(ctx context.Context, key string, value []byte, ttl time.Duration, tok Token) (bool, error)
	// Delete removes value and lease.
	Delete(ctx context.Context, key string) error
	// Lock leases key to tok for d if it is free, already tok's, or lapsed and last held by over.
	Lock(ctx context.Context, key string, tok, over Token, d time.Duration) (Locked, error)
	// Renew makes the lease last d from now; ErrLost unless tok is the recorded holder, lapsed or not.
	Renew(ctx context.Context, key string, tok Token, d time.Duration) error
	// Save applies c and ends the lease; ErrLost unless tok is the recorded holder, lapsed or not, or has saved before.
	Save(ctx context.Context, key string, tok Token, c Change) error
}

// Locked is the answer to [Backend].Lock. It prints nothing of the value.
type Locked struct {
	OK     bool
	Value  []byte        // the freshest value, when OK; nil: none
	Holder Token         // who holds the lease, when not OK
	Wait   time.Duration // until it lapses; 0 or less: it has
	Dead   bool          // the holder is known to have died, so that nobody need wait for signs of life
}

// String says whose the lease is, and nothing of the value.
func (l Locked) String() string {
	switch {
	case l.OK:
		return fmt.Sprintf("leased, with %d bytes", len(l.Value))
	case l.Dead:
		return "held by one that has died"
	}
	return "held for another " + l.Wait.String()
}

// Format writes what String says, for every verb.
func (l Locked) Format(f fmt.State, _ rune) { fmt.Fprint(f, l.String()) }

// MarshalText shows what String says; JSON encoders and log/slog use it.
func (l Locked) MarshalText() ([]byte, error) { return []byte(l.String()), nil }

// A Change is what becomes of a value. The zero Change keeps it, and its lifetime. It prints nothing of the value.
type Change struct{ c *change }

// A change keeps its value behind a pointer of its own: fmt follows the first one when somebody prints a struct of theirs with a verb that does
// not fit.
type change struct {
	value *[]byte // nil: remove
	ttl   time.Duration
}

// Put stores v for ttl, which is above zero.
func Put(v []byte, ttl time.Duration) Change {
	if v == nil {
		v = []byte{}
	}
	return Change{&change{&v, ttl}}
}

// Remove removes the value.
func Remove() Change { return Change{new(change)} }

// Value is for backends: what to store and for how long. It reports false for a Change that stores nothing.
func (c Change) Value() (v []byte, ttl time.Duration, ok bool) {
	if c.c == nil || c.c.value == nil {
		return nil, 0, false
	}
	return *c.c.value, c.c.ttl, true
}

// Removes is for backends: whether the value is to be removed.
func (c Change) Removes() bool { return c.c != nil && c.c.value == nil }

// String names the kind of change.
func (c Change) String() string {
	switch {
	case c.c == nil:
		return "keep"
	case c.c.value == nil:
		return "remove"
	}
	return fmt.Sprintf("put %d bytes for %s", len(*c.c.value), c.c.ttl)
}

// Format writes what String says, for every verb.
func (c Change) Format(f fmt.State, _ rune) { fmt.Fprint(f, c.String()) }

// An UnsavedError says that the function of an Update has run and that its result is not known to be in the store; here it is. With
// [ErrLost] it was superseded or deleted; otherwise, unless it has no lifetime, the store goes on trying to save it in the background for
// Options.Linger.
type UnsavedError struct {
	Change Change
	Err    error
}

// Error says why, and shows nothing of the value.
func (e *UnsavedError) Error() string { return "store: result not saved: " + e.Err.Error() }

// Unwrap returns Err.
func (e *UnsavedError) Unwrap() error { return e.Err }

// Options are times; zero values are the defaults, which suit a store that answers within 100 ms.
type Options struct {
	Lease   time.Duration // how long a holder is believed without a sign of life; 6 s
	Grace   time.Duration // how long a lapsed lease is watched before it is taken over; 2 s, and never less than Try and a pause
	MaxHold time.Duration // how long the function of an Update may take; 45 s
	Try     time.Duration // one step of the backend; 1 s
	Linger  time.Duration // how long an unsaved result is tried again in the background; 1 min
}

const (
	saveFor     = 3 * time.Second        // how long Update itself tries to save
	bearTrouble = 5 * time.Second        // how long a waiter bears a store that does not answer
	maxPoll     = 25 * time.Millisecond  // between two looks at a lease
	maxPause    = 250 * time.Millisecond // between two tries to save or renew
)

func (o Options) withDefaults() Options {
	set := func(d *time.Duration, otherwise time.Duration) {
		if *d <= 0 {
			*d = otherwise
		}
	}
	set(&o.Lease, 6*time.Second)
	set(&o.Grace, 2*time.Second)
	set(&o.MaxHold, 45*time.Second)
	set(&o.Try, time.Second)
	set(&o.Linger, time.Minute)
	// A holder whose renewal failed once must get another chance before anybody takes over.
	o.Grace = max(o.Grace, o.Try+2*maxPause)
	return o
}

// A Store adds waiting, renewal, repetition and queueing to a [Backend]. It is safe for concurrent use.
type Store struct {
	b       Backend
	o       Options
	local   bool // b answers at once, and the same when asked again
	queues  queues
	pending pending
}

// New makes a store over b. It does no I/O.
func New(b Backend, o Options) *Store { return &Store{b: b, o: o.withDefaults()} }

// Get returns the value of key; nil, nil: there is none.
func (s *Store) Get(ctx context.Context, key string) (v []byte, err error) {
	err = s.repeat(ctx, func(ctx context.Context) (err error) { v, err = s.b.Get(ctx, key); return err })
	if err != nil {
		return nil, err
	}
	return v, nil
}

// Add stores v for ttl, which is above zero, unless key has a value or is leased. False means that somebody was faster: a replay. An error is
// never true.
func (s *Store) Add(ctx context.Context, key string, v []byte, ttl time.Duration) (added bool, err error) {
	if ttl <= 0 {
		return false, errLifetime
	}
	tok := newToken()
	err = s.repeat(ctx, func(ctx context.Context) (err error) { added, err = s.b.Add(ctx, key, v, ttl, tok); return err })
	return added && err == nil, err
}

// Delete removes the value of key. It wins over a running Update, whose result is refused.
func (s *Store) Delete(ctx context.Context, key string) error {
	return s.repeat(ctx, func(ctx context.Context) error { return s.b.Delete(ctx, key) })
}

// Close waits until no function of an Update runs and every result has been saved or given up, at most until ctx ends. It closes nothing: the
// store can still be used.
func (s *Store) Close(ctx context.Context) error {
	if err := s.pending.wait(ctx); err != nil {
		return fmt.Errorf("store: results are still being saved: %w", err)
	}
	return nil
}

// repeat takes a step again, a few times within one Try: a pooled connection that died with its server fails once.
func (s *Store) repeat(ctx context.Context, step func(context.Context) error) error {
	if s.local {
		return step(ctx)
	}
	tryCtx, cancel := context.WithTimeout(ctx, s.o.Try)
	defer cancel()
	for i := 1; ; i++ {
		err := step(tryCtx)
		if err == nil || i == 3 || tryCtx.Err() != nil || final(err) {
			return err
		}
		if pause(tryCtx, time.Duration(i)*5*time.Millisecond) != nil {
			return err
		}
	}
}

// final: asking again changes nothing.
func final(err error) bool {
	return errors.Is(err, ErrFull) || errors.Is(err, ErrUnreadable) || errors.Is(err, ErrLost)
}

func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

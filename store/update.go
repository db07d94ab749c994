package store

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"
)

// Held is what the function of an Update knows about its lease.
type Held struct {
	Value     []byte // nil: there is none
	TakenOver bool   // the holder before never finished: whatever it was about to do may have been done

	s   *Store
	key string
	tok Token

	mu   sync.Mutex
	from time.Time // before the last Lock or Renew that succeeded was sent
	lost bool
}

// Check asks nobody: [ErrLost] when the lease is known to be lost or may have run out, by either clock of this machine (one stands still
// while it sleeps). It belongs right before the step that cannot be taken back.
func (h *Held) Check() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	now := time.Now()
	age := max(now.Sub(h.from), now.Round(0).Sub(h.from.Round(0)))
	if h.lost || age > h.s.o.Lease-h.s.o.Lease/10 {
		return ErrLost
	}
	return nil
}

// Confirm renews the lease, so that a whole one lies ahead.
func (h *Held) Confirm(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, h.s.o.Try)
	defer cancel()
	began := time.Now()
	err := h.s.b.Renew(ctx, h.key, h.tok, h.s.o.Lease)
	h.mu.Lock()
	defer h.mu.Unlock()
	if err == nil {
		h.from = began
	}
	h.lost = h.lost || errors.Is(err, ErrLost)
	return err
}

// Update leases key, waiting for its turn among all processes as long as ctx lets it, and calls fn at most once with the freshest value.
// Once fn has returned, its Change is saved although ctx may be done by then; if it cannot be, the error is an *[UnsavedError] that carries
// it. When fn returns an error the value stays as it is. fn's context ends at Options.MaxHold, not when the lease is lost: the answer under
// way may be the only copy.
func (s *Store) Update(ctx context.Context, key string, fn func(context.Context, *Held) (Change, error)) error {
	leave, err := s.queues.enter(ctx, key)
	if err != nil {
		return fmt.Errorf("store: waiting for the lease: %w", err)
	}
	h, err := s.acquire(ctx, key)
	if err != nil {
		leave()
		return err
	}
	s.pending.begin()
	done := func() { leave(); s.pending.end() }
	c, err := s.run(ctx, h, fn, done)
	// From here on the caller's patience does not count: what fn did may not be repeatable.
	ctx = context.WithoutCancel(ctx)
	if err != nil || c.c == nil {
		s.release(ctx, h)
		done()
		return err
	}
	saveErr := s.save(ctx, h, c, saveFor)
	switch {
	case saveErr == nil:
		done()
		return nil
	case hopeless(saveErr):
		done()
		return &UnsavedError{c, saveErr}
	}
	go func() {
		defer done() // meanwhile nobody in this process may act on the old value
		_ = s.save(ctx, h, c, s.o.Linger)
	}()
	return &UnsavedError{c, saveErr}
}

// run calls fn under a lease that is kept alive. A panic gives the lease back and flies on.
func (s *Store) run(ctx context.Context, h *Held, fn func(context.Context, *Held) (Change, error), done func()) (Change, error) {
	stop := h.keepAlive()
	returned := false
	defer func() {
		stop()
		if !returned {
			s.release(context.WithoutCancel(ctx), h)
			done()
		}
	}()
	ctx, cancel := context.WithTimeout(ctx, s.o.MaxHold)
	defer cancel()
	c, err := fn(ctx, h)
	returned = true
	return c, err
}

// keepAlive renews the lease until it is stopped, lost, or held for too long.
func (h *Held) keepAlive() (stop func()) {
	every := min(h.s.o.Lease/3, h.s.o.Grace/2)
	ctx, cancel := context.WithTimeout(context.Background(), h.s.o.MaxHold)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for wait := every; pause(ctx, wait) == nil; {
			switch err := h.Confirm(ctx); {
			case errors.Is(err, ErrLost):
				return
			case err != nil:
				wait = min(every, maxPause)
			default:
				wait = every
			}
		}
	}()
	return func() { cancel(); <-done }
}

// release gives the lease back and changes nothing. If the store does not hear of it the lease lapses by itself.
func (s *Store) release(ctx context.Context, h *Held) {
	_ = s.repeat(ctx, func(ctx context.Context) error { return s.b.Save(ctx, h.key, h.tok, Change{}) })
}

// save goes on until the store has taken c or refused it, or the time is over.
func (s *Store) save(ctx context.Context, h *Held, c Change, during time.Duration) error {
	if _, ttl, puts := c.Value(); puts && ttl <= 0 {
		s.release(ctx, h)
		return errLifetime
	}
	end := time.Now().Add(during)
	unsure := false
	for wait := 5 * time.Millisecond; ; wait = min(2*wait, maxPause) {
		try, cancel := context.WithTimeout(ctx, s.o.Try)
		err := s.b.Save(try, h.key, h.tok, c)
		cancel()
		if errors.Is(err, ErrLost) && unsure {
			return fmt.Errorf("%w (an answer was lost before: it may have been saved and replaced since)", err)
		}
		if err == nil || hopeless(err) || time.Now().Add(wait).After(end) {
			return err
		}
		unsure = true
		_ = pause(ctx, wait)
	}
}

// hopeless: to save again is in vain. A full disk is not: somebody may make room.
func hopeless(err error) bool { return errors.Is(err, ErrLost) || errors.Is(err, errLifetime) }

// acquire waits for the lease. A lapsed one is taken over only after it was seen lapsed for Grace without any trouble in between.
func (s *Store) acquire(ctx context.Context, key string) (*Held, error) {
	h := &Held{s: s, key: key, tok: newToken()}
	var over, named, lapsed Token
	var lapsedSince, troubleSince time.Time
	waited := false
	for wait := time.Millisecond; ; wait = min(wait*3/2, maxPoll) {
		h.from = time.Now()
		var l Locked
		err := s.repeat(ctx, func(ctx context.Context) (err error) { l, err = s.b.Lock(ctx, key, h.tok, over, s.o.Lease); return err })
		// An answer may be lost: only when somebody else is seen with the lease is it sure that nothing was taken over.
		h.TakenOver = h.TakenOver || over != ""
		switch {
		case err == nil && l.OK:
			h.Value = l.Value
			return h, nil
		case ctx.Err() != nil:
			return nil, s.giveUp(ctx, h)
		case err != nil:
			if troubleSince.IsZero() {
				troubleSince = h.from
			}
			// The first call to a store that is away fails at once; who waits already bears a while of it.
			if final(err) || !waited || time.Since(troubleSince) > bearTrouble {
				_ = s.giveUp(ctx, h)
				return nil, fmt.Errorf("store: no lease could be had: %w", err)
			}
			over, lapsed = "", ""
		default:
			troubleSince, waited, over, h.TakenOver = time.Time{}, true, "", false
			if l.Wait > 0 && !l.Dead {
				lapsed = ""
				break
			}
			if l.Holder != lapsed {
				lapsed, lapsedSince = l.Holder, time.Now()
			}
			if l.Dead || time.Since(lapsedSince) >= s.o.Grace {
				over = l.Holder
				if over != named { // at once, but not in a circle
					named = over
					continue
				}
			}
		}
		if pause(ctx, wait/2+rand.N(wait)) != nil {
			return nil, s.giveUp(ctx, h)
		}
	}
}

// giveUp leaves no lease behind that a lost answer may have brought.
func (s *Store) giveUp(ctx context.Context, h *Held) error {
	s.pending.goes(func() { s.release(context.WithoutCancel(ctx), h) })
	return fmt.Errorf("store: waiting for the lease: %w", context.Cause(ctx))
}

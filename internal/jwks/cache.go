// Package jwks caches the key set of one issuer. Looking up a known key takes
// no lock and allocates nothing. docs/decisions/0002-key-cache.md says why the
// policy is what it is:
//
//   - the set is fetched when the first key is asked for, never in New;
//   - one fetch runs for all who wait, detached from their contexts, with its
//     own timeout;
//   - only an unknown key id makes callers wait for a fetch; a set past its
//     soft age is fetched again in the background while it goes on serving;
//   - fetches of every kind come out of one bucket of three, and one more
//     every five seconds;
//   - an answer that is not a usable key set leaves the old keys in place,
//     until they are [HardAge] old.
package jwks

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/openid-client/openid/internal/endpoint"
	"github.com/openid-client/openid/internal/jose"
)

const (
	// FetchTimeout ends a fetch, whoever waits for it and however long they could.
	FetchTimeout = 5 * time.Second
	// HardAge is how long after their last good fetch keys may be used: the
	// latest end of a withdrawn key.
	HardAge = 24 * time.Hour
	// retryAfter is how long a background refresh rests after it failed.
	retryAfter = time.Minute
)

// Cache holds the key set of one issuer at one URI; whoever makes it keeps
// issuers apart. It is safe for concurrent use.
type Cache struct {
	fetch      func(context.Context) (*endpoint.Response, error)
	snapshot   atomic.Pointer[snapshot]
	flight     endpoint.Flight[struct{}]
	refreshing atomic.Bool // a background refresh is under way

	mu     sync.Mutex // guards bucket, and each replacement of snapshot
	bucket bucket
}

// snapshot is what is known after an attempt to fetch; it is never changed.
type snapshot struct {
	set       *jose.Set // nil: there never was a good one
	doc       []byte    // what set was parsed from
	fetched   time.Time // when; without a set ages ago
	freshFor  time.Duration
	refreshAt time.Time
	err       error // of the last attempt, nil when it was good
}

// New returns an empty cache. fetch is one bounded GET of the key set.
func New(fetch func(context.Context) (*endpoint.Response, error)) *Cache {
	return &Cache{fetch: fetch}
}

// Unknown says that the key set has no key that fits.
type Unknown struct {
	NextFetch time.Duration // until the set may be fetched again, zero when it may be now
	Err       error         // why the last fetch brought no newer set, nil when it did
}

func (u *Unknown) Error() string {
	text := "no key of the issuer's key set fits"
	if u.Err != nil {
		text += " (its last fetch failed: " + u.Err.Error() + ")"
	}
	return text + nextFetch(u.NextFetch)
}

func (u *Unknown) Unwrap() error { return u.Err }

// Unavailable says that there is no key set to look into.
type Unavailable struct {
	NextFetch time.Duration // until it may be fetched again, zero when it may be now
	Age       time.Duration // of the keys that are too old to be used, zero when there never were any
	Err       error         // why the last fetch failed
}

func (u *Unavailable) Error() string {
	text := "no key set"
	if u.Age > 0 {
		text = fmt.Sprintf("the key set is too old (%s, at most %s)", u.Age.Round(time.Minute), HardAge)
	}
	if u.Err != nil {
		text += ": " + u.Err.Error()
	}
	return text + nextFetch(u.NextFetch)
}

func (u *Unavailable) Unwrap() error { return u.Err }

func nextFetch(d time.Duration) string {
	if d == 0 {
		return ""
	}
	return fmt.Sprintf("; it may be fetched again in %s", d.Round(time.Millisecond))
}

// Candidates appends to dst the keys that may have made a signature with alg
// and, if hasKeyID, under kid. When there is none the set is fetched (again),
// at most once, and a key that is still unknown gives an [*Unknown]; without
// any set the error is an [*Unavailable], after ctx ended it is ctx's.
func (c *Cache) Candidates(ctx context.Context, dst []*jose.Key, alg, kid string, hasKeyID bool) ([]*jose.Key, error) {
	n := len(dst)
	now := time.Now()
	s := c.snapshot.Load()
	if s.usable(now) {
		if dst = s.set.Candidates(dst, alg, kid, hasKeyID); len(dst) > n {
			if now.After(s.refreshAt) && c.refreshing.CompareAndSwap(false, true) {
				go c.refresh(context.WithoutCancel(ctx), s)
			}
			return dst, nil
		}
	}
	if err := c.update(ctx, s); err != nil {
		return nil, err
	}
	now, s = time.Now(), c.snapshot.Load()
	if s.usable(now) {
		if dst = s.set.Candidates(dst, alg, kid, hasKeyID); len(dst) > n {
			return dst, nil
		}
		return nil, &Unknown{NextFetch: c.wait(now), Err: s.err}
	}
	return nil, c.unavailable(s, now)
}

// Document is the key set as it was fetched, for who looks for keys of another kind in it; without one the error is that of
// [Cache.Candidates].
func (c *Cache) Document(ctx context.Context) ([]byte, error) {
	s := c.snapshot.Load()
	if s.usable(time.Now()) {
		if time.Now().After(s.refreshAt) && c.refreshing.CompareAndSwap(false, true) {
			go c.refresh(context.WithoutCancel(ctx), s)
		}
		return bytes.Clone(s.doc), nil
	}
	if err := c.update(ctx, s); err != nil {
		return nil, err
	}
	now := time.Now()
	if s = c.snapshot.Load(); s.usable(now) {
		return bytes.Clone(s.doc), nil
	}
	return nil, c.unavailable(s, now)
}

func (c *Cache) unavailable(s *snapshot, now time.Time) *Unavailable {
	u := &Unavailable{NextFetch: c.wait(now)}
	if s != nil {
		u.Err = s.err
		if s.set != nil {
			u.Age = s.age(now)
		}
	}
	return u
}

// refresh is an update that nobody waits for.
func (c *Cache) refresh(ctx context.Context, seen *snapshot) {
	defer c.refreshing.Store(false)
	c.update(ctx, seen)
}

// update waits for an attempt to replace seen: the one under way, or a new one
// if the bucket allows it. The only error is that ctx ended.
func (c *Cache) update(ctx context.Context, seen *snapshot) error {
	if c.wait(time.Now()) > 0 && !c.flight.Running() {
		return ctx.Err()
	}
	_, err := c.flight.Do(ctx, FetchTimeout, func(ctx context.Context) (struct{}, error) {
		// An attempt that ended since seen was looked into has answered for this one.
		if c.snapshot.Load() == seen && c.take(time.Now()) {
			c.attempt(ctx)
		}
		return struct{}{}, nil
	})
	return err
}

// attempt fetches once and notes what came of it.
func (c *Cache) attempt(ctx context.Context) {
	fresh, err := c.load(ctx)
	now := time.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	if err != nil {
		fresh = &snapshot{}
		if old := c.snapshot.Load(); old != nil {
			*fresh = *old
		}
		fresh.err, fresh.refreshAt = err, now.Add(retryAfter)
	}
	c.snapshot.Store(fresh)
}

func (c *Cache) load(ctx context.Context) (*snapshot, error) {
	resp, err := c.fetch(ctx)
	switch {
	case err != nil:
		return nil, err
	case resp.Status != http.StatusOK:
		return nil, fmt.Errorf("expected status 200, got %d", resp.Status)
	}
	now := time.Now()
	set, err := jose.ParseSet(resp.Body)
	switch {
	case err != nil:
		return nil, err
	case set.Len() == 0:
		return nil, errNoKeys
	}
	freshFor := freshness(resp.Header)
	return &snapshot{set: set, doc: resp.Body, fetched: now, freshFor: freshFor, refreshAt: now.Add(freshFor)}, nil
}

var errNoKeys = errors.New("expected a key set with usable keys, got none")

// age is the longer of what the two clocks say: the monotonic one may stand
// still while the machine sleeps, the wall clock may be set back.
func (s *snapshot) age(now time.Time) time.Duration {
	return max(now.Sub(s.fetched), now.Round(0).Sub(s.fetched.Round(0)))
}

func (s *snapshot) usable(now time.Time) bool {
	return s != nil && s.age(now) < HardAge
}

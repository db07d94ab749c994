package storetest

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"github.com/openid-client/openid/store"
)

var stepCases = []testCase{
	{"roundtrip", "Any bytes come back as they went in, and an empty value is not none: sealed values are binary, and a mark that something was used is often empty.", nothing, roundtrip},
	{"keys", "Keys that differ in anything are different keys, whatever printable characters they hold: or one user's session answers for another's.", nothing, keysApart},
	{"copies", "What a caller does with its slices afterwards changes nothing in the store: or a token changes under everybody's hands.", nothing, copies},
	{"add-once", "Of all who add a key at once exactly one wins: or an authorization code, a state or a jti is used twice.", nothing, addOnce},
	{"add-idempotent", "The same Add asked again, because its answer was lost, has still won, and nobody else has: or a fresh login is called a replay.", nothing, addIdempotent},
	{"add-leased", "A leased key cannot be added to, and never do both an Add and the holder's Save succeed: one of the two values would vanish.", nothing, addLeased},
	{"ttl", "A value is there until its lifetime ends and never after: too early forgets a used jti, too late keeps a session alive.", nothing, lifetimes},
	{"put-ttl", "A saved value lives as long as its Save said, whatever lived there before: or a refreshed session ends with the old one's time.", nothing, putLifetime},
	{"keep-ttl", "A value that an Update leaves as it is keeps its own end, and one that ended meanwhile is gone: or looking at a session prolongs it.", nothing, keepLifetime},
	{"delete", "Delete of nothing is no error, and the key is free after it: a logout may come twice.", nothing, deleteTwice},
	{"delete-wins", "Delete takes the lease along: who worked on the value is refused. Or a session that was logged out rises again.", nothing, deleteWins},
	{"lock", "One holder; who comes second learns who holds and for how long; readers go on reading. Waiting and taking over stand on this.", nothing, oneHolder},
	{"lock-once", "Of all who lock a free key at once exactly one wins: or two processes send the same refresh token.", nothing, lockOnce},
	{"lock-absent", "A lease on a key without a value is no value, and leaves none behind: or a first login finds the place taken for ever.", nothing, lockAbsent},
	{"lock-fresh", "Lock hands over what was saved last, never an older value: or a used refresh token is sent again.", nothing, lockFresh},
	{"renew", "A renewed lease lasts as long from then on as Renew said: or a holder that works for long is taken over in the middle.", nothing, renewLasts},
	{"lapse", "A lapsed lease goes only to who names the holder that it saw: or two waiters take over one after the other within a moment.", nothing, lapsedGoesByName},
	{"fence", "Who was superseded can neither renew nor save, not even when its successor is done: or a process that slept overwrites a newer token.", nothing, fenced},
	{"late-unopposed", "A lapsed lease that nobody took can still be renewed and saved under: or a rotated refresh token is thrown away for nothing.", nothing, lateUnopposed},
	{"save-idempotent", "The same Save asked again, because its answer was lost, succeeds and changes nothing, also when the next holder is at work: or a saved token is reported as lost.", nothing, saveIdempotent},
	{"full", "A full store says ErrFull and throws nothing out that has not ended; what ended or was deleted makes room. Or a used jti is forgotten, or somebody logged out.", bound, full},
}

func roundtrip(r *trial) {
	r.holdsNothing()
	every := make([]byte, 256)
	for i := range every {
		every[i] = byte(i)
	}
	for i, v := range []string{"", "\x00", string(every), strings.Repeat("\xff\x00", 32<<10)} {
		r.key = fmt.Sprintf("%s.%d", r.key, i)
		r.added(v, long)
		r.holds(v)
		tok := token()
		if l := r.locked(tok, "", long); l.Value == nil || string(l.Value) != v {
			r.fatal("Lock: expected %s, got %s", show([]byte(v)), show(l.Value))
		}
		r.saved(tok, put(v+v))
		r.holds(v + v)
	}
}

func keysApart(r *trial) {
	base := r.key
	keys := []string{base + "a", base + "A", base + "a ", base + "a/b", base + "a/../a", base + "a:*?[]{}%_'\"\\|", base + "ä", base + strings.Repeat("a", 400)}
	toks := make([]store.Token, len(keys))
	for _, key := range keys {
		r.key = key
		r.added(key, long)
	}
	for i, key := range keys {
		r.key, toks[i] = key, token()
		if l := r.locked(toks[i], "", long); string(l.Value) != key {
			r.fatal("Lock of %q: got the value %s", key, show(l.Value))
		}
	}
	for i, key := range keys {
		r.key = key
		r.saved(toks[i], put(key+"!"))
	}
	for _, key := range keys {
		r.key = key
		r.holds(key + "!")
		r.must("Delete", r.b.Delete(r.ctx, key))
		r.holdsNothing()
	}
}

func copies(r *trial) {
	in := []byte("in")
	if _, err := r.b.Add(r.ctx, r.key, in, long, token()); err != nil {
		r.fatal("Add: %v", err)
	}
	in[0] = 'X'
	r.holds("in")
	out, err := r.b.Get(r.ctx, r.key)
	r.must("Get", err)
	out[0] = 'X'
	r.holds("in")
	tok := token()
	r.locked(tok, "", long).Value[0] = 'X'
	r.holds("in")
	saved := []byte("saved")
	r.saved(tok, store.Put(saved, long))
	saved[0] = 'X'
	r.holds("saved")
}

func addOnce(r *trial) {
	for range 3 {
		r.key += "."
		var won atomic.Int64
		r.atOnce(100, func(int) {
			if r.add("", long) {
				won.Add(1)
			}
		})
		if won.Load() != 1 {
			r.fatal("of 100 at once %d added the key", won.Load())
		}
	}
}

func addIdempotent(r *trial) {
	tok := token()
	for range 3 {
		if added, err := r.b.Add(r.ctx, r.key, []byte("a"), long, tok); err != nil || !added {
			r.fatal("the same Add again: expected true, got %t, %v", added, err)
		}
	}
	if r.add("b", long) {
		r.fatal("a second Add won")
	}
	r.holds("a")
}

func addLeased(r *trial) {
	tok := token()
	r.locked(tok, "", long)
	if r.add("x", long) {
		r.fatal("Add won over a lease")
	}
	r.must("Renew", r.renew(tok, short))
	lapse()
	added := r.add("x", long) // may be either
	err := r.save(tok, put("late"))
	switch {
	case added:
		r.refused("Save of a lapsed holder, after an Add", err)
		r.holds("x")
	default:
		r.must("Save of a lapsed holder that nobody followed", err)
		r.holds("late")
	}
}

func lifetimes(r *trial) {
	const ttl, slack = 4 * short, 5 * time.Millisecond // stores count in milliseconds, and must round up
	asked := time.Now()
	r.added("a", ttl)
	answered := time.Now()
	for {
		began := time.Now()
		v, err := r.b.Get(r.ctx, r.key)
		r.must("Get", err)
		if v == nil && time.Since(asked) < ttl {
			r.fatal("a value for %s was gone after %s", ttl, time.Since(asked))
		}
		if v != nil && began.Sub(answered) > ttl+slack {
			r.fatal("a value for %s was there after %s", ttl, began.Sub(answered))
		}
		if v == nil {
			break
		}
		time.Sleep(time.Millisecond)
	}
	r.added("b", long)
	r.holds("b")
	r.key += "."
	r.added("a", time.Microsecond)
	time.Sleep(slack)
	r.holdsNothing()
}

func putLifetime(r *trial) {
	tok := token()
	r.added("a", short)
	r.locked(tok, "", long)
	r.saved(tok, put("longer"))
	lapse()
	r.holds("longer")
	tok = token()
	r.locked(tok, "", long)
	r.saved(tok, store.Put([]byte("shorter"), short))
	lapse()
	r.holdsNothing()
	r.added("b", long)
}

func keepLifetime(r *trial) {
	tok := token()
	asked := time.Now()
	r.added("a", 4*short)
	r.locked(tok, "", short)
	r.saved(tok, store.Change{})
	if v, err := r.b.Get(r.ctx, r.key); (err != nil || string(v) != "a") && time.Since(asked) < 4*short {
		r.fatal("a value that was left as it is: got %s, %v", show(v), err)
	}
	time.Sleep(4 * short)
	lapse()
	r.holdsNothing()

	r.key += "."
	tok = token()
	r.added("a", short)
	r.locked(tok, "", long)
	lapse()
	r.saved(tok, store.Change{})
	r.holdsNothing()
	r.added("b", long)

	r.key += "."
	tok = token()
	r.added("a", long)
	r.locked(tok, "", short)
	r.saved(tok, store.Change{})
	lapse()
	r.holds("a")
}

func deleteTwice(r *trial) {
	r.must("Delete of nothing", r.b.Delete(r.ctx, r.key))
	r.added("a", long)
	for range 2 {
		r.must("Delete", r.b.Delete(r.ctx, r.key))
		r.holdsNothing()
	}
	r.added("b", long)
	r.holds("b")
}

func deleteWins(r *trial) {
	for _, c := range []store.Change{put("risen"), {}} {
		r.key += "."
		tok := token()
		r.added("a", long)
		r.locked(tok, "", long)
		r.must("Delete", r.b.Delete(r.ctx, r.key))
		r.refused("Renew after Delete", r.renew(tok, long))
		r.refused("Save after Delete", r.save(tok, c))
		r.holdsNothing()
		r.added("b", long)
		r.refused("Save after Delete and Add", r.save(tok, c))
		r.holds("b")
	}
}

func full(r *trial) {
	const keys = 100
	b := r.o.Bounded(r.t, keys)
	add := func(i int, ttl time.Duration) (bool, error) {
		return b.Add(r.ctx, fmt.Sprintf("%s.%d", r.key, i), nil, ttl, token())
	}
	for i := range keys {
		if added, err := add(i, long); !added || err != nil {
			r.fatal("Add %d of %d: %t, %v", i+1, keys, added, err)
		}
	}
	for range 2 {
		if added, err := add(keys, long); added || !errors.Is(err, store.ErrFull) {
			r.fatal("Add %d of %d: expected ErrFull, got %t, %v", keys+1, keys, added, err)
		}
		if l, err := b.Lock(r.ctx, r.key, token(), "", long); l.OK || !errors.Is(err, store.ErrFull) {
			r.fatal("Lock of another key: expected ErrFull, got %t, %v", l.OK, err)
		}
	}
	for i := range keys {
		if added, err := add(i, long); added || err != nil {
			r.fatal("Add of key %d again: expected a replay, got %t, %v", i, added, err)
		}
		if v, err := b.Get(r.ctx, fmt.Sprintf("%s.%d", r.key, i)); !bytes.Equal(v, []byte{}) || v == nil || err != nil {
			r.fatal("Get of key %d: got %s, %v", i, show(v), err)
		}
	}
	if err := b.Delete(r.ctx, r.key+".0"); err != nil {
		r.fatal("Delete: %v", err)
	}
	for range 2 { // the second time into the place of what ended
		if added, err := add(0, short); !added || err != nil {
			r.fatal("Add into a free place: %t, %v", added, err)
		}
		lapse()
	}
	if added, err := add(keys, long); !added || err != nil {
		r.fatal("Add into the place of what ended: %t, %v", added, err)
	}
}

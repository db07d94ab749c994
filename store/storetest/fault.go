package storetest

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/openid-client/openid/store"
)

var faultCases = []testCase{
	{"context", "A step whose context has ended says so or gives the true answer: a hurried false is a replay that never was, a hurried nil a token that was not saved.", nothing, endedContext},
	{"unreachable", "While the store is away every operation ends with an error, none pretends, and no function is called: or a token is used that cannot be kept.", nothing, unreachable},
	{"lost-answers", "When answers are lost after the work was done, a fresh Add is no replay and an increment counts once.", nothing, lostAnswers},
	{"lost-takeover", "Who took over is told so although the answer was lost: or it believes in a refresh token that was used.", nothing, lostTakeover},
	{"partition-at-save", "A holder that cannot reach the store is told, keeps its result, and does not destroy what others saved after it.", bubble, partitionAtSave},
	{"save-lingers", "A result that could not be saved is saved when the store is back, and meanwhile nobody of the process acts on the old value.", bubble, saveLingers},
	{"down-past-lease", "After the store was away for several leases the holder's result comes first, and no waiter takes over: or its token is sent twice.", bubble, downPastLease},
	{"full-at-save", "A store that is full when a result comes is asked again: somebody may make room, and the result exists nowhere else.", bubble, fullAtSave},
}

var (
	errAway = errors.New("the store is away")
	errLost = errors.New("the answer is lost")
)

// flaky stands between a user and the store.
type flaky struct {
	store.Backend
	mu     sync.Mutex
	away   func(context.Context) error // nil: it is there
	lose   map[string]int              // how many answers, by step
	losses int
}

func refuse(context.Context) error { return errAway }

func keepSilent(ctx context.Context) error {
	<-ctx.Done()
	return ctx.Err()
}

func (f *flaky) goAway(how func(context.Context) error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.away = how
}

func (f *flaky) loseNext(step string, n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.lose = map[string]int{step: n}
}

func (f *flaky) step(ctx context.Context, name string, do func() error) error {
	f.mu.Lock()
	away := f.away
	f.mu.Unlock()
	if away != nil {
		return away(ctx)
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	err := do()
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.lose[name] > 0 {
		f.lose[name]--
		f.losses++
		return errLost
	}
	return err
}

func (f *flaky) Get(ctx context.Context, key string) (v []byte, err error) {
	err = f.step(ctx, "Get", func() (err error) { v, err = f.Backend.Get(ctx, key); return err })
	if err != nil {
		return nil, err
	}
	return v, nil
}

func (f *flaky) Add(ctx context.Context, key string, v []byte, ttl time.Duration, tok store.Token) (added bool, err error) {
	err = f.step(ctx, "Add", func() (err error) { added, err = f.Backend.Add(ctx, key, v, ttl, tok); return err })
	return added && err == nil, err
}

func (f *flaky) Delete(ctx context.Context, key string) error {
	return f.step(ctx, "Delete", func() error { return f.Backend.Delete(ctx, key) })
}

func (f *flaky) Lock(ctx context.Context, key string, tok, over store.Token, d time.Duration) (l store.Locked, err error) {
	step := "Lock"
	if over != "" {
		step = "Lock over"
	}
	err = f.step(ctx, step, func() (err error) { l, err = f.Backend.Lock(ctx, key, tok, over, d); return err })
	if err != nil {
		return store.Locked{}, err
	}
	return l, nil
}

func (f *flaky) Renew(ctx context.Context, key string, tok store.Token, d time.Duration) error {
	return f.step(ctx, "Renew", func() error { return f.Backend.Renew(ctx, key, tok, d) })
}

func (f *flaky) Save(ctx context.Context, key string, tok store.Token, c store.Change) error {
	return f.step(ctx, "Save", func() error { return f.Backend.Save(ctx, key, tok, c) })
}

func endedContext(r *trial) {
	ended, cancel := context.WithCancel(r.ctx)
	cancel()
	r.added("a", long)
	if v, err := r.b.Get(ended, r.key); err == nil && string(v) != "a" {
		r.fatal("Get said %s, without an error", show(v))
	}
	r.key += "."
	added, err := r.b.Add(ended, r.key, []byte("b"), long, token())
	v, getErr := r.b.Get(r.ctx, r.key)
	if r.must("Get", getErr); err == nil && !added || added && v == nil {
		r.fatal("Add said %t, %v, and there is %s", added, err, show(v))
	}
	tok := token()
	l, err := r.b.Lock(ended, r.key+".", tok, "", long)
	if renewErr := r.b.Renew(r.ctx, r.key+".", tok, long); err == nil && !l.OK || l.OK && renewErr != nil {
		r.fatal("Lock said %t, %v, and Renew says %v", l.OK, err, renewErr)
	}
	r.key += ".."
	r.added("c", long)
	r.locked(tok, "", short)
	err = r.b.Renew(ended, r.key, tok, long)
	lapse()
	if l := r.lock(token(), "", long); err == nil && l.Wait <= 0 {
		r.fatal("Renew said that it did, and did not")
	}
	if err := r.b.Save(ended, r.key, tok, put("d")); err == nil {
		r.holds("d")
	}
	if err := r.b.Delete(ended, r.key); err == nil {
		r.holdsNothing()
	}
}

func unreachable(r *trial) {
	f := &flaky{Backend: r.b}
	s := r.storeOver(f, r.times)
	r.added("a", long)
	for name, how := range map[string]func(context.Context) error{"refuses": refuse, "is silent": keepSilent} {
		f.goAway(how)
		ops := []func() error{
			func() error { _, err := s.Get(r.ctx, r.key); return err },
			func() error { _, err := s.Add(r.ctx, r.key+".", nil, long); return err },
			func() error { return s.Delete(r.ctx, r.key) },
			func() error {
				return s.Update(r.ctx, r.key, func(context.Context, *store.Held) (store.Change, error) {
					r.fault("the function was called without a lease")
					return store.Change{}, nil
				})
			},
		}
		r.atOnce(len(ops), func(i int) {
			began := time.Now()
			if err := ops[i](); err == nil || r.ctx.Err() != nil {
				r.fatal("a store that %s: operation %d ended with %v", name, i, err)
			}
			if took := time.Since(began); r.o.Bubble && took > time.Second {
				r.fatal("a store that %s: operation %d took %s", name, i, took)
			}
		})
	}
	r.holds("a")
}

func lostAnswers(r *trial) {
	const times = 10
	f := &flaky{Backend: r.b}
	s := r.storeOver(f, r.times)
	for i := range times {
		key := r.key + strconv.Itoa(i)
		f.loseNext("Add", 1+i%2)
		added, err := s.Add(r.ctx, key, nil, long)
		if err != nil || !added {
			r.fatal("a fresh Add whose answer was lost: expected true, got %t, %v", added, err)
		}
		if added, err := s.Add(r.ctx, key, nil, long); err != nil || added {
			r.fatal("a second Add: expected false, got %t, %v", added, err)
		}
		for _, step := range []string{"Lock", "Save"} {
			f.loseNext(step, 1+i%2)
			r.must("Update whose "+step+" lost its answer", add1(r.ctx, s, r.key))
		}
		f.loseNext("Get", 1+i%2)
		if v, err := s.Get(r.ctx, r.key); err != nil || string(v) != strconv.Itoa(2*i+2) {
			r.fatal("after %d increments: got %s, %v", 2*i+2, show(v), err)
		}
		f.loseNext("Delete", 1+i%2)
		r.must("Delete", s.Delete(r.ctx, key))
	}
	if want := times / 2 * 3 * 5; f.losses != want {
		r.fatal("expected to lose %d answers, lost %d", want, f.losses)
	}
}

func lostTakeover(r *trial) {
	for i := range 2 { // lost once, and so often that the waiter must ask anew
		r.key += "."
		r.added("a", long)
		r.locked(token(), "", short)
		f := &flaky{Backend: r.b}
		f.loseNext("Lock over", 1+4*i)
		r.must("Update", r.storeOver(f, r.times).Update(r.ctx, r.key, func(_ context.Context, h *store.Held) (store.Change, error) {
			if !h.TakenOver {
				r.fault("not told that it took over")
			}
			return put("b"), nil
		}))
		if f.losses == 0 {
			r.fatal("no answer was lost")
		}
		r.holds("b")
	}
}

func partitionAtSave(r *trial) {
	f := &flaky{Backend: r.b}
	r.added("a", long)
	s := r.storeOver(f, r.times)
	err := s.Update(r.ctx, r.key, func(context.Context, *store.Held) (store.Change, error) {
		f.goAway(keepSilent)
		return put("mine"), nil
	})
	var u *store.UnsavedError
	if !errors.As(err, &u) || errors.Is(err, store.ErrLost) {
		r.fatal("expected an UnsavedError, not yet lost, got %v", err)
	}
	if v, _, _ := u.Change.Value(); string(v) != "mine" {
		r.fatal("expected the result in the error, got %s", show(v))
	}
	r.must("Update", r.store().Update(r.ctx, r.key, func(_ context.Context, h *store.Held) (store.Change, error) {
		if !h.TakenOver || string(h.Value) != "a" {
			r.fault("the successor: TakenOver %t with %s", h.TakenOver, show(h.Value))
		}
		return put("theirs"), nil
	}))
	f.goAway(nil)
	r.must("Close", s.Close(r.ctx))
	r.holds("theirs")
}

func saveLingers(r *trial) {
	f := &flaky{Backend: r.b}
	r.added("a", long)
	s := r.storeOver(f, r.times)
	err := s.Update(r.ctx, r.key, func(context.Context, *store.Held) (store.Change, error) {
		f.goAway(refuse)
		return put("b"), nil
	})
	if u := (*store.UnsavedError)(nil); !errors.As(err, &u) {
		r.fatal("expected an UnsavedError, got %v", err)
	}
	wait := r.start(func() {
		r.must("Update", s.Update(r.ctx, r.key, func(_ context.Context, h *store.Held) (store.Change, error) {
			if string(h.Value) != "b" || h.TakenOver {
				r.fault("the next holder acted on %s (TakenOver %t)", show(h.Value), h.TakenOver)
			}
			return put("c"), nil
		}))
	})
	time.Sleep(2 * lease(r.times))
	f.goAway(nil)
	wait()
	r.holds("c")
}

func downPastLease(r *trial) {
	f := &flaky{Backend: r.b}
	r.added("a", long)
	entered, over := make(chan struct{}), make(chan struct{})
	var calls atomic.Int64
	refresh := func(_ context.Context, h *store.Held) (store.Change, error) {
		if string(h.Value) != "a" {
			return store.Change{}, nil
		}
		if calls.Add(1) == 1 {
			close(entered)
			r.await(over)
		}
		return put("b"), nil
	}
	holder := r.start(func() { r.must("Update of the holder", r.storeOver(f, r.times).Update(r.ctx, r.key, refresh)) })
	r.await(entered)
	var waiters []func()
	for range 10 {
		waiters = append(waiters, r.start(func() {
			for { // as callers of a token source come again
				if err := r.storeOver(f, r.times).Update(r.ctx, r.key, refresh); err == nil || r.ctx.Err() != nil {
					return
				}
				time.Sleep(short)
			}
		}))
	}
	lapse()
	f.goAway(refuse)
	time.Sleep(3 * lease(r.times))
	f.goAway(nil)
	time.Sleep(lease(r.times) / 2) // the lease is renewed before anybody's patience with it is over
	close(over)
	holder()
	for _, wait := range waiters {
		wait()
	}
	if n := calls.Load(); n != 1 {
		r.fatal("the token was sent %d times", n)
	}
	r.holds("b")
}

// noRoom refuses a number of saves as a full disk does.
type noRoom struct {
	store.Backend
	left atomic.Int64
}

func (n *noRoom) Save(ctx context.Context, key string, tok store.Token, c store.Change) error {
	if n.left.Add(-1) >= 0 {
		return fmt.Errorf("%w: no space left", store.ErrFull)
	}
	return n.Backend.Save(ctx, key, tok, c)
}

func fullAtSave(r *trial) {
	for _, refusals := range []int64{3, 50} {
		r.key += "."
		b := &noRoom{Backend: r.b}
		b.left.Store(refusals)
		s := r.storeOver(b, r.times)
		err := add1(r.ctx, s, r.key)
		if u := (*store.UnsavedError)(nil); err != nil && (!errors.As(err, &u) || !errors.Is(err, store.ErrFull)) {
			r.fatal("expected an UnsavedError with ErrFull, got %v", err)
		}
		r.must("Close", s.Close(r.ctx))
		r.holds("1")
	}
}

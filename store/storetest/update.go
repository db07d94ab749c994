package storetest

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/openid-client/openid/store"
)

var updateCases = []testCase{
	{"writers", "Nothing is lost of what many goroutines of a process write at once: each sees what the one before it saved.", nothing, func(r *trial) { countTo(r, 50, 4, true) }},
	{"strangers", "The same between processes that know nothing of each other: the backend alone keeps them apart.", nothing, func(r *trial) { countTo(r, 10, 4, false) }},
	{"error-keeps", "A function that fails changes nothing and frees the lease at once: or one refused refresh locks a session out for seconds.", nothing, errorKeeps},
	{"panic", "A panic flies on and frees the lease: net/http survives it, and the key must, too.", nothing, panicFrees},
	{"long-function", "The lease is kept alive while a function works for several leases: nobody else enters, and readers see the old value.", nothing, longFunction},
	{"overstay", "Who holds for longer than MaxHold is superseded, and its late result is refused and handed back: or a hung call blocks a session for ever.", nothing, overstay},
	{"taken-over", "Who takes over is told so, and who comes in turn is not: only so does it know that the refresh token may have been used.", nothing, takenOver},
	{"own-deadline", "Each waiter leaves by its own deadline, leaves no lease behind, and does not disturb the holder.", nothing, ownDeadline},
	{"cancelled-function", "What a function returned is saved although its caller has given up: the server has rotated the token all the same.", nothing, cancelledFunction},
	{"delete-during", "Delete wins over a function that runs: its result is refused and handed back, and no error shows it. Or a logout is undone.", nothing, deleteDuring},
	{"lost", "A holder that lost the lease sees it when it asks: right before the request that cannot be taken back.", nothing, lostIsSeen},
	{"no-leak", "Waiters that give up leave no goroutine behind.", nothing, noLeak},
}

// add1 counts under the lease.
func add1(ctx context.Context, s *store.Store, key string) error {
	return s.Update(ctx, key, func(_ context.Context, h *store.Held) (store.Change, error) {
		n, _ := strconv.Atoi(string(h.Value))
		return put(strconv.Itoa(n + 1)), nil
	})
}

func countTo(r *trial, writers, each int, together bool) {
	s := r.store()
	r.atOnce(writers, func(int) {
		own := s
		if !together {
			own = r.store()
		}
		for range each {
			r.must("Update", add1(r.ctx, own, r.key))
		}
	})
	r.holds(strconv.Itoa(writers * each))
}

func errorKeeps(r *trial) {
	r.added("a", long)
	boom := errors.New("boom")
	err := r.store().Update(r.ctx, r.key, func(context.Context, *store.Held) (store.Change, error) { return put("b"), boom })
	if !errors.Is(err, boom) {
		r.fatal("expected the function's error, got %v", err)
	}
	r.holds("a")
	r.locked(token(), "", long)
}

func panicFrees(r *trial) {
	r.added("a", long)
	s := r.store()
	func() {
		defer func() {
			if p := recover(); p != "boom" {
				r.fault("expected the function's panic, got %v", p)
			}
		}()
		_ = s.Update(r.ctx, r.key, func(context.Context, *store.Held) (store.Change, error) { panic("boom") })
	}()
	r.holds("a")
	r.locked(token(), "", short)
	r.must("Delete", r.b.Delete(r.ctx, r.key))
	r.must("Update after a panic", add1(r.ctx, s, r.key))
}

// lease is how long a lease of o is; the zero Options stand for their defaults.
func lease(o store.Options) time.Duration {
	if o.Lease == 0 {
		return 6 * time.Second
	}
	return o.Lease
}

func longFunction(r *trial) {
	r.added("a", long)
	entered := make(chan struct{})
	wait := r.start(func() {
		r.must("Update", r.store().Update(r.ctx, r.key, func(context.Context, *store.Held) (store.Change, error) {
			close(entered)
			time.Sleep(3 * lease(r.times))
			return put("b"), nil
		}))
	})
	r.await(entered)
	ctx, cancel := context.WithTimeout(r.ctx, 2*lease(r.times)+lease(r.times)/2)
	defer cancel()
	err := r.store().Update(ctx, r.key, func(_ context.Context, h *store.Held) (store.Change, error) {
		if string(h.Value) == "a" {
			r.fault("a second holder entered beside the first")
		}
		return store.Change{}, nil
	})
	if err == nil {
		r.holds("b") // it came after the first: the machine was slow
	} else if !errors.Is(err, context.DeadlineExceeded) {
		r.fatal("the waiter: expected its deadline, got %v", err)
	} else {
		r.holds("a")
	}
	wait()
	r.holds("b")
}

func overstay(r *trial) {
	times := r.times
	times.MaxHold = lease(times)
	entered, over := make(chan struct{}), make(chan struct{})
	wait := r.start(func() {
		err := r.storeOver(r.b, times).Update(r.ctx, r.key, func(ctx context.Context, _ *store.Held) (store.Change, error) {
			close(entered)
			<-ctx.Done()
			r.await(over) // in spite of its context
			return put("late"), nil
		})
		r.unsaved("the holder that overstayed", err, "late")
	})
	r.await(entered)
	r.must("Update", r.store().Update(r.ctx, r.key, func(_ context.Context, h *store.Held) (store.Change, error) {
		if !h.TakenOver {
			r.fault("the successor was not told that it took over")
		}
		return put("b"), nil
	}))
	close(over)
	wait()
	r.holds("b")
}

// unsaved expects that a result was refused, and handed back without being shown.
func (r *trial) unsaved(who string, err error, value string) {
	var u *store.UnsavedError
	if !errors.As(err, &u) || !errors.Is(err, store.ErrLost) {
		r.fatal("%s: expected an UnsavedError with ErrLost, got %v", who, err)
	}
	if v, _, _ := u.Change.Value(); string(v) != value {
		r.fatal("%s: expected its result %q in the error, got %s", who, value, show(v))
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		if text := fmt.Sprintf(verb, err); strings.Contains(text, value) || strings.Contains(text, fmt.Sprintf("%x", value)) {
			r.fatal("%s: the error shows the value with %s: %s", who, verb, text)
		}
	}
}

func takenOver(r *trial) {
	r.added("a", long)
	r.locked(token(), "", short) // and never heard of again
	s := r.store()
	for i, want := range []string{"a", "b", "c"} {
		r.must("Update", s.Update(r.ctx, r.key, func(_ context.Context, h *store.Held) (store.Change, error) {
			if first := i == 0; h.TakenOver != first || string(h.Value) != want {
				r.fault("holder %d: TakenOver %t with the value %s", i+1, h.TakenOver, show(h.Value))
			}
			return put(string(rune('b' + i))), nil
		}))
	}
}

func ownDeadline(r *trial) {
	s := r.store()
	entered, over := make(chan struct{}), make(chan struct{})
	wait := r.start(func() {
		r.must("Update", s.Update(r.ctx, r.key, func(context.Context, *store.Held) (store.Change, error) {
			close(entered)
			r.await(over)
			return put("a"), nil
		}))
	})
	r.await(entered)
	r.atOnce(20, func(i int) {
		own := s
		if i%2 == 0 {
			own = r.store()
		}
		ctx, cancel := context.WithTimeout(r.ctx, short+time.Duration(i)*time.Millisecond)
		defer cancel()
		err := own.Update(ctx, r.key, func(context.Context, *store.Held) (store.Change, error) {
			r.fault("a second holder entered beside the first")
			return store.Change{}, nil
		})
		if !errors.Is(err, context.DeadlineExceeded) {
			r.fault("a waiter: expected its deadline, got %v", err)
		}
		// What it leaves behind is gone before the holder is.
		if own != s {
			r.must("Close", own.Close(r.ctx))
		}
	})
	close(over)
	wait()
	r.holds("a")
	r.must("Close", s.Close(r.ctx))
	r.locked(token(), "", long)
}

func cancelledFunction(r *trial) {
	ctx, cancel := context.WithCancel(r.ctx)
	s := r.storeOver(&flaky{Backend: r.b}, r.times) // heeds contexts, which memory need not
	r.must("Update", s.Update(ctx, r.key, func(inner context.Context, _ *store.Held) (store.Change, error) {
		cancel()
		<-inner.Done()
		return put("a"), nil
	}))
	r.holds("a")
	r.locked(token(), "", long)
}

func deleteDuring(r *trial) {
	r.added("a", long)
	s := r.store()
	r.unsaved("the holder", s.Update(r.ctx, r.key, func(context.Context, *store.Held) (store.Change, error) {
		r.must("Delete", s.Delete(r.ctx, r.key))
		return put("risen"), nil
	}), "risen")
	r.holdsNothing()
	r.added("b", long)
}

func lostIsSeen(r *trial) {
	err := r.store().Update(r.ctx, r.key, func(ctx context.Context, h *store.Held) (store.Change, error) {
		r.must("Check", h.Check())
		r.must("Confirm", h.Confirm(ctx))
		r.must("Delete", r.b.Delete(ctx, r.key))
		r.refused("Confirm without the lease", h.Confirm(ctx))
		r.refused("Check without the lease", h.Check())
		return store.Change{}, h.Check()
	})
	r.refused("Update", err)
}

func noLeak(r *trial) {
	const slack = 20 // pools and what runs beside may have grown
	before := runtime.NumGoroutine()
	s := r.store()
	entered, over := make(chan struct{}), make(chan struct{})
	wait := r.start(func() {
		_ = s.Update(r.ctx, r.key, func(context.Context, *store.Held) (store.Change, error) {
			close(entered)
			r.await(over)
			return store.Change{}, nil
		})
	})
	r.await(entered)
	r.atOnce(200, func(i int) {
		own := s
		if i%10 == 0 {
			own = r.store()
		}
		ctx, cancel := context.WithTimeout(r.ctx, short)
		defer cancel()
		_ = own.Update(ctx, r.key, func(context.Context, *store.Held) (store.Change, error) { return store.Change{}, nil })
	})
	close(over)
	wait()
	for runtime.NumGoroutine() > before+slack {
		if r.ctx.Err() != nil {
			r.fatal("%d goroutines before, %d after", before, runtime.NumGoroutine())
		}
		time.Sleep(time.Millisecond)
	}
}

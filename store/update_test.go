package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// A watched backend notes its steps and asks before each whether it shall fail.
type watched struct {
	Backend
	mu     sync.Mutex
	steps  map[string]int
	before func(step string) error
	locked func(Locked) Locked
}

func watch() *watched {
	return &watched{Backend: NewMemory(1000), steps: map[string]int{}, before: func(string) error { return nil }, locked: func(l Locked) Locked { return l }}
}

func (w *watched) fail(ctx context.Context, step string) error {
	w.mu.Lock()
	w.steps[step]++
	before := w.before
	w.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return err
	}
	return before(step)
}

func (w *watched) set(before func(step string) error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.before = before
}

func (w *watched) count(step string) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.steps[step]
}

func (w *watched) Get(ctx context.Context, key string) ([]byte, error) {
	if err := w.fail(ctx, "Get"); err != nil {
		return []byte("not this"), err
	}
	return w.Backend.Get(ctx, key)
}

func (w *watched) Add(ctx context.Context, key string, v []byte, ttl time.Duration, tok Token) (bool, error) {
	if err := w.fail(ctx, "Add"); err != nil {
		return true, err
	}
	return w.Backend.Add(ctx, key, v, ttl, tok)
}

func (w *watched) Lock(ctx context.Context, key string, tok, over Token, d time.Duration) (Locked, error) {
	step := "Lock"
	if over != "" {
		step = "Lock over"
	}
	if err := w.fail(ctx, step); err != nil {
		return Locked{}, err
	}
	l, err := w.Backend.Lock(ctx, key, tok, over, d)
	return w.locked(l), err
}

func (w *watched) Renew(ctx context.Context, key string, tok Token, d time.Duration) error {
	if err := w.fail(ctx, "Renew"); err != nil {
		return err
	}
	return w.Backend.Renew(ctx, key, tok, d)
}

func (w *watched) Save(ctx context.Context, key string, tok Token, c Change) error {
	if err := w.fail(ctx, "Save"); err != nil {
		return err
	}
	return w.Backend.Save(ctx, key, tok, c)
}

var errDown = errors.New("down")

func down(string) error { return errDown }
func up(string) error   { return nil }

func downFor(steps ...string) func(string) error {
	return func(step string) error {
		for _, s := range steps {
			if s == step {
				return errDown
			}
		}
		return nil
	}
}

func keep(context.Context, *Held) (Change, error) { return Change{}, nil }

func put(v string) func(context.Context, *Held) (Change, error) {
	return func(context.Context, *Held) (Change, error) { return Put([]byte(v), time.Hour), nil }
}

func inBubble(t *testing.T, f func(t *testing.T, w *watched, s *Store)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := watch()
		s := New(w, Options{})
		f(t, w, s)
		ctx, cancel := context.WithTimeout(context.Background(), time.Hour)
		defer cancel()
		if err := s.Close(ctx); err != nil {
			t.Error(err)
		}
		s.queues.empty(t)
	})
}

func TestDefaults(t *testing.T) {
	if got, want := (Options{}).withDefaults(), (Options{6 * time.Second, 2 * time.Second, 45 * time.Second, time.Second, time.Minute}); got != want {
		t.Errorf("got %+v", got)
	}
	if got := (Options{Grace: time.Millisecond, Try: 3 * time.Second}).withDefaults(); got.Grace != 3500*time.Millisecond {
		t.Errorf("a holder that fails once must come again within Grace, got %s", got.Grace)
	}
}

// TestGrace: a lapsed lease is watched for as long as a holder needs to come again after a trouble; trouble starts the watch anew.
func TestGrace(t *testing.T) {
	for _, trouble := range []bool{false, true} {
		inBubble(t, func(t *testing.T, w *watched, s *Store) {
			if l, err := w.Backend.Lock(t.Context(), "k", "gone", "", time.Second); !l.OK {
				t.Fatal(err)
			}
			began, want := time.Now(), time.Second+2*time.Second
			if trouble {
				want = 4*time.Second + 2*time.Second
				w.set(func(string) error {
					if since := time.Since(began); since > 2*time.Second && since < 4*time.Second {
						return errDown
					}
					return nil
				})
			}
			if err := s.Update(t.Context(), "k", func(_ context.Context, h *Held) (Change, error) {
				if !h.TakenOver {
					t.Error("not told")
				}
				return Change{}, nil
			}); err != nil {
				t.Fatal(err)
			}
			if took := time.Since(began); took < want || took > want+100*time.Millisecond {
				t.Errorf("trouble %t: taken over after %s, want %s", trouble, took, want)
			}
		})
	}
}

// TestFreeIsNotTakenOver: who waited for somebody that came to an end in time took nothing over, not even when it had named the holder.
func TestFreeIsNotTakenOver(t *testing.T) {
	for _, named := range []bool{false, true} {
		inBubble(t, func(t *testing.T, w *watched, s *Store) {
			if l, err := w.Backend.Lock(t.Context(), "k", "slow", "", time.Second); !l.OK {
				t.Fatal(err)
			}
			end := func() { _ = w.Backend.Save(context.Background(), "k", "slow", Put([]byte("v"), time.Hour)) }
			if !named {
				time.AfterFunc(2*time.Second, end)
			}
			w.set(func(step string) error {
				if step == "Lock over" { // that very moment it renews, and is done soon after
					time.AfterFunc(500*time.Millisecond, end)
					return w.Backend.Renew(context.Background(), "k", "slow", time.Second)
				}
				return nil
			})
			err := s.Update(t.Context(), "k", func(_ context.Context, h *Held) (Change, error) {
				if h.TakenOver || string(h.Value) != "v" {
					t.Errorf("taken over: %t, value %q", h.TakenOver, h.Value)
				}
				return Change{}, nil
			})
			if err != nil || (w.count("Lock over") > 0) != named {
				t.Errorf("named %d times; %v", w.count("Lock over"), err)
			}
		})
	}
}

// TestDead: whose holder is known to have died waits for nothing.
func TestDead(t *testing.T) {
	inBubble(t, func(t *testing.T, w *watched, s *Store) {
		if l, err := w.Backend.Lock(t.Context(), "k", "dead", "", time.Hour); !l.OK {
			t.Fatal(err)
		}
		w.locked = func(l Locked) Locked {
			if !l.OK {
				l.Dead = true
				_ = w.Backend.Renew(context.Background(), "k", "dead", time.Nanosecond)
			}
			return l
		}
		began := time.Now()
		if err := s.Update(t.Context(), "k", keep); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(began); took > 100*time.Millisecond {
			t.Errorf("took %s", took)
		}
	})
}

// TestRefusedByName: a backend that goes on refusing who names the holder is asked now and then, not in a circle.
func TestRefusedByName(t *testing.T) {
	for _, l := range []Locked{{Holder: "x"}, {}, {Dead: true}, {Holder: "x", Dead: true, Wait: time.Second}} {
		inBubble(t, func(t *testing.T, w *watched, s *Store) {
			w.locked = func(Locked) Locked { return l }
			if l, err := w.Backend.Lock(t.Context(), "k", "x", "", time.Hour); !l.OK {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			defer cancel()
			if err := s.Update(ctx, "k", keep); !errors.Is(err, context.DeadlineExceeded) {
				t.Error(err)
			}
			if n := w.count("Lock") + w.count("Lock over"); n < 250 || n > 1500 {
				t.Errorf("%+v: asked %d times in 10 s", l, n)
			}
		})
	}
}

// TestTroubleBeforeTheLease: who comes to a store that is away hears so at once, who waits already bears five seconds of it, and a connection
// that fails once is nothing.
func TestTroubleBeforeTheLease(t *testing.T) {
	inBubble(t, func(t *testing.T, w *watched, s *Store) {
		began := time.Now()
		w.set(down)
		if err := s.Update(t.Context(), "k", keep); !errors.Is(err, errDown) || time.Since(began) > 100*time.Millisecond {
			t.Errorf("after %s: %v", time.Since(began), err)
		}
		once := false
		w.set(func(step string) error {
			if step != "Lock" || once {
				return nil
			}
			once = true
			return errDown
		})
		if err := s.Update(t.Context(), "k", keep); err != nil {
			t.Errorf("one failure: %v", err)
		}
		w.set(up)
		if l, err := w.Backend.Lock(t.Context(), "k", "other", "", time.Hour); !l.OK {
			t.Fatal(err)
		}
		began = time.Now()
		time.AfterFunc(time.Second, func() { w.set(down) })
		if err := s.Update(t.Context(), "k", keep); !errors.Is(err, errDown) {
			t.Errorf("got %v", err)
		}
		if took := time.Since(began); took < 6*time.Second || took > 7*time.Second {
			t.Errorf("bore it for %s", took)
		}
	})
}

// TestRenewals: the lease is renewed often enough that one failure costs nobody the lease, until MaxHold.
func TestRenewals(t *testing.T) {
	inBubble(t, func(t *testing.T, w *watched, s *Store) {
		began := time.Now()
		err := s.Update(t.Context(), "k", func(ctx context.Context, h *Held) (Change, error) {
			time.Sleep(10500 * time.Millisecond)
			if n := w.count("Renew"); n != 10 {
				t.Errorf("%d renewals in 10 s with a grace of 2 s", n)
			}
			w.set(down)
			time.Sleep(4500 * time.Millisecond)
			if err := h.Check(); err != nil {
				t.Errorf("5 s after the last renewal: %v", err)
			}
			time.Sleep(time.Second)
			if err := h.Check(); !errors.Is(err, ErrLost) {
				t.Errorf("6 s after the last renewal: %v", err)
			}
			w.set(up)
			time.Sleep(300 * time.Millisecond) // trouble is not waited out
			if err := h.Check(); err != nil {
				t.Errorf("renewed again: %v", err)
			}
			if ctx.Err() != nil {
				t.Error(ctx.Err())
			}
			<-ctx.Done()
			if held := time.Since(began); held != 45*time.Second {
				t.Errorf("held for %s", held)
			}
			n := w.count("Renew")
			time.Sleep(10 * time.Second)
			if more := w.count("Renew") - n; more > 1 || !errors.Is(h.Check(), ErrLost) {
				t.Errorf("%d renewals after MaxHold; Check: %v", more, h.Check())
			}
			return Put(nil, time.Hour), nil
		})
		if err != nil {
			t.Errorf("nobody else came: %v", err)
		}
	})
}

// TestLostIsLost: whatever comes after it.
func TestLostIsLost(t *testing.T) {
	inBubble(t, func(t *testing.T, w *watched, s *Store) {
		err := s.Update(t.Context(), "k", func(ctx context.Context, h *Held) (Change, error) {
			if err := w.Delete(ctx, "k"); err != nil {
				t.Error(err)
			}
			for _, trouble := range []error{nil, errDown} {
				w.set(func(string) error { return trouble })
				want := trouble
				if want == nil {
					want = ErrLost
				}
				if err := h.Confirm(ctx); !errors.Is(err, want) {
					t.Errorf("Confirm: got %v, want %v", err, want)
				}
				if err := h.Check(); !errors.Is(err, ErrLost) {
					t.Errorf("Check: got %v", err)
				}
			}
			return Change{}, nil
		})
		if err != nil {
			t.Error(err)
		}
	})
}

// TestCancelledWithin: what a function did is saved, or given back, with a context that its caller has not ended.
func TestCancelledWithin(t *testing.T) {
	for _, c := range []Change{Put([]byte("v"), time.Hour), {}} {
		inBubble(t, func(t *testing.T, w *watched, s *Store) {
			ctx, cancel := context.WithCancel(t.Context())
			err := s.Update(ctx, "k", func(ctx context.Context, _ *Held) (Change, error) {
				cancel()
				<-ctx.Done()
				return c, nil
			})
			if err != nil {
				t.Errorf("%v: %v", c, err)
			}
			if l, err := w.Lock(t.Context(), "k", "next", "", time.Hour); !l.OK || (l.Value == nil) != (c == Change{}) {
				t.Errorf("%v: %+v, %v", c, l, err)
			}
		})
	}
}

// TestRelease: a connection that fails once does not leave a lease behind.
func TestRelease(t *testing.T) {
	for name, fn := range map[string]func(context.Context, *Held) (Change, error){
		"kept":   keep,
		"failed": func(context.Context, *Held) (Change, error) { return Put(nil, time.Hour), errors.New("no") },
		"panics": func(context.Context, *Held) (Change, error) { panic("no") },
		"exits":  func(context.Context, *Held) (Change, error) { runtime.Goexit(); return Change{}, nil },
	} {
		inBubble(t, func(t *testing.T, w *watched, s *Store) {
			once := false
			w.set(func(step string) error {
				if step != "Save" || once {
					return nil
				}
				once = true
				return errDown
			})
			done := make(chan struct{})
			go func() {
				defer close(done)
				defer func() { _ = recover() }()
				_ = s.Update(t.Context(), "k", fn)
			}()
			<-done
			if l, err := w.Backend.Lock(t.Context(), "k", "next", "", time.Hour); !l.OK || l.Value != nil {
				t.Errorf("%s: %+v, %v", name, l, err)
			}
		})
	}
}

// TestGivenUp: a waiter whose lease came with a lost answer leaves none behind.
func TestGivenUp(t *testing.T) {
	inBubble(t, func(t *testing.T, w *watched, s *Store) {
		w.locked = func(l Locked) Locked { l.OK = false; return l } // the answer is not the truth
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := s.Update(ctx, "k", keep); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
		if err := s.Close(t.Context()); err != nil {
			t.Error(err)
		}
		if l, err := w.Backend.Lock(t.Context(), "k", "next", "", time.Hour); !l.OK {
			t.Error(l, err)
		}
	})
}

func TestCancelledBefore(t *testing.T) {
	inBubble(t, func(t *testing.T, w *watched, s *Store) {
		boom := errors.New("boom")
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(boom)
		err := s.Update(ctx, "k", func(context.Context, *Held) (Change, error) { t.Error("called"); return Change{}, nil })
		if !errors.Is(err, boom) || w.count("Lock") > 0 {
			t.Errorf("got %v after %d Locks", err, w.count("Lock"))
		}
	})
}

// TestLifetimeOfZero: nothing is stored without a lifetime, and nothing that has one by mistake is lost.
func TestLifetimeOfZero(t *testing.T) {
	inBubble(t, func(t *testing.T, w *watched, s *Store) {
		for _, ttl := range []time.Duration{0, -time.Second} {
			if added, err := s.Add(t.Context(), "k", nil, ttl); added || err == nil {
				t.Errorf("Add for %s: %t, %v", ttl, added, err)
			}
			err := s.Update(t.Context(), "k", func(context.Context, *Held) (Change, error) { return Put([]byte("v"), ttl), nil })
			var u *UnsavedError
			if !errors.As(err, &u) {
				t.Fatalf("Put for %s: %v", ttl, err)
			}
			if v, _, _ := u.Change.Value(); string(v) != "v" {
				t.Errorf("handed back: %q", v)
			}
			if added, err := s.Add(t.Context(), "k", nil, time.Hour); !added {
				t.Errorf("the lease was not given back: %v", err)
			}
			if err := s.Delete(t.Context(), "k"); err != nil {
				t.Error(err)
			}
		}
	})
}

// TestClose: it waits for a function that runs and for a result that is being saved, as long as it may.
func TestClose(t *testing.T) {
	inBubble(t, func(t *testing.T, w *watched, s *Store) {
		if err := s.Close(t.Context()); err != nil {
			t.Error(err)
		}
		entered := make(chan struct{})
		go func() {
			err := s.Update(t.Context(), "k", func(context.Context, *Held) (Change, error) {
				close(entered)
				time.Sleep(10 * time.Second)
				w.set(downFor("Save"))
				time.AfterFunc(20*time.Second, func() { w.set(up) })
				return Put([]byte("v"), time.Hour), nil
			})
			if u := (*UnsavedError)(nil); !errors.As(err, &u) || !errors.Is(err, errDown) {
				t.Errorf("got %v", err)
			}
		}()
		<-entered
		go func() {
			err := s.Update(t.Context(), "another", func(context.Context, *Held) (Change, error) { time.Sleep(time.Second); return Change{}, nil })
			if err != nil {
				t.Error(err)
			}
		}()
		synctest.Wait()
		began := time.Now()
		for _, patience := range []time.Duration{5 * time.Second, 10 * time.Second} { // the function, then the saving
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			if err := s.Close(ctx); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("after %s: %v", time.Since(began), err)
			}
		}
		if err := s.Close(t.Context()); err != nil {
			t.Error(err)
		}
		if v, err := s.Get(t.Context(), "k"); string(v) != "v" {
			t.Errorf("after %s: %q, %v", time.Since(began), v, err)
		}
	})
}

// TestCloseAnyTime: with the race detector.
func TestCloseAnyTime(t *testing.T) {
	s := Memory(100)
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			for range 100 {
				if err := s.Update(t.Context(), fmt.Sprint(i%4), put("v")); err != nil {
					t.Error(err)
				}
			}
		})
		all.Go(func() {
			for range 100 {
				if err := s.Close(t.Context()); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
}

// TestLingerEnds: saving is given up after Linger, and the process' queue for the key opens.
func TestLingerEnds(t *testing.T) {
	inBubble(t, func(t *testing.T, w *watched, s *Store) {
		w.set(downFor("Save"))
		began := time.Now()
		if err := s.Update(t.Context(), "k", put("v")); err == nil || time.Since(began) > 4*time.Second {
			t.Errorf("after %s: %v", time.Since(began), err)
		}
		if err := s.Update(t.Context(), "k", func(_ context.Context, h *Held) (Change, error) {
			if h.Value != nil || !h.TakenOver {
				t.Errorf("%q, %t", h.Value, h.TakenOver)
			}
			return Change{}, nil
		}); err != nil {
			t.Error(err)
		}
		if took := time.Since(began); took < time.Minute || took > 75*time.Second {
			t.Errorf("came in after %s", took)
		}
	})
}

// TestMayHaveBeenSaved: a refusal after a lost answer says that it is not the whole story.
func TestMayHaveBeenSaved(t *testing.T) {
	for _, lost := range []bool{false, true} {
		inBubble(t, func(t *testing.T, w *watched, s *Store) {
			err := s.Update(t.Context(), "k", func(ctx context.Context, h *Held) (Change, error) {
				if lost {
					w.set(downFor("Save"))
					time.AfterFunc(time.Second, func() { w.set(up) })
				}
				return Put([]byte("v"), time.Hour), w.Delete(ctx, "k")
			})
			if u := (*UnsavedError)(nil); !errors.As(err, &u) || !errors.Is(err, ErrLost) || strings.Contains(err.Error(), "may have been saved") != lost {
				t.Errorf("an answer was lost: %t; got %v", lost, err)
			}
		})
	}
}

// TestFailedAnswers: whatever a backend returns beside an error is no value and no yes; and what asking again cannot change is asked once.
func TestFailedAnswers(t *testing.T) {
	inBubble(t, func(t *testing.T, w *watched, s *Store) {
		for _, test := range []struct {
			err  error
			asks int
		}{{errDown, 3}, {ErrUnreadable, 1}, {ErrFull, 1}} {
			w.set(func(string) error { return test.err })
			w.steps = map[string]int{}
			if v, err := s.Get(t.Context(), "k"); v != nil || !errors.Is(err, test.err) {
				t.Errorf("Get: %q, %v", v, err)
			}
			if added, err := s.Add(t.Context(), "k", nil, time.Hour); added || !errors.Is(err, test.err) {
				t.Errorf("Add: %t, %v", added, err)
			}
			if w.count("Get") != test.asks || w.count("Add") != test.asks {
				t.Errorf("%v: asked %v", test.err, w.steps)
			}
		}
	})
}

// TestNothingShown: a value does not get out through an error or a Change, whatever prints it.
func TestNothingShown(t *testing.T) {
	const value = "s3cret-refresh-token"
	c := Put([]byte(value), time.Hour)
	u := &UnsavedError{c, ErrLost}
	type inside struct {
		C *Change
		u *UnsavedError
		c Change
	}
	hidden := func(how, text string) {
		t.Helper()
		for _, form := range []string{value, fmt.Sprintf("%x", value), fmt.Sprintf("%X", value), strings.Trim(fmt.Sprint([]byte(value)), "[]"), "czNjcmV0"} {
			if strings.Contains(text, form) {
				t.Errorf("%s shows %s: %s", how, form, text)
			}
		}
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%b", "%c", "%t", "%p", "%T", "%z"} {
		for _, what := range []any{c, &c, u, *u, error(u), fmt.Errorf("so: %w", u), []Change{c}, map[string]Change{"k": c}, inside{&c, u, c}, &inside{&c, u, c}} {
			hidden(fmt.Sprintf("%s of %T", verb, what), fmt.Sprintf(verb, what))
		}
	}
	text, err := json.Marshal([]any{c, u})
	hidden("JSON", string(text))
	if err != nil {
		t.Error(err)
	}
	var log strings.Builder
	slog.New(slog.NewTextHandler(&log, nil)).Error("x", "u", u, "c", c)
	slog.New(slog.NewJSONHandler(&log, nil)).Error("x", "u", u, "c", c)
	hidden("slog", log.String())

	for want, c := range map[string]Change{"keep": {}, "remove": Remove(), "put 2 bytes for 1m0s": Put([]byte("ab"), time.Minute), "put 0 bytes for 1s": Put(nil, time.Second)} {
		if got := c.String(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	if want := "store: result not saved: " + ErrLost.Error(); u.Error() != want {
		t.Errorf("got %q", u.Error())
	}
}

// TestLockedPrintsNothing: what a backend answers holds the value, and no log of a backend shows it.
func TestLockedPrintsNothing(t *testing.T) {
	for want, l := range map[string]Locked{"leased, with 6 bytes": {OK: true, Value: []byte("canary")}, "held by one that has died": {Dead: true},
		"held for another 2s": {Holder: "x", Wait: 2 * time.Second}} {
		text, err := json.Marshal(l)
		if got := fmt.Sprintf("%v|%+v|%#v|%x", l, l, l, l); got != strings.Join([]string{want, want, want, want}, "|") || string(text) != `"`+want+`"` || err != nil {
			t.Errorf("got %s and %s, want %s", got, text, want)
		}
	}
}

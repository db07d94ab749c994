package endpoint

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func TestFlightRunsOnceForAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var f Flight[int]
		var runs atomic.Int32
		fn := func(context.Context) (int, error) {
			time.Sleep(time.Second)
			return int(runs.Add(1)), nil
		}
		for round := 1; round <= 2; round++ {
			var wg sync.WaitGroup
			for range 100 {
				wg.Go(func() {
					if n, err := f.Do(t.Context(), time.Minute, fn); n != round || err != nil {
						t.Errorf("round %d: %d, %v", round, n, err)
					}
				})
			}
			wg.Wait()
			if f.Running() {
				t.Error("still running")
			}
		}
	})
}

func TestFlightOutlivesItsFirstCaller(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		type key struct{}
		var f Flight[any]
		fn := func(ctx context.Context) (any, error) {
			time.Sleep(time.Second)
			return ctx.Value(key{}), ctx.Err()
		}
		first, cancel := context.WithTimeout(context.WithValue(t.Context(), key{}, "first"), time.Millisecond)
		defer cancel()
		go func() {
			time.Sleep(time.Microsecond)
			if v, err := f.Do(t.Context(), time.Minute, fn); v != "first" || err != nil {
				t.Errorf("second caller: %v, %v", v, err)
			}
		}()
		if _, err := f.Do(first, time.Minute, fn); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("first caller: %v", err)
		}
		time.Sleep(time.Minute)
	})
}

func TestFlightEndsAtItsOwnTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var f Flight[int]
		start := time.Now()
		_, err := f.Do(t.Context(), 5*time.Second, func(ctx context.Context) (int, error) {
			<-ctx.Done()
			return 0, ctx.Err()
		})
		if !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != 5*time.Second {
			t.Errorf("%v after %s", err, time.Since(start))
		}
	})
}

func TestFlightIsNotStartedForACallerThatLeft(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var f Flight[int]
	_, err := f.Do(ctx, time.Second, func(context.Context) (int, error) { return 0, nil })
	if !errors.Is(err, context.Canceled) || f.Running() {
		t.Errorf("%v, running %v", err, f.Running())
	}
}

func TestPanicReachesEveryWaiter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var f Flight[int]
		var wg sync.WaitGroup
		var panics atomic.Int32
		for range 10 {
			wg.Go(func() {
				defer func() {
					if p := recover(); strings.HasPrefix(fmt.Sprint(p), "boom") {
						panics.Add(1)
					}
				}()
				f.Do(t.Context(), time.Second, func(context.Context) (int, error) {
					time.Sleep(time.Millisecond)
					panic("boom")
				})
			})
		}
		wg.Wait()
		if panics.Load() != 10 {
			t.Errorf("%d of 10 waiters saw the panic", panics.Load())
		}
		if n, err := f.Do(t.Context(), time.Second, func(context.Context) (int, error) { return 7, nil }); n != 7 || err != nil {
			t.Errorf("after the panic: %d, %v", n, err)
		}
	})
}

func TestGoexitHangsNobody(t *testing.T) {
	var f Flight[int]
	if _, err := f.Do(t.Context(), time.Second, func(context.Context) (int, error) { runtime.Goexit(); return 0, nil }); err == nil {
		t.Error("no error")
	}
}

// TestFlightWhileWanted: a call that waits for somebody ends when nobody waits for it, and not before.
func TestFlightWhileWanted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var f Flight[int]
		var runs, cut atomic.Int32
		fn := func(ctx context.Context) (int, error) {
			n := runs.Add(1)
			select {
			case <-time.After(time.Minute):
				return int(n), nil
			case <-ctx.Done():
				cut.Add(1)
				time.Sleep(time.Minute) // it takes its time
				return 0, ctx.Err()
			}
		}
		for _, patience := range []time.Duration{time.Second, 2 * time.Second} {
			go func() {
				ctx, cancel := context.WithTimeout(t.Context(), patience)
				defer cancel()
				if _, err := f.DoWhileWanted(ctx, time.Hour, fn); !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("got %v", err)
				}
			}()
		}
		time.Sleep(1500 * time.Millisecond)
		if runs.Load() != 1 || cut.Load() != 0 {
			t.Errorf("one of two has gone: %d runs, %d cut", runs.Load(), cut.Load())
		}
		time.Sleep(time.Second)
		if cut.Load() != 1 || f.Running() {
			t.Errorf("both have gone: %d cut, running: %v", cut.Load(), f.Running())
		}
		// Who comes now has a call of its own, while the old one still ends.
		if n, err := f.DoWhileWanted(t.Context(), time.Hour, fn); n != 2 || err != nil {
			t.Errorf("got %d, %v", n, err)
		}
		time.Sleep(time.Hour)
	})
}

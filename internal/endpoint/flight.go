package endpoint

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
	"time"
)

// Flight runs one call for everybody who asks while it runs. The call is
// detached from the callers' contexts (their values are kept, their
// cancellation is not) and has a timeout of its own: a caller may stop waiting
// without harming the others. The zero value is ready to use.
type Flight[T any] struct {
	mu   sync.Mutex
	call *call[T]
}

type call[T any] struct {
	done     chan struct{}
	waiters  int                // guarded by Flight.mu
	leave    context.CancelFunc // for a call that ends with its last waiter; or nil
	value    T
	err      error
	panicked any
}

// errNoReturn is what callers get when fn ended its goroutine instead of returning.
var errNoReturn = errors.New("the shared call ended without returning")

// Do joins the running call, or starts fn with a context that lives for
// timeout, and returns its result. When ctx ends first its error is returned,
// and the call goes on. A panic in fn comes out of Do in each waiting caller;
// when nobody waits any more it is not recovered.
func (f *Flight[T]) Do(ctx context.Context, timeout time.Duration, fn func(context.Context) (T, error)) (T, error) {
	return f.do(ctx, timeout, false, fn)
}

// DoWhileWanted is Do for a call that is of no use once its callers have gone,
// such as one that waits for somebody they show something to: when the last of
// them leaves its context ends, and who comes then starts a new one.
func (f *Flight[T]) DoWhileWanted(ctx context.Context, timeout time.Duration, fn func(context.Context) (T, error)) (T, error) {
	return f.do(ctx, timeout, true, fn)
}

func (f *Flight[T]) do(ctx context.Context, timeout time.Duration, wanted bool, fn func(context.Context) (T, error)) (T, error) {
	var zero T
	if err := ctx.Err(); err != nil {
		return zero, err
	}
	f.mu.Lock()
	c := f.call
	if c == nil {
		c = &call[T]{done: make(chan struct{})}
		f.call = c
		detached, cancel := context.WithTimeout(context.WithoutCancel(ctx), timeout)
		if wanted {
			c.leave = cancel
		}
		go f.run(c, detached, cancel, fn)
	}
	c.waiters++
	f.mu.Unlock()

	select {
	case <-c.done:
	case <-ctx.Done():
		f.mu.Lock()
		select {
		case <-c.done: // it was in time after all, and may have a panic to report
		default:
			if c.waiters--; c.waiters == 0 && c.leave != nil {
				c.leave()
				if f.call == c {
					f.call = nil
				}
			}
			f.mu.Unlock()
			return zero, ctx.Err()
		}
		f.mu.Unlock()
	}
	if c.panicked != nil {
		panic(c.panicked)
	}
	return c.value, c.err
}

// Running reports whether a call is under way.
func (f *Flight[T]) Running() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.call != nil
}

func (f *Flight[T]) run(c *call[T], ctx context.Context, cancel context.CancelFunc, fn func(context.Context) (T, error)) {
	defer cancel()
	c.err = errNoReturn
	defer func() {
		p := recover()
		if p != nil {
			c.panicked = fmt.Sprintf("%v\n\nin the shared call:\n%s", p, debug.Stack())
		}
		f.mu.Lock()
		if f.call == c {
			f.call = nil
		}
		lost := p != nil && c.waiters == 0
		close(c.done)
		f.mu.Unlock()
		if lost {
			panic(c.panicked)
		}
	}()
	c.value, c.err = fn(ctx)
}

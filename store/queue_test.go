package store

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// empty expects that nothing is left in memory for any key.
func (q *queues) empty(t *testing.T) {
	t.Helper()
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.m) > 0 {
		t.Errorf("%d keys are left", len(q.m))
	}
}

func TestQueueIsFair(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var q queues
		leave, err := q.enter(t.Context(), "k")
		if err != nil {
			t.Fatal(err)
		}
		var mu sync.Mutex
		var order []int
		var all sync.WaitGroup
		for i := range 20 {
			ctx := t.Context()
			if i%3 == 1 { // gives up while it waits
				short, cancel := context.WithTimeout(ctx, time.Second)
				defer cancel()
				ctx = short
			}
			all.Go(func() {
				leave, err := q.enter(ctx, "k")
				if err != nil {
					if !errors.Is(err, context.DeadlineExceeded) || i%3 != 1 {
						t.Errorf("%d: %v", i, err)
					}
					return
				}
				mu.Lock()
				order = append(order, i)
				mu.Unlock()
				leave()
			})
			synctest.Wait()
		}
		other, err := q.enter(t.Context(), "another")
		if err != nil {
			t.Fatal(err)
		}
		other()
		time.Sleep(2 * time.Second)
		leave()
		all.Wait()
		for i := 1; i < len(order); i++ {
			if order[i] < order[i-1] || order[i]%3 == 1 {
				t.Fatalf("came in the order %v", order)
			}
		}
		if len(order) != 13 {
			t.Errorf("came: %v", order)
		}
		q.empty(t)
	})
}

func TestQueueNamesTheCause(t *testing.T) {
	boom := errors.New("boom")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(boom)
	var q queues
	if _, err := q.enter(ctx, "k"); err != boom {
		t.Errorf("got %v", err)
	}
	q.empty(t)
}

// TestQueueTurnAndEnd: a turn that comes in the moment in which its owner gives up goes to the next.
func TestQueueTurnAndEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var q queues
		if _, err := q.enter(t.Context(), "k"); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		var all sync.WaitGroup
		for _, ctx := range []context.Context{ctx, t.Context()} {
			all.Go(func() {
				if leave, err := q.enter(ctx, "k"); err == nil {
					leave()
				} else if ctx == t.Context() {
					t.Error(err)
				}
			})
			synctest.Wait()
		}
		q.mu.Lock() // the first one has given up, and cannot say so before it has the turn
		cancel()
		q.pass("k")
		q.mu.Unlock()
		all.Wait()
		q.empty(t)
	})
}

func TestQueueRaces(t *testing.T) {
	var q queues
	var all sync.WaitGroup
	inside := make([]int, 3) // for the race detector
	for i := range 12 {
		all.Go(func() {
			for n := range 300 {
				ctx, cancel := context.WithCancel(t.Context())
				if n%3 == 0 {
					go cancel()
				}
				if leave, err := q.enter(ctx, string(rune('a'+i%3))); err == nil {
					inside[i%3]++
					leave()
				}
				cancel()
			}
		})
	}
	all.Wait()
	q.empty(t)
}

package store

import (
	"context"
	"slices"
	"sync"
)

// queues are one for each key that somebody works on: first come, first served, and who gives up leaves. Without them all callers of a
// process would poll the backend.
type queues struct {
	mu sync.Mutex
	m  map[string][]chan struct{} // those who wait; the key is there while somebody works
}

// enter waits for its turn and returns how to end it.
func (q *queues) enter(ctx context.Context, key string) (leave func(), err error) {
	if err := ctx.Err(); err != nil {
		return nil, context.Cause(ctx)
	}
	q.mu.Lock()
	waiting, busy := q.m[key]
	if !busy {
		if q.m == nil {
			q.m = make(map[string][]chan struct{})
		}
		q.m[key] = nil
		q.mu.Unlock()
		return func() { q.leave(key) }, nil
	}
	turn := make(chan struct{})
	q.m[key] = append(waiting, turn)
	q.mu.Unlock()
	select {
	case <-turn:
		return func() { q.leave(key) }, nil
	case <-ctx.Done():
	}
	q.mu.Lock()
	i := slices.Index(q.m[key], turn)
	if i >= 0 {
		q.m[key] = slices.Delete(q.m[key], i, i+1)
	}
	q.mu.Unlock()
	if i < 0 { // the turn came at the same moment
		q.leave(key)
	}
	return nil, context.Cause(ctx)
}

func (q *queues) leave(key string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.pass(key)
}

// pass gives the turn to who waits longest. q.mu is locked.
func (q *queues) pass(key string) {
	waiting := q.m[key]
	if len(waiting) == 0 {
		delete(q.m, key)
		return
	}
	q.m[key] = waiting[1:]
	close(waiting[0])
}

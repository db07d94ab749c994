package store

import (
	"bytes"
	"container/heap"
	"context"
	"hash/maphash"
	"sync"
	"sync/atomic"
	"time"
)

const shards = 64

// Memory is a store of this process: at most maxItems keys. When it is full of what has not expired, what would add to it fails with
// [ErrFull]: throwing something out would let a used code be used again, or log somebody out. What an Update left behind counts for three
// minutes after it.
func Memory(maxItems int) *Store {
	s := New(NewMemory(maxItems), Options{})
	s.local = true
	return s
}

type memory struct {
	seed  maphash.Seed
	max   int64
	items atomic.Int64
	shard [shards]shard
}

// A shard is a part of the keys, with the order in which they end.
type shard struct {
	mu    sync.Mutex
	items map[string]*item
	ends  ends
}

type item struct {
	record
	key string
	at  int // in ends
	end time.Time
}

// NewMemory is the backend of [Memory], for [Sealed] or other Options.
func NewMemory(maxItems int) Backend {
	m := &memory{seed: maphash.MakeSeed(), max: int64(maxItems)}
	for i := range m.shard {
		m.shard[i].items = make(map[string]*item)
	}
	return m
}

func (m *memory) of(key string) *shard { return &m.shard[maphash.String(m.seed, key)%shards] }

// step runs f on the record of key. What f leaves behind is kept as long as it is needed.
func (m *memory) step(key string, create bool, f func(r *record, now time.Time) error) error {
	s := m.of(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	it, known := s.items[key]
	if known && !now.Before(it.end) {
		m.drop(s, it)
		known = false
	}
	if !known {
		if !create {
			return f(new(record), now)
		}
		if err := m.room(s, now); err != nil {
			return err
		}
		it = &item{key: key}
	}
	err := f(&it.record, now)
	it.end = it.record.end()
	switch {
	case known:
		heap.Fix(&s.ends, it.at)
	case err == nil && now.Before(it.end):
		s.items[key] = it
		heap.Push(&s.ends, it)
		return nil
	default:
		m.items.Add(-1)
	}
	return err
}

// room takes a place for one more, after what has expired has gone: in this shard, and if need be in all others that nobody works on.
func (m *memory) room(s *shard, now time.Time) error {
	m.sweep(s, now)
	if m.take() {
		return nil
	}
	for i := range m.shard {
		if other := &m.shard[i]; other != s && other.mu.TryLock() {
			m.sweep(other, now)
			other.mu.Unlock()
		}
	}
	if m.take() {
		return nil
	}
	return ErrFull
}

// take never goes above the limit, not even for a moment: whoever asked meanwhile would be refused for nothing.
func (m *memory) take() bool {
	for n := m.items.Load(); n < m.max; n = m.items.Load() {
		if m.items.CompareAndSwap(n, n+1) {
			return true
		}
	}
	return false
}

func (m *memory) sweep(s *shard, now time.Time) {
	for len(s.ends) > 0 && !now.Before(s.ends[0].end) {
		m.drop(s, s.ends[0])
	}
}

func (m *memory) drop(s *shard, it *item) {
	heap.Remove(&s.ends, it.at)
	delete(s.items, it.key)
	m.items.Add(-1)
}

func (m *memory) Get(_ context.Context, key string) ([]byte, error) {
	s := m.of(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	it := s.items[key]
	if it == nil {
		return nil, nil
	}
	return bytes.Clone(it.current(time.Now())), nil
}

func (m *memory) Add(_ context.Context, key string, v []byte, ttl time.Duration, tok Token) (added bool, err error) {
	err = m.step(key, true, func(r *record, now time.Time) error { added = r.add(now, clone(v), ttl, tok); return nil })
	return added && err == nil, err
}

func (m *memory) Delete(_ context.Context, key string) error {
	s := m.of(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	if it := s.items[key]; it != nil {
		m.drop(s, it)
	}
	return nil
}

func (m *memory) Lock(_ context.Context, key string, tok, over Token, d time.Duration) (l Locked, err error) {
	err = m.step(key, true, func(r *record, now time.Time) error {
		l, _ = r.lock(now, tok, over, d)
		l.Value = bytes.Clone(l.Value)
		return nil
	})
	return l, err
}

func (m *memory) Renew(_ context.Context, key string, tok Token, d time.Duration) error {
	return m.step(key, false, func(r *record, now time.Time) error { return r.renew(now, tok, d) })
}

func (m *memory) Save(_ context.Context, key string, tok Token, c Change) error {
	if v, ttl, ok := c.Value(); ok {
		c = Put(clone(v), ttl)
	}
	return m.step(key, false, func(r *record, now time.Time) error { _, err := r.save(now, tok, c); return err })
}

// clone copies, and keeps an empty value apart from none.
func clone(v []byte) []byte { return append(make([]byte, 0, len(v)), v...) }

// ends is a heap: what ends first is on top.
type ends []*item

func (e ends) Len() int           { return len(e) }
func (e ends) Less(i, j int) bool { return e[i].end.Before(e[j].end) }
func (e ends) Swap(i, j int)      { e[i], e[j] = e[j], e[i]; e[i].at, e[j].at = i, j }
func (e *ends) Push(x any)        { it := x.(*item); it.at = len(*e); *e = append(*e, it) }
func (e *ends) Pop() any {
	old := *e
	it := old[len(old)-1]
	old[len(old)-1], *e = nil, old[:len(old)-1]
	return it
}

package store

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// sound checks what must hold between any two steps: the heaps are heaps and know their items, and every item is counted.
func (m *memory) sound(t *testing.T) (items int) {
	t.Helper()
	for i := range m.shard {
		s := &m.shard[i]
		s.mu.Lock()
		defer s.mu.Unlock()
		if len(s.items) != len(s.ends) {
			t.Fatalf("%d items, %d ends", len(s.items), len(s.ends))
		}
		for at, it := range s.ends {
			if it.at != at || s.items[it.key] != it {
				t.Fatalf("the item at %d of the heap believes to be at %d", at, it.at)
			}
			if at > 0 && it.end.Before(s.ends[(at-1)/2].end) {
				t.Fatal("the heap is none")
			}
			if !it.end.Equal(it.record.end()) {
				t.Fatal("an item was moved without telling the heap")
			}
		}
		items += len(s.items)
	}
	if n := m.items.Load(); int(n) != items {
		t.Fatalf("%d items, counted %d", items, n)
	}
	return items
}

// plain is what a store is, said as simply as possible: the model that memory is compared with. Nothing is ever forgotten.
type plain map[string]*plainKey

type plainKey struct {
	value        string
	some         bool
	valueEnds    time.Time
	added, saved Token
	holder       Token
	leaseEnds    time.Time
}

func (p plain) at(key string) *plainKey {
	k, known := p[key]
	if !known {
		k = new(plainKey)
		p[key] = k
	}
	if k.some && !time.Now().Before(k.valueEnds) {
		k.some, k.added = false, ""
	}
	return k
}

func (p plain) add(key, v string, ttl time.Duration, tok Token) bool {
	k := p.at(key)
	if k.some {
		return k.added == tok
	}
	if k.holder != "" && time.Now().Before(k.leaseEnds) {
		return false
	}
	*k = plainKey{value: v, some: true, valueEnds: time.Now().Add(ttl), added: tok}
	return true
}

func (p plain) lock(key string, tok, over Token, d time.Duration) Locked {
	k := p.at(key)
	lapsed := !time.Now().Before(k.leaseEnds)
	if k.holder == "" || k.holder == tok || lapsed && k.holder == over {
		k.holder, k.leaseEnds = tok, time.Now().Add(d)
		l := Locked{OK: true}
		if k.some {
			l.Value = []byte(k.value)
		}
		return l
	}
	return Locked{Holder: k.holder, Wait: time.Until(k.leaseEnds)}
}

func (p plain) renew(key string, tok Token, d time.Duration) error {
	k := p.at(key)
	if k.holder != tok {
		return ErrLost
	}
	k.leaseEnds = time.Now().Add(d)
	return nil
}

func (p plain) save(key string, tok Token, c Change) error {
	k := p.at(key)
	switch {
	case k.holder == tok:
	case k.saved == tok:
		return nil
	default:
		return ErrLost
	}
	k.holder, k.saved = "", tok
	if v, ttl, puts := c.Value(); puts {
		k.value, k.some, k.valueEnds, k.added = string(v), true, time.Now().Add(ttl), ""
	} else if c.Removes() {
		k.some, k.added = false, ""
	}
	return nil
}

// TestMemoryModel: random steps on a few keys, each answer compared with the model's.
func TestMemoryModel(t *testing.T) {
	for seed := range uint64(10) {
		synctest.Test(t, func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, 0))
			m, p, ctx := NewMemory(1000).(*memory), plain{}, t.Context()
			toks := []Token{"t0", "t1", "t2", "t3", "t4"}
			for n := range 3000 {
				key := fmt.Sprint("k", r.IntN(8))
				tok, over := toks[r.IntN(len(toks))], append(toks, "")[r.IntN(len(toks)+1)]
				d := time.Duration(1+r.IntN(20)) * time.Second
				v := fmt.Sprint("v", n)
				var step string
				var got, want any
				switch r.IntN(8) {
				case 0:
					step = "Add"
					added, err := m.Add(ctx, key, []byte(v), d, tok)
					got, want = []any{added, err}, []any{p.add(key, v, d, tok), nil}
				case 1:
					step = "Lock"
					l, err := m.Lock(ctx, key, tok, over, d)
					got, want = []any{l, err}, []any{p.lock(key, tok, over, d), nil}
				case 2:
					step = "Renew"
					got, want = m.Renew(ctx, key, tok, d), p.renew(key, tok, d)
				case 3, 4:
					step = "Save"
					c := []Change{Put([]byte(v), d), {}, Remove()}[r.IntN(3)]
					got, want = m.Save(ctx, key, tok, c), p.save(key, tok, c)
				case 5:
					if r.IntN(4) > 0 {
						continue
					}
					step = "Delete"
					got, want = m.Delete(ctx, key), nil
					delete(p, key)
				case 6:
					time.Sleep(time.Duration(r.IntN(5)) * time.Second)
					continue
				case 7:
					step = "Get"
					text, err := m.Get(ctx, key)
					k := p.at(key)
					got, want = []any{string(text), text != nil, err}, []any{map[bool]string{true: k.value}[k.some], k.some, nil}
				}
				if g, w := fmt.Sprintf("%+v", got), fmt.Sprintf("%+v", want); g != w {
					t.Fatalf("seed %d, step %d: %s(%s, %s, over %q, %s): got %s, the model says %s", seed, n, step, key, tok, over, d, g, w)
				}
				m.sound(t)
			}
		})
	}
}

// TestMemoryFull: as many keys as it was told, whatever they hold, and never one more; nothing that has not ended goes.
func TestMemoryFull(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const most = 200
		m, ctx := NewMemory(most).(*memory), t.Context()
		r := rand.New(rand.NewPCG(1, 2))
		alive := map[string]time.Time{}
		full := 0
		for n := range 5_000 {
			key, d := fmt.Sprint("k", n), time.Duration(1+r.IntN(300))*time.Second
			maps.DeleteFunc(alive, func(_ string, end time.Time) bool { return !time.Now().Before(end) })
			added, err := m.Add(ctx, key, nil, d, newToken())
			switch {
			case errors.Is(err, ErrFull):
				if full++; added || len(alive) < most {
					t.Fatalf("full with %d of %d", len(alive), most)
				}
			case err != nil || !added:
				t.Fatal(added, err)
			default:
				alive[key] = time.Now().Add(d)
			}
			if len(alive) > most || n%20 == 0 && m.sound(t) > most {
				t.Fatalf("%d keys", len(alive))
			}
			if n%100 == 0 {
				time.Sleep(time.Duration(r.IntN(20)) * time.Second)
				for key, end := range alive {
					if v, err := m.Get(ctx, key); err != nil || (v != nil) != time.Now().Before(end) {
						t.Fatalf("%s until %s: got %v, %v", key, end, v, err)
					}
				}
			}
		}
		if full == 0 {
			t.Error("it was never full")
		}
	})
}

// TestMemoryLastPlaces: nobody is refused because of others who are refused.
func TestMemoryLastPlaces(t *testing.T) {
	const most, racers = 10, 64
	for range 200 {
		m := NewMemory(most).(*memory)
		var added atomic.Int64
		var all sync.WaitGroup
		for i := range racers {
			all.Go(func() {
				if ok, err := m.Add(t.Context(), fmt.Sprint(i), nil, time.Hour, newToken()); ok {
					added.Add(1)
				} else if !errors.Is(err, ErrFull) {
					t.Error(err)
				}
			})
		}
		all.Wait()
		if n := added.Load(); n != most || m.sound(t) != most {
			t.Fatalf("%d of %d places were taken", n, most)
		}
	}
}

// TestMemoryForgets: what an Update leaves behind goes, so that memory is bounded by what lives.
func TestMemoryForgets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, ctx := NewMemory(10).(*memory), t.Context()
		s := New(m, Options{})
		for _, c := range []Change{{}, Remove(), Put(nil, time.Second)} {
			for i := range 10 {
				if err := s.Update(ctx, fmt.Sprint(i), func(context.Context, *Held) (Change, error) { return c, nil }); err != nil {
					t.Fatal(err)
				}
			}
			if _, err := s.Add(ctx, "more", nil, time.Hour); !errors.Is(err, ErrFull) {
				t.Errorf("%v: expected ErrFull, got %v", c, err)
			}
			time.Sleep(remembered)
			if added, err := s.Add(ctx, "more", nil, time.Second); !added {
				t.Errorf("%v: after %s: %v", c, remembered, err)
			}
			time.Sleep(remembered)
		}
		s.queues.empty(t)
	})
}

// TestMemoryHoldsNoMore: tens of thousands of lives leave nothing behind.
func TestMemoryHoldsNoMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, ctx := NewMemory(1<<30).(*memory), t.Context()
		for i := range 50_000 { // 200 at a time
			if _, err := m.Add(ctx, fmt.Sprint(i), nil, time.Second, newToken()); err != nil {
				t.Fatal(err)
			}
			time.Sleep(5 * time.Millisecond)
		}
		longest := 0
		for i := range m.shard {
			longest = max(longest, cap(m.shard[i].ends))
		}
		if n := m.sound(t); n > 1000 || longest > 100 {
			t.Errorf("%d items, room for %d in a shard", n, longest)
		}
	})
}

func TestMemoryOfNothing(t *testing.T) {
	m := NewMemory(1).(*memory)
	if _, err := m.Add(t.Context(), "k", nil, 0, "a"); err != nil || m.sound(t) != 0 {
		t.Errorf("a value that has ended takes a place; %v", err)
	}
	for _, most := range []int{0, -1} {
		if added, err := Memory(most).Add(t.Context(), "k", nil, time.Hour); added || !errors.Is(err, ErrFull) {
			t.Errorf("room for %d: got %t, %v", most, added, err)
		}
	}
}

func BenchmarkMemory(b *testing.B) {
	ctx, value := context.Background(), slices.Repeat([]byte("v"), 1024)
	b.Run("Get", func(b *testing.B) {
		s := Memory(10)
		if _, err := s.Add(ctx, "k", value, time.Hour); err != nil {
			b.Fatal(err)
		}
		b.ReportAllocs()
		for b.Loop() {
			if _, err := s.Get(ctx, "k"); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("Add", func(b *testing.B) {
		s := Memory(1 << 30)
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			if added, err := s.Add(ctx, fmt.Sprint(i), nil, time.Second); !added {
				b.Fatal(err)
			}
		}
	})
	b.Run("Update", func(b *testing.B) {
		s := Memory(10)
		b.ReportAllocs()
		for b.Loop() {
			if err := s.Update(ctx, "k", func(context.Context, *Held) (Change, error) { return Put(value, time.Hour), nil }); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("GetOfMany", func(b *testing.B) {
		s := Memory(1000)
		keys := make([]string, 1000)
		for i := range keys {
			keys[i] = fmt.Sprint(i)
			if _, err := s.Add(ctx, keys[i], value, time.Hour); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportAllocs()
		b.RunParallel(func(pb *testing.PB) {
			for i := 0; pb.Next(); i++ {
				if _, err := s.Get(ctx, keys[i%len(keys)]); err != nil {
					b.Error(err)
				}
			}
		})
	})
}

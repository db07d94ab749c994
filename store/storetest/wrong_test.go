package storetest

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/openid-client/openid/store"
)

// A wrong backend does one step its own way, on top of one that is right.
type wrong struct {
	store.Backend
	get    func(context.Context, string) ([]byte, error)
	add    func(context.Context, string, []byte, time.Duration, store.Token) (bool, error)
	delete func(context.Context, string) error
	lock   func(context.Context, string, store.Token, store.Token, time.Duration) (store.Locked, error)
	renew  func(context.Context, string, store.Token, time.Duration) error
	save   func(context.Context, string, store.Token, store.Change) error
}

func (w *wrong) Get(ctx context.Context, key string) ([]byte, error) {
	if w.get != nil {
		return w.get(ctx, key)
	}
	return w.Backend.Get(ctx, key)
}

func (w *wrong) Add(ctx context.Context, key string, v []byte, ttl time.Duration, tok store.Token) (bool, error) {
	if w.add != nil {
		return w.add(ctx, key, v, ttl, tok)
	}
	return w.Backend.Add(ctx, key, v, ttl, tok)
}

func (w *wrong) Delete(ctx context.Context, key string) error {
	if w.delete != nil {
		return w.delete(ctx, key)
	}
	return w.Backend.Delete(ctx, key)
}

func (w *wrong) Lock(ctx context.Context, key string, tok, over store.Token, d time.Duration) (store.Locked, error) {
	if w.lock != nil {
		return w.lock(ctx, key, tok, over, d)
	}
	return w.Backend.Lock(ctx, key, tok, over, d)
}

func (w *wrong) Renew(ctx context.Context, key string, tok store.Token, d time.Duration) error {
	if w.renew != nil {
		return w.renew(ctx, key, tok, d)
	}
	return w.Backend.Renew(ctx, key, tok, d)
}

func (w *wrong) Save(ctx context.Context, key string, tok store.Token, c store.Change) error {
	if w.save != nil {
		return w.save(ctx, key, tok, c)
	}
	return w.Backend.Save(ctx, key, tok, c)
}

var wrongs = []struct {
	fault   string
	refused string // by these cases and no others
	spoil   func(b store.Backend, w *wrong)
}{
	{"an empty value is read as none", "step/full step/roundtrip", func(b store.Backend, w *wrong) {
		w.get = func(ctx context.Context, key string) ([]byte, error) {
			v, err := b.Get(ctx, key)
			if len(v) == 0 {
				v = nil
			}
			return v, err
		}
	}},
	{"case makes no difference to keys", "step/keys", func(b store.Backend, w *wrong) {
		w.get = func(ctx context.Context, key string) ([]byte, error) { return b.Get(ctx, strings.ToLower(key)) }
		w.add = func(ctx context.Context, key string, v []byte, ttl time.Duration, tok store.Token) (bool, error) {
			return b.Add(ctx, strings.ToLower(key), v, ttl, tok)
		}
		w.delete = func(ctx context.Context, key string) error { return b.Delete(ctx, strings.ToLower(key)) }
		w.lock = func(ctx context.Context, key string, tok, over store.Token, d time.Duration) (store.Locked, error) {
			return b.Lock(ctx, strings.ToLower(key), tok, over, d)
		}
		w.renew = func(ctx context.Context, key string, tok store.Token, d time.Duration) error {
			return b.Renew(ctx, strings.ToLower(key), tok, d)
		}
		w.save = func(ctx context.Context, key string, tok store.Token, c store.Change) error {
			return b.Save(ctx, strings.ToLower(key), tok, c)
		}
	}},
	{"Add keeps the caller's slice", "step/copies", func(b store.Backend, w *wrong) {
		var mu sync.Mutex
		type pair struct{ was, is []byte }
		kept := map[string]pair{}
		w.add = func(ctx context.Context, key string, v []byte, ttl time.Duration, tok store.Token) (bool, error) {
			mu.Lock()
			defer mu.Unlock()
			kept[key] = pair{bytes.Clone(v), v}
			return b.Add(ctx, key, v, ttl, tok)
		}
		w.get = func(ctx context.Context, key string) ([]byte, error) {
			v, err := b.Get(ctx, key)
			mu.Lock()
			defer mu.Unlock()
			if len(v) > 0 && bytes.Equal(v, kept[key].was) {
				v = bytes.Clone(kept[key].is)
			}
			return v, err
		}
	}},
	{"Get hands out the store's slice", "step/copies", func(b store.Backend, w *wrong) {
		var mu sync.Mutex
		type pair struct{ was, is []byte }
		out := map[string]pair{}
		w.get = func(ctx context.Context, key string) ([]byte, error) {
			v, err := b.Get(ctx, key)
			mu.Lock()
			defer mu.Unlock()
			if !bytes.Equal(v, out[key].was) {
				out[key] = pair{bytes.Clone(v), v}
			}
			if len(v) > 0 {
				v = out[key].is
			}
			return v, err
		}
	}},
	{"Add looks first and adds then", "step/add-leased step/add-once", func(b store.Backend, w *wrong) {
		w.add = func(ctx context.Context, key string, v []byte, ttl time.Duration, tok store.Token) (bool, error) {
			if old, err := b.Get(ctx, key); err != nil || old != nil {
				added, err := b.Add(ctx, key, v, ttl, tok)
				return added, err
			}
			time.Sleep(time.Millisecond)
			_, err := b.Add(ctx, key, v, ttl, tok)
			return err == nil, err
		}
	}},
	{"Add asked again is a replay", "step/add-idempotent", func(b store.Backend, w *wrong) {
		w.add = func(ctx context.Context, key string, v []byte, ttl time.Duration, _ store.Token) (bool, error) {
			return b.Add(ctx, key, v, ttl, token())
		}
	}},
	{"every Add asked again is the winner", "step/add-idempotent step/add-once step/full", func(b store.Backend, w *wrong) {
		w.add = func(ctx context.Context, key string, v []byte, ttl time.Duration, tok store.Token) (bool, error) {
			return b.Add(ctx, key, v, ttl, "always the same")
		}
	}},
	{"Add ends a lease", "step/add-leased", func(b store.Backend, w *wrong) {
		w.add = func(ctx context.Context, key string, v []byte, ttl time.Duration, tok store.Token) (bool, error) {
			added, err := b.Add(ctx, key, v, ttl, tok)
			if old, _ := b.Get(ctx, key); err == nil && !added && old == nil {
				_ = b.Delete(ctx, key)
				return b.Add(ctx, key, v, ttl, tok)
			}
			return added, err
		}
	}},
	{"a value ends late: lifetimes are whole seconds", "step/full step/keep-ttl step/ttl", func(b store.Backend, w *wrong) {
		w.add = func(ctx context.Context, key string, v []byte, ttl time.Duration, tok store.Token) (bool, error) {
			return b.Add(ctx, key, v, (ttl + time.Second - 1).Truncate(time.Second), tok)
		}
	}},
	{"a value ends early", "step/ttl", func(b store.Backend, w *wrong) {
		w.add = func(ctx context.Context, key string, v []byte, ttl time.Duration, tok store.Token) (bool, error) {
			return b.Add(ctx, key, v, ttl-ttl/20, tok)
		}
	}},
	{"a saved value never ends", "step/put-ttl", func(b store.Backend, w *wrong) {
		w.save = func(ctx context.Context, key string, tok store.Token, c store.Change) error {
			if v, _, puts := c.Value(); puts {
				c = store.Put(v, 24*time.Hour)
			}
			return b.Save(ctx, key, tok, c)
		}
	}},
	{"a value left as it is lives on", "step/keep-ttl", func(b store.Backend, w *wrong) {
		w.save = func(ctx context.Context, key string, tok store.Token, c store.Change) error {
			if v, _ := b.Get(ctx, key); c == (store.Change{}) && v != nil {
				c = store.Put(v, long)
			}
			return b.Save(ctx, key, tok, c)
		}
	}},
	{"a value left as it is ends with the lease", "step/keep-ttl", func(b store.Backend, w *wrong) {
		w.save = func(ctx context.Context, key string, tok store.Token, c store.Change) error {
			if v, _ := b.Get(ctx, key); c == (store.Change{}) && v != nil {
				c = store.Put(v, short)
			}
			return b.Save(ctx, key, tok, c)
		}
	}},
	{"Delete leaves the lease", "step/delete-wins", func(b store.Backend, w *wrong) {
		var mu sync.Mutex
		holders := map[string]store.Token{}
		w.lock = func(ctx context.Context, key string, tok, over store.Token, d time.Duration) (store.Locked, error) {
			l, err := b.Lock(ctx, key, tok, over, d)
			if mu.Lock(); l.OK {
				holders[key] = tok
			}
			mu.Unlock()
			return l, err
		}
		w.delete = func(ctx context.Context, key string) error {
			err := b.Delete(ctx, key)
			mu.Lock()
			defer mu.Unlock()
			if tok, is := holders[key]; is {
				_, _ = b.Lock(ctx, key, tok, "", long)
			}
			return err
		}
	}},
	{"Save has no fence", "step/add-leased step/delete-wins step/fence step/lock", func(b store.Backend, w *wrong) {
		w.save = func(ctx context.Context, key string, tok store.Token, c store.Change) error {
			err := b.Save(ctx, key, tok, c)
			if v, ttl, puts := c.Value(); puts && errors.Is(err, store.ErrLost) {
				_ = b.Delete(ctx, key)
				_, err = b.Add(ctx, key, v, ttl, tok)
			}
			return err
		}
	}},
	{"a refused Save is no error", "step/add-leased step/delete-wins step/fence step/lock", func(b store.Backend, w *wrong) {
		w.save = func(ctx context.Context, key string, tok store.Token, c store.Change) error {
			if err := b.Save(ctx, key, tok, c); !errors.Is(err, store.ErrLost) {
				return err
			}
			return nil
		}
	}},
	{"Save asked again is lost", "step/save-idempotent", func(b store.Backend, w *wrong) {
		var mu sync.Mutex
		saved := map[store.Token]bool{}
		w.save = func(ctx context.Context, key string, tok store.Token, c store.Change) error {
			mu.Lock()
			defer mu.Unlock()
			if saved[tok] {
				return store.ErrLost
			}
			err := b.Save(ctx, key, tok, c)
			saved[tok] = err == nil
			return err
		}
	}},
	{"Renew does nothing", "fault/context step/delete-wins step/fence step/lapse step/lock step/renew", func(b store.Backend, w *wrong) {
		w.renew = func(context.Context, string, store.Token, time.Duration) error { return nil }
	}},
	{"Renew forgets how long", "fault/context step/renew", func(b store.Backend, w *wrong) {
		w.renew = func(ctx context.Context, key string, tok store.Token, d time.Duration) error {
			return b.Renew(ctx, key, tok, min(d, short))
		}
	}},
	{"a lapsed lease is over for its holder", "step/late-unopposed", func(b store.Backend, w *wrong) {
		var mu sync.Mutex
		ends := map[store.Token]time.Time{}
		lapsed := func(tok store.Token) bool {
			mu.Lock()
			defer mu.Unlock()
			end, is := ends[tok]
			return is && !time.Now().Before(end)
		}
		lasts := func(tok store.Token, d time.Duration) {
			mu.Lock()
			defer mu.Unlock()
			ends[tok] = time.Now().Add(d)
		}
		w.lock = func(ctx context.Context, key string, tok, over store.Token, d time.Duration) (store.Locked, error) {
			l, err := b.Lock(ctx, key, tok, over, d)
			if l.OK {
				lasts(tok, d)
			}
			return l, err
		}
		w.renew = func(ctx context.Context, key string, tok store.Token, d time.Duration) error {
			if lapsed(tok) {
				return store.ErrLost
			}
			err := b.Renew(ctx, key, tok, d)
			if err == nil {
				lasts(tok, d)
			}
			return err
		}
		w.save = func(ctx context.Context, key string, tok store.Token, c store.Change) error {
			if lapsed(tok) {
				return store.ErrLost
			}
			return b.Save(ctx, key, tok, c)
		}
	}},
	{"a lapsed lease goes to anybody", "step/lapse", func(b store.Backend, w *wrong) {
		w.lock = func(ctx context.Context, key string, tok, over store.Token, d time.Duration) (store.Locked, error) {
			l, err := b.Lock(ctx, key, tok, over, d)
			if err == nil && !l.OK && l.Wait <= 0 {
				return b.Lock(ctx, key, tok, l.Holder, d)
			}
			return l, err
		}
	}},
	{"a live lease goes to who names its holder", "step/lapse step/renew", func(b store.Backend, w *wrong) {
		w.lock = func(ctx context.Context, key string, tok, over store.Token, d time.Duration) (store.Locked, error) {
			l, err := b.Lock(ctx, key, tok, over, d)
			if err == nil && !l.OK && l.Holder == over {
				_ = b.Renew(ctx, key, over, time.Nanosecond)
				time.Sleep(time.Microsecond)
				return b.Lock(ctx, key, tok, over, d)
			}
			return l, err
		}
	}},
	{"a lease keeps nobody out", "fault/context step/fence step/lock step/lock-once step/save-idempotent", func(b store.Backend, w *wrong) {
		w.lock = func(ctx context.Context, key string, tok, over store.Token, d time.Duration) (store.Locked, error) {
			l, err := b.Lock(ctx, key, tok, over, d)
			if err == nil && !l.OK && l.Wait > 0 && over == "" {
				_ = b.Save(ctx, key, l.Holder, store.Change{})
				return b.Lock(ctx, key, tok, "", d)
			}
			return l, err
		}
	}},
	{"a lease never lapses", "step/fence step/lapse step/renew", func(b store.Backend, w *wrong) {
		w.lock = func(ctx context.Context, key string, tok, over store.Token, d time.Duration) (store.Locked, error) {
			l, err := b.Lock(ctx, key, tok, "", d)
			l.Wait = max(l.Wait, time.Second)
			return l, err
		}
	}},
	{"Lock asked again is refused", "step/lock", func(b store.Backend, w *wrong) {
		w.lock = func(ctx context.Context, key string, tok, over store.Token, d time.Duration) (store.Locked, error) {
			if err := b.Renew(ctx, key, tok, d); err == nil {
				return store.Locked{Holder: tok, Wait: d}, nil
			}
			return b.Lock(ctx, key, tok, over, d)
		}
	}},
	{"Lock hands over an old value", "step/lock-fresh", func(b store.Backend, w *wrong) {
		var mu sync.Mutex
		first := map[string][]byte{}
		w.lock = func(ctx context.Context, key string, tok, over store.Token, d time.Duration) (store.Locked, error) {
			l, err := b.Lock(ctx, key, tok, over, d)
			mu.Lock()
			defer mu.Unlock()
			if v, is := first[key]; is && l.OK {
				l.Value = v
			} else if l.OK {
				first[key] = l.Value
			}
			return l, err
		}
	}},
	{"a lease is an empty value", "step/lock-absent", func(b store.Backend, w *wrong) {
		w.lock = func(ctx context.Context, key string, tok, over store.Token, d time.Duration) (store.Locked, error) {
			_, _ = b.Add(ctx, key, nil, long, token())
			return b.Lock(ctx, key, tok, over, d)
		}
	}},
	{"an ended context is an answer", "fault/context", func(b store.Backend, w *wrong) {
		w.get = func(ctx context.Context, key string) ([]byte, error) {
			if ctx.Err() != nil {
				return nil, nil
			}
			return b.Get(ctx, key)
		}
	}},
	{"an ended context is a replay", "fault/context", func(b store.Backend, w *wrong) {
		w.add = func(ctx context.Context, key string, v []byte, ttl time.Duration, tok store.Token) (bool, error) {
			if ctx.Err() != nil {
				return false, nil
			}
			return b.Add(ctx, key, v, ttl, tok)
		}
	}},
	{"an ended context saves nothing and says nothing", "fault/context", func(b store.Backend, w *wrong) {
		w.save = func(ctx context.Context, key string, tok store.Token, c store.Change) error {
			if ctx.Err() != nil {
				return nil
			}
			return b.Save(ctx, key, tok, c)
		}
	}},
	{"full, it throws something out", "step/full", func(b store.Backend, w *wrong) {
		var mu sync.Mutex
		var keys []string
		w.add = func(ctx context.Context, key string, v []byte, ttl time.Duration, tok store.Token) (bool, error) {
			added, err := b.Add(ctx, key, v, ttl, tok)
			mu.Lock()
			defer mu.Unlock()
			if errors.Is(err, store.ErrFull) {
				_ = b.Delete(ctx, keys[0])
				keys = keys[1:]
				added, err = b.Add(ctx, key, v, ttl, tok)
			}
			keys = append(keys, key)
			return added, err
		}
	}},
	{"full, it says that it was a replay", "step/full", func(b store.Backend, w *wrong) {
		w.add = func(ctx context.Context, key string, v []byte, ttl time.Duration, tok store.Token) (bool, error) {
			added, err := b.Add(ctx, key, v, ttl, tok)
			if errors.Is(err, store.ErrFull) {
				return false, nil
			}
			return added, err
		}
	}},
}

// TestWrongBackends: each wrong backend is refused, by the cases that are about its fault and by no others.
func TestWrongBackends(t *testing.T) {
	for _, w := range wrongs {
		t.Run(w.fault, func(t *testing.T) {
			broken := func(b store.Backend) store.Backend {
				out := &wrong{Backend: b}
				w.spoil(b, out)
				return out
			}
			got := refusals(t, broken, store.NewMemory)
			if want := strings.Fields(w.refused); !slices.Equal(got, want) {
				t.Errorf("refused by %q, want %q", got, want)
			}
		})
	}
	t.Run("it grows without a limit", func(t *testing.T) {
		boundless := func(int) store.Backend { return store.NewMemory(1e6) }
		if got := refusals(t, func(b store.Backend) store.Backend { return b }, boundless); !slices.Equal(got, []string{"step/full"}) {
			t.Errorf("refused by %q, want step/full", got)
		}
	})
}

// refusals are the cases about single steps that find a fault.
func refusals(t *testing.T, broken func(store.Backend) store.Backend, memory func(int) store.Backend) (names []string) {
	o := Options{Bubble: true, Bounded: func(_ *testing.T, keys int) store.Backend { return broken(memory(keys)) }}
	for _, group := range groups {
		for _, c := range group.cases {
			if name := group.name + "/" + c.name; group.name == "step" || name == "fault/context" {
				synctest.Test(t, func(t *testing.T) {
					if faults := c.faults(t, broken(memory(10_000)), o); len(faults) > 0 {
						names = append(names, name)
						t.Log(name, faults)
					}
				})
			}
		}
	}
	slices.Sort(names)
	return names
}

// TestComplaint: whoever fails a case reads what it is for.
func TestComplaint(t *testing.T) {
	for _, group := range groups {
		for _, c := range group.cases {
			if text := c.complaint([]string{"expected this", "got that"}); text != "expected this\ngot that\nThe guarantee: "+c.guarantee || len(c.guarantee) < 40 {
				t.Errorf("%s/%s: %s", group.name, c.name, text)
			}
		}
	}
}

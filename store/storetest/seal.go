package storetest

import (
	"bytes"
	"context"
	"errors"
	"strings"

	"github.com/openid-client/openid/store"
)

var sealCases = []testCase{
	{"hidden", "Through store.Sealed every step works, and the backend sees nothing of the value: whoever reads a dump or a disk gets no tokens.", nothing, sealHides},
	{"moved", "A value that was moved to another key does not open: or whoever can write to the store gives one user another's session.", nothing, sealMoved},
	{"damaged", "A value that was changed or cut off anywhere does not open, and the lease that was asked for is given back.", nothing, sealDamaged},
	{"unknown-key", "What another key has sealed is ErrUnreadable, never a value and never none: or a lost key looks like everybody's logout.", nothing, sealUnknownKey},
	{"rotation", "The first key seals and all open: keys are changed without logging anybody out.", nothing, sealRotation},
}

// sealed is the same data behind keys, each of which is one byte repeated.
func (r *trial) sealed(keys ...byte) *trial {
	var all [][]byte
	for _, k := range keys {
		all = append(all, bytes.Repeat([]byte{k}, 32))
	}
	b, err := store.Sealed(r.b, all...)
	r.must("Sealed", err)
	other := *r
	other.b = b
	return &other
}

func (r *trial) unreadable(key string) {
	if v, err := r.b.Get(r.ctx, key); !errors.Is(err, store.ErrUnreadable) || v != nil {
		r.fatal("Get: expected ErrUnreadable, got %s, %v", show(v), err)
	}
	if l, err := r.b.Lock(r.ctx, key, token(), "", long); !errors.Is(err, store.ErrUnreadable) || l.OK || l.Value != nil {
		r.fatal("Lock: expected ErrUnreadable, got %t, %s, %v", l.OK, show(l.Value), err)
	}
	err := r.store().Update(r.ctx, key, func(context.Context, *store.Held) (store.Change, error) {
		return store.Change{}, errors.New("the function was called")
	})
	if !errors.Is(err, store.ErrUnreadable) {
		r.fatal("Update: expected ErrUnreadable, got %v", err)
	}
}

func sealHides(r *trial) {
	const secret = "a refresh token that nobody else may see"
	s := r.sealed(1)
	hidden := func(v []byte, err error) {
		if err != nil || v == nil || bytes.Contains(v, []byte(secret[:8])) {
			r.fatal("the backend holds %s, %v", show(v), err)
		}
	}
	for i, v := range []string{secret, "", strings.Repeat(secret, 1000)} {
		r.key = strings.Repeat(".", i) + r.key
		s.key = r.key
		s.added(v, long)
		s.holds(v)
		hidden(r.b.Get(r.ctx, r.key))
		tok := token()
		if l := s.locked(tok, "", long); l.Value == nil || string(l.Value) != v {
			r.fatal("Lock: expected the value, got %s", show(l.Value))
		}
		for range 2 {
			s.saved(tok, put(v+secret))
		}
		s.holds(v + secret)
		hidden(r.b.Get(r.ctx, r.key))
		tok = token()
		s.locked(tok, "", long)
		s.saved(tok, store.Change{})
		s.holds(v + secret)
		tok = token()
		s.locked(tok, "", long)
		s.saved(tok, store.Remove())
		s.holdsNothing()
		if l := s.locked(token(), "", long); l.Value != nil {
			r.fatal("Lock of nothing: got the value %s", show(l.Value))
		}
	}
}

func sealMoved(r *trial) {
	s := r.sealed(1)
	s.added("alice", long)
	v, err := r.b.Get(r.ctx, r.key)
	r.must("Get", err)
	r.key += "bob"
	r.added(string(v), long)
	s.unreadable(r.key)
}

func sealDamaged(r *trial) {
	s := r.sealed(1)
	s.added("value", long)
	v, err := r.b.Get(r.ctx, r.key)
	r.must("Get", err)
	damaged := func(what string, v []byte) {
		r.must("Delete", r.b.Delete(r.ctx, r.key))
		r.added(string(v), long)
		if v, err := s.b.Get(r.ctx, r.key); err == nil {
			r.fatal("%s: Get got %s", what, show(v))
		}
		s.unreadable(r.key)
		r.locked(token(), "", long) // nobody was left with a lease
	}
	every := 5 // bytes, so that each part of the value has its turn
	if r.o.Bubble {
		every = 1
	}
	for i := 0; i < len(v); i += every {
		other := bytes.Clone(v)
		other[i] ^= 1
		damaged("one bit changed", other)
		damaged("cut off", v[:i])
	}
	damaged("something appended", append(bytes.Clone(v), 0))
}

func sealUnknownKey(r *trial) {
	r.sealed(1).added("value", long)
	r.sealed(2).unreadable(r.key)
	r.sealed(1).holds("value")
	r.must("Delete", r.b.Delete(r.ctx, r.key))
	r.added("never sealed", long)
	r.sealed(1).unreadable(r.key)
}

func sealRotation(r *trial) {
	r.sealed(1).added("value", long)
	both := r.sealed(2, 1)
	both.holds("value")
	tok := token()
	both.locked(tok, "", long)
	both.saved(tok, put("new"))
	r.sealed(2).holds("new")
	r.sealed(1).unreadable(r.key)
}

package store

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"time"
)

func sealKeyOf(b byte) []byte { return bytes.Repeat([]byte{b}, 32) }

func TestSealedKeys(t *testing.T) {
	b := NewMemory(10)
	for name, open := range map[string]func() (Backend, error){
		"no backend": func() (Backend, error) { return Sealed(nil, sealKeyOf(1)) },
		"a key of at least 32 random bytes, got none": func() (Backend, error) { return Sealed(b) },
		"key 0: expected at least 32":                 func() (Backend, error) { return Sealed(b, sealKeyOf(1)[:31]) },
		"key 1: expected at least 32":                 func() (Backend, error) { return Sealed(b, sealKeyOf(1), nil) },
	} {
		if s, err := open(); s != nil || err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v, %v", name, s, err)
		}
	}
	if _, err := Sealed(b, bytes.Repeat([]byte("k"), 100)); err != nil {
		t.Error(err)
	}
}

// TestSealedFormat: version, key id, and a nonce that is never the same; nothing of it fits another key or another store key.
func TestSealedFormat(t *testing.T) {
	b := NewMemory(10)
	one, err := Sealed(b, sealKeyOf(1))
	if err != nil {
		t.Fatal(err)
	}
	s := one.(*sealed)
	seen := map[string]bool{}
	for range 1000 {
		v := s.seal("k", []byte("value"))
		if v[0] != 1 || !bytes.Equal(v[1:5], s.keys[0].id[:]) || len(v) != 5+12+5+16 || seen[string(v[5:17])] {
			t.Fatalf("sealed: %x", v)
		}
		seen[string(v[5:17])] = true
	}
	for _, v := range [][]byte{nil, {}} {
		if got, err := s.open("k", s.seal("k", v)); got == nil || len(got) > 0 || err != nil {
			t.Errorf("empty: %v, %v", got, err)
		}
	}
	if got, err := s.open("k", nil); got != nil || err != nil {
		t.Errorf("none: %v, %v", got, err)
	}
	if got, err := s.open("k", []byte{}); got != nil || !errors.Is(err, ErrUnreadable) {
		t.Errorf("an empty value that nobody sealed: %v, %v", got, err)
	}
}

// TestSealedSameID: keys whose ids are the same by chance are both tried.
func TestSealedSameID(t *testing.T) {
	b, err := Sealed(NewMemory(10), sealKeyOf(1), sealKeyOf(2))
	if err != nil {
		t.Fatal(err)
	}
	s := b.(*sealed)
	s.keys[1].id = s.keys[0].id
	second := &sealed{keys: s.keys[1:]}
	if v, err := s.open("k", second.seal("k", []byte("v"))); string(v) != "v" {
		t.Errorf("got %q, %v", v, err)
	}
}

// TestSealedLockFree: an unreadable value under Update calls no function and leaves no lease, also when the caller has no time left.
func TestSealedLockFree(t *testing.T) {
	inBubble(t, func(t *testing.T, w *watched, _ *Store) {
		b, err := Sealed(w, sealKeyOf(1))
		if err != nil {
			t.Fatal(err)
		}
		if added, err := w.Add(t.Context(), "k", []byte("never sealed"), time.Hour, "a"); !added {
			t.Fatal(err)
		}
		s := New(b, Options{})
		w.set(downFor("Save"))
		time.AfterFunc(5*time.Millisecond, func() { w.set(up) })
		err = s.Update(t.Context(), "k", func(context.Context, *Held) (Change, error) { t.Error("called"); return Change{}, nil })
		if !errors.Is(err, ErrUnreadable) {
			t.Error(err)
		}
		if err := s.Close(t.Context()); err != nil {
			t.Error(err)
		}
		if l, err := w.Lock(t.Context(), "k", "next", "", time.Hour); !l.OK || string(l.Value) != "never sealed" {
			t.Errorf("%+v, %v", l, err)
		}
	})
}

//go:build darwin || dragonfly || freebsd || illumos || linux || netbsd || openbsd

package store

import (
	"context"
	"fmt"
	"testing"
	"time"
)

func benchmarkFile(b *testing.B) *Store {
	s, err := File(b.TempDir()+"/store", make([]byte, 32))
	if err != nil {
		b.Fatal(err)
	}
	return s
}

func BenchmarkFileGet(b *testing.B) {
	s := benchmarkFile(b)
	if _, err := s.Add(b.Context(), "k", make([]byte, 1024), time.Hour); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if v, err := s.Get(b.Context(), "k"); len(v) != 1024 || err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkFileAdd(b *testing.B) {
	s := benchmarkFile(b)
	for i := 0; b.Loop(); i++ {
		if added, err := s.Add(b.Context(), fmt.Sprint(i), []byte{}, time.Hour); !added || err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkFileDelete(b *testing.B) {
	s := benchmarkFile(b)
	for b.Loop() {
		if err := s.Delete(b.Context(), "k"); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkFileUpdate(b *testing.B) {
	s := benchmarkFile(b)
	v := make([]byte, 1024)
	for b.Loop() {
		if err := s.Update(b.Context(), "k", func(context.Context, *Held) (Change, error) { return Put(v, time.Hour), nil }); err != nil {
			b.Fatal(err)
		}
	}
}

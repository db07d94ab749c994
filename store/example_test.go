package store_test

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/openid-client/openid/store"
)

func ExampleStore_Add() {
	s := store.Memory(10_000)
	for range 2 { // the second one is a replay
		fresh, err := s.Add(context.Background(), "jti:4711", nil, 10*time.Minute)
		fmt.Println(fresh, err)
	}
	// Output:
	// true <nil>
	// false <nil>
}

func ExampleStore_Get() {
	ctx, s := context.Background(), store.Memory(10_000)
	if _, err := s.Add(ctx, "session:1", []byte("alice"), time.Hour); err != nil {
		fmt.Println(err)
	}
	for _, key := range []string{"session:1", "session:2"} {
		v, err := s.Get(ctx, key)
		fmt.Printf("%q %t %v\n", v, v == nil, err)
	}
	// Output:
	// "alice" false <nil>
	// "" true <nil>
}

func ExampleStore_Update() {
	ctx, s := context.Background(), store.Memory(10_000)
	for range 3 {
		err := s.Update(ctx, "tokens:alice", func(_ context.Context, h *store.Held) (store.Change, error) {
			if h.TakenOver {
				fmt.Println("the token may have been sent already")
			}
			if err := h.Check(); err != nil { // right before the request that cannot be taken back
				return store.Change{}, err
			}
			return store.Put(append(h.Value, '+'), time.Hour), nil
		})
		if err != nil {
			fmt.Println(err)
		}
	}
	v, err := s.Get(ctx, "tokens:alice")
	fmt.Printf("%s %v\n", v, err)
	// Output: +++ <nil>
}

func ExampleSealed() {
	key := []byte(strings.Repeat("k", 32)) // 32 random bytes from where secrets are kept
	b, err := store.Sealed(store.NewMemory(10_000), key)
	if err != nil {
		fmt.Println(err)
		return
	}
	s := store.New(b, store.Options{})
	added, err := s.Add(context.Background(), "session:1", []byte("alice"), time.Hour)
	fmt.Println(added, err)
	// Output: true <nil>
}

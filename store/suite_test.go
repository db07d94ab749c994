package store_test

import (
	"bytes"
	"testing"

	"github.com/openid-client/openid/store"
	"github.com/openid-client/openid/store/storetest"
)

func TestMemory(t *testing.T) {
	bounded := func(_ *testing.T, keys int) store.Backend { return store.NewMemory(keys) }
	storetest.Run(t, func(t *testing.T) store.Backend { return bounded(t, 10_000) }, storetest.Options{Bubble: true, Bounded: bounded})
}

func TestSealed(t *testing.T) {
	bounded := func(t *testing.T, keys int) store.Backend {
		b, err := store.Sealed(store.NewMemory(keys), bytes.Repeat([]byte{1}, 32))
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	storetest.Run(t, func(t *testing.T) store.Backend { return bounded(t, 10_000) }, storetest.Options{Bubble: true, Bounded: bounded})
}

package storetest

import (
	"testing"

	"github.com/openid-client/openid/store"
)

func TestMemory(t *testing.T) {
	open := func(*testing.T) store.Backend { return store.NewMemory(10_000) }
	bounded := func(_ *testing.T, keys int) store.Backend { return store.NewMemory(keys) }
	t.Run("bubble", func(t *testing.T) { Run(t, open, Options{Bubble: true, Bounded: bounded}) })
	t.Run("real", func(t *testing.T) { Run(t, open, Options{Bounded: bounded}) })
}

package storetest

import (
	"testing"

	"github.com/openid-client/openid/store"
)

func TestMemory(t *testing.T) {
	Run(t, func(*testing.T) store.Backend { return store.NewMemory(10_000) },
		Options{Bubble: true, Bounded: func(_ *testing.T, keys int) store.Backend { return store.NewMemory(keys) }})
}

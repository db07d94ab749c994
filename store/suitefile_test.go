//go:build darwin || dragonfly || freebsd || illumos || linux || netbsd || openbsd

package store_test

import (
	"bytes"
	"os"
	"testing"

	"github.com/openid-client/openid/store"
	"github.com/openid-client/openid/store/storetest"
)

func TestMain(m *testing.M) {
	storetest.Child(func(dir string) (store.Backend, error) {
		return store.Sealed(store.NewFile(dir), bytes.Repeat([]byte{1}, 32))
	})
	os.Exit(m.Run())
}

// TestFile proves the file store, with processes that are killed and stopped.
func TestFile(t *testing.T) {
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	open := func(t *testing.T) store.Backend {
		b, err := store.Sealed(store.NewFile(dir), bytes.Repeat([]byte{1}, 32))
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	storetest.Run(t, open, storetest.Options{DSN: dir})
}

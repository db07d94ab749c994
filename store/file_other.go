//go:build !(darwin || dragonfly || freebsd || illumos || linux || netbsd || openbsd)

package store

import (
	"context"
	"fmt"
	"runtime"
	"time"
)

func fileSupported() error {
	return fmt.Errorf("store: File needs flock, which %s does not have: use Memory, or a Backend on a database", runtime.GOOS)
}

type file struct{}

func newFile(string) Backend { return file{} }

func (file) Get(context.Context, string) ([]byte, error) { return nil, fileSupported() }

func (file) Add(context.Context, string, []byte, time.Duration, Token) (bool, error) {
	return false, fileSupported()
}

func (file) Delete(context.Context, string) error { return fileSupported() }

func (file) Lock(context.Context, string, Token, Token, time.Duration) (Locked, error) {
	return Locked{}, fileSupported()
}

func (file) Renew(context.Context, string, Token, time.Duration) error { return fileSupported() }

func (file) Save(context.Context, string, Token, Change) error { return fileSupported() }

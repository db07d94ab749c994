//go:build darwin || dragonfly || freebsd || illumos || linux || netbsd || openbsd

package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// lock waits for the slot among the goroutines of this process, then among processes. It polls, because a flock that blocks knows no context.
func (f *file) lock(ctx context.Context, slot int) (unlock func(), err error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	select {
	case f.turns[slot] <- struct{}{}:
	case <-ctx.Done():
		return nil, fmt.Errorf("waiting for %s: %w", f.slotDir(slot), ctx.Err())
	}
	file, err := f.openLock(slot)
	if err != nil {
		<-f.turns[slot]
		return nil, err
	}
	for wait := 50 * time.Microsecond; ; wait = min(2*wait, 5*time.Millisecond) {
		locked, err := flock(file, syscall.LOCK_EX)
		if locked {
			return func() { f.unlock(slot, file) }, nil
		}
		if err == nil && pause(ctx, wait) != nil {
			err = fmt.Errorf("another process keeps %s locked: %w", file.Name(), ctx.Err())
		}
		if err != nil {
			f.unlock(slot, file)
			return nil, err
		}
	}
}

func (f *file) unlock(slot int, file *os.File) {
	_ = syscall.Flock(int(file.Fd()), syscall.LOCK_UN) // to close it is not enough while a fork has not come to its exec
	_ = file.Close()
	<-f.turns[slot]
}

// tryLock takes a slot's lock if nobody works there; otherwise nil.
func (f *file) tryLock(slot int) (unlock func()) {
	select {
	case f.turns[slot] <- struct{}{}:
	default:
		return nil
	}
	file, err := f.openLock(slot)
	if err != nil {
		<-f.turns[slot]
		return nil
	}
	if locked, _ := flock(file, syscall.LOCK_EX); !locked {
		f.unlock(slot, file)
		return nil
	}
	return func() { f.unlock(slot, file) }
}

// openLock makes what is missing on the way.
func (f *file) openLock(slot int) (*os.File, error) {
	err := f.check()
	if errors.Is(err, fs.ErrNotExist) {
		if err = makeDir(f.dir); err == nil {
			err = f.check()
		}
	}
	if err != nil {
		return nil, err
	}
	path := filepath.Join(f.slotDir(slot), lockName)
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if errors.Is(err, fs.ErrNotExist) {
		if err = makeDir(f.slotDir(slot)); err == nil {
			file, err = os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
		}
	}
	return file, err
}

// flock tries once.
func flock(file *os.File, how int) (locked bool, err error) {
	err = syscall.Flock(int(file.Fd()), how|syscall.LOCK_NB)
	switch err {
	case nil:
		return true, nil
	case syscall.EWOULDBLOCK, syscall.EINTR:
		return false, nil
	}
	return false, &fs.PathError{Op: "flock", Path: file.Name(), Err: err}
}

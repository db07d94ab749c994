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
)

// lock waits for the slot among the goroutines of this process, then among processes. The kernel is asked to wait: who asks again and again
// misses the moments in which a busy slot is free. That call knows no context, so when ctx ends it goes on alone, and keeps the turn meanwhile:
// there is never more than one for a slot.
func (f *file) lock(ctx context.Context, slot int) (unlock func(), err error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	select {
	case f.turns[slot] <- struct{}{}:
	case <-ctx.Done():
		return nil, keptBusy(ctx, f.slotDir(slot))
	}
	file, err := f.openLock(slot)
	if err != nil {
		<-f.turns[slot]
		return nil, err
	}
	release := func() { f.unlock(slot, file) } // not the result: that is nil once this returns without the lock
	locked, err := flock(file, syscall.LOCK_EX|syscall.LOCK_NB)
	if !locked && err == nil {
		granted := make(chan error)
		go func() {
			_, err := flock(file, syscall.LOCK_EX)
			select {
			case granted <- err:
			case <-ctx.Done():
				release()
			}
		}()
		select {
		case err = <-granted:
		case <-ctx.Done():
			return nil, keptBusy(ctx, f.slotDir(slot))
		}
	}
	if err != nil {
		release()
		return nil, err
	}
	return release, nil
}

func keptBusy(ctx context.Context, path string) error {
	return fmt.Errorf("others keep %s locked: %w", path, ctx.Err())
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
	if locked, _ := flock(file, syscall.LOCK_EX|syscall.LOCK_NB); !locked {
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

// flock reports false when how has LOCK_NB and another has the lock.
func flock(file *os.File, how int) (locked bool, err error) {
	for {
		switch err := syscall.Flock(int(file.Fd()), how); err {
		case nil:
			return true, nil
		case syscall.EINTR:
		case syscall.EWOULDBLOCK:
			return false, nil
		default:
			return false, &fs.PathError{Op: "flock", Path: file.Name(), Err: err}
		}
	}
}

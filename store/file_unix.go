//go:build darwin || dragonfly || freebsd || illumos || linux || netbsd || openbsd

package store

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	mathrand "math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

const (
	slots    = 64
	lockName = "lock"
	tempName = "temp"
)

func fileSupported() error { return nil }

// A file backend is a directory:
//
//	slots/3f/lock    flocked while a record of the slot is read and written, never longer
//	slots/3f/temp    the record being written
//	slots/3f/<name>  a record, named by the SHA-256 of its key in hex: not every file system tells "A" from "a"
//	holders/<name>   flocked by a process for as long as it lives
type file struct {
	dir    string
	now    func() moment
	turns  [slots]chan struct{} // one step of this process at a time, so that only processes compete for a flock
	live   presence
	sweep  sweep
	writes atomic.Uint32
}

func newFile(dir string) Backend {
	boot := sync.OnceValue(bootID)
	f := &file{dir: dir, live: presence{dir: filepath.Join(dir, "holders"), name: rand.Text()}}
	f.now = func() moment {
		now := moment{wall: time.Now().Round(0)}
		if since, ok := sinceBoot(); ok {
			now.boot, now.since = boot(), since
		}
		return now
	}
	f.writes.Store(mathrand.Uint32()) // many short-lived processes shall sweep as often as one
	for i := range f.turns {
		f.turns[i] = make(chan struct{}, 1)
	}
	return f
}

// A place is where the record of a key lies.
type place struct {
	key  string
	slot int
	path string
}

func (f *file) place(key string) place {
	sum := sha256.Sum256([]byte(key))
	slot := int(sum[0]) % slots
	return place{key, slot, filepath.Join(f.slotDir(slot), hex.EncodeToString(sum[:]))}
}

func (f *file) slotDir(slot int) string {
	return filepath.Join(f.dir, "slots", fmt.Sprintf("%02x", slot))
}

func (f *file) Get(ctx context.Context, key string) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if err := f.check(); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil, nil
		}
		return nil, explained(err)
	}
	now := f.now()
	e, err := read(f.place(key), now) // records are replaced as a whole: nothing to lock
	if err != nil {
		return nil, explained(err)
	}
	return e.current(now.wall), nil
}

// Add, and Save below, write again what they find written: the answer that was lost may have been an error of the disk.
func (f *file) Add(ctx context.Context, key string, v []byte, ttl time.Duration, tok Token) (added bool, err error) {
	err = f.step(ctx, key, func(e *entry, now moment) (bool, error) {
		if e.leased(now.wall) && f.live.dead(e.process) {
			e.until = now.wall
		}
		added = e.add(now.wall, clone(v), ttl, tok)
		return added, nil
	})
	return added && err == nil, err
}

// Delete does not look at what it removes: it is the way out when a record cannot be read.
func (f *file) Delete(ctx context.Context, key string) error {
	p := f.place(key)
	unlock, err := f.lock(ctx, p.slot)
	if err != nil {
		return explained(err)
	}
	defer unlock()
	return explained(f.remove(p))
}

func (f *file) Lock(ctx context.Context, key string, tok, over Token, d time.Duration) (l Locked, err error) {
	lock := func(e *entry, now moment) (ok bool) {
		dead := e.holder != "" && e.holder != tok && f.live.dead(e.process)
		if dead && e.leased(now.wall) {
			e.until = now.wall
		}
		l, ok = e.lock(now.wall, tok, over, d)
		l.Dead = dead && !ok
		return ok
	}
	now := f.now()
	if err := ctx.Err(); err != nil {
		return Locked{}, err
	}
	if err := f.check(); err == nil { // those who wait only read
		if e, err := read(f.place(key), now); err == nil && !lock(&e, now) {
			return l, nil
		}
	}
	err = f.step(ctx, key, func(e *entry, now moment) (ok bool, err error) {
		if !lock(e, now) {
			return false, nil
		}
		e.process, err = f.live.show()
		return true, err
	})
	if err != nil {
		return Locked{}, err
	}
	return l, nil
}

func (f *file) Renew(ctx context.Context, key string, tok Token, d time.Duration) error {
	return f.step(ctx, key, func(e *entry, now moment) (bool, error) { return true, e.renew(now.wall, tok, d) })
}

func (f *file) Save(ctx context.Context, key string, tok Token, c Change) error {
	return f.step(ctx, key, func(e *entry, now moment) (bool, error) {
		_, err := e.save(now.wall, tok, c)
		return true, err
	})
}

// step lets do work on the record of key, alone among all processes, and writes it if do says so.
func (f *file) step(ctx context.Context, key string, do func(*entry, moment) (write bool, err error)) error {
	p := f.place(key)
	unlock, err := f.lock(ctx, p.slot)
	if err != nil {
		return explained(err)
	}
	wrote, err := f.work(p, do)
	unlock()
	err = explained(err)
	if errors.Is(err, ErrFull) || wrote && f.writes.Add(1)%sweepEvery == 0 {
		f.sweepSome()
	}
	return err
}

func (f *file) work(p place, do func(*entry, moment) (bool, error)) (wrote bool, err error) {
	now := f.now()
	e, err := read(p, now)
	if err != nil {
		return false, err
	}
	write, err := do(&e, now)
	if err != nil || !write {
		return false, err
	}
	e.stamp(now)
	return true, f.write(p, e.encode())
}

// read returns an empty record where there is none that anybody needs.
func read(p place, now moment) (entry, error) {
	none := entry{key: p.key}
	b, err := readPrivate(p.path)
	if errors.Is(err, fs.ErrNotExist) {
		return none, nil
	}
	if err != nil {
		return none, err
	}
	e, err := decodeEntry(b)
	if err == nil && e.key != p.key {
		err = errors.New("it belongs to another key: it was moved")
	}
	if err != nil {
		return none, fmt.Errorf("%w: %s: %w; Delete removes it", ErrUnreadable, p.path, err)
	}
	e.follow(now)
	if !now.wall.Before(e.end()) {
		return none, nil
	}
	return e, nil
}

func readPrivate(path string) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	if err := private(path, info); err != nil {
		return nil, err
	}
	b := make([]byte, info.Size())
	_, err = io.ReadFull(file, b)
	return b, err
}

// write replaces a record so that a crash at any moment leaves the old one or the new one, whole. The caller has the slot's lock.
func (f *file) write(p place, b []byte) error {
	temp := filepath.Join(filepath.Dir(p.path), tempName)
	create := func() (*os.File, error) { return os.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600) }
	file, err := create()
	if errors.Is(err, fs.ErrExist) { // left by a process that died
		if err = os.Remove(temp); err == nil {
			file, err = create()
		}
	}
	if err != nil {
		return err
	}
	_, err = file.Write(b)
	if err == nil {
		err = file.Sync()
	}
	err = errors.Join(err, file.Close())
	if err == nil {
		err = os.Rename(temp, p.path)
	}
	if err != nil {
		_ = os.Remove(temp)
		return err
	}
	return syncDir(filepath.Dir(p.path))
}

func (f *file) remove(p place) error {
	if err := os.Remove(p.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return syncDir(filepath.Dir(p.path))
}

// lock waits for the slot among the goroutines of this process, then among processes. It polls, because a flock that blocks knows no context.
func (f *file) lock(ctx context.Context, slot int) (unlock func(), err error) {
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

// check refuses a directory in which others could read or write. It is asked each time: what it costs is little beside opening a file.
func (f *file) check() error {
	if f.dir == "" {
		return errNoDir
	}
	info, err := os.Stat(f.dir)
	if err != nil {
		return err
	}
	if !info.IsDir() {
		return fmt.Errorf("%s is not a directory", f.dir)
	}
	return private(f.dir, info)
}

func private(path string, info fs.FileInfo) error {
	if stat, ok := info.Sys().(*syscall.Stat_t); ok && int(stat.Uid) != os.Geteuid() {
		return fmt.Errorf("%s belongs to uid %d, and this process is uid %d: run as its owner, or name a directory of your own",
			path, stat.Uid, os.Geteuid())
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 {
		return fmt.Errorf("%s is open to others, mode %04o: chmod go= %s", path, mode, path)
	}
	return nil
}

func makeDir(dir string) error {
	err := os.Mkdir(dir, 0o700)
	if parent := filepath.Dir(dir); errors.Is(err, fs.ErrNotExist) && parent != dir {
		if err = makeDir(parent); err == nil {
			err = os.Mkdir(dir, 0o700)
		}
	}
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := syncDir(filepath.Dir(dir)); err != nil && !errors.Is(err, fs.ErrPermission) { // a parent may be closed to us
		return err
	}
	return nil
}

func syncDir(dir string) error {
	file, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(file.Sync(), file.Close())
}

// explained says what an error of the system means here.
func explained(err error) error {
	var ours Error
	switch {
	case err == nil, errors.As(err, &ours):
		return err
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return fmt.Errorf("%w: the disk or a quota is used up: %w", ErrFull, err)
	case errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.EROFS):
		return fmt.Errorf("store: the directory must be readable and writable for uid %d: %w", os.Geteuid(), err)
	}
	return fmt.Errorf("store: %w", err)
}

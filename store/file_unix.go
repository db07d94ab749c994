//go:build darwin || dragonfly || freebsd || illumos || linux || netbsd || openbsd

package store

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	mathrand "math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
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
	e, err := f.place(key).read(now) // records are replaced as a whole: nothing to lock
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
	return explained(p.remove())
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
	if f.check() == nil && ctx.Err() == nil { // those who wait only read
		now := f.now()
		if e, err := f.place(key).read(now); err == nil && !lock(&e, now) {
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
	wrote, err := f.work(ctx, f.place(key), do)
	err = explained(err)
	if errors.Is(err, ErrFull) || wrote && f.writes.Add(1)%sweepEvery == 0 {
		f.sweepSome()
	}
	return err
}

func (f *file) work(ctx context.Context, p place, do func(*entry, moment) (bool, error)) (wrote bool, err error) {
	unlock, err := f.lock(ctx, p.slot)
	if err != nil {
		return false, err
	}
	defer unlock()
	now := f.now()
	e, err := p.read(now)
	if err != nil {
		return false, err
	}
	write, err := do(&e, now)
	if err != nil || !write {
		return false, err
	}
	e.stamp(now)
	return true, p.write(e.encode())
}

// read returns an empty record where there is none that anybody needs.
func (p place) read(now moment) (entry, error) {
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

// write replaces a record so that a crash at any moment leaves the old one or the new one, whole. The caller has the slot's lock.
func (p place) write(b []byte) error {
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

func (p place) remove() error {
	if err := os.Remove(p.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return syncDir(filepath.Dir(p.path))
}

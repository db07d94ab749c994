//go:build darwin || dragonfly || freebsd || illumos || linux || netbsd || openbsd

package store

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
)

const (
	sweepEvery = 8  // writes
	sweepBatch = 16 // files: two for each write, so that what has ended never outnumbers what lives by much
	sweepSlots = 4  // at most, when there is little in them
)

// A sweep goes round the slots, some files at a time. It begins anywhere: a process that writes twice and ends must not always look at the same.
type sweep struct {
	mu      sync.Mutex
	started bool
	slot    int
	names   []string
}

// sweepSome removes records that nobody needs any more. What cannot be read stays: it must not look as if it had never been there.
func (f *file) sweepSome() {
	s := &f.sweep
	if !s.mu.TryLock() {
		return
	}
	defer s.mu.Unlock()
	left := sweepBatch
	for range sweepSlots {
		if len(s.names) == 0 {
			s.next(f)
		}
		n := min(left, len(s.names))
		if n > 0 {
			f.sweepFiles(s.slot, s.names[:n])
		}
		s.names = s.names[n:]
		left -= n
	}
}

// sweepFiles leaves a slot where somebody works to the next round.
func (f *file) sweepFiles(slot int, names []string) {
	unlock := f.tryLock(slot)
	if unlock == nil {
		return
	}
	defer unlock()
	now := f.now()
	for _, name := range names {
		path := filepath.Join(f.slotDir(slot), name)
		if name == tempName || ended(path, now) {
			_ = os.Remove(path)
		}
	}
}

func (s *sweep) next(f *file) {
	if !s.started {
		s.started, s.slot = true, rand.N(slots)
	}
	s.slot = (s.slot + 1) % slots
	s.names = nil
	dir, err := os.Open(f.slotDir(s.slot))
	if err != nil {
		return
	}
	defer dir.Close()
	s.names, _ = dir.Readdirnames(-1)
}

func ended(path string, now moment) bool {
	b, err := readPrivate(path)
	if err != nil {
		return false
	}
	e, err := decodeEntry(b)
	if err != nil {
		return false
	}
	e.follow(now)
	return !now.wall.Before(e.end())
}

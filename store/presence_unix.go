//go:build darwin || dragonfly || freebsd || illumos || linux || netbsd || openbsd

package store

import (
	"errors"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"syscall"
)

// A presence is a file that this process keeps a flock on. The kernel drops it at the process's death, however it dies, and does not when the
// process is merely stopped. So the dead are known at once and the stopped are left to their leases, which a flock as the lease could not tell
// apart.
type presence struct {
	dir, name string

	mu   sync.Mutex
	file *os.File
}

var errPresence = errors.New("a sweep of holders/ was in the way again and again")

// show makes sure that the flock can be seen, and returns the name to look for. The file gets its name after its lock: nobody ever sees it
// unlocked while this process lives.
func (p *presence) show() (string, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	path := filepath.Join(p.dir, p.name)
	if p.file != nil {
		if sameFile(p.file, path) {
			return p.name, nil
		}
		_ = p.file.Close() // somebody tidied up
		p.file = nil
	}
	if err := makeDir(p.dir); err != nil {
		return "", err
	}
	p.sweep()
	for range 10 {
		file, err := os.CreateTemp(p.dir, "new-")
		if err != nil {
			return "", err
		}
		locked, err := flock(file, syscall.LOCK_EX|syscall.LOCK_NB)
		if locked {
			err = os.Rename(file.Name(), path)
			if err == nil {
				p.file = file
				return p.name, nil
			}
		}
		_ = os.Remove(file.Name())
		_ = file.Close()
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return "", err
		}
	}
	return "", errPresence
}

// dead reports whether the process of that name is known to have died.
func (p *presence) dead(name string) bool {
	if name == "" {
		return false
	}
	file, err := os.OpenFile(filepath.Join(p.dir, filepath.Base(name)), os.O_RDWR, 0)
	if err != nil {
		return errors.Is(err, fs.ErrNotExist)
	}
	defer file.Close()
	free, _ := flock(file, syscall.LOCK_SH|syscall.LOCK_NB) // shared: who else asks at the same moment is not taken for a sign of life
	return free
}

// sweep removes some of what dead processes left. Each process does so once, and leaves one file behind: there is no growth.
func (p *presence) sweep() {
	dir, err := os.Open(p.dir)
	if err != nil {
		return
	}
	names, _ := dir.Readdirnames(-1)
	_ = dir.Close()
	rand.Shuffle(len(names), func(i, j int) { names[i], names[j] = names[j], names[i] })
	for _, name := range names[:min(len(names), sweepBatch)] {
		path := filepath.Join(p.dir, name)
		file, err := os.OpenFile(path, os.O_RDWR, 0)
		if err != nil {
			continue
		}
		if free, _ := flock(file, syscall.LOCK_SH|syscall.LOCK_NB); free && sameFile(file, path) {
			_ = os.Remove(path)
		}
		_ = file.Close()
	}
}

func sameFile(file *os.File, path string) bool {
	mine, err := file.Stat()
	if err != nil {
		return false
	}
	there, err := os.Stat(path)
	return err == nil && os.SameFile(mine, there)
}

//go:build darwin || dragonfly || freebsd || illumos || linux || netbsd || openbsd

package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"
)

// A testFile is a backend with clocks that stand still until a test sets them.
type testFile struct {
	*file
	moment
}

func newTestFile(t *testing.T) *testFile {
	f := &testFile{NewFile(filepath.Join(t.TempDir(), "a", "store")).(*file), moment{time.UnixMicro(1e15), "boot", time.Hour}}
	f.file.now = func() moment { return f.moment }
	return f
}

func (f *testFile) pass(d time.Duration) { f.wall, f.since = f.wall.Add(d), f.since+d }

func (f *testFile) add(t *testing.T, key, value string, ttl time.Duration) {
	t.Helper()
	if added, err := f.Add(t.Context(), key, []byte(value), ttl, newToken()); !added || err != nil {
		t.Fatalf("Add %s: %v, %v", key, added, err)
	}
}

func (f *testFile) holds(t *testing.T, key, want string) {
	t.Helper()
	if v, err := f.Get(t.Context(), key); string(v) != want || err != nil {
		t.Errorf("Get %s: %q, %v; want %q", key, v, err, want)
	}
}

// files counts the records.
func (f *testFile) files(t *testing.T) (n int) {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(f.dir, "slots", "*", "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range paths {
		if len(filepath.Base(p)) == 64 {
			n++
		}
	}
	return n
}

func TestFileSteps(t *testing.T) {
	f, ctx := newTestFile(t), t.Context()
	if v, err := f.Get(ctx, "k"); v != nil || err != nil {
		t.Errorf("before there is a directory: %q, %v", v, err)
	}
	if _, err := os.Stat(f.dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Get made the directory: %v", err)
	}
	if added, err := f.Add(ctx, "k", nil, time.Minute, "1"); !added || err != nil {
		t.Errorf("Add: %v, %v", added, err)
	}
	if v, err := f.Get(ctx, "k"); v == nil || len(v) != 0 || err != nil {
		t.Errorf("an empty value: %v, %v", v, err)
	}
	if added, err := f.Add(ctx, "k", nil, time.Minute, "1"); !added || err != nil {
		t.Errorf("the same Add again: %v, %v", added, err)
	}
	if added, err := f.Add(ctx, "k", nil, time.Minute, "2"); added || err != nil {
		t.Errorf("a second Add: %v, %v", added, err)
	}
	if l, err := f.Lock(ctx, "k", "h", "", time.Second); !l.OK || l.Value == nil || err != nil {
		t.Errorf("Lock: %+v, %v", l, err)
	}
	if l, err := f.Lock(ctx, "k", "i", "", time.Second); l.OK || l.Dead || l.Holder != "h" || l.Wait != time.Second || err != nil {
		t.Errorf("Lock of another: %+v, %v", l, err)
	}
	f.pass(2 * time.Second)
	if l, err := f.Lock(ctx, "k", "i", "", time.Second); l.OK || l.Dead || l.Holder != "h" || l.Wait != -time.Second || err != nil {
		t.Errorf("Lock of another, after the lease: %+v, %v", l, err)
	}
	if err := f.Renew(ctx, "k", "h", time.Second); err != nil {
		t.Errorf("Renew, unopposed: %v", err)
	}
	f.pass(time.Second)
	if l, err := f.Lock(ctx, "k", "i", "h", time.Second); !l.OK || err != nil {
		t.Errorf("takeover: %+v, %v", l, err)
	}
	if err := f.Renew(ctx, "k", "h", time.Second); err != ErrLost {
		t.Errorf("Renew of the superseded: %v", err)
	}
	if err := f.Save(ctx, "k", "h", Put([]byte("late"), time.Minute)); err != ErrLost {
		t.Errorf("Save of the superseded: %v", err)
	}
	for range 2 {
		if err := f.Save(ctx, "k", "i", Put([]byte("new"), time.Minute)); err != nil {
			t.Errorf("Save: %v", err)
		}
	}
	f.holds(t, "k", "new")
	f.pass(time.Minute)
	f.holds(t, "k", "")
	f.add(t, "k", "after the end", time.Minute)
	for range 2 {
		if err := f.Delete(ctx, "k"); err != nil {
			t.Errorf("Delete: %v", err)
		}
	}
	f.holds(t, "k", "")
	if err := f.Save(ctx, "k", "i", Put([]byte("late"), time.Minute)); err != ErrLost {
		t.Errorf("Save after Delete: %v", err)
	}
	if l, err := f.Lock(ctx, "k", "j", "", time.Second); !l.OK || l.Value != nil || err != nil {
		t.Errorf("Lock where there is nothing: %+v, %v", l, err)
	}
	f.pass(time.Second + remembered)
	if l, err := f.Lock(ctx, "k", "l", "", time.Second); !l.OK || err != nil {
		t.Errorf("a lease that nobody remembers: %+v, %v", l, err)
	}
	done, cancel := context.WithCancel(ctx)
	cancel()
	if _, err := f.Get(done, "k"); !errors.Is(err, context.Canceled) {
		t.Errorf("Get with a context that is done: %v", err)
	}
	if _, err := f.Lock(done, "k", "h", "", time.Second); !errors.Is(err, context.Canceled) {
		t.Errorf("Lock with a context that is done: %v", err)
	}
}

// TestFileIsPrivate: what others can reach is neither read nor written, and the error says which path and what to do.
func TestFileIsPrivate(t *testing.T) {
	f := newTestFile(t)
	f.add(t, "k", "v", time.Minute)
	record := f.place("k").path
	_ = filepath.WalkDir(filepath.Dir(f.dir), func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			t.Fatal(err)
		}
		info, _ := d.Info()
		if info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s was made with mode %o", path, info.Mode())
		}
		return nil
	})
	for _, test := range []struct {
		lie, path string
		mode      fs.FileMode
		uid       int
		want      string
	}{
		{"the group may read the directory", f.dir, 0o740, -1, "chmod go= " + f.dir},
		{"the world may enter the directory", f.dir, 0o701, -1, "chmod go= " + f.dir},
		{"somebody else owns the directory", f.dir, 0o700, 12345, f.dir + " belongs to uid 12345"},
		{"the group may write the record", record, 0o620, -1, "chmod go= " + record},
		{"the world may read the record", record, 0o604, -1, "chmod go= " + record},
		{"somebody else owns the record", record, 0o600, 12345, record + " belongs to uid 12345"},
	} {
		info, err := os.Stat(test.path)
		if err != nil {
			t.Fatal(err)
		}
		if test.uid >= 0 && os.Geteuid() != 0 {
			t.Logf("%s: only root can try that", test.lie)
			continue
		}
		if err := errors.Join(os.Chmod(test.path, test.mode), os.Lchown(test.path, test.uid, -1)); err != nil {
			t.Fatal(err)
		}
		_, getErr := f.Get(t.Context(), "k")
		added, addErr := f.Add(t.Context(), "k", nil, time.Minute, newToken())
		_, lockErr := f.Lock(t.Context(), "k", newToken(), "", time.Minute)
		for step, err := range map[string]error{"Get": getErr, "Add": addErr, "Lock": lockErr} {
			if err == nil || !strings.Contains(err.Error(), test.want) || added {
				t.Errorf("%s: %s: %v", test.lie, step, err)
			}
		}
		if err := errors.Join(os.Chmod(test.path, info.Mode()), os.Lchown(test.path, os.Geteuid(), -1)); err != nil {
			t.Fatal(err)
		}
	}
	f.holds(t, "k", "v")
}

func TestFileWithoutDirectory(t *testing.T) {
	plain := filepath.Join(t.TempDir(), "plain")
	if err := os.WriteFile(plain, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for dir, want := range map[string]string{"": "name of a directory", plain: "is not a directory", filepath.Join(plain, "below"): plain} {
		b := NewFile(dir)
		_, getErr := b.Get(t.Context(), "k")
		added, addErr := b.Add(t.Context(), "k", nil, time.Minute, "1")
		_, lockErr := b.Lock(t.Context(), "k", "1", "", time.Minute)
		for step, err := range map[string]error{"Get": getErr, "Add": addErr, "Lock": lockErr, "Delete": b.Delete(t.Context(), "k")} {
			if err == nil || added || !strings.Contains(err.Error(), want) || strings.Count(err.Error(), "store: ") != 1 {
				t.Errorf("%q: %s: %v", dir, step, err)
			}
		}
	}
	for name, err := range map[string]error{
		"no directory": func() error { _, err := File("", make([]byte, 32)); return err }(),
		"no key":       func() error { _, err := File(plain); return err }(),
		"a short key":  func() error { _, err := File(plain, make([]byte, 31)); return err }(),
	} {
		if err == nil {
			t.Errorf("File with %s: no error", name)
		}
	}
}

// TestFileErrorsOfTheSystem: a full disk is ErrFull, so that nobody tries again and again; a read-only one says what is wanted.
func TestFileErrorsOfTheSystem(t *testing.T) {
	on := func(e syscall.Errno) error { return explained(&fs.PathError{Op: "write", Path: "/s/temp", Err: e}) }
	for _, e := range []syscall.Errno{syscall.ENOSPC, syscall.EDQUOT} {
		if err := on(e); !errors.Is(err, ErrFull) || !errors.Is(err, e) || !strings.Contains(err.Error(), "/s/temp") {
			t.Errorf("%d: %v", e, err)
		}
	}
	for _, e := range []syscall.Errno{syscall.EACCES, syscall.EPERM, syscall.EROFS} {
		if err := on(e); errors.Is(err, ErrFull) || !errors.Is(err, e) || !strings.Contains(err.Error(), "must be readable and writable") {
			t.Errorf("%d: %v", e, err)
		}
	}
	if err := on(syscall.EIO); !errors.Is(err, syscall.EIO) || errors.Is(err, ErrFull) || err.Error()[:7] != "store: " {
		t.Errorf("EIO: %v", err)
	}
}

// TestFileEncrypts: neither the value nor, in the names of the files, the key can be seen.
func TestFileEncrypts(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "store")
	s, err := File(dir, bytes.Repeat([]byte{1}, 32))
	if err != nil {
		t.Fatal(err)
	}
	if added, err := s.Add(t.Context(), "k/../../K", []byte("a secret value"), time.Minute); !added || err != nil {
		t.Fatal(added, err)
	}
	seen := 0
	if err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		if bytes.Contains(b, []byte("secret")) || strings.ToLower(d.Name()) != d.Name() {
			t.Errorf("%s shows the value, or goes by upper case", path)
		}
		seen += len(b)
		return err
	}); err != nil || seen == 0 {
		t.Error(seen, err)
	}
	other, err := File(dir, bytes.Repeat([]byte{2}, 32))
	if err != nil {
		t.Fatal(err)
	}
	if v, err := other.Get(t.Context(), "k/../../K"); v != nil || !errors.Is(err, ErrUnreadable) {
		t.Errorf("with another key: %q, %v", v, err)
	}
}

// TestFileDamaged: a record that was cut, changed, moved or emptied has no value, is no room for Add, and goes by Delete.
func TestFileDamaged(t *testing.T) {
	f := newTestFile(t)
	f.add(t, "other", "another value", time.Hour)
	moved, err := os.ReadFile(f.place("other").path)
	if err != nil {
		t.Fatal(err)
	}
	f.add(t, "k", "v", time.Hour)
	path := f.place("k").path
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	try := func(what string, b []byte) {
		t.Helper()
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		v, getErr := f.Get(t.Context(), "k")
		added, addErr := f.Add(t.Context(), "k", []byte("w"), time.Hour, "1")
		l, lockErr := f.Lock(t.Context(), "k", "1", "", time.Hour)
		for step, err := range map[string]error{
			"Get": getErr, "Add": addErr, "Lock": lockErr, "Renew": f.Renew(t.Context(), "k", "1", time.Hour), "Save": f.Save(t.Context(), "k", "1", Remove()),
		} {
			if !errors.Is(err, ErrUnreadable) || !strings.Contains(err.Error(), path) || v != nil || added || l.OK {
				t.Errorf("%s: %s: %v", what, step, err)
			}
		}
		if now, _ := os.ReadFile(path); !bytes.Equal(now, b) {
			t.Errorf("%s: it was written over", what)
		}
	}
	for n := range whole {
		try(fmt.Sprintf("cut to %d bytes", n), whole[:n])
		changed := bytes.Clone(whole)
		changed[n] ^= 0x10
		try(fmt.Sprintf("byte %d changed", n), changed)
	}
	try("moved", moved)
	if err := f.Delete(t.Context(), "k"); err != nil {
		t.Fatal(err)
	}
	f.add(t, "k", "again", time.Hour)
	f.holds(t, "k", "again")
}

// TestFileLeftovers: whatever a process that died left of a record, it is not read, and does not stand in the way.
func TestFileLeftovers(t *testing.T) {
	f := newTestFile(t)
	f.add(t, "k", "old", time.Hour)
	p := f.place("k")
	e, err := p.read(f.moment)
	if err != nil {
		t.Fatal(err)
	}
	e.value = []byte("never finished")
	whole := e.encode()
	temp := filepath.Join(filepath.Dir(p.path), tempName)
	want := "old"
	for n := range len(whole) + 1 {
		if err := os.WriteFile(temp, whole[:n], 0o600); err != nil {
			t.Fatal(err)
		}
		f.holds(t, "k", want)
		tok := newToken()
		if l, err := f.Lock(t.Context(), "k", tok, "", time.Hour); !l.OK || string(l.Value) != want || err != nil {
			t.Fatalf("%d bytes left: %+v, %v", n, l, err)
		}
		want = fmt.Sprint("after ", n)
		if err := f.Save(t.Context(), "k", tok, Put([]byte(want), time.Hour)); err != nil {
			t.Fatal(err)
		}
	}
	f.holds(t, "k", want)
	if _, err := os.Stat(temp); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the leftover stays: %v", err)
	}
}

// TestFileSlotIsHeld: a process that stands still within a write makes the others wait no longer than they want to.
func TestFileSlotIsHeld(t *testing.T) {
	f := newTestFile(t)
	f.add(t, "k", "v", time.Hour)
	other, err := os.OpenFile(filepath.Join(filepath.Dir(f.place("k").path), lockName), os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	if locked, err := flock(other, syscall.LOCK_EX); !locked {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- f.Delete(ctx, "k") }()
	for len(f.turns[f.place("k").slot]) == 0 {
		runtime.Gosched()
	}
	go func() { done <- f.Delete(ctx, "k") }() // waits behind the first
	f.holds(t, "k", "v")
	cancel()
	if a, b := <-done, <-done; !errors.Is(a, context.Canceled) || !errors.Is(b, context.Canceled) ||
		!strings.Contains(errors.Join(a, b).Error(), filepath.Dir(other.Name())) {
		t.Errorf("%v; %v", a, b)
	}
	if locked, err := flock(other, syscall.LOCK_UN); !locked {
		t.Fatal(err)
	}
	if err := f.Delete(t.Context(), "k"); err != nil {
		t.Error(err)
	}
}

// TestFileDoesNotGrow: what has ended goes while others are written, a few at a time; what lives, or cannot be read, stays.
func TestFileDoesNotGrow(t *testing.T) {
	f := newTestFile(t)
	f.add(t, "lives", "v", 1000*time.Hour)
	f.add(t, "damaged", "v", time.Minute)
	if err := os.WriteFile(f.place("damaged").path, []byte("?"), 0o600); err != nil {
		t.Fatal(err)
	}
	foreign := filepath.Join(filepath.Dir(f.place("lives").path), "README")
	if err := os.WriteFile(foreign, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	most := 0
	for i := range 600 {
		f.add(t, fmt.Sprint(i), "v", 20*time.Second) // 20 live at any time
		f.pass(time.Second)
		if i%50 == 0 {
			most = max(most, f.files(t))
		}
	}
	if most > 200 {
		t.Errorf("%d files for 22 records", most)
	}
	f.holds(t, "lives", "v")
	if _, err := f.Get(t.Context(), "damaged"); !errors.Is(err, ErrUnreadable) {
		t.Errorf("a damaged record was swept: %v", err)
	}
	if _, err := os.Stat(foreign); err != nil {
		t.Errorf("a file of somebody else was swept: %v", err)
	}
}

// TestFileSweepsLeftTemps: the remains of a value that was deleted since do not lie about.
func TestFileSweepsLeftTemps(t *testing.T) {
	f := newTestFile(t)
	f.add(t, "k", "v", time.Hour)
	temp := filepath.Join(filepath.Dir(f.place("k").path), tempName)
	if err := os.WriteFile(temp, []byte("half a value"), 0o600); err != nil {
		t.Fatal(err)
	}
	for range slots {
		f.sweepSome()
	}
	if _, err := os.Stat(temp); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
	f.holds(t, "k", "v")
}

// TestFilePresence: the file of a process comes back when somebody tidied up, and those of dead processes go.
func TestFilePresence(t *testing.T) {
	f := newTestFile(t)
	holders := filepath.Join(f.dir, "holders")
	if err := os.MkdirAll(holders, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, left := range []string{"DEAD", "new-1"} {
		if err := os.WriteFile(filepath.Join(holders, left), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 {
		name, err := f.live.show()
		if err != nil || f.live.dead(name) {
			t.Fatalf("%s: %v", name, err)
		}
		names, err := os.ReadDir(holders)
		if err != nil || len(names) != 1 || names[0].Name() != name {
			t.Fatalf("%v, %v", names, err)
		}
		if err := os.Remove(filepath.Join(holders, name)); err != nil {
			t.Fatal(err)
		}
	}
	if !f.live.dead("DEAD") || f.live.dead("") {
		t.Error("who has no file is dead; who has no name cannot be told")
	}
}

// TestFileBoot: no holder outlives its machine, and its lease does not bind the next boot.
func TestFileBoot(t *testing.T) {
	f := newTestFile(t)
	f.add(t, "k", "v", time.Hour)
	if l, err := f.Lock(t.Context(), "k", "h", "", time.Hour); !l.OK || err != nil {
		t.Fatal(l, err)
	}
	f.boot, f.since = "next boot", 0
	if l, err := f.Lock(t.Context(), "k", "i", "", time.Minute); l.OK || l.Wait > 0 || l.Holder != "h" || err != nil {
		t.Errorf("%+v, %v", l, err)
	}
	if l, err := f.Lock(t.Context(), "k", "i", "h", time.Minute); !l.OK || string(l.Value) != "v" || err != nil {
		t.Errorf("%+v, %v", l, err)
	}
}

// TestFileClock: the two clocks are those of the machine.
func TestFileClock(t *testing.T) {
	f := NewFile(t.TempDir()).(*file)
	a, b := f.now(), f.now()
	if a.boot != b.boot || b.since < a.since || b.wall.Sub(a.wall) > time.Hour {
		t.Errorf("%+v, then %+v", a, b)
	}
	if since, ok := sinceBoot(); ok != (b.boot != "") || ok && since <= 0 {
		t.Errorf("%s, %v with boot %q", since, ok, b.boot)
	}
}

// TestFileEmpty: what a file system may leave after the power went.
func TestFileEmpty(t *testing.T) {
	f := newTestFile(t)
	f.add(t, "k", "v", time.Hour)
	path := f.place("k").path
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, make([]byte, info.Size()), 0o600); err != nil { // all zero
		t.Fatal(err)
	}
	if _, err := f.Get(t.Context(), "k"); !errors.Is(err, ErrUnreadable) || errors.Is(err, io.EOF) {
		t.Error(err)
	}
}

//go:build darwin || dragonfly || freebsd || illumos || linux || netbsd || openbsd

package store

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

const childEnv = "OPENID_TEST_FILE_CHILD" // role and directory

// TestFileChild is the other process of the tests below.
func TestFileChild(t *testing.T) {
	role, dir, ok := strings.Cut(os.Getenv(childEnv), " ")
	if !ok {
		t.Skip("only when started by another test")
	}
	ctx := context.Background()
	fail := func(err error) {
		if err != nil {
			fmt.Println("failed:", err)
			os.Exit(1)
		}
	}
	switch role {
	case "hold", "hold-lapsed":
		lease := time.Hour
		if role == "hold-lapsed" {
			lease = time.Nanosecond
		}
		b := NewFile(dir)
		l, err := b.Lock(ctx, "k", "child", "", lease)
		fail(err)
		fmt.Println("holds", l.OK)
		_, _ = os.Stdin.Read(make([]byte, 1))
		fmt.Println("saved", b.Save(ctx, "k", "child", Put([]byte("child's"), time.Hour)))
	case "count":
		s, err := File(dir, make([]byte, 32))
		fail(err)
		for range 25 {
			_, err := increment(ctx, s)
			fail(err)
		}
	case "count-on":
		s, err := File(dir, make([]byte, 32))
		fail(err)
		for {
			n, err := increment(ctx, s)
			fail(err)
			fmt.Println(n)
		}
	}
	os.Exit(0)
}

func increment(ctx context.Context, s *Store) (n int, err error) {
	err = s.Update(ctx, "k", func(_ context.Context, h *Held) (Change, error) {
		n, _ = strconv.Atoi(string(h.Value))
		n++
		return Put([]byte(strconv.Itoa(n)), time.Hour), nil
	})
	return n, err
}

type child struct {
	*exec.Cmd
	in  io.WriteCloser
	out *bufio.Scanner
}

// startChild is killed at the latest with the test.
func startChild(t *testing.T, role, dir string) *child {
	c := &child{Cmd: exec.Command(os.Args[0], "-test.run=^TestFileChild$")}
	c.Env = append(os.Environ(), childEnv+"="+role+" "+dir)
	in, err := c.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	c.in, c.out = in, bufio.NewScanner(out)
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.kill)
	return c
}

func (c *child) kill() {
	_ = c.Process.Kill()
	_ = c.Wait()
}

func (c *child) says(t *testing.T, want string) {
	t.Helper()
	c.out.Scan()
	if got := c.out.Text(); got != want {
		t.Fatalf("the child said %q, not %q", got, want)
	}
}

// stop waits until the child stands still.
func (c *child) stop(t *testing.T) {
	t.Helper()
	if err := c.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	var status syscall.WaitStatus
	if _, err := syscall.Wait4(c.Process.Pid, &status, syscall.WUNTRACED, nil); err != nil || !status.Stopped() {
		t.Fatalf("%v: %v", status, err)
	}
}

// TestFileHolderKilled: a stopped holder is left to its lease of an hour; when it is killed, that is known at once.
func TestFileHolderKilled(t *testing.T) {
	f := NewFile(filepath.Join(t.TempDir(), "store"))
	c := startChild(t, "hold", f.(*file).dir)
	c.says(t, "holds true")
	refused := func(state string) {
		if l, err := f.Lock(t.Context(), "k", "parent", "child", time.Hour); l.OK || l.Dead || l.Wait < time.Minute || err != nil {
			t.Errorf("the holder is %s: %+v, %v", state, l, err)
		}
		if added, err := f.Add(t.Context(), "k", nil, time.Hour, "parent"); added || err != nil {
			t.Errorf("the holder is %s: Add: %v, %v", state, added, err)
		}
	}
	refused("at work")
	c.stop(t)
	refused("stopped")
	c.kill()
	if l, err := f.Lock(t.Context(), "k", "parent", "", time.Hour); l.OK || !l.Dead || l.Holder != "child" || err != nil {
		t.Errorf("the holder is dead: %+v, %v", l, err)
	}
	if l, err := f.Lock(t.Context(), "k", "parent", "child", time.Hour); !l.OK || err != nil {
		t.Errorf("takeover: %+v, %v", l, err)
	}
}

// TestFileAddAfterDeath: the lease of a dead holder is no reason to refuse.
func TestFileAddAfterDeath(t *testing.T) {
	f := NewFile(filepath.Join(t.TempDir(), "store"))
	c := startChild(t, "hold", f.(*file).dir)
	c.says(t, "holds true")
	c.kill()
	if added, err := f.Add(t.Context(), "k", []byte("v"), time.Hour, "parent"); !added || err != nil {
		t.Error(added, err)
	}
}

// TestFileUpdateAfterDeath: an Update waits for no lease of the dead, and is told.
func TestFileUpdateAfterDeath(t *testing.T) {
	f := NewFile(filepath.Join(t.TempDir(), "store"))
	c := startChild(t, "hold", f.(*file).dir)
	c.says(t, "holds true")
	c.kill()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute) // the lease is an hour
	defer cancel()
	var told bool
	err := New(f, Options{}).Update(ctx, "k", func(_ context.Context, h *Held) (Change, error) { told = h.TakenOver; return Change{}, nil })
	if err != nil || !told {
		t.Error(told, err)
	}
}

// TestFileHolderStopped: who stood still beyond its lease, and was taken over, cannot write any more.
func TestFileHolderStopped(t *testing.T) {
	f := NewFile(filepath.Join(t.TempDir(), "store"))
	c := startChild(t, "hold-lapsed", f.(*file).dir)
	c.says(t, "holds true")
	c.stop(t)
	if l, err := f.Lock(t.Context(), "k", "parent", "", time.Hour); l.OK || l.Dead || l.Wait > 0 || err != nil {
		t.Errorf("not named: %+v, %v", l, err)
	}
	if l, err := f.Lock(t.Context(), "k", "parent", "child", time.Hour); !l.OK || err != nil {
		t.Fatalf("takeover: %+v, %v", l, err)
	}
	if err := c.Process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	_ = c.in.Close()
	c.says(t, "saved "+ErrLost.Error())
	if err := f.Save(t.Context(), "k", "parent", Put([]byte("parent's"), time.Hour)); err != nil {
		t.Error(err)
	}
	if v, err := f.Get(t.Context(), "k"); string(v) != "parent's" || err != nil {
		t.Errorf("%q, %v", v, err)
	}
}

// TestFileProcessesCount: four processes lose nothing.
func TestFileProcessesCount(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "store")
	var children []*child
	for range 4 {
		children = append(children, startChild(t, "count", dir))
	}
	for _, c := range children {
		for c.out.Scan() {
			t.Error(c.out.Text())
		}
		if err := c.Wait(); err != nil {
			t.Error(err)
		}
	}
	s, err := File(dir, make([]byte, 32))
	if err != nil {
		t.Fatal(err)
	}
	if v, err := s.Get(t.Context(), "k"); string(v) != "100" || err != nil {
		t.Errorf("4 × 25 = %q, %v", v, err)
	}
	if names, err := os.ReadDir(filepath.Join(dir, "holders")); err != nil || len(names) > 4 {
		t.Errorf("%d processes left %d files, %v", len(children), len(names), err)
	}
}

// TestFileKilledWhileWriting: a process that is killed anywhere loses nothing it was told is saved, and leaves nothing unreadable.
func TestFileKilledWhileWriting(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "store")
	s, err := File(dir, make([]byte, 32))
	if err != nil {
		t.Fatal(err)
	}
	told := 0
	for round := range 12 {
		c := startChild(t, "count-on", dir)
		for range round + 1 {
			c.out.Scan()
		}
		_ = c.Process.Kill()
		for {
			if n, err := strconv.Atoi(c.out.Text()); err == nil {
				told = n
			} else {
				t.Error(c.out.Text())
			}
			if !c.out.Scan() {
				break
			}
		}
		_ = c.Wait()
		v, err := s.Get(t.Context(), "k")
		if n, _ := strconv.Atoi(string(v)); n < told || n > told+1 || err != nil {
			t.Fatalf("round %d: told %d, found %q, %v", round, told, v, err)
		}
		told, err = increment(t.Context(), s)
		if err != nil {
			t.Fatal(err)
		}
	}
}

// TestFileStores: two stores of one process are as strange to each other as two processes.
func TestFileStores(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "store")
	a, b := NewFile(dir), NewFile(dir)
	if l, err := a.Lock(t.Context(), "k", "a", "", time.Hour); !l.OK || err != nil {
		t.Fatal(l, err)
	}
	if l, err := b.Lock(t.Context(), "k", "b", "a", time.Hour); l.OK || l.Dead || err != nil {
		t.Errorf("%+v, %v", l, err)
	}
	if err := b.Renew(t.Context(), "k", "b", time.Hour); !errors.Is(err, ErrLost) {
		t.Error(err)
	}
	if err := a.Save(t.Context(), "k", "a", Put([]byte("v"), time.Hour)); err != nil {
		t.Error(err)
	}
	if v, err := b.Get(t.Context(), "k"); !bytes.Equal(v, []byte("v")) || err != nil {
		t.Errorf("%q, %v", v, err)
	}
}

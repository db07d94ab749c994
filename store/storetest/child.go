package storetest

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/openid-client/openid/store"
)

const childEnv = "OPENID_STORETEST_CHILD"

// A job is what a process does, in the environment of the process.
type job struct {
	Role   string
	DSN    string
	Key    string
	Times  store.Options
	Blind  bool   // does not check its lease
	Tokens string // address of the token server
	N      int    // goroutines
}

// A result is what became of it.
type result struct {
	Served int
	Lost   bool   // ErrLost
	Kept   string // the result that an UnsavedError handed back
	Errors []string
}

// Child plays a process of the suite and exits, if this is one; otherwise it returns at once. Call it first thing in TestMain, so that [Run]
// can start this test binary as holders of leases to be killed and stopped. open gets Options.DSN.
func Child(open func(dsn string) (store.Backend, error)) {
	text, is := os.LookupEnv(childEnv)
	if !is {
		return
	}
	var j job
	if err := json.Unmarshal([]byte(text), &j); err != nil {
		fmt.Println("DONE", "the job cannot be read")
		os.Exit(1)
	}
	b, err := open(j.DSN)
	if err != nil {
		say("DONE", result{Errors: []string{err.Error()}})
		os.Exit(1)
	}
	play(j, store.New(b, j.Times), bufio.NewScanner(os.Stdin))
	os.Exit(0)
}

func say(word string, what any) {
	text, _ := json.Marshal(what)
	fmt.Println(word, string(text))
}

func play(j job, s *store.Store, in *bufio.Scanner) {
	say("READY", nil)
	if !in.Scan() {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	r := new(result)
	switch j.Role {
	case "count":
		r.all(j.N, func() error {
			for range 4 {
				if err := add1(ctx, s, j.Key); err != nil {
					return err
				}
			}
			return nil
		})
	case "refresh":
		r.all(j.N, func() error { return s.Update(ctx, j.Key, refresh(j.Tokens, func(*store.Held) error { return nil })) })
	case "hold": // until told to go on
		pause := func(h *store.Held) error {
			say("HELD", nil)
			if !in.Scan() {
				return io.ErrUnexpectedEOF
			}
			return nil
		}
		r.all(1, func() error {
			if j.Tokens != "" {
				return s.Update(ctx, j.Key, refresh(j.Tokens, pause))
			}
			return s.Update(ctx, j.Key, func(_ context.Context, h *store.Held) (store.Change, error) {
				if err := pause(h); err != nil {
					return store.Change{}, err
				}
				if !j.Blind {
					if err := h.Check(); err != nil {
						return store.Change{}, err
					}
				}
				return put("late"), nil
			})
		})
	}
	if err := s.Close(ctx); err != nil {
		r.Errors = append(r.Errors, err.Error())
	}
	say("DONE", r)
}

// all runs f n times at once.
func (r *result) all(n int, f func() error) {
	var served atomic.Int64
	var mu sync.Mutex
	var all sync.WaitGroup
	for range n {
		all.Go(func() {
			err := f()
			if err == nil {
				served.Add(1)
				return
			}
			mu.Lock()
			defer mu.Unlock()
			r.Lost = r.Lost || errors.Is(err, store.ErrLost)
			if u := (*store.UnsavedError)(nil); errors.As(err, &u) {
				v, _, _ := u.Change.Value()
				r.Kept = string(v)
			}
			if len(r.Errors) < 5 {
				r.Errors = append(r.Errors, err.Error())
			}
		})
	}
	all.Wait()
	r.Served = int(served.Load())
}

// refresh is the function of an Update that sends the refresh token, the value, unless somebody has meanwhile.
func refresh(server string, before func(*store.Held) error) func(context.Context, *store.Held) (store.Change, error) {
	return func(ctx context.Context, h *store.Held) (store.Change, error) {
		if string(h.Value) != firstToken {
			return store.Change{}, nil
		}
		if err := before(h); err != nil {
			return store.Change{}, err
		}
		if err := h.Check(); err != nil {
			return store.Change{}, err
		}
		next, err := redeem(ctx, server, string(h.Value))
		if err != nil {
			return store.Change{}, err
		}
		return put(next), nil
	}
}

// A process is a child of this one.
type process struct {
	r   *trial
	cmd *exec.Cmd
	in  io.Writer
	out *bufio.Scanner
	end func()
}

// spawn starts a process that waits for tell.
func (r *trial) spawn(j job) *process {
	j.DSN, j.Key, j.Times = r.o.DSN, r.key, r.times
	text, err := json.Marshal(j)
	r.must("the job", err)
	program, err := os.Executable()
	r.must("this program", err)
	// Without a Child in TestMain this would be a test run: of nothing.
	cmd := exec.Command(program, "-test.run=^$")
	cmd.Env, cmd.Stderr = append(os.Environ(), childEnv+"="+string(text)), os.Stderr
	in, err := cmd.StdinPipe()
	r.must("the process", err)
	out, err := cmd.StdoutPipe()
	r.must("the process", err)
	r.must("the process", cmd.Start())
	p := &process{r, cmd, in, bufio.NewScanner(out), sync.OnceFunc(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })}
	r.t.Cleanup(p.end)
	context.AfterFunc(r.ctx, p.end)
	p.expect("READY")
	return p
}

// expect waits until the process says word, and returns what else it says.
func (p *process) expect(word string) (r result) {
	for p.out.Scan() {
		said, rest, _ := strings.Cut(p.out.Text(), " ")
		if said == word {
			if err := json.Unmarshal([]byte(rest), &r); err != nil {
				p.r.fatal("a process said %q", p.out.Text())
			}
			return r
		}
		if said == "DONE" {
			p.r.fatal("a process ended before %s: %s", word, rest)
		}
	}
	p.r.fatal("a process ended before %s; does TestMain call storetest.Child?", word)
	return r
}

func (p *process) tell() {
	_, err := io.WriteString(p.in, "go\n")
	p.r.must("a process", err)
}

func (p *process) stop()   { p.r.must("SIGSTOP", stopProcess(p.cmd.Process)) }
func (p *process) goesOn() { p.r.must("SIGCONT", continueProcess(p.cmd.Process)) }

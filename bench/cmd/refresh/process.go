package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/openid-client/openid/bench/contender"
)

const childVariable = "OPENID_BENCH_REFRESH"

// A job is what one process does.
type job struct {
	Contender, Dir, TokenURL string
	Callers                  int
	Hold                     bool // before the refresh token leaves
}

type outcome struct{ Served, Failed int }

// A result is one line of the table.
type result struct {
	refreshes, served, failed int
	revoked                   bool
	took                      time.Duration
}

// playIfChild plays a process of a storm, and does not return then.
func playIfChild() {
	text, is := os.LookupEnv(childVariable)
	if !is {
		return
	}
	if err := play(text); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

func play(text string) error {
	var j job
	if err := json.Unmarshal([]byte(text), &j); err != nil {
		return err
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	hc := &http.Client{Transport: transport}
	if j.Hold {
		hc.Transport = holding{transport}
	}
	for _, c := range contender.All {
		if c.Name != j.Contender {
			continue
		}
		obtain, err := c.Resume(j.Dir, j.TokenURL, hc)
		if err != nil {
			return err
		}
		fmt.Println("READY")
		bufio.NewScanner(os.Stdin).Scan()
		out, err := json.Marshal(j.run(obtain))
		if err != nil {
			return err
		}
		fmt.Println("DONE " + string(out))
		return nil
	}
	return errors.New("no contender " + j.Contender)
}

func (j job) run(obtain contender.Obtain) outcome {
	var served, failed atomic.Int64
	var all sync.WaitGroup
	for range j.Callers {
		all.Go(func() {
			ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
			defer cancel()
			if _, err := obtain(ctx); err != nil {
				failed.Add(1)
				return
			}
			served.Add(1)
		})
	}
	all.Wait()
	return outcome{int(served.Load()), int(failed.Load())}
}

// holding stops where the lease is held and nothing is sent.
type holding struct{ next http.RoundTripper }

func (h holding) RoundTrip(r *http.Request) (*http.Response, error) {
	fmt.Println("HOLDS")
	io.Copy(io.Discard, os.Stdin)
	return h.next.RoundTrip(r)
}

// run plays a storm.
func (s storm) run(c contender.Contender) (r result, err error) {
	dir, err := os.MkdirTemp("", "refresh")
	if err != nil {
		return r, err
	}
	defer os.RemoveAll(dir)
	tokens := newServer(s.window)
	tokens.down = s.down
	listener := httptest.NewServer(tokens)
	defer listener.Close()
	if err := c.Login(dir, listener.URL, tokens.good); err != nil {
		return r, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute) // who asks again for each caller needs 75 s
	defer cancel()

	j := job{Contender: c.Name, Dir: dir, TokenURL: listener.URL, Callers: callers}
	var first *process
	switch s.first {
	case "holds":
		if first, err = start(ctx, job{j.Contender, j.Dir, j.TokenURL, 1, true}); err == nil {
			first.begin()
			_, err = first.await("HOLDS")
		}
	case "sends":
		tokens.silent = true
		if first, err = start(ctx, job{j.Contender, j.Dir, j.TokenURL, 1, false}); err == nil {
			first.begin()
			<-tokens.taken
		}
	}
	if err != nil {
		return r, err
	}
	var running []*process
	for range processes {
		p, err := start(ctx, j)
		if err != nil {
			return r, err
		}
		running = append(running, p)
	}
	began := time.Now()
	for _, p := range running {
		p.begin()
	}
	if first != nil {
		if err := first.cmd.Process.Kill(); err != nil {
			return r, err
		}
	}
	for _, p := range running {
		text, err := p.await("DONE")
		if err != nil {
			return r, err
		}
		var o outcome
		if err := json.Unmarshal([]byte(text), &o); err != nil {
			return r, err
		}
		r.served, r.failed = r.served+o.Served, r.failed+o.Failed
	}
	r.took = time.Since(began)
	tokens.mu.Lock()
	defer tokens.mu.Unlock()
	r.refreshes, r.revoked = tokens.refreshes, tokens.revoked
	return r, nil
}

// A process is this program once more; it ends with the storm's context at the latest.
type process struct {
	cmd *exec.Cmd
	in  io.Writer
	out *bufio.Scanner
}

func start(ctx context.Context, j job) (*process, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	text, err := json.Marshal(j)
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, self)
	cmd.Env, cmd.Stderr = append(os.Environ(), childVariable+"="+string(text)), os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	p := &process{cmd, in, bufio.NewScanner(out)}
	_, err = p.await("READY")
	return p, err
}

func (p *process) begin() { io.WriteString(p.in, "\n") }

func (p *process) await(word string) (rest string, err error) {
	for p.out.Scan() {
		if said, ok := strings.CutPrefix(p.out.Text(), word); ok {
			return said, nil
		}
	}
	return "", fmt.Errorf("a process ended before it said %s", word)
}

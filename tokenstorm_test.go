//go:build darwin || freebsd || linux || netbsd || openbsd

package openid

import (
	"bufio"
	"bytes"
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
	"testing"
	"time"

	"github.com/openid-client/openid/store"
)

// Real processes refresh one token over store.File, at a server that revokes the whole grant when a refresh token is used twice.

// stormJob is what one process does.
type stormJob struct {
	Issuer, Dir string
	Callers     int
	Patience    time.Duration // of every tenth caller; 0: as the others
	Hold        bool          // stops before the request's body leaves, until it is killed
}

// stormResult is what became of its callers.
type stormResult struct {
	Served, Gone, LogIn int
	Tokens              []string // the different ones
	Errors              []string
}

const stormEnv = "OPENID_TEST_TOKEN_STORM"

// TestTokenStormProcess is one of the processes.
func TestTokenStormProcess(t *testing.T) {
	text, ok := os.LookupEnv(stormEnv)
	if !ok {
		t.Skip("only when started by another test")
	}
	var job stormJob
	if err := json.Unmarshal([]byte(text), &job); err != nil {
		t.Fatal(err)
	}
	source := job.source(t)
	fmt.Println("READY")
	bufio.NewScanner(os.Stdin).Scan()
	out, err := json.Marshal(job.run(source))
	if err != nil {
		t.Fatal(err)
	}
	fmt.Println("DONE", string(out))
}

func (j stormJob) source(t *testing.T) *TokenSource {
	s, err := store.File(j.Dir, bytes.Repeat([]byte{7}, 32))
	if err != nil {
		t.Fatal(err)
	}
	next := &http.Transport{MaxIdleConnsPerHost: 10}
	cfg := Config{Issuer: j.Issuer, ClientID: "c", Auth: None(), InsecureAllowHTTP: true, Store: s,
		Metadata: &ServerMetadata{Issuer: j.Issuer, TokenEndpoint: j.Issuer + "/token"}, HTTPClient: &http.Client{Transport: next}}
	if j.Hold {
		cfg.HTTPClient.Transport = roundTrip(func(r *http.Request) (*http.Response, error) {
			fmt.Println("HELD")
			_, _ = io.ReadAll(os.Stdin)
			return next.RoundTrip(r)
		})
	}
	c, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return c.TokenSource("alice", nil)
}

func (j stormJob) run(source *TokenSource) (r stormResult) {
	var mu sync.Mutex
	var all, impatient sync.WaitGroup
	for i := range j.Callers {
		patience, wg := 30*time.Second, &all
		if i%10 == 0 && j.Patience > 0 {
			patience, wg = j.Patience, &impatient
		}
		wg.Go(func() {
			ctx, cancel := context.WithTimeout(context.Background(), patience)
			defer cancel()
			tokens, err := source.Token(ctx)
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err == nil:
				r.Served++
				if access := tokens.AccessToken.Reveal(); !strings.Contains(strings.Join(r.Tokens, " ")+" ", access+" ") {
					r.Tokens = append(r.Tokens, access)
				}
			case errors.Is(err, context.DeadlineExceeded) && patience == j.Patience:
				r.Gone++
			case errors.Is(err, ErrLoginRequired):
				r.LogIn++
			case len(r.Errors) < 3:
				r.Errors = append(r.Errors, err.Error())
			}
		})
	}
	impatient.Wait()
	fmt.Println("BEGUN")
	all.Wait()
	return r
}

// A familyServer revokes the grant when a refresh token comes again, unless that happens within its window.
type familyServer struct {
	*httptest.Server
	took   chan struct{} // a request has been worked on and is not answered, see mute
	answer chan struct{} // closed when answers may leave
	window time.Duration

	mu      sync.Mutex
	mute    bool // the next request gets no answer
	n       int  // requests
	now     string
	used    string
	usedAt  time.Time
	revoked bool
}

func newFamilyServer(t *testing.T) *familyServer {
	s := &familyServer{now: "r0", took: make(chan struct{}, 1), answer: make(chan struct{})}
	s.Server = httptest.NewServer(s)
	t.Cleanup(s.Close)
	return s
}

func (s *familyServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	token := r.PostFormValue("refresh_token")
	if token == "" {
		return // cut off before it was sent
	}
	s.mu.Lock()
	s.n++
	n, mute := s.n, s.mute
	s.mute = false
	again := token == s.used && time.Since(s.usedAt) < s.window
	good := !s.revoked && (token == s.now || again)
	switch {
	case !good:
		s.revoked = true
	case !again:
		s.used, s.usedAt = s.now, time.Now()
		s.now = fmt.Sprintf("r%d", n)
	}
	next := s.now
	s.mu.Unlock()
	if mute {
		s.took <- struct{}{}
		<-r.Context().Done()
		return
	}
	<-s.answer
	w.Header().Set("Content-Type", "application/json")
	if !good {
		w.WriteHeader(http.StatusBadRequest)
		fmt.Fprint(w, `{"error":"invalid_grant"}`)
		return
	}
	fmt.Fprintf(w, `{"access_token":"a-%s","token_type":"Bearer","refresh_token":"%s","expires_in":3600}`, next, next)
}

func (s *familyServer) requests() (n int, revoked bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.n, s.revoked
}

// A stormProcess is one that waits to begin.
type stormProcess struct {
	t   *testing.T
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Scanner
}

func startStorm(t *testing.T, job stormJob) *stormProcess {
	t.Helper()
	text, err := json.Marshal(job)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	p := &stormProcess{t: t, cmd: exec.CommandContext(ctx, os.Args[0], "-test.run=^TestTokenStormProcess$")}
	p.cmd.Env = append(os.Environ(), stormEnv+"="+string(text))
	p.cmd.Stderr = os.Stderr
	if p.in, err = p.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	p.out = bufio.NewScanner(out)
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cancel(); p.cmd.Wait() })
	p.await("READY")
	return p
}

func (p *stormProcess) begin() { io.WriteString(p.in, "\n") }

func (p *stormProcess) await(word string) string {
	p.t.Helper()
	for p.out.Scan() {
		if rest, ok := strings.CutPrefix(p.out.Text(), word); ok {
			return rest
		}
	}
	p.t.Fatalf("a process ended before it said %s", word)
	return ""
}

func (p *stormProcess) result() (r stormResult) {
	p.t.Helper()
	if err := json.Unmarshal([]byte(p.await("DONE")), &r); err != nil {
		p.t.Fatal(err)
	}
	return r
}

// TestTokenStorm: 4 processes × 250 callers on one expired token.
func TestTokenStorm(t *testing.T) {
	for _, row := range []struct {
		name     string
		patience time.Duration
		holder   string // what happens to the process that has the lease first: "", "before" or "after" it sent
		window   time.Duration
		requests int
		logIn    bool
	}{
		{name: "nobody dies", requests: 1},
		{name: "some have no patience", patience: 50 * time.Millisecond, requests: 1},
		{name: "the holder dies before it sends", holder: "before", requests: 1},
		{name: "the holder dies after it sent, the server knows a reuse window", holder: "after", window: time.Minute, requests: 2},
		{name: "the holder dies after it sent, the server is strict", holder: "after", requests: 2, logIn: true},
	} {
		t.Run(row.name, func(t *testing.T) {
			server := newFamilyServer(t)
			server.window = row.window
			dir := t.TempDir()
			if err := os.Chmod(dir, 0o700); err != nil {
				t.Fatal(err)
			}
			job := stormJob{Issuer: server.URL, Dir: dir, Callers: 250, Patience: row.patience}
			old := &Tokens{AccessToken: NewSecret("a0"), RefreshToken: NewSecret("r0"), Type: "Bearer", Expiry: time.Now().Add(-time.Hour), issuer: server.URL}
			if err := job.source(t).Save(t.Context(), old); err != nil {
				t.Fatal(err)
			}
			var holder *stormProcess
			switch row.holder {
			case "before":
				holder = startStorm(t, stormJob{Issuer: server.URL, Dir: dir, Callers: 1, Hold: true})
				holder.begin()
				holder.await("HELD")
			case "after":
				server.mute = true
				holder = startStorm(t, stormJob{Issuer: server.URL, Dir: dir, Callers: 1})
				holder.begin()
				<-server.took
			}
			var processes []*stormProcess
			for range 4 {
				processes = append(processes, startStorm(t, job))
			}
			for _, p := range processes {
				p.begin()
			}
			for _, p := range processes {
				p.await("BEGUN")
			}
			close(server.answer)
			if holder != nil {
				if err := holder.cmd.Process.Kill(); err != nil {
					t.Fatal(err)
				}
			}
			var all stormResult
			for _, p := range processes {
				r := p.result()
				all.Served, all.Gone, all.LogIn = all.Served+r.Served, all.Gone+r.Gone, all.LogIn+r.LogIn
				all.Errors = append(all.Errors, r.Errors...)
				for _, token := range r.Tokens {
					if len(all.Tokens) == 0 || all.Tokens[0] != token {
						all.Tokens = append(all.Tokens, token)
					}
				}
			}
			want := stormResult{Served: 1000}
			if row.patience > 0 {
				want = stormResult{Served: 900, Gone: 100}
			}
			if row.logIn {
				want = stormResult{LogIn: 1000}
			}
			n, revoked := server.requests()
			if n != row.requests || revoked != row.logIn {
				t.Errorf("%d refreshes, the grant is revoked: %v", n, revoked)
			}
			if all.Served != want.Served || all.Gone != want.Gone || all.LogIn != want.LogIn || len(all.Errors) > 0 || want.Served > 0 && len(all.Tokens) != 1 {
				t.Errorf("got %+v, want %+v", all, want)
			}
		})
	}
}

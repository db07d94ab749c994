package jwks

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/openid-client/openid/internal/endpoint"
	"github.com/openid-client/openid/internal/hostile"
)

// server answers fetches of a key set without a socket, and counts them.
type server struct {
	fetches atomic.Int64
	running atomic.Int64
	most    atomic.Int64 // at once
	answer  atomic.Pointer[answer]
}

type answer func(context.Context) (*endpoint.Response, error)

const answerTime = 20 * time.Millisecond

func serve(a answer) *server {
	s := &server{}
	s.answer.Store(&a)
	return s
}

func (s *server) now(a answer) { s.answer.Store(&a) }

func (s *server) fetch(ctx context.Context) (*endpoint.Response, error) {
	s.fetches.Add(1)
	n := s.running.Add(1)
	defer s.running.Add(-1)
	s.most.Store(max(s.most.Load(), n))
	return (*s.answer.Load())(ctx)
}

func body(status int, text string, header ...string) answer {
	h := http.Header{}
	for i := 0; i < len(header); i += 2 {
		h.Add(header[i], header[i+1])
	}
	return func(ctx context.Context) (*endpoint.Response, error) {
		select {
		case <-time.After(answerTime):
			return &endpoint.Response{Status: status, Header: h, MediaType: "application/json", Body: []byte(text)}, nil
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// The public key of RFC 7515 appendix A.3.
const jwk = `{"kty":"EC","crv":"P-256","alg":"ES256","kid":%q,"x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}`

func setOf(kids ...string) string {
	var keys []string
	for _, kid := range kids {
		keys = append(keys, fmt.Sprintf(jwk, kid))
	}
	return `{"keys":[` + strings.Join(keys, ",") + `]}`
}

func keys(kids ...string) answer { return body(200, setOf(kids...)) }

var errRefused = errors.New("connection refused")

func refuse(context.Context) (*endpoint.Response, error) {
	time.Sleep(answerTime)
	return nil, errRefused
}

func hang(ctx context.Context) (*endpoint.Response, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

func find(ctx context.Context, c *Cache, kid string) error {
	k, err := c.Candidates(ctx, nil, "ES256", kid, true)
	if err == nil && len(k) != 1 {
		return fmt.Errorf("found %d keys under %q", len(k), kid)
	}
	if err != nil && len(k) != 0 {
		return fmt.Errorf("found keys and an error: %w", err)
	}
	return err
}

func mustFind(t *testing.T, c *Cache, kid string) {
	t.Helper()
	start := time.Now()
	if err := find(t.Context(), c, kid); err != nil {
		t.Fatalf("key %q: %v", kid, err)
	}
	if d := time.Since(start); d > answerTime {
		t.Fatalf("key %q took %s", kid, d)
	}
}

func mustNotKnow(t *testing.T, c *Cache, kid string) *Unknown {
	t.Helper()
	var u *Unknown
	err := find(t.Context(), c, kid)
	hostile.Hear(err)
	if !errors.As(err, &u) {
		t.Fatalf("key %q: got %v, want an *Unknown", kid, err)
	}
	return u
}

func (s *server) mustHaveFetched(t *testing.T, n int64) {
	t.Helper()
	if got := s.fetches.Load(); got != n {
		t.Fatalf("%d fetches, want %d", got, n)
	}
	if m := s.most.Load(); m > 1 {
		t.Fatalf("%d fetches at once", m)
	}
}

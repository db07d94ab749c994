package hostile_test

import (
	"bytes"
	"context"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/openid-client/openid/internal/hostile"
)

// fetch is what net/http makes of the key set's endpoint.
func fetch(p *hostile.Provider, timeout time.Duration) (*http.Response, []byte, error) {
	client := p.HTTPClient()
	client.Timeout = timeout
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	answer, err := client.Get(p.URL("jwks"))
	if err != nil {
		return nil, nil, err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	return answer, body, err
}

func TestAnswers(t *testing.T) {
	p := hostile.New(t)
	_, set, err := fetch(p, 0)
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name   string
		fault  http.HandlerFunc
		status int
		media  string
		body   string
	}{
		{"HTML", hostile.HTML(), 200, "text/html; charset=utf-8", "<!doctype html><title>Welcome</title><p>Please accept our terms."},
		{"status", hostile.Status(503, "text/plain", "down"), 503, "text/plain", "down"},
		{"error", hostile.Error(400, "invalid_grant", "no"), 400, "application/json", `{"error":"invalid_grant","error_description":"no"}`},
		{"redirect", hostile.Redirect("/elsewhere"), 307, "", ""},
		{"oversize", hostile.Oversize(100_000), 200, "application/json", `{"a":"` + strings.Repeat("a", 100_000) + `"}`},
		{"gzip bomb", hostile.GzipBomb(3), 200, "application/json", `{"a":"` + strings.Repeat("a", 3<<20) + `"}`},
		{"deep", hostile.Deep(3), 200, "application/json", `{"a":[[[]]]}`},
		{"trailing bytes", hostile.TrailingBytes(p.Honest("jwks"), "{}"), 200, "application/json", string(set) + "{}"},
		{"another media type", hostile.ContentType(p.Honest("jwks"), "text/plain"), 200, "text/plain", string(set)},
		{"drip", hostile.Drip(time.Microsecond, 5), 200, "application/json", "{     }"},
		{"rewrite", hostile.Rewrite(hostile.JSON(`{"a":1}`), func(b []byte) []byte { return hostile.WithMember(b, "a", "2") }), 200, "application/json", `{"a":2,"a":1}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p.Serve("jwks", tt.fault)
			answer, body, err := fetch(p, 0)
			if err != nil || answer.StatusCode != tt.status || answer.Header.Get("Content-Type") != tt.media || string(body) != tt.body {
				t.Errorf("got %v, error %v, body %.80q", answer, err, body)
			}
		})
	}
	p.Serve("jwks", nil)
	if _, body, err := fetch(p, 0); err != nil || !bytes.Equal(body, set) {
		t.Errorf("restored: %s, %v", body, err)
	}
}

func TestBrokenConnections(t *testing.T) {
	for name, p := range map[string]*hostile.Provider{"loopback": hostile.New(t), "pipe": hostile.Pipe(t)} {
		t.Run(name, func(t *testing.T) {
			p.Serve("jwks", hostile.Reset())
			if _, _, err := fetch(p, 0); name == "loopback" && !errors.Is(err, syscall.ECONNRESET) && !errors.Is(err, io.EOF) || err == nil {
				t.Errorf("reset: %v", err)
			}
			p.Serve("jwks", hostile.Truncate(p.Honest("jwks")))
			if _, body, err := fetch(p, 0); !errors.Is(err, io.ErrUnexpectedEOF) || len(body) < 20 {
				t.Errorf("truncate: %v after %q", err, body)
			}
		})
	}
}

func TestWaitingFaults(t *testing.T) {
	for _, fault := range hostile.Faults() {
		if !fault.Waits {
			continue
		}
		t.Run(fault.Name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := hostile.Pipe(t)
				p.Serve("jwks", fault.Handler(p.Honest("jwks")))
				start := time.Now()
				_, _, err := fetch(p, 30*time.Second)
				if !errors.Is(err, context.DeadlineExceeded) && !isTimeout(err) {
					t.Errorf("error %v, want the deadline", err)
				}
				if d := time.Since(start); d != 30*time.Second {
					t.Errorf("gave up after %v", d)
				}
			})
		})
	}
}

func isTimeout(err error) bool {
	n, ok := errors.AsType[net.Error](err)
	return ok && n.Timeout()
}

func TestHangEndsWithTheTest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := hostile.Pipe(t)
		p.Serve("jwks", hostile.Hang())
		go fetch(p, 0)
		synctest.Wait()
		if p.Count("jwks") != 1 {
			t.Error("the request did not arrive")
		}
	})
}

func TestEachFaultShowsAtEachEndpoint(t *testing.T) {
	p := hostile.New(t)
	for _, fault := range hostile.Faults() {
		if fault.Waits {
			continue
		}
		for _, endpoint := range []string{"discovery", "jwks", "token", "userinfo", "revocation"} {
			t.Run(fault.Name+" at "+endpoint, func(t *testing.T) {
				p.Serve(endpoint, fault.Handler(p.Honest(endpoint)))
				before := p.Count(endpoint)
				client := p.HTTPClient()
				client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
				answer, err := client.Get(p.URL(endpoint))
				if err == nil {
					answer.Body.Close()
				}
				if p.Count(endpoint) == before {
					t.Errorf("no request was recorded: %v", err)
				}
				if p.Count(hostile.Elsewhere) != 0 {
					t.Error("the redirect was followed")
				}
			})
		}
	}
}

func TestUnreachable(t *testing.T) {
	unreachable := func(t *testing.T, p *hostile.Provider) {
		if _, err := p.HTTPClient().Get(hostile.Refused); err == nil || !strings.Contains(err.Error(), "refused") {
			t.Errorf("refused: %v", err)
		}
		_, err := p.HTTPClient().Get(hostile.BadTLS)
		if _, ok := errors.AsType[x509.HostnameError](err); !ok {
			t.Errorf("bad TLS: %v", err)
		}
		if n := p.Count(""); n != 0 {
			t.Errorf("%d requests arrived", n)
		}
	}
	t.Run("loopback", func(t *testing.T) { unreachable(t, hostile.New(t)) })
	t.Run("pipe", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) { unreachable(t, hostile.Pipe(t)) })
	})
}

func TestInTurn(t *testing.T) {
	p := hostile.New(t)
	p.Serve("jwks", hostile.InTurn(hostile.Status(500, "text/plain", ""), p.Honest("jwks")))
	for _, want := range []int{500, 200, 200} {
		if answer, _, err := fetch(p, 0); err != nil || answer.StatusCode != want {
			t.Errorf("got %v, %v, want %d", answer, err, want)
		}
	}
}

func TestMaxInFlight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := hostile.Pipe(t)
		p.Serve("jwks", hostile.Slow(p.Honest("jwks"), time.Second))
		for range 5 {
			go fetch(p, 0)
		}
		time.Sleep(2 * time.Second)
		if n := p.MaxInFlight("jwks"); n != 5 {
			t.Errorf("%d in flight, want 5", n)
		}
		if n := p.Count("jwks"); n != 5 {
			t.Errorf("%d requests, want 5", n)
		}
	})
}

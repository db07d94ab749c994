package openid

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/openid-client/openid/internal/hostile"
)

// A faultyCall is a call whose endpoint fails.
type faultyCall struct {
	name     string
	endpoint string
	post     bool
	loggedIn bool // the endpoint is asked after a login
	call     func(context.Context, *hostile.Provider, *Client, *Tokens) error
}

var faultyCalls = []faultyCall{
	{name: "discovery", endpoint: "discovery", call: newLogin},
	{name: "jwks", endpoint: "jwks", call: newLogin},
	{name: "token at a code", endpoint: "token", post: true, call: newLogin},
	{name: "token at a refresh", endpoint: "token", post: true, loggedIn: true,
		call: func(ctx context.Context, _ *hostile.Provider, c *Client, t *Tokens) error {
			_, err := c.Refresh(ctx, t)
			return err
		}},
	{name: "pushed request", endpoint: "pushed_authorization_request", post: true,
		call: func(ctx context.Context, _ *hostile.Provider, c *Client, _ *Tokens) error {
			c.cfg.PushAuthorizationRequests = true
			_, _, err := c.Authorize(ctx, AuthorizationRequest{Scope: []string{"openid"}})
			return err
		}},
	{name: "device authorization", endpoint: "device_authorization", post: true, call: func(ctx context.Context, _ *hostile.Provider, c *Client, _ *Tokens) error {
		_, err := c.Tokens(ctx, Device{Show: quietly})
		return err
	}},
	{name: "backchannel authentication", endpoint: "backchannel_authentication", post: true, call: func(ctx context.Context, _ *hostile.Provider, c *Client, _ *Tokens) error {
		_, err := c.Tokens(ctx, CIBA{LoginHint: "alice"})
		return err
	}},
	{name: "introspection", endpoint: "introspection", post: true, loggedIn: true, call: func(ctx context.Context, _ *hostile.Provider, c *Client, t *Tokens) error {
		_, err := c.Introspect(ctx, t.AccessToken)
		return err
	}},
	{name: "userinfo", endpoint: "userinfo", loggedIn: true,
		call: func(ctx context.Context, _ *hostile.Provider, c *Client, t *Tokens) error {
			_, err := c.UserInfo(ctx, t)
			return err
		}},
}

func newLogin(ctx context.Context, p *hostile.Provider, c *Client, _ *Tokens) error {
	url, tx, err := c.Authorize(ctx, AuthorizationRequest{Scope: []string{"openid"}})
	if err != nil {
		return err
	}
	_, err = c.Callback(ctx, p.Authorize(url), tx)
	return err
}

// start brings a client to the moment before the call.
func (f faultyCall) start(t *testing.T, tune ...func(*Config)) (*hostile.Provider, *Client, *Tokens) {
	t.Helper()
	p := hostile.Pipe(t)
	c := newTestClient(t, p, tune...)
	if !f.loggedIn {
		return p, c, nil
	}
	tokens, err := logIn(t, c, p)
	if err != nil {
		t.Fatal(err)
	}
	return p, c, tokens
}

// notThisEndpoint says what is wrong with err as the report that the call's endpoint failed; empty when nothing is.
func (f faultyCall) notThisEndpoint(err error) string {
	var (
		v        *VerificationError
		exchange *ExchangeError
		refused  *ResponseError
	)
	failed, answered := errors.As(err, &exchange), errors.As(err, &refused)
	switch {
	case err == nil:
		return "no error"
	case strings.Contains(fmt.Sprintf("%v %+v", err, err), hostile.Canary):
		return "the error shows a secret"
	case failed && exchange.Endpoint != strings.ReplaceAll(f.endpoint, "_", " "):
		return "it names the endpoint " + exchange.Endpoint
	case answered && refused.Endpoint != strings.ReplaceAll(f.endpoint, "_", " "):
		return "it names the endpoint " + refused.Endpoint
	case f.endpoint == "jwks" && (!errors.As(err, &v) || v.Check != "key" || v.Err == nil):
		return `the check "key" does not refuse, for a reason`
	case f.endpoint != "jwks" && !failed && !answered:
		return "it is neither an *ExchangeError nor a *ResponseError"
	}
	return ""
}

// wholeAnswers are faults after which the exchange itself was good: what came is no key set.
var wholeAnswers = []string{"500", "429", "204", "no body", "not JSON", "JSON array", "deep", "invalid UTF-8", "trailing bytes"}

// TestFaults: each way in which a server can fail, at each endpoint.
func TestFaults(t *testing.T) {
	for _, f := range faultyCalls {
		for _, fault := range hostile.Faults() {
			t.Run(f.name+"/"+fault.Name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) { f.suffer(t, fault) })
			})
		}
	}
}

func (f faultyCall) suffer(t *testing.T, fault hostile.Fault) {
	p, c, tokens := f.start(t, func(cfg *Config) {
		cfg.Trace = func(_ context.Context, e Event) {
			if strings.Contains(fmt.Sprintf("%+v", e), hostile.Canary) {
				t.Errorf("the event %s %s shows a secret", e.Kind, e.Name)
			}
		}
	})
	idle := quiet(c)
	before := p.Count(f.endpoint)
	p.Serve(f.endpoint, fault.Handler(p.Honest(f.endpoint)))

	began := time.Now()
	err := f.call(t.Context(), p, c, tokens)
	if wrong := f.notThisEndpoint(err); wrong != "" {
		t.Errorf("%s: %v", wrong, err)
	}
	var refused *ResponseError
	if got, want := errors.As(err, &refused), fault.Name == "429"; got != want {
		t.Errorf("they refused: %v, want %v (%v)", got, want, err)
	}
	var exchange *ExchangeError
	switch failed := errors.As(err, &exchange); {
	case !failed && f.endpoint == "jwks" && !slices.Contains(wholeAnswers, fault.Name):
		t.Errorf("the exchange failed, and no *ExchangeError says so: %v", err)
	case failed && !exchange.Sent:
		t.Errorf("the request was sent, and the error denies it: %v", err)
	}
	if late := errors.Is(err, context.DeadlineExceeded); late != fault.Waits {
		t.Errorf("a deadline ended it: %v, want %v (%v)", late, fault.Waits, err)
	}
	if waited := time.Since(began); waited > 30*time.Second || !fault.Waits && waited > 0 {
		t.Errorf("it took %v", waited)
	}
	if n := p.Count(f.endpoint) - before; f.post && n != 1 {
		t.Errorf("the POST was seen %d times", n)
	}
	if n := p.Count(hostile.Elsewhere); n != 0 {
		t.Errorf("the redirect was followed %d times", n)
	}
	if n := quiet(c) - idle; n > 0 {
		t.Errorf("%d goroutines are left", n)
	}

	p.Serve(f.endpoint, nil)
	if _, err := logIn(t, c, p); err != nil {
		t.Errorf("the fault is gone, yet: %v", err)
	}
}

// quiet is goroutines when no connection is kept.
func quiet(c *Client) int {
	c.http.Transport.(*http.Transport).CloseIdleConnections()
	return goroutines()
}

// goroutines counts those of this bubble when nothing is under way.
func goroutines() int {
	synctest.Wait()
	stacks := make([]byte, 1<<20)
	return strings.Count(string(stacks[:runtime.Stack(stacks, true)]), "synctest bubble")
}

// TestStopWaiting: a caller who gives up is let go at once, whatever hangs.
func TestStopWaiting(t *testing.T) {
	for _, f := range faultyCalls {
		for _, fault := range hostile.Faults() {
			if !fault.Waits {
				continue
			}
			t.Run(f.name+"/"+fault.Name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					p, c, tokens := f.start(t)
					p.Serve(f.endpoint, fault.Handler(p.Honest(f.endpoint)))

					ctx, cancel := context.WithCancel(t.Context())
					time.AfterFunc(1500*time.Millisecond, cancel)
					began := time.Now()
					err := f.call(ctx, p, c, tokens)
					if wrong := f.notThisEndpoint(err); wrong != "" || !errors.Is(err, context.Canceled) {
						t.Errorf("%s: %v", wrong, err)
					}
					if waited := time.Since(began); waited != 1500*time.Millisecond {
						t.Errorf("let go %v after it started", waited)
					}

					ctx, cancel = context.WithTimeout(t.Context(), 2*time.Second)
					defer cancel()
					err = f.call(ctx, p, c, tokens)
					if wrong := f.notThisEndpoint(err); wrong != "" || !errors.Is(err, context.DeadlineExceeded) {
						t.Errorf("with a deadline of the caller's: %s: %v", wrong, err)
					}
				})
			})
		}
	}
}

// TestOutOfReach: addresses where nobody listens, or somebody else. No POST was sent, and the error knows it.
func TestOutOfReach(t *testing.T) {
	for _, f := range faultyCalls {
		for _, origin := range []string{hostile.Refused, hostile.BadTLS} {
			t.Run(f.name+"/"+origin, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					p, _, tokens := f.start(t)
					elsewhere := func(*Config) {}
					if f.endpoint == "discovery" {
						elsewhere = func(cfg *Config) { cfg.DiscoveryURL = origin + "/metadata" }
					} else {
						member := f.endpoint + "_endpoint"
						if f.endpoint == "jwks" {
							member = "jwks_uri"
						}
						p.Metadata = func(m map[string]any) { m[member] = origin + "/x" }
					}
					c := newTestClient(t, p, elsewhere)
					err := f.call(t.Context(), p, c, tokens)
					if wrong := f.notThisEndpoint(err); wrong != "" {
						t.Errorf("%s: %v", wrong, err)
					}
					var exchange *ExchangeError
					if !errors.As(err, &exchange) || exchange.Status != 0 || f.post && exchange.Sent {
						t.Errorf("got %v, want an *ExchangeError of a request that was not sent", err)
					}
				})
			})
		}
	}
}

package openid

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
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
	post     bool   // what is asked changes something: it must arrive once
	loggedIn bool   // the endpoint is asked after a login
	status   bool   // the answer's status says it all
	requests string // up to the end of a login after it
	// moved, where no metadata names the endpoint, has it lie elsewhere.
	moved func(p *hostile.Provider, url string)
	call  func(context.Context, *hostile.Provider, *Client, *Tokens) error
}

var faultyCalls = []faultyCall{
	{name: "discovery", endpoint: "discovery", requests: "discovery discovery discovery? token jwks", call: newLogin},
	{name: "jwks", endpoint: "jwks", requests: "discovery token jwks jwks? token jwks", call: newLogin},
	{name: "token at a code", endpoint: "token", post: true, requests: "discovery token token jwks", call: newLogin},
	{name: "token at a refresh", endpoint: "token", post: true, loggedIn: true, requests: "discovery token jwks token token",
		call: func(ctx context.Context, _ *hostile.Provider, c *Client, t *Tokens) error {
			_, err := c.Refresh(ctx, t)
			return err
		}},
	{name: "pushed request", endpoint: "pushed_authorization_request", post: true, requests: "discovery pushed_authorization_request pushed_authorization_request token jwks",
		call: func(ctx context.Context, _ *hostile.Provider, c *Client, _ *Tokens) error {
			c.cfg.PushAuthorizationRequests = true
			_, _, err := c.Authorize(ctx, AuthorizationRequest{Scope: []string{"openid"}})
			return err
		}},
	{name: "device authorization", endpoint: "device_authorization", post: true, requests: "discovery device_authorization token jwks", call: func(ctx context.Context, _ *hostile.Provider, c *Client, _ *Tokens) error {
		_, err := c.Tokens(ctx, Device{Show: quietly})
		return err
	}},
	{name: "backchannel authentication", endpoint: "backchannel_authentication", post: true, requests: "discovery backchannel_authentication token jwks", call: func(ctx context.Context, _ *hostile.Provider, c *Client, _ *Tokens) error {
		_, err := c.Tokens(ctx, CIBA{LoginHint: "alice"})
		return err
	}},
	{name: "introspection", endpoint: "introspection", post: true, loggedIn: true, requests: "discovery token jwks introspection token", call: func(ctx context.Context, _ *hostile.Provider, c *Client, t *Tokens) error {
		_, err := c.Introspect(ctx, t.AccessToken)
		return err
	}},
	{name: "revocation", endpoint: "revocation", post: true, loggedIn: true, status: true, requests: "discovery token jwks revocation token?", call: func(ctx context.Context, _ *hostile.Provider, c *Client, t *Tokens) error {
		return c.Revoke(ctx, NewSecret(hostile.Canary+"-of nobody"))
	}},
	{name: "registration", endpoint: "registration", post: true, requests: "discovery registration discovery token jwks", call: func(ctx context.Context, p *hostile.Provider, c *Client, _ *Tokens) error {
		_, err := Register(ctx, registrarConfig(p, c), web(p))
		return err
	}},
	{name: "registration read", endpoint: "client_configuration", moved: registeredAt, requests: "discovery registration client_configuration client_configuration? discovery token jwks", call: managed(func(ctx context.Context, cfg Config, r *Registration) error {
		_, err := r.Read(ctx, cfg)
		return err
	})},
	{name: "registration changed", endpoint: "client_configuration", post: true, moved: registeredAt, requests: "discovery registration client_configuration discovery token jwks", call: managed(func(ctx context.Context, cfg Config, r *Registration) error {
		_, err := r.Update(ctx, cfg, r.Metadata)
		return err
	})},
	{name: "webfinger", endpoint: "webfinger", moved: lodgedAt, requests: "webfinger discovery token jwks", call: func(ctx context.Context, p *hostile.Provider, c *Client, _ *Tokens) error {
		_, err := FindIssuer(ctx, Config{HTTPClient: c.cfg.HTTPClient, Trace: c.cfg.Trace}, "https://"+lodging(p)+"/alice", anybody)
		return err
	}},
	{name: "resource metadata", endpoint: "resource_metadata", moved: lodgedAt, requests: "resource_metadata discovery token jwks", call: func(ctx context.Context, p *hostile.Provider, c *Client, _ *Tokens) error {
		_, err := FindResource(ctx, Config{HTTPClient: c.cfg.HTTPClient, Trace: c.cfg.Trace}, "https://"+lodging(p)+"/t/resource")
		return err
	}},
	{name: "userinfo", endpoint: "userinfo", loggedIn: true, requests: "discovery token jwks userinfo token",
		call: func(ctx context.Context, _ *hostile.Provider, c *Client, t *Tokens) error {
			_, err := c.UserInfo(ctx, t)
			return err
		}},
}

// lodging is the host that somebody names: the provider's, or where lodgedAt has moved what is asked for.
func lodging(p *hostile.Provider) string {
	if u, err := url.Parse(p.Subject); err == nil && u.Host != "" {
		return u.Host
	}
	return p.Host()
}

func lodgedAt(p *hostile.Provider, url string) { p.Subject = url }

func webFingerMember(p *hostile.Provider, lie func(map[string]any))        { p.WebFinger = lie }
func resourceMetadataMember(p *hostile.Provider, lie func(map[string]any)) { p.ResourceMetadata = lie }

func registrarConfig(p *hostile.Provider, c *Client) Config {
	cfg := unregistered(p)
	cfg.Trace = c.cfg.Trace
	return cfg
}

// managed registers a client first, whatever becomes of the caller's patience.
func managed(call func(context.Context, Config, *Registration) error) func(context.Context, *hostile.Provider, *Client, *Tokens) error {
	return func(ctx context.Context, p *hostile.Provider, c *Client, _ *Tokens) error {
		cfg := registrarConfig(p, c)
		r, err := Register(context.WithoutCancel(ctx), cfg, web(p))
		if err != nil {
			return err
		}
		return call(ctx, cfg, r)
	}
}

func registrationMember(p *hostile.Provider, lie func(map[string]any)) { p.Registration.Lie = lie }

// managedMember lies after an honest registration.
func managedMember(p *hostile.Provider, lie func(map[string]any)) {
	answers := 0
	p.Registration.Lie = func(m map[string]any) {
		if answers++; answers > 1 {
			lie(m)
		}
	}
}

func registeredAt(p *hostile.Provider, url string) {
	p.Registration.Lie = func(m map[string]any) { m["registration_client_uri"] = url }
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

// badStatus are faults that show in the status, or bring none; where that says it all (RFC 7009 section 2.2), nothing else is a fault.
var badStatus = []string{"hang", "reset", "redirect", "500", "429", "204"}

func (f faultyCall) minds(fault hostile.Fault) bool {
	return !f.status || slices.Contains(badStatus, fault.Name)
}

// TestHostileFaults: each way in which a server can fail, at each endpoint. D11 is drip and stall at discovery; T22 is what loses the answer of a
// refresh: the request is not made again, and the error says that it was sent.
func TestHostileFaults(t *testing.T) {
	for _, f := range faultyCalls {
		for _, fault := range hostile.Faults() {
			t.Run(f.name+"/"+fault.Name, func(t *testing.T) {
				hostile.Watch(t, f.requests)
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
	hostile.Hear(err)
	if !f.minds(fault) {
		if waited := time.Since(began); err != nil || p.Count(f.endpoint)-before != 1 || waited > 30*time.Second {
			t.Errorf("after %v and %d requests: %v", waited, p.Count(f.endpoint)-before, err)
		}
		return
	}
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
			if !fault.Waits || !f.minds(fault) {
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
					if f.moved != nil {
						f.moved(p, origin+"/x")
					} else if f.endpoint == "discovery" {
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

// TestRefusals: each endpoint's error body, its challenge, and both at once: both are reported, and the body's code is the one that counts.
// A challenge beside a good answer is none.
func TestRefusals(t *testing.T) {
	const challenge = `Basic realm="x", Bearer error="invalid_token", error_description="of the header", scope="more"`
	answer := func(status int, challenged bool, contentType, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			if challenged {
				w.Header().Set("WWW-Authenticate", challenge)
			}
			hostile.Status(status, contentType, body)(w, r)
		}
	}
	const body = `{"error":"invalid_request","error_description":"of the body","error_uri":"https://op.example/help"}`
	for _, f := range faultyCalls {
		if f.endpoint == "discovery" || f.endpoint == "jwks" {
			continue
		}
		for _, row := range []struct {
			name       string
			serve      http.HandlerFunc
			status     int
			code       Code
			why, more  string
			challenges int
		}{
			{"a body", answer(400, false, "application/json", body), 400, ErrInvalidRequest, "of the body", "https://op.example/help", 0},
			{"a body with parameters in its type", answer(400, false, "application/json; charset=UTF-8", body), 400, ErrInvalidRequest, "of the body", "https://op.example/help", 0},
			{"a challenge", answer(401, true, "text/plain", "no"), 401, ErrInvalidToken, "of the header", "", 2},
			{"both", answer(401, true, "application/json", body), 401, ErrInvalidRequest, "of the body", "https://op.example/help", 2},
			{"both, and a server that is out of order", answer(500, true, "application/json", body), 500, ErrInvalidRequest, "of the body", "https://op.example/help", 2},
			{"a body that is no error, and a challenge", answer(403, true, "application/json", `{"message":"no"}`), 403, ErrInvalidToken, "of the header", "", 2},
			{"a body in another type", answer(400, false, "text/html", body), 400, "", "", "", 0},
			{"a body that is no JSON", answer(400, false, "application/json", "error=invalid_request"), 400, "", "", "", 0},
			{"error a number", answer(400, false, "application/json", `{"error":7}`), 400, "error", "", "", 0},
			{"error twice", answer(400, false, "application/json", `{"error":"invalid_request","error":"access_denied"}`), 400, "", "", "", 0},
		} {
			t.Run(f.name+"/"+row.name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					p, c, tokens := f.start(t)
					p.Serve(f.endpoint, row.serve)
					err := f.call(t.Context(), p, c, tokens)
					var e *ResponseError
					if !errors.As(err, &e) || f.notThisEndpoint(err) != "" {
						t.Fatalf("got %v", err)
					}
					if e.Status != row.status || e.Code != row.code || e.Description != row.why || e.URI != row.more || len(e.Challenges) != row.challenges {
						t.Errorf("got %#v", e)
					}
					if row.code != "" && !errors.Is(err, row.code) {
						t.Errorf("%v is not %q", err, row.code)
					}
				})
			})
		}
		t.Run(f.name+"/a challenge beside a good answer", func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p, c, tokens := f.start(t)
				p.Serve(f.endpoint, func(w http.ResponseWriter, r *http.Request) {
					w.Header().Set("WWW-Authenticate", challenge)
					p.Honest(f.endpoint)(w, r)
				})
				if err := f.call(t.Context(), p, c, tokens); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// TestMistypedMembers: each member of each answer, missing and as every kind of JSON value. What is not in the row's list is refused by a check.
func TestMistypedMembers(t *testing.T) {
	kinds := map[string]string{"missing": "", "null": "null", "number": "1", "text": `"x"`, "empty": `""`, "true": "true", "array": "[]", "object": "{}"}
	for _, row := range []struct {
		call, member string
		fine         string // kinds that are as good as the truth
		tell         func(*hostile.Provider, func(map[string]any))
	}{
		{"token at a code", "access_token", "", tokenMember}, // at_hash vouches for the true one
		{"token at a code", "token_type", "", tokenMember},
		{"token at a code", "expires_in", "missing null number", tokenMember},
		{"token at a code", "refresh_token", "missing null text", tokenMember},
		{"token at a code", "scope", "missing null text empty", tokenMember},
		{"token at a code", "id_token", "", tokenMember},
		{"token at a code", "authorization_details", "missing null array", tokenMember},
		{"token at a code", "issued_token_type", "missing null text empty", tokenMember},
		{"token at a code", "something_else", "missing null number text empty true array object", tokenMember},
		{"token at a refresh", "access_token", "", tokenMember},
		{"token at a refresh", "token_type", "", tokenMember},
		{"token at a refresh", "id_token", "missing null", tokenMember},
		{"pushed request", "request_uri", "", pushedMember},
		{"pushed request", "expires_in", "number", pushedMember},
		{"device authorization", "device_code", "", deviceMember}, // a code of nobody's is refused by the token endpoint
		{"device authorization", "user_code", "text", deviceMember},
		{"device authorization", "verification_uri", "", deviceMember},
		{"device authorization", "verification_uri_complete", "missing null", deviceMember},
		{"device authorization", "expires_in", "", deviceMember}, // in a second nobody decides
		{"device authorization", "interval", "missing null number", deviceMember},
		{"backchannel authentication", "auth_req_id", "", backchannelMember},
		{"backchannel authentication", "expires_in", "", backchannelMember},
		{"backchannel authentication", "interval", "missing null number", backchannelMember},
		{"introspection", "active", "true", introspectionMember},
		{"introspection", "iss", "missing null", introspectionMember},
		{"introspection", "sub", "missing null text", introspectionMember},
		{"introspection", "client_id", "missing null text empty", introspectionMember},
		{"introspection", "username", "missing null text empty", introspectionMember},
		{"introspection", "token_type", "missing null text empty", introspectionMember},
		{"introspection", "scope", "missing null text empty", introspectionMember},
		{"introspection", "aud", "missing null text empty array", introspectionMember},
		{"introspection", "exp", "missing null", introspectionMember}, // 1 is long ago
		{"introspection", "iat", "missing null number", introspectionMember},
		{"introspection", "nbf", "missing null number", introspectionMember},
		{"introspection", "cnf", "missing null object", introspectionMember},
		{"introspection", "authorization_details", "missing null array", introspectionMember},
		{"registration", "client_id", "text", registrationMember},
		{"registration", "client_secret", "text", registrationMember},
		{"registration", "client_secret_expires_at", "", registrationMember}, // 1 is long ago
		{"registration", "client_id_issued_at", "missing null number", registrationMember},
		{"registration", "registration_access_token", "text", registrationMember},
		{"registration", "registration_client_uri", "", registrationMember},
		{"registration", "redirect_uris", "missing null", registrationMember},
		{"registration", "token_endpoint_auth_method", "missing null empty", registrationMember},
		{"registration", "grant_types", "missing null array", registrationMember},
		{"registration", "client_name", "missing null text empty", registrationMember},
		{"registration", "scope", "missing null text empty", registrationMember},
		{"registration", "jwks", "missing null object", registrationMember},
		{"registration", "jwks_uri", "missing null empty", registrationMember},
		{"registration", "default_max_age", "missing null number", registrationMember},
		{"registration", "require_auth_time", "missing null true", registrationMember},
		{"registration", "id_token_signed_response_alg", "missing null empty", registrationMember},
		{"registration", "software_statement", "missing null empty", registrationMember},
		{"registration", "something_else", "missing null number text empty true array object", registrationMember},
		{"registration read", "client_id", "", managedMember},
		{"registration read", "client_secret", "missing null text", managedMember},
		{"registration read", "client_secret_expires_at", "number", managedMember},
		{"registration read", "registration_access_token", "missing null text", managedMember},
		{"registration read", "registration_client_uri", "missing null", managedMember},
		{"registration read", "redirect_uris", "missing null array", managedMember},
		{"webfinger", "subject", "missing text", webFingerMember},
		{"webfinger", "links", "", webFingerMember},
		{"webfinger", "properties", "missing null number text empty true array object", webFingerMember},
		{"resource metadata", "resource", "", resourceMetadataMember},
		{"resource metadata", "authorization_servers", "missing null array", resourceMetadataMember},
		{"resource metadata", "jwks_uri", "missing null empty", resourceMetadataMember},
		{"resource metadata", "scopes_supported", "missing null array", resourceMetadataMember},
		{"resource metadata", "dpop_bound_access_tokens_required", "missing null true", resourceMetadataMember},
		{"resource metadata", "signed_metadata", "missing null number text empty true array object", resourceMetadataMember},
		{"userinfo", "sub", "", userInfoMember},
		{"userinfo", "email", "missing null number text empty true array object", userInfoMember},
	} {
		i := slices.IndexFunc(faultyCalls, func(f faultyCall) bool { return f.name == row.call })
		for kind, value := range kinds {
			t.Run(row.call+"/"+row.member+" "+kind, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					f := faultyCalls[i]
					p, c, tokens := f.start(t)
					row.tell(p, responseMember(row.member, value))
					err := f.call(t.Context(), p, c, tokens)
					fine := slices.Contains(strings.Fields(row.fine), kind)
					var refused *ResponseError
					if fine && err != nil || !fine && refusedBy(err) == "" && !errors.As(err, &refused) {
						t.Errorf("fine: %v, got %v", fine, err)
					}
					if err != nil && strings.Contains(err.Error(), hostile.Canary) {
						t.Errorf("the error shows a secret: %v", err)
					}
				})
			})
		}
	}
}

func tokenMember(p *hostile.Provider, lie func(map[string]any))         { p.TokenResponse = lie }
func pushedMember(p *hostile.Provider, lie func(map[string]any))        { p.Pushed = lie }
func deviceMember(p *hostile.Provider, lie func(map[string]any))        { p.Decision.Device = lie }
func backchannelMember(p *hostile.Provider, lie func(map[string]any))   { p.Decision.Backchannel = lie }
func introspectionMember(p *hostile.Provider, lie func(map[string]any)) { p.Introspection = lie }
func userInfoMember(p *hostile.Provider, lie func(map[string]any))      { p.UserInfo = lie }

// Package hostile is the OpenID Provider of this module's own tests: honest,
// and as strict as a server may be, until a test tells it which lie to tell.
//
//	p := hostile.New(t)
//	p.IDToken = hostile.Longer("aud")
//	p.TokenResponse = func(m map[string]any) { m["token_type"] = "MAC" }
//	p.Serve("jwks", hostile.Status(500, "text/plain", "down"))
//
// A lie about a document or a token is a field of Script (provider.go); what a
// lie about a token says is a small function (lie.go), or the test's own. What can
// be wrong with an answer whatever it says is a handler (fault.go), and in a list
// (faultmatrix.go); what can be wrong with a key is an entry of PoisonKeys
// (jwk.go). Suite and Decoys (suite.go) are odd and no lies.
//
// New serves loopback TLS. Pipe serves net.Pipe, for tests in a synctest bubble,
// where real sockets hang. Keys and tokens also stand on their own: NewKey,
// NewToken. Nothing here uses the module's own JSON or JOSE code, so that a
// fault there cannot hide.
package hostile

import (
	"bytes"
	"context"
	"io"
	"log"
	"maps"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"
)

// Canary stands in each secret, code, access token and refresh token of a
// provider: whatever a test prints or collects must not contain it.
const Canary = "canary"

// Script is what a provider plays. Set its fields before the request that they
// concern; while requests are in flight, use Change.
type Script struct {
	// Issuer is what documents, tokens and callbacks claim. The endpoints stay
	// where they are when it is changed.
	Issuer string

	ClientID     string // "client"
	ClientSecret string // at least 64 bytes, with characters that Basic must encode
	RedirectURI  string // "https://app.example/cb"
	Subject      string // "alice-sub"

	Alg          string        // signs ID Tokens; ES256 by default
	CacheControl string        // of the key set
	Lifetime     time.Duration // of access and ID Tokens; one hour by default

	// The lies: each may change a document before it is sent. Nil is honest.
	// WithMember with Rewrite says what a map cannot.
	Metadata      func(m map[string]any)
	JWKS          func(set map[string]any)
	TokenResponse func(m map[string]any)
	UserInfo      func(m map[string]any)
	Callback      func(q url.Values)
	IDToken       func(tok *Token)
	FrontIDToken  func(tok *Token)       // the one that comes with the authorization response
	Response      func(tok *Token)       // an authorization response that is a JWT
	Pushed        func(m map[string]any) // the answer to a pushed authorization request
	UserInfoJWT   func(tok *Token)       // not nil: UserInfo is signed

	AccessToken func(tok *Token) // not nil: access tokens are JWTs, for https://api.example (RFC 9068)

	// SessionID is sid in ID Tokens and logout tokens; empty: there is none.
	SessionID          string
	LogoutToken        func(tok *Token)
	FrontchannelLogout func(q url.Values)
	// BrowserState, when set, offers session management: it is what
	// session_state is computed from.
	BrowserState string
	// Claims are what the provider, as a source of claims, knows about a user and
	// signs; ClaimsJWT changes the token.
	Claims    map[string]any
	ClaimsJWT func(tok *Token)

	Introspection    func(m map[string]any)
	IntrospectionJWT func(tok *Token) // not nil: the answer is signed

	// Encrypt, when set, wraps every JWT that is not an access token: this
	// package has no JWE of its own.
	Encrypt func(jws string) string
	// FetchRequest, when set, is asked for the object that a request_uri names
	// that was not pushed.
	FetchRequest func(uri string) string
	// DPoP says what the provider makes of proofs of possession.
	DPoP DPoP
	// Decision is what a device flow or a backchannel authentication meets.
	Decision Decision
	// Registration says how clients register themselves.
	Registration     Registration
	WebFinger        func(m map[string]any) // what a WebFinger query is answered with
	ResourceMetadata func(m map[string]any) // RFC 9728, of the endpoint "resource"

	// Aliases offers mtls_endpoint_aliases, at the paths with /mtls in front.
	Aliases bool
}

// Provider is an OpenID Provider that runs until its test ends.
type Provider struct {
	Script

	t      TB
	base   string // of the endpoints: https://host:port/t
	addr   string // host:port
	dial   func(context.Context) (net.Conn, error)
	client *http.Client

	honest map[string]http.HandlerFunc // by endpoint

	mu          sync.Mutex
	served      map[string]http.HandlerFunc
	log         []Recorded
	inFlight    map[string]int
	maxInFlight map[string]int
	keys        map[string]*Key // by algorithm
	published   []*Key
	codes       map[string]grant
	refresh     map[string]grant
	access      map[string]grant
	pushed      map[string]url.Values
	nonces      map[string]string // by role, the one that counts now
	proofs      []Proof
	decisions   map[string]*decision
	pings       []Ping

	registrations map[string]*registered
	transports    []*http.Transport // of the clients that reach this provider
}

// TB is what a provider needs of a *testing.T; examples, which get none, bring
// their own.
type TB interface {
	Helper()
	Fatalf(format string, args ...any)
	Cleanup(func())
	Context() context.Context
}

// New starts an honest provider on a loopback port.
func New(t TB, opts ...func(*Provider)) *Provider {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatalf("hostile: %v", err)
	}
	addr := l.Addr().String()
	return start(t, l, addr, func(ctx context.Context) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "tcp", addr)
	}, opts)
}

// Pipe is New over net.Pipe, at https://op.example/t.
func Pipe(t TB, opts ...func(*Provider)) *Provider {
	t.Helper()
	return PipeAt(t, "op.example", opts...)
}

// PipeAt is Pipe under another name, which must end in .example and have no
// further dot: for tests with several issuers.
func PipeAt(t TB, host string, opts ...func(*Provider)) *Provider {
	t.Helper()
	l := newPipeListener()
	return start(t, l, host+":443", l.dial, opts)
}

func start(t TB, l net.Listener, addr string, dial func(context.Context) (net.Conn, error), opts []func(*Provider)) *Provider {
	base := "https://" + strings.TrimSuffix(addr, ":443") + "/t"
	p := &Provider{
		Script: Script{
			Issuer:       base,
			ClientID:     "client",
			ClientSecret: Canary + " of the client's secret: +%&=/?~ " + strings.Repeat("0123456789", 4),
			RedirectURI:  "https://app.example/cb",
			Subject:      "alice-sub",
			Alg:          "ES256",
			Lifetime:     time.Hour,
		},
		t: t, base: base, addr: addr, dial: dial,
		served:      map[string]http.HandlerFunc{},
		inFlight:    map[string]int{},
		maxInFlight: map[string]int{},
		keys:        map[string]*Key{},
		codes:       map[string]grant{},
		refresh:     map[string]grant{},
		access:      map[string]grant{},
		pushed:      map[string]url.Values{},
		nonces:      map[string]string{},
		decisions:   map[string]*decision{},

		registrations: map[string]*registered{},
	}
	p.honest = p.endpoints()
	for _, opt := range opts {
		opt(p)
	}

	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	server := &http.Server{
		Handler:     p,
		ErrorLog:    log.New(io.Discard, "", 0),
		BaseContext: func(net.Listener) context.Context { return ctx },
		// Over net.Pipe, where nothing is buffered, a client that refuses the
		// certificate and a server in mid-handshake would write to each other for ever.
		ReadHeaderTimeout: 5 * time.Second,
		ConnState: func(_ net.Conn, state http.ConnState) {
			switch state {
			case http.StateNew:
				running.Add(1)
			case http.StateClosed, http.StateHijacked:
				running.Done()
			}
		},
	}
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		server.Serve(tlsListener(l))
	}()
	t.Cleanup(func() {
		cancel() // lets go of hanging handlers
		server.Close()
		<-stopped
		running.Wait()
	})
	p.client = Client(p)
	return p
}

// HTTPClient reaches this provider and trusts its certificate.
func (p *Provider) HTTPClient() *http.Client {
	c := *p.client
	return &c
}

// Change lets a test set fields of the script while requests are in flight.
func (p *Provider) Change(f func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	f()
}

func (p *Provider) script() Script {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.Script
}

// URL is where an endpoint lies: "authorization", "token", "userinfo", "jwks",
// "end_session", "discovery", or one that Serve adds.
func (p *Provider) URL(endpoint string) string {
	if endpoint == "discovery" {
		endpoint = ".well-known/openid-configuration"
	}
	return p.base + "/" + endpoint
}

// Serve replaces an endpoint wholesale; nil restores the honest one. An endpoint
// that the provider does not have of its own is advertised as the metadata's
// <name>_endpoint from then on.
func (p *Provider) Serve(endpoint string, h http.HandlerFunc) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if h == nil {
		delete(p.served, endpoint)
		return
	}
	p.served[endpoint] = h
}

// Honest is the honest handler of an endpoint, for handlers that wrap it.
func (p *Provider) Honest(endpoint string) http.HandlerFunc {
	if h := p.honest[endpoint]; h != nil {
		return h
	}
	return http.NotFound
}

// endpoints are those that a provider has of its own.
func (p *Provider) endpoints() map[string]http.HandlerFunc {
	return map[string]http.HandlerFunc{
		"discovery":                    p.serveMetadata,
		"jwks":                         p.serveJWKS,
		"webfinger":                    p.serveWebFinger,
		"authorization":                p.serveAuthorization,
		"pushed_authorization_request": p.servePushed,
		"token":                        p.serveToken,
		"device_authorization":         p.serveDevice,
		"backchannel_authentication":   p.serveBackchannel,
		"introspection":                p.serveIntrospection,
		"revocation":                   p.serveRevocation,
		"userinfo":                     p.serveUserInfo,
		"claims":                       p.serveClaims,
		"resource":                     p.serveResource,
		"resource_metadata":            p.serveResourceMetadata,
		"registration":                 p.serveRegistration,
		"client_configuration":         p.serveConfiguration,
		"end_session":                  p.serveEndSession,
		"check_session":                p.serveCheckSession,
	}
}

// extras are the endpoints that only Serve knows.
func (p *Provider) extras() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.DeleteFunc(slices.Collect(maps.Keys(p.served)), func(name string) bool { return p.honest[name] != nil })
}

func (p *Provider) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	// A body that was read to its end lets the server notice a client that goes
	// away, which cancels the request's context.
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	endpoint := p.endpoint(r.URL.Path)

	p.saw(endpoint)
	p.mu.Lock()
	p.log = append(p.log, record(endpoint, r, body))
	p.inFlight[endpoint]++
	p.maxInFlight[endpoint] = max(p.maxInFlight[endpoint], p.inFlight[endpoint])
	h := p.served[endpoint]
	p.mu.Unlock()
	defer func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.inFlight[endpoint]--
	}()

	if h == nil {
		h = p.Honest(endpoint)
	}
	h(w, r)
}

// endpoint names what lies at a path. Metadata lies in two places: OpenID
// Connect Discovery §4 and RFC 8414 §3.
func (p *Provider) endpoint(path string) string {
	switch path {
	case "/t/.well-known/openid-configuration", "/.well-known/oauth-authorization-server/t":
		return "discovery"
	case "/.well-known/webfinger":
		return "webfinger"
	case "/.well-known/oauth-protected-resource/t/resource":
		return "resource_metadata"
	}
	if name, ok := strings.CutPrefix(path, "/t/"); ok {
		name = strings.TrimPrefix(name, "mtls/")
		if strings.HasPrefix(name, "client_configuration/") { // one for each client
			return "client_configuration"
		}
		return name
	}
	return path
}

package openidtest

import (
	"cmp"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/luikyv/go-oidc/pkg/goidc"
	"github.com/luikyv/go-oidc/pkg/provider"
)

const defaultLifetime = 10 * time.Minute // of both tokens

// Config says how a provider behaves. Its zero value works.
type Config struct {
	Addr string // host and port to listen on, a loopback address; "127.0.0.1:0", any free port, when empty
	TLS  bool   // serve https with a certificate made at the start, which [Provider.Client] trusts

	Users   []User   // [DemoUsers] when empty
	Clients []Client // more with [Provider.AddClient], or by dynamic registration
	Scopes  []string // known in addition to openid, profile, email, phone, address and offline_access

	// AuthorizationDetails are the types that clients may ask for (RFC 9396); Resources the APIs that tokens may be for (RFC 8707).
	AuthorizationDetails, Resources []string

	// ACRValues are the classes of authentication that there are. A login is of the first one, unless a request asks for others (acr_values) that
	// the login of the browser is none of: then the login page is shown again, and the login after it is of the first that was asked for. A class
	// that is not in this list is refused.
	ACRValues []string

	// DPoPNonces asks for a nonce with every DPoP proof, and has another for the token endpoint than for UserInfo (RFC 9449,
	// sections 8 and 9). A nonce is good for one proof.
	DPoPNonces bool

	// AutoApprove is the username of the user who logs in and agrees to everything at once, without pages. When empty,
	// the pages are shown. A request with prompt=none still fails until that user has logged in with the same cookies. A request of CIBA is
	// agreed to as soon as it was made, by the user whom it names.
	AutoApprove string

	// Lifetimes are whole seconds, 10 minutes when 0. Fractions of a second are a mistake.
	AccessTokenLifetime time.Duration
	IDTokenLifetime     time.Duration

	// Log is told why a request was refused: the error code and the reason. It fits [testing.T.Logf]; nil is silent. It is not called after Close.
	Log func(format string, args ...any)
}

// TB is the part of [testing.TB] that New needs.
type TB interface {
	Helper()
	Cleanup(func())
	Fatalf(format string, args ...any)
}

// Provider is a running OpenID Provider. Its methods may be used at the same time.
type Provider struct {
	issuer, cookieName                   string
	scopes, details, resources           []string
	classes                              []string
	nonces                               *nonces // nil: none are asked for
	users                                []User
	demoUsers                            bool
	accessTokenLifetime, idTokenLifetime time.Duration
	log                                  func(format string, args ...any)

	store               storage
	clients, registered table[goidc.Client]
	logins              table[login]
	waiting             table[backchannel] // by auth_req_id
	polled              table[time.Time]   // by device code or auth_req_id
	keys                keyring

	mu          sync.Mutex
	autoApprove string

	op          *provider.Provider
	engine      http.Handler
	server      http.Server
	connections sync.WaitGroup
	served      chan struct{} // closed when the listener is
	certificate *tls.Certificate
	transport   *http.Transport
	close       func() error
}

// New starts a provider that stops at the end of the test.
func New(tb TB, cfg Config) *Provider {
	tb.Helper()
	p, err := Start(cfg)
	if err != nil {
		tb.Fatalf("%v", err)
	}
	tb.Cleanup(func() { _ = p.Close() })
	return p
}

// Start starts a provider. It reports all mistakes of the configuration at once.
func Start(cfg Config) (*Provider, error) {
	p := &Provider{
		scopes:              slices.Concat(standardScopes, cfg.Scopes),
		details:             slices.Clone(cfg.AuthorizationDetails),
		resources:           slices.Clone(cfg.Resources),
		classes:             slices.Clone(cfg.ACRValues),
		demoUsers:           len(cfg.Users) == 0,
		accessTokenLifetime: cmp.Or(cfg.AccessTokenLifetime, defaultLifetime),
		idTokenLifetime:     cmp.Or(cfg.IDTokenLifetime, defaultLifetime),
		log:                 cfg.Log,
		autoApprove:         cfg.AutoApprove,
		served:              make(chan struct{}),
	}
	if cfg.DPoPNonces {
		p.nonces = new(nonces)
	}
	if p.log == nil {
		p.log = func(string, ...any) {}
	}
	if p.demoUsers {
		cfg.Users = DemoUsers()
	}
	if err := p.configure(cfg); err != nil {
		return nil, err
	}
	ln, err := p.listen(cfg)
	if err != nil {
		return nil, err
	}
	if p.op, err = p.newEngine(); err != nil {
		return nil, errors.Join(fmt.Errorf("openidtest: %w", err), ln.Close())
	}
	p.engine = p.op.Handler()
	p.serve(ln)
	return p, nil
}

func (p *Provider) configure(cfg Config) error {
	var errs []error
	refuse := func(err error) {
		if err != nil {
			errs = append(errs, fmt.Errorf("openidtest: %w", err))
		}
	}
	var err error
	p.users, err = users(cfg.Users)
	refuse(err)
	if _, ok := p.user(cfg.AutoApprove); cfg.AutoApprove != "" && !ok {
		refuse(fmt.Errorf("AutoApprove: there is no user %q", cfg.AutoApprove))
	}
	refuse(checkLifetime("AccessTokenLifetime", cfg.AccessTokenLifetime))
	refuse(checkLifetime("IDTokenLifetime", cfg.IDTokenLifetime))
	refuse(p.keys.rotate())
	for _, c := range cfg.Clients {
		if err := p.AddClient(c); err != nil {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// checkLifetime refuses what could not be kept: expires_in and exp count whole seconds.
func checkLifetime(name string, d time.Duration) error {
	if d < 0 || d%time.Second != 0 {
		return fmt.Errorf("%s: %v is not a positive number of whole seconds", name, d)
	}
	return nil
}

func seconds(d time.Duration) int { return int(d / time.Second) }

func (p *Provider) listen(cfg Config) (net.Listener, error) {
	addr := cfg.Addr
	if addr == "" {
		addr = "127.0.0.1:0"
	}
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, fmt.Errorf("openidtest: Addr: %w", err)
	}
	if host != "localhost" && !net.ParseIP(host).IsLoopback() {
		return nil, fmt.Errorf("openidtest: Addr: %q is no loopback address", host)
	}
	ln, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("openidtest: %w", err)
	}
	_, port, _ := net.SplitHostPort(ln.Addr().String())
	scheme := "http"
	p.transport = &http.Transport{}
	if cfg.TLS {
		scheme = "https"
		if p.certificate, err = newCertificate(); err != nil {
			return nil, errors.Join(fmt.Errorf("openidtest: %w", err), ln.Close())
		}
		p.transport.TLSClientConfig = trust(p.certificate)
		ln = tls.NewListener(ln, &tls.Config{Certificates: []tls.Certificate{*p.certificate}, NextProtos: []string{"http/1.1"}})
	}
	p.issuer = scheme + "://" + net.JoinHostPort(host, port)
	p.cookieName = "openidtest_" + port // cookies of one host are shared by its ports
	return ln, nil
}

func (p *Provider) serve(ln net.Listener) {
	p.server = http.Server{
		Handler:           http.HandlerFunc(p.handle),
		ReadHeaderTimeout: 10 * time.Second,
		ErrorLog:          p.errorLog(),
		ConnState: func(_ net.Conn, s http.ConnState) {
			switch s {
			case http.StateNew:
				p.connections.Add(1)
			case http.StateClosed, http.StateHijacked:
				p.connections.Done()
			}
		},
	}
	go func() {
		defer close(p.served)
		_ = p.server.Serve(ln)
	}()
	p.close = sync.OnceValue(func() error {
		err := p.server.Close()
		<-p.served
		p.connections.Wait() // from here on no handler runs
		return err
	})
}

// Close stops the provider and waits until everything that it started has ended.
func (p *Provider) Close() error { return p.close() }

// Issuer is the URL that names the provider, and where it is found.
func (p *Provider) Issuer() string { return p.issuer }

// Client makes an HTTP client that trusts the provider's certificate. It keeps no cookies: give it a Jar to play the browser.
func (p *Provider) Client() *http.Client { return &http.Client{Transport: p.transport} }

// SetAutoApprove changes who is logged in without pages; "" shows the pages. See [Config].
func (p *Provider) SetAutoApprove(username string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.autoApprove = username
}

func (p *Provider) autoApproved() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.autoApprove
}

// Rotate makes new signing keys and signs with them from now on. The keys before them stay published until the next Rotate.
func (p *Provider) Rotate() error {
	if err := p.keys.rotate(); err != nil {
		return fmt.Errorf("openidtest: %w", err)
	}
	return nil
}

package openid

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/openid-client/openid/internal/dpop"
	"github.com/openid-client/openid/internal/endpoint"
	"github.com/openid-client/openid/internal/jose"
	"github.com/openid-client/openid/store"
)

const (
	defaultClockTolerance = 30 * time.Second
	maxClockTolerance     = 300 * time.Second
	maxClockSkew          = 24 * time.Hour
	userAgent             = "openid-go"
	ownStoreItems         = 1 << 20
)

// Config describes one client at one server. Issuer, ClientID and Auth are required; the zero value of everything else is the safe
// choice.
type Config struct {
	// Name is what an application with several servers calls this one, in addresses and on buttons; package login reads it.
	Name string
	// Issuer is the server's issuer identifier, byte for byte as the server writes it: a missing or an extra slash at its end is
	// another issuer (OpenID Connect Discovery 1.0 section 4.3). A server with many tenants writes {tenantid} into it; what stands there is
	// checked against Tenants, and DiscoveryURL says where the metadata for all of them lies.
	Issuer string
	// IssuerAliases are other names that the server gives itself: Google's tokens leave out https:// at times. They count wherever the
	// issuer does; what this package returns is always Issuer, so that a user has one key.
	IssuerAliases []string
	// Tenants are those whose users and tokens are accepted, by the identifiers that stand in the place of {tenantid}; required with such
	// an Issuer. The claim tid of an ID Token has to say the same.
	Tenants []string
	// DiscoveryURL is where the metadata document lies when that is not below Issuer, for example behind an address that is only
	// reachable from inside, or for all tenants. The document must still name Issuer, or an alias.
	DiscoveryURL string
	// Metadata replaces discovery. Its Issuer must be the same as Issuer, or an alias.
	Metadata *ServerMetadata
	// SignedMetadata demands that somebody vouches for the metadata by a signature: a *[SignedMetadata]; nil: the TLS of the server alone.
	SignedMetadata MetadataSignature
	// ClientID is the identifier the server gave this client.
	ClientID string
	// Auth is how the client authenticates; None() for a public client. Nil is an error.
	Auth ClientAuth
	// RedirectURI is where the server sends the browser back to, exactly as registered. It is never rebuilt from a request's headers.
	// An application with several servers gives each a redirect URI of its own, handled by that server's Client alone, or sets RequireIss.
	RedirectURI string
	// RequireIss refuses an authorization response without iss (RFC 9207) also where the metadata does not announce it. With several
	// servers behind one redirect URI it is what keeps the code of one from being sent to another (RFC 9700 section 4.4).
	RequireIss bool
	// Keys seal transactions: the first seals, all of them open, so that keys can be rotated. Each is at least 32 random bytes and is
	// shared by all processes that serve one application. Nil: a key of this process only, which forgets pending logins at its end.
	Keys []Secret
	// Certificate is presented to servers that ask for one in the TLS handshake: for [TLSClientAuth], and for tokens that are bound to it
	// (RFC 8705 sections 2 and 3). With it the server's mtls_endpoint_aliases are used. It needs an HTTPClient whose Transport is an
	// *http.Transport, or none.
	Certificate *tls.Certificate
	// DPoP binds tokens to a key that only this client has: [DPoPKey] or [DPoPPerGrant] (RFC 9449). The zero value: bearer tokens.
	DPoP DPoP
	// Decrypter decrypts ID Tokens, UserInfo and authorization responses that the server encrypts for this client; package jwe makes one.
	Decrypter Decrypter
	// RequestObject makes every authorization request a signed JWT (RFC 9101): a *[RequestObject]; nil: plain parameters.
	RequestObject RequestEncoding
	// PushAuthorizationRequests sends authorization requests to the server first also where it does not require that (RFC 9126).
	PushAuthorizationRequests bool
	// DetachedSignature demands that the authorization response is signed: by the ID Token of a hybrid response, which then has to vouch for
	// the state too (FAPI 1.0 Advanced section 5.2.2.1), or as a JWT. No ID Token of the login may then be older than an hour.
	DetachedSignature bool
	// Profile holds this client to a security profile: [FAPI1Advanced], [FAPI2Security], [FAPI2MessageSigning] or [OAuth21]. It sets what
	// follows from the profile, and what contradicts it is refused, here, in requests and in what comes back, by the name of the clause.
	// Nil: none.
	Profile Profile
	// TrustedAudiences may stand in an ID Token beside this client; any other further audience is refused.
	TrustedAudiences []string
	// IDTokenSigningAlgs are the signature algorithms accepted for ID Tokens. Empty: the asymmetric ones that the server's metadata
	// lists, RS256 where it lists none. HS256, HS384 and HS512 are accepted only when they are named here, and need a client secret:
	// whoever learns that secret could then make ID Tokens too.
	IDTokenSigningAlgs []string
	// UserInfoSigningAlgs are those accepted for UserInfo, which has to be signed then: for a client that is registered with a
	// userinfo_signed_response_alg. Empty: signed or not, and if so as the server's metadata lists, see IDTokenSigningAlgs.
	UserInfoSigningAlgs []string
	// ResponseSigningAlgs are those accepted for authorization responses that are JWTs: for a client that is registered with an
	// authorization_signed_response_alg. Empty: those that the server's metadata lists, see IDTokenSigningAlgs.
	ResponseSigningAlgs []string
	// IntrospectionSigningAlgs are those accepted for introspection responses, which have to be signed then: for a client that is registered
	// with an introspection_signed_response_alg (RFC 9701 section 6). Empty: signed or not, as with UserInfoSigningAlgs.
	IntrospectionSigningAlgs []string
	// AccessTokenSigningAlgs are those accepted for access tokens that [Client.VerifyAccessToken] verifies. Empty: as with IDTokenSigningAlgs, of
	// what the server's metadata lists for ID Tokens, since there is no list for access tokens (RFC 9068 section 2.1).
	AccessTokenSigningAlgs []string
	// UserInfoInBody sends the access token to the UserInfo endpoint in the body of a POST instead of the Authorization header, for servers
	// that want that (RFC 6750 section 2.2). Bearer tokens only.
	UserInfoInBody bool
	// ClockTolerance is how far the two clocks may differ when times are compared: 30 s when zero, 300 s at most.
	ClockTolerance time.Duration
	// ClockSkew is added to this machine's clock, positive when it is known to be slow; a day at most.
	ClockSkew time.Duration
	// Store holds what several requests, or several processes, must agree on: which logins are over, and the tokens of token sources.
	// Processes that serve one application share one. Nil: a store of this process only, for a million items.
	Store *store.Store
	// HTTPClient lends its Transport and its Timeout (of one exchange; 30 s when zero). Redirects are never followed and cookies never
	// kept, whatever it says. Nil: a transport of this client's own, made for many calls to few hosts.
	HTTPClient *http.Client
	// Trace hears of every exchange and every check. It is called synchronously, maybe from several goroutines; nil costs nothing.
	Trace func(context.Context, Event)
	// InsecureAllowHTTP allows plain http to loopback addresses, for development and tests.
	InsecureAllowHTTP bool
	// InsecureAllowNoPKCE allows a server whose metadata lists code challenge methods without S256 (RFC 9700 section 2.1.1), and sends
	// such a server no challenge.
	InsecureAllowNoPKCE bool
	// InsecureAllowFrontChannelTokens allows response types that bring an access token through the browser, where it may be seen and
	// replaced (RFC 9700 section 2.1.2).
	InsecureAllowFrontChannelTokens bool
}

// String names the server and the client and shows no key.
func (cfg Config) String() string {
	return "openid.Config of " + quoted(cfg.ClientID) + " at " + quoted(cfg.Issuer)
}

// Format writes what String says, for every verb.
func (cfg Config) Format(f fmt.State, _ rune) { fmt.Fprint(f, cfg.String()) }

// MarshalText shows what String says; JSON encoders and log/slog use it.
func (cfg Config) MarshalText() ([]byte, error) { return []byte(cfg.String()), nil }

// A Client talks to one server for one client registration. It is safe for concurrent use; make one and keep it, since it holds the
// caches.
type Client struct {
	cfg  Config
	http endpoint.Client
	// resources carries requests to protected resources, whose answers may be long and slow.
	resources http.RoundTripper
	issuer    *url.URL
	names     map[string]issuerName // nil: Config.Issuer is the only one
	seal      *sealer
	secret    *jose.Key // verifies HS256, HS384 and HS512; nil without a client secret
	server    atomic.Pointer[server]
	loading   endpoint.Flight[*server]
	renewal   atomic.Bool // one background renewal of the metadata at a time
	warm      atomic.Pointer[exportedKeys]
	store     *store.Store
	headers   verifiedHeaders
	nonces    dpop.Nonces
	requests  requestEncoder   // nil: plain parameters
	signed    metadataVerifier // nil: metadata need not be signed

	rows tables
}

// String names the server and the client and shows nothing of what the client holds.
func (c *Client) String() string {
	return "openid.Client " + quoted(c.cfg.ClientID) + " at " + quoted(c.cfg.Issuer)
}

// Format writes what String says, for every verb.
func (c *Client) Format(f fmt.State, _ rune) { fmt.Fprint(f, c.String()) }

// MarshalText shows what String says; JSON encoders and log/slog use it.
func (c *Client) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// New checks cfg and makes a client. It does no I/O: the server's metadata and keys are loaded when they are first needed, so that an
// application starts while its provider is down. All mistakes are reported at once, each as a *[ConfigError].
func New(cfg Config) (*Client, error) {
	c := &Client{rows: allTables}
	var mistakes []error
	mistake := func(field, expected, got string) {
		mistakes = append(mistakes, &ConfigError{Field: field, Expected: expected, Got: got})
	}

	if cfg.Profile != nil {
		cfg.Profile.prepare(&cfg)
		c.rows = cfg.Profile.over(c.rows)
	}
	cfg.Keys = slices.Clone(cfg.Keys)
	cfg.TrustedAudiences = slices.Clone(cfg.TrustedAudiences)
	cfg.IssuerAliases, cfg.Tenants = slices.Clone(cfg.IssuerAliases), slices.Clone(cfg.Tenants)
	cfg.ClockTolerance = cmp.Or(cfg.ClockTolerance, defaultClockTolerance)
	if cfg.ClockTolerance < 0 || cfg.ClockTolerance > maxClockTolerance {
		mistake("ClockTolerance", "0 to "+maxClockTolerance.String(), cfg.ClockTolerance.String())
	}

	if cfg.ClockSkew.Abs() > maxClockSkew {
		mistake("ClockSkew", "at most "+maxClockSkew.String(), cfg.ClockSkew.String())
	}

	c.http = endpoint.Client{AllowHTTP: cfg.InsecureAllowHTTP, UserAgent: userAgent}
	if cfg.HTTPClient != nil {
		c.http.Transport, c.http.Timeout = cfg.HTTPClient.Transport, cfg.HTTPClient.Timeout
	}
	c.resources = c.http.Transport
	if c.http.Transport == nil {
		own, resources := endpoint.NewTransport(), endpoint.NewTransport()
		resources.MaxConnsPerHost, resources.DisableCompression = 0, false
		c.http.Transport, c.resources = own, resources
	}
	if cfg.Profile != nil {
		c.http.Transport, c.resources = cfg.Profile.transport(c.http.Transport), cfg.Profile.transport(c.resources)
	}
	if cfg.Certificate != nil {
		if expected, got := certificateMistake(cfg.Certificate, c.http.Transport); expected != "" {
			mistake("Certificate", expected, got)
		} else {
			c.http.Transport, c.resources = withCertificate(c.http.Transport, cfg.Certificate), withCertificate(c.resources, cfg.Certificate)
		}
	}
	if _, ok := cfg.Auth.(tlsClientAuth); ok && cfg.Certificate == nil {
		mistake("Certificate", "a certificate, which Auth TLSClientAuth() presents", "nil")
	}
	if cfg.DPoP.enabled() {
		if expected, got := cfg.DPoP.keys.mistake(); expected != "" {
			mistake("DPoP", expected, got)
		}
	}
	if cfg.UserInfoInBody && cfg.DPoP.enabled() {
		mistake("UserInfoInBody", "bearer tokens, or UserInfoInBody false", "DPoP, whose tokens go into the header (RFC 9449 §7.1)")
	}
	if d, ok := cfg.Decrypter.(interface{ Err() error }); ok && d.Err() != nil {
		mistake("Decrypter", "keys that can decrypt", d.Err().Error())
	}
	if cfg.RequestObject != nil {
		var expected, got string
		if c.requests, expected, got = cfg.RequestObject.encoder(&cfg); expected != "" {
			mistake("RequestObject", expected, got)
		}
	}

	if cfg.SignedMetadata != nil {
		var expected, got string
		if c.signed, expected, got = cfg.SignedMetadata.verifier(); expected != "" {
			mistake("SignedMetadata", expected, got)
		}
	}

	var err error
	if c.issuer, err = c.http.ParseURL(cfg.Issuer); err != nil {
		mistake("Issuer", withHint(expectedOf(err, "an https URL"), cfg.Issuer), quoted(cfg.Issuer))
	} else if strings.Contains(cfg.Issuer, "/.well-known/") {
		mistake("Issuer", "the issuer's identifier, not the address of its metadata (which DiscoveryURL is for)", quoted(cfg.Issuer))
	} else if c.issuer.RawQuery != "" || c.issuer.ForceQuery {
		mistake("Issuer", "a URL without a query", quoted(cfg.Issuer))
	}
	c.names = nameIssuers(&cfg, c.issuer, mistake)
	if cfg.DiscoveryURL != "" {
		if _, err := c.http.ParseURL(cfg.DiscoveryURL); err != nil {
			mistake("DiscoveryURL", withHint(expectedOf(err, "an https URL"), cfg.DiscoveryURL), quoted(cfg.DiscoveryURL))
		}
		if cfg.Metadata != nil {
			mistake("DiscoveryURL", "either DiscoveryURL or Metadata", "both")
		}
	}
	if cfg.RedirectURI != "" {
		if reason := badRedirectURI(cfg.RedirectURI); reason != "" {
			mistake("RedirectURI", reason, quoted(cfg.RedirectURI))
		}
	}
	if cfg.ClientID == "" {
		mistake("ClientID", "the identifier the server gave", "nothing")
	}
	if cfg.Auth == nil {
		mistake("Auth", "a client authentication (None() for a public client)", "nil")
	}
	if a, ok := cfg.Auth.(interface {
		mistake() (expected, got string)
	}); ok {
		if expected, got := a.mistake(); expected != "" {
			mistake("Auth", expected, got)
		}
	}
	if a, ok := cfg.Auth.(interface{ secret() Secret }); ok {
		// A secret shorter than any HMAC allows makes no key: RFC 7518 section 3.2.
		c.secret, _ = jose.NewSecret([]byte(a.secret().Reveal()))
	}
	for _, list := range []struct {
		field string
		algs  *[]string
	}{{"IDTokenSigningAlgs", &cfg.IDTokenSigningAlgs}, {"UserInfoSigningAlgs", &cfg.UserInfoSigningAlgs}, {"ResponseSigningAlgs", &cfg.ResponseSigningAlgs},
		{"IntrospectionSigningAlgs", &cfg.IntrospectionSigningAlgs}, {"AccessTokenSigningAlgs", &cfg.AccessTokenSigningAlgs}} {
		*list.algs = slices.Clone(*list.algs)
		for _, alg := range *list.algs {
			switch {
			case !jose.Supported(alg):
				mistake(list.field, "algorithms of "+fmt.Sprint(jose.Algorithms()), quoted(alg))
			case strings.HasPrefix(alg, "HS") && (c.secret == nil || !c.secret.Serves(alg)):
				mistake(list.field, "an Auth whose client secret is long enough for "+alg+" (RFC 7518 §3.2)", quoted(alg)+" and another Auth")
			}
		}
	}
	for i, key := range cfg.Keys {
		if k := key.Reveal(); len(k) < minSealKey {
			mistake(fmt.Sprintf("Keys[%d]", i), fmt.Sprintf("at least %d random bytes", minSealKey), fmt.Sprintf("%d bytes", len(k)))
		} else if strings.Count(k, k[:1]) == len(k) {
			mistake(fmt.Sprintf("Keys[%d]", i), "random bytes", "one byte over and over")
		}
	}
	if cfg.Profile != nil {
		mistakes = append(mistakes, cfg.Profile.refuse(&cfg, c.requests)...)
	}
	if c.store = cfg.Store; c.store == nil {
		c.store = store.Memory(ownStoreItems)
	}
	c.seal = newSealer(cfg.Keys, "openid transaction", cfg.Issuer, cfg.ClientID)
	cfg.Keys = nil // the sealer has what it needs; nobody prints them here
	c.cfg = cfg
	if cfg.Metadata != nil {
		s, err := c.newServer(context.Background(), cfg.Metadata.clone(), nil)
		if err != nil {
			mistakes = append(mistakes, fmt.Errorf("openid: Config.Metadata: %w", err))
		}
		c.server.Store(s)
	}
	if len(mistakes) > 0 {
		return nil, errors.Join(mistakes...)
	}
	return c, nil
}

func (c *Client) now() time.Time { return time.Now().Add(c.cfg.ClockSkew) }

// badRedirectURI says what is expected where uri breaks RFC 6749 section 3.1.2 or RFC 8252 section 7.
func badRedirectURI(uri string) string {
	u, err := url.Parse(uri)
	switch {
	case err != nil || !u.IsAbs():
		return "an absolute URI"
	case u.Fragment != "" || u.User != nil:
		return "a URI without fragment and user"
	case u.Scheme == "http" && !loopback(u.Hostname()):
		return "https, or http on a loopback address"
	case (u.Scheme == "https" || u.Scheme == "http") && u.Host == "":
		return "a URI with a host"
	}
	return ""
}

func loopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}

// withHint names the option that a provider on this machine needs.
func withHint(expected, raw string) string {
	if u, err := url.Parse(raw); err == nil && u.Scheme == "http" && loopback(u.Hostname()) {
		return expected + " (http on a loopback address needs InsecureAllowHTTP)"
	}
	return expected
}

// expectedOf is what the endpoint package wanted of a URL.
func expectedOf(err error, otherwise string) string {
	var e *endpoint.Error
	if errors.As(err, &e) && e.Expected != "" {
		return e.Expected
	}
	return otherwise
}

// exchange is the one way out of this package: bounded, traced, and with errors of the public type, in which nothing of what was sent
// in confidence comes back.
func (c *Client) exchange(ctx context.Context, name string, r *endpoint.Request, sent func() []string) (*endpoint.Response, error) {
	if c.cfg.Trace == nil {
		res, err := c.http.Do(ctx, r)
		if err != nil {
			return nil, exchangeError(name, err, sent)
		}
		return res, nil
	}
	e := Event{Kind: EventExchange, Name: name, Start: time.Now(), Got: r.Method + " " + r.URL.Scheme + "://" + r.URL.Host + r.URL.EscapedPath()}
	res, err := c.http.Do(ctx, r)
	e.Duration = time.Since(e.Start)
	if err != nil {
		e.Err = exchangeError(name, err, sent)
	} else {
		e.Got = fmt.Sprintf("%s: %d %s, %d bytes", e.Got, res.Status, res.MediaType, len(res.Body))
	}
	c.report(ctx, e)
	return res, e.Err
}

package openid

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/openid-client/openid/internal/endpoint"
	"github.com/openid-client/openid/internal/jose"
	"github.com/openid-client/openid/internal/jwks"
)

const (
	discoveryTimeout = 15 * time.Second
	// Metadata changes a few times in the life of a server. Older than this it is loaded again, in the background.
	metadataAge = time.Hour
	// A refresh that failed is not tried again sooner.
	metadataRetry = time.Minute
)

// A server is what is known of the other side at one moment: never changed, only replaced.
type server struct {
	meta                       *ServerMetadata
	urls                       [len(usedEndpoints)]*url.URL
	known                      [len(usedEndpoints)]*url.URL // urls, and of an endpoint that a renewal left out the last one
	algs                       []string                     // accepted for ID Tokens
	userInfoAlgs, responseAlgs []string                     // likewise for signed UserInfo and authorization responses
	introspectionAlgs          []string                     // and for signed introspection responses
	accessTokenAlgs            []string                     // and for access tokens
	keys                       *jwks.Cache
	loaded                     time.Time
	retry                      time.Time // when a refresh may be tried
}

type endpointID int

const (
	authorizationEndpoint endpointID = iota
	tokenEndpoint
	userInfoEndpoint
	endSessionEndpoint
	checkSessionIframe
	jwksEndpoint
	parEndpoint
	deviceEndpoint
	backchannelEndpoint
	introspectionEndpoint
	revocationEndpoint
	registrationEndpoint
)

// usedEndpoints are the addresses this package sends requests or browsers to. With a certificate the direct ones may lie elsewhere: a
// browser would ask its user for a certificate there, and keys are for everybody (RFC 8705 section 5).
var usedEndpoints = [...]struct {
	name, member string
	direct       bool
	of           func(*ServerMetadata) string
}{
	authorizationEndpoint: {"authorization", "authorization_endpoint", false, func(m *ServerMetadata) string { return m.AuthorizationEndpoint }},
	tokenEndpoint:         {"token", "token_endpoint", true, func(m *ServerMetadata) string { return m.TokenEndpoint }},
	userInfoEndpoint:      {"userinfo", "userinfo_endpoint", true, func(m *ServerMetadata) string { return m.UserInfoEndpoint }},
	endSessionEndpoint:    {"end_session", "end_session_endpoint", false, func(m *ServerMetadata) string { return m.EndSessionEndpoint }},
	checkSessionIframe:    {"check session", "check_session_iframe", false, func(m *ServerMetadata) string { return m.CheckSessionIframe }},
	jwksEndpoint:          {"jwks", "jwks_uri", false, func(m *ServerMetadata) string { return m.JWKSURI }},
	parEndpoint: {"pushed authorization request", "pushed_authorization_request_endpoint", true,
		func(m *ServerMetadata) string { return m.PushedAuthorizationRequestEndpoint }},
	deviceEndpoint: {"device authorization", "device_authorization_endpoint", true, func(m *ServerMetadata) string { return m.DeviceAuthorizationEndpoint }},
	backchannelEndpoint: {"backchannel authentication", "backchannel_authentication_endpoint", true,
		func(m *ServerMetadata) string { return m.BackchannelAuthenticationEndpoint }},
	introspectionEndpoint: {"introspection", "introspection_endpoint", true, func(m *ServerMetadata) string { return m.IntrospectionEndpoint }},
	revocationEndpoint:    {"revocation", "revocation_endpoint", true, func(m *ServerMetadata) string { return m.RevocationEndpoint }},
	registrationEndpoint:  {"registration", "registration_endpoint", true, func(m *ServerMetadata) string { return m.RegistrationEndpoint }},
}

// address is where this client reaches an endpoint.
func (c *Client) address(m *ServerMetadata, id endpointID) string {
	e := &usedEndpoints[id]
	if alias := m.MTLSEndpointAliases[e.member]; e.direct && c.cfg.Certificate != nil && alias != "" {
		return alias
	}
	return e.of(m)
}

// metadataDocument is a metadata document under judgement.
type metadataDocument struct {
	c     *Client
	meta  *ServerMetadata
	old   *server // nil at the first load
	urls  [len(usedEndpoints)]*url.URL
	wrong endpointID
	err   error
	algs  []string
}

func (*metadataDocument) kind() string { return "server metadata" }
func (*metadataDocument) cause() error { return nil }

var metadataChecks = []check[*metadataDocument]{
	{"issuer", "OpenID Connect Discovery 1.0 §4.3, RFC 8414 §3.3",
		func(_ context.Context, d *metadataDocument) bool {
			return slices.Contains(d.c.writtenNames(), d.meta.Issuer)
		},
		func(d *metadataDocument) (string, string) { return d.c.writtenName(), quoted(d.meta.Issuer) }},
	{"endpoints", "OpenID Connect Discovery 1.0 §3, RFC 8414 §2",
		func(_ context.Context, d *metadataDocument) bool {
			for id := range usedEndpoints {
				raw := d.c.address(d.meta, endpointID(id))
				if raw == "" {
					continue
				}
				if d.urls[id], d.err = d.c.http.ParseURL(raw); d.err != nil {
					d.wrong = endpointID(id)
					return false
				}
			}
			return true
		},
		func(d *metadataDocument) (string, string) {
			if d.err == nil {
				return "https URLs", d.schemes()
			}
			return expectedOf(d.err, "an https URL") + " as " + usedEndpoints[d.wrong].member, quoted(d.c.address(d.meta, d.wrong))
		}},
	{"id_token_signing_alg_values_supported", "OpenID Connect Discovery 1.0 §3, RFC 8725 §3.1",
		func(_ context.Context, d *metadataDocument) bool {
			d.algs = d.c.idTokenAlgs(d.meta)
			return len(d.algs) > 0
		},
		func(d *metadataDocument) (string, string) {
			return "an algorithm that this client accepts (HS256 and its kin only by Config.IDTokenSigningAlgs)", quoted(strings.Join(d.meta.IDTokenSigningAlgValuesSupported, " "))
		}},
	{"moved", "RFC 8414 §6.2",
		// A document that suddenly names other origins is what an intruder's would do, also for an endpoint that was not there before: this
		// client would send its credentials there. Who really moves restarts the client.
		func(_ context.Context, d *metadataDocument) bool {
			for id, u := range d.urls {
				if u != nil && !d.old.expects(d.c.issuer, endpointID(id), u) {
					d.wrong = endpointID(id)
					return false
				}
			}
			return true
		},
		func(d *metadataDocument) (string, string) {
			switch e := usedEndpoints[d.wrong]; {
			case d.old == nil:
				return "the first document", "the first document"
			case d.urls[d.wrong] == nil:
				return "the origins of before", "the origins of before"
			case d.old.known[d.wrong] == nil:
				return "an origin of before as " + e.member + ", which is new", quoted(d.c.address(d.meta, d.wrong))
			default:
				return "the origin of " + quoted(d.old.known[d.wrong].String()) + " as " + e.member, quoted(d.c.address(d.meta, d.wrong))
			}
		}},
}

// expects: newer metadata may name u as this endpoint.
func (s *server) expects(issuer *url.URL, id endpointID, u *url.URL) bool {
	switch {
	case s == nil:
		return true
	case s.known[id] != nil:
		return originOf(u) == originOf(s.known[id])
	}
	return originOf(u) == originOf(issuer) || slices.ContainsFunc(s.known[:], func(known *url.URL) bool { return known != nil && originOf(u) == originOf(known) })
}

// schemes says what the endpoints are, for a reader of the trace.
func (d *metadataDocument) schemes() string {
	for _, u := range d.urls {
		if u != nil && u.Scheme == "http" {
			return "http on a loopback address, which InsecureAllowHTTP allows"
		}
	}
	return "https URLs"
}

// idTokenAlgs is the policy for ID Tokens: what the caller named, else the asymmetric algorithms that the server lists, else RS256
// (OpenID Connect Core 1.0 §3.1.3.7 number 7); of these, what there can be a key for.
func (c *Client) idTokenAlgs(m *ServerMetadata) []string {
	named := len(c.cfg.IDTokenSigningAlgs) > 0
	if !named {
		return asymmetric(m.IDTokenSigningAlgValuesSupported)
	}
	return slices.DeleteFunc(slices.Clone(c.cfg.IDTokenSigningAlgs), func(alg string) bool {
		if strings.HasPrefix(alg, "HS") {
			return c.secret == nil || !c.secret.Serves(alg)
		}
		return !jose.Supported(alg)
	})
}

// asymmetric are the algorithms a server lists whose keys only it has, RS256 where it lists none.
func asymmetric(listed []string) []string {
	if len(listed) == 0 {
		return []string{"RS256"}
	}
	return slices.DeleteFunc(slices.Clone(listed), func(alg string) bool { return strings.HasPrefix(alg, "HS") || !jose.Supported(alg) })
}

// accepted are the algorithms that the caller named, else the asymmetric ones that the server lists.
func accepted(named, listed []string) []string {
	if len(named) > 0 {
		return named
	}
	return asymmetric(listed)
}

func (c *Client) newServer(ctx context.Context, m *ServerMetadata, old *server) (*server, error) {
	if c.signed != nil {
		if err := c.signed.overlay(ctx, c, attested{"issuer", c.writtenNames(), m.members(), &m.Extra}); err != nil {
			return nil, err
		}
	}
	d := &metadataDocument{c: c, meta: m, old: old}
	if err := judge(ctx, c, c.rows.metadata, d); err != nil {
		return nil, err
	}
	s := &server{meta: m, urls: d.urls, known: d.urls, algs: d.algs, loaded: time.Now()}
	s.userInfoAlgs = accepted(c.cfg.UserInfoSigningAlgs, m.UserInfoSigningAlgValuesSupported)
	s.responseAlgs = accepted(c.cfg.ResponseSigningAlgs, m.AuthorizationSigningAlgValuesSupported)
	s.introspectionAlgs = accepted(c.cfg.IntrospectionSigningAlgs, m.IntrospectionSigningAlgValuesSupported)
	s.accessTokenAlgs = accepted(c.cfg.AccessTokenSigningAlgs, m.IDTokenSigningAlgValuesSupported)
	if c.cfg.Profile != nil {
		c.cfg.Profile.restrict(c, s)
	}
	if old != nil {
		for id, u := range old.known {
			s.known[id] = cmp.Or(s.known[id], u)
		}
	}
	switch u := d.urls[jwksEndpoint]; {
	case u == nil:
	case old != nil && old.meta.JWKSURI == m.JWKSURI:
		s.keys = old.keys
	default:
		s.keys = jwks.New(func(ctx context.Context) (*endpoint.Response, error) {
			res, err := c.exchange(ctx, "jwks", &endpoint.Request{Method: "GET", URL: u, Accept: jwksMediaTypes}, nothing)
			if err == nil && res.Status != http.StatusOK {
				err = statusError("jwks", res, nothing)
			}
			return res, err
		})
		_ = c.importInto(s) // keys that do not fit are fetched instead
		s.keep(old)
	}
	return s, nil
}

// nothing was sent in confidence.
func nothing() []string { return nil }

// keep takes the keys of a set that moved along, until they are due for a fetch: the new place may not answer yet.
func (s *server) keep(old *server) {
	if old == nil || old.keys == nil {
		return
	}
	if doc, err := old.keys.Export(); err == nil {
		_ = s.keys.Import(doc)
	}
}

var (
	jsonMediaTypes = []string{"application/json"}
	jwksMediaTypes = []string{"application/json", "application/jwk-set+json"}
)

// current returns what is known of the server, and loads it first if need be. One load serves everybody who waits for it.
func (c *Client) current(ctx context.Context) (*server, error) {
	s := c.server.Load()
	if s == nil {
		s, err := c.loading.Do(ctx, discoveryTimeout, c.firstDiscovery)
		if err != nil && ctx.Err() != nil && errors.Is(err, ctx.Err()) {
			return nil, &ExchangeError{Endpoint: "discovery", Err: err} // the caller stopped waiting
		}
		return s, err
	}
	if c.cfg.Metadata == nil && time.Since(s.loaded) > metadataAge && time.Now().After(s.retry) && c.renewal.CompareAndSwap(false, true) {
		go c.renewMetadata(context.WithoutCancel(ctx), s)
	}
	return s, nil
}

func (c *Client) firstDiscovery(ctx context.Context) (*server, error) {
	if s := c.server.Load(); s != nil {
		return s, nil // somebody else was faster
	}
	s, err := c.discover(ctx, nil)
	if err == nil {
		c.server.Store(s)
	}
	return s, err
}

// renewMetadata replaces the metadata if a good new document can be had; otherwise the old one stays. Trace hears which, and why.
func (c *Client) renewMetadata(ctx context.Context, old *server) {
	defer c.renewal.Store(false)
	ctx, cancel := context.WithTimeout(ctx, discoveryTimeout)
	defer cancel()
	s, err := c.discover(ctx, old)
	if c.cfg.Trace != nil {
		e := Event{Kind: EventCheck, Document: "server metadata", Name: "renewal", Expected: "a document that passes all checks", Got: "one",
			Spec: "OpenID Connect Discovery 1.0 §4, RFC 8414 §3", Start: time.Now(), Err: err}
		if err != nil {
			e.Got = "none: the metadata of " + old.loaded.UTC().Format(time.RFC3339) + " stays in use"
		}
		c.report(ctx, e)
	}
	if err != nil {
		later := *old
		later.retry = time.Now().Add(metadataRetry)
		s = &later
	}
	c.server.Store(s)
}

// discover asks at the OpenID Connect place and, where the server has nothing there, at the place of RFC 8414.
func (c *Client) discover(ctx context.Context, old *server) (*server, error) {
	places := []string{c.cfg.DiscoveryURL}
	if c.cfg.DiscoveryURL == "" {
		places = wellKnown(c.issuer)
	}
	var first error
	for _, place := range places {
		u, err := c.http.ParseURL(place)
		if err != nil {
			return nil, exchangeError("discovery", err, nothing)
		}
		res, err := c.exchange(ctx, "discovery", &endpoint.Request{Method: "GET", URL: u, Accept: jsonMediaTypes}, nothing)
		if err == nil && res.Status != 200 {
			err = statusError("discovery", res, nothing)
		}
		if err != nil {
			var refused *ResponseError
			if first == nil {
				first = err
			}
			if errors.As(err, &refused) {
				continue // nothing there
			}
			return nil, first
		}
		m, err := ParseServerMetadata(res.Body)
		if err != nil {
			return nil, &ExchangeError{Endpoint: "discovery", Sent: true, Status: res.Status, Expected: "a metadata document", Got: "something else", Err: errors.Unwrap(err)}
		}
		return c.newServer(ctx, m, old)
	}
	var refused *ResponseError
	if errors.As(first, &refused) {
		return nil, &ExchangeError{Endpoint: "discovery", Sent: true, Expected: "a metadata document at " + strings.Join(places, " or "),
			Got: "none", Err: first}
	}
	return nil, first
}

// wellKnown returns the places of OpenID Connect Discovery 1.0 §4 (appended to the issuer) and RFC 8414 §3.1 (between host and path).
func wellKnown(issuer *url.URL) []string {
	path := strings.TrimSuffix(issuer.EscapedPath(), "/")
	origin := issuer.Scheme + "://" + issuer.Host
	return []string{origin + path + "/.well-known/openid-configuration", origin + "/.well-known/oauth-authorization-server" + path}
}

// Metadata returns a copy of the server's metadata, and loads it if that has not happened yet: call it to warm up.
func (c *Client) Metadata(ctx context.Context) (*ServerMetadata, error) {
	s, err := c.current(c.newFlow(ctx))
	if err != nil {
		return nil, err
	}
	return s.meta.clone(), nil
}

// url returns the address of an endpoint, or an error that says that the server has none.
func (s *server) url(id endpointID) (*url.URL, error) {
	if s.urls[id] == nil {
		return nil, &VerificationError{Document: "server metadata", Check: usedEndpoints[id].member, Expected: "a URL", Got: "nothing",
			Spec: "OpenID Connect Discovery 1.0 §3, RFC 8414 §2"}
	}
	return s.urls[id], nil
}

package openid

import (
	"context"
	"crypto/tls"
	"fmt"
	"net/http"
	"slices"
)

// A Profile holds a client to a security profile, for [Config].Profile. [FAPI1Advanced], [FAPI2Security], [FAPI2MessageSigning] and [OAuth21]
// make those that there are; what each demands is in Clauses. It cannot be changed: a clause that does not suit a server is a reason to do
// without the profile, not to call it by its name.
//
// What is refused names the clause: in [New] as [ConfigError].Spec, later as [VerificationError].Spec.
type Profile interface {
	fmt.Stringer
	// Clauses lists what the profile demands and sets.
	Clauses() []Clause

	// It is an interface so that a profile's tables are linked by those programs only that call its function.
	prepare(*Config)
	over(tables) tables
	transport(http.RoundTripper) http.RoundTripper
	refuse(*Config, requestEncoder) []error
	accepts(named, listed []string) []string
	restrict(*Client, *server)
	presented([]check[*jwt]) []check[*jwt]
	switchesOn(field string) bool
	login(context.Context, *Client, *transaction) error
	object(ctx context.Context, c *Client, compact string) error
	post(context.Context, *Client, endpointID, *AuthRequest) error
}

// A Clause is one thing that a [Profile] demands or sets.
type Clause struct {
	Spec string // the specification, its section and the number there
	When string // "set" by New, refused by "New", in the "metadata", on the "request", on the "response" or as a "token" presented to an API
	Name string // the field of [Config] or the check that a refusal names
	Text string // in words
}

// Of a clause's life.
const (
	whenSet      = "set"
	whenNew      = "New"
	whenMetadata = "metadata"
	whenRequest  = "request"
	whenResponse = "response"
	whenToken    = "token"
)

// A clause is a row of a profile. In a table that every client has it takes the place of the row of its name; without holds it is that row,
// refusing in the clause's name.
type clause[D document] struct {
	text string
	check[D]
}

// A setting is what a profile sets where the program says nothing.
type setting struct {
	field, spec, text string
	apply             func(*Config) // nil: it is done elsewhere
}

// profile is what a profile's function makes: tables, which nobody changes afterwards.
type profile struct {
	name    string
	algs    []string // of all signatures; nil: as without the profile
	rsa     string   // the algorithm of RSA keys for which none is named
	mode    string   // the response mode of a code for which none is named
	ciphers []uint16 // under TLS 1.2; nil: as without the profile

	sets     []setting
	config   []clause[*profiledConfig]
	metadata []clause[*metadataDocument]
	support  []clause[*requestSupport]
	asked    []clause[*requestedLogin]
	objects  []clause[*requestObject]
	posts    []clause[*postedRequest]
	answers  []clause[*authorizationResponse]
	jarm     []clause[*jwt]
	tokens   []clause[*tokenResponse]
	idTokens []clause[*jwt]
	front    []clause[*jwt]
	userInfo []clause[*jwt]
	inspects []clause[*jwt]
	access   []clause[*jwt]
}

// String names the profile as its function is named.
func (p *profile) String() string { return p.name }

// Clauses implements [Profile].
func (p *profile) Clauses() (list []Clause) {
	for _, s := range p.sets {
		list = append(list, Clause{s.spec, whenSet, s.field, s.text})
	}
	list = listClauses(list, whenNew, p.config)
	list = listClauses(list, whenMetadata, p.metadata)
	list = listClauses(list, whenMetadata, p.support)
	list = listClauses(list, whenRequest, p.asked)
	list = listClauses(list, whenRequest, p.objects)
	list = listClauses(list, whenRequest, p.posts)
	list = listClauses(list, whenResponse, p.answers)
	list = listClauses(list, whenResponse, p.jarm)
	list = listClauses(list, whenResponse, p.tokens)
	list = listClauses(list, whenResponse, p.idTokens)
	list = listClauses(list, whenResponse, p.front)
	list = listClauses(list, whenResponse, p.userInfo)
	list = listClauses(list, whenResponse, p.inspects)
	return listClauses(list, whenToken, p.access)
}

func listClauses[D document](list []Clause, when string, table []clause[D]) []Clause {
	for _, c := range table {
		list = append(list, Clause{c.spec, when, c.name, c.text})
	}
	return list
}

func rowsOf[D document](table []clause[D]) (rows []check[D]) {
	for _, c := range table {
		rows = append(rows, c.check)
	}
	return rows
}

// laidOver puts a profile's clauses into the table of every client.
func laidOver[D document](rows []check[D], table []clause[D]) []check[D] {
	if len(table) == 0 {
		return rows
	}
	rows = slices.Clone(rows)
	for _, c := range table {
		i := slices.IndexFunc(rows, func(r check[D]) bool { return r.name == c.name })
		switch {
		case i < 0:
			rows = append(rows, c.check)
		case c.holds == nil:
			rows[i].spec = c.spec + ", " + rows[i].spec
		default:
			rows[i] = c.check
		}
	}
	return rows
}

func (p *profile) over(t tables) tables {
	t.metadata = laidOver(t.metadata, p.metadata)
	t.request = laidOver(t.request, p.support)
	t.response = laidOver(t.response, p.answers)
	t.jarm = laidOver(t.jarm, p.jarm)
	t.token = laidOver(t.token, p.tokens)
	t.idToken = laidOver(t.idToken, p.idTokens)
	t.front = laidOver(t.front, p.front)
	t.userInfoJWT = laidOver(orElse(t.userInfoJWT, userInfoJWTChecks()), p.userInfo)
	t.introspectionJWT = laidOver(orElse(t.introspectionJWT, introspectionJWTChecks()), p.inspects)
	return t
}

// switchesOn: the profile sets this field, of something that is made long after New.
func (p *profile) switchesOn(field string) bool {
	return slices.ContainsFunc(p.sets, func(s setting) bool { return s.field == field })
}

// presented is the table of access tokens that clients present to this one: rows is that of every client.
func (p *profile) presented(rows []check[*jwt]) []check[*jwt] { return laidOver(rows, p.access) }

// prepare sets what follows from the profile.
func (p *profile) prepare(cfg *Config) {
	if p.rsa != "" {
		if a, ok := cfg.Auth.(interface{ preferring(string) ClientAuth }); ok {
			cfg.Auth = a.preferring(p.rsa)
		}
		if cfg.DPoP.enabled() {
			cfg.DPoP = DPoP{cfg.DPoP.keys.preferring(p.rsa)}
		}
	}
	for _, s := range p.sets {
		if s.apply != nil {
			s.apply(cfg)
		}
	}
	if p.rsa != "" && cfg.RequestObject != nil {
		cfg.RequestObject = cfg.RequestObject.preferring(p.rsa)
	}
}

// signsRequests makes the key of private_key_jwt that of request objects too, where no other is named: each kind has a type of its own, so
// that none is taken for the other (RFC 9101 section 10.8).
func signsRequests(cfg *Config) {
	if a, ok := cfg.Auth.(assertion); ok && a.key != nil && a.err == nil && cfg.RequestObject == nil {
		if a.roll != nil {
			cfg.RequestObject = a.roll.object()
			return
		}
		key, keyID := a.key()
		cfg.RequestObject = &RequestObject{Key: key, KeyID: keyID, Signing: Signing{Algorithm: a.signer.Algorithm()}}
	}
}

// transport is base, with the profile's ciphers where it has none of its own.
func (p *profile) transport(base http.RoundTripper) http.RoundTripper {
	t, ok := base.(*http.Transport)
	if !ok || p.ciphers == nil || t.TLSClientConfig != nil && t.TLSClientConfig.CipherSuites != nil {
		return base
	}
	t = t.Clone()
	if t.TLSClientConfig == nil {
		t.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	t.TLSClientConfig.CipherSuites = slices.Clone(p.ciphers)
	return t
}

// accepts are the algorithms of what the server signs: those that the caller named, which refuse has judged, else what the profile and the
// server have in common, else, where the server does not say, the profile's.
func (p *profile) accepts(named, listed []string) []string {
	switch {
	case len(named) > 0:
		return named
	case len(listed) == 0:
		return p.algs
	}
	return slices.DeleteFunc(slices.Clone(listed), func(alg string) bool { return !slices.Contains(p.algs, alg) })
}

// restrict leaves a server the algorithms that the profile knows.
func (p *profile) restrict(c *Client, s *server) {
	if p.algs == nil {
		return
	}
	s.userInfoAlgs = p.accepts(c.cfg.UserInfoSigningAlgs, s.meta.UserInfoSigningAlgValuesSupported)
	s.responseAlgs = p.accepts(c.cfg.ResponseSigningAlgs, s.meta.AuthorizationSigningAlgValuesSupported)
	s.introspectionAlgs = p.accepts(c.cfg.IntrospectionSigningAlgs, s.meta.IntrospectionSigningAlgValuesSupported)
	s.accessTokenAlgs = p.accepts(c.cfg.AccessTokenSigningAlgs, s.meta.IDTokenSigningAlgValuesSupported)
}

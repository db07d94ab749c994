package openid

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/openid-client/openid/internal/jose"
	"github.com/openid-client/openid/internal/strict"
)

// A jwt is a signed token under judgement: what it claims to be, what is expected of it, and what the rows found out so far.
type jwt struct {
	document string
	c        *Client
	server   *server
	algs     []string
	raw      string
	typ      string // the header's typ, if this kind of token must have one
	expect   expectation
	now      time.Time
	earliest int64 // now, in seconds, less the tolerance
	latest   int64 // and plus it

	jws       jose.JWS
	header    jose.Header
	known     bool // the header was read before
	keys      []*jose.Key
	key       *jose.Key // of them, the one that made the signature
	payload   []byte
	claims    registeredClaims
	subject   string     // sub, once its row has seen it
	issuer    issuerName // likewise iss
	fresh     bool       // it did not come before
	refusal   error      // what jose or strict said
	err       error      // what lies beneath a failed check
	keyArray  [jose.MaxCandidates]*jose.Key
	signature []byte
}

// registeredClaims are the claims that rows look at, as they stand in the payload.
type registeredClaims struct {
	iss, sub, aud, azp, exp, iat, nbf, nonce, authTime, atHash, cHash, sHash, tid, clientID, jti, scope, cnf, details, sid, events strict.Value
}

// An expectation is what the flow at hand knows and the token must agree with.
type expectation struct {
	idToken     idTokenExpectation
	issuer      string // known from what came before; empty: any that the configuration allows
	nonce       string // empty: there must be none, unless previous is set
	maxAge      string // seconds, as it was sent; empty: not asked
	accessToken string // empty: unknown, at_hash cannot be judged
	code, state string // likewise for c_hash and s_hash
	previous    *IDToken
	front       *frontChannel // it came with the authorization response
	shown       *IDToken      // the one before it, of the front channel or in a hint
	key         proofKey      // the tokens are to be bound to it; nil: Bearer
	exchange    *exchangedToken
	signed      *signedExpectation
	recent      bool            // an ID Token must have been issued lately
	presented   *presented      // an access token that somebody brought, and how
	scope       string          // as it was asked for, where a user granted it
	spent       Secret          // the refresh token that was sent
	confirm     func() error    // asked right before the request leaves; nil: nobody asks
	issued      func(Secret)    // hears of a refresh token that came with an ID Token, before that is verified; nil: nobody does
	more        []check[*jwt]   // further rows for an ID Token, of the grant at hand
	authReqID   string          // of a backchannel authentication
	refresh     string          // the refresh token that came along
	claims      *claimReference // where sourced claims are expected: what was said of them
}

// frontChannel says what an ID Token that came through the browser has to vouch for.
type frontChannel struct{ code, token, state bool }

// tokenType is how the access token is to be presented.
func (e *expectation) tokenType() string {
	if e.key != nil {
		return "DPoP"
	}
	return "Bearer"
}

type idTokenExpectation int

const (
	idTokenIgnored  idTokenExpectation = iota // plain OAuth: whatever comes is not looked at and not handed on
	idTokenOptional                           // a refresh may bring one
	idTokenRequired
)

func (j *jwt) kind() string { return j.document }
func (j *jwt) cause() error { return j.err }

var jwts = sync.Pool{New: func() any { return new(jwt) }}

func (c *Client) newJWT(document string, s *server, algs []string, raw string, e expectation) *jwt {
	j := jwts.Get().(*jwt)
	j.document, j.c, j.server, j.algs, j.raw, j.expect, j.now = document, c, s, algs, raw, e, c.now()
	j.earliest, j.latest = j.now.Add(-c.cfg.ClockTolerance).Unix(), j.now.Add(c.cfg.ClockTolerance).Unix()
	return j
}

// release gives j back; the pool keeps no token.
func (j *jwt) release() {
	*j = jwt{signature: j.signature}
	jwts.Put(j)
}

// keepHeader remembers a header that a good signature came under.
func (j *jwt) keepHeader() {
	if !j.known {
		j.c.headers.keep(j.jws.Header, j.header)
	}
}

// signedChecks are the rows for everything that is signed: form, header, key, signature. Nothing of the payload is looked at before.
var signedChecks = []check[*jwt]{
	{"encryption", "RFC 7516 §5.2, RFC 7519 §7.2, OpenID Connect Core 1.0 §3.1.3.7 (1)",
		func(ctx context.Context, j *jwt) bool {
			j.raw, j.refusal = j.c.decrypted(ctx, j.raw)
			return j.refusal == nil
		},
		func(j *jwt) (string, string) { return decryption(j.refusal) }},
	{"compact", "RFC 7515 §3.1, RFC 7519 §7.2",
		func(_ context.Context, j *jwt) bool { j.jws, j.refusal = jose.Split(j.raw); return j.refusal == nil },
		func(j *jwt) (string, string) { return j.refused("a compact JWS", "a compact JWS") }},
	{"header", "RFC 7515 §4, RFC 8725 §3.7",
		func(_ context.Context, j *jwt) bool {
			if h, ok := j.c.headers.lookup(j.jws.Header); ok {
				j.header, j.known = h, true
				return true
			}
			j.header, j.refusal = jose.ParseHeader(j.jws.Header)
			return j.refusal == nil
		},
		func(j *jwt) (string, string) { return j.refused("a JSON object", "a JSON object") }},
	{"alg", "RFC 8725 §3.1, OpenID Connect Core 1.0 §3.1.3.7",
		func(_ context.Context, j *jwt) bool { return slices.Contains(j.algs, j.header.Algorithm) },
		func(j *jwt) (string, string) { return strings.Join(j.algs, ", "), quoted(j.header.Algorithm) }},
	{"crit", "RFC 7515 §4.1.11",
		func(_ context.Context, j *jwt) bool { return !j.header.Critical },
		func(j *jwt) (string, string) {
			return "no extension that must be understood", presence(j.header.Critical)
		}},
	{"b64", "RFC 7797 §7",
		func(_ context.Context, j *jwt) bool { return !j.header.B64 },
		func(j *jwt) (string, string) { return "no b64 header", presence(j.header.B64) }},
	{"embedded key", "RFC 7515 §4.1.3, RFC 8725 §3.10",
		func(_ context.Context, j *jwt) bool { return j.header.Embedded == "" },
		func(j *jwt) (string, string) { return "none of jwk, jku, x5u, x5c", or(j.header.Embedded, "none") }},
	{"typ", "RFC 8725 §3.11",
		func(_ context.Context, j *jwt) bool { return j.typeFits() },
		func(j *jwt) (string, string) {
			return or(j.typ, "JWT or nothing"), or(quoted(j.header.Type), "nothing")
		}},
	{"key", "RFC 7517 §4, OpenID Connect Core 1.0 §10.1",
		func(ctx context.Context, j *jwt) bool { j.findKeys(ctx); return len(j.keys) > 0 },
		func(j *jwt) (string, string) {
			expected := "a key of the server for " + j.header.Algorithm
			if j.header.HasKeyID {
				expected += " named " + quoted(j.header.KeyID)
			}
			if len(j.keys) > 0 {
				return expected, "a key"
			}
			return expected, "none"
		}},
	{"signature", "RFC 7515 §5.2",
		func(_ context.Context, j *jwt) bool { return j.verifySignature() },
		func(j *jwt) (string, string) { return "a signature by the server", verdict(j.refusal == nil) }},
	{"payload", "RFC 7519 §7.2, RFC 8259 §4",
		func(_ context.Context, j *jwt) bool { j.refusal = j.readClaims(); return j.refusal == nil },
		func(j *jwt) (string, string) {
			return j.refused("a JSON object without duplicate names", "a JSON object")
		}},
	{"key issuer", "RFC 8725 §3.8, Microsoft identity platform, Validate the issuer",
		func(_ context.Context, j *jwt) bool { return j.keyFits() },
		func(j *jwt) (string, string) { return j.keyStory() }},
}

// foreignType: other kinds of JWT are typed explicitly, with a media type that ends in +jwt.
func foreignType(typ string) bool {
	return len(typ) >= 4 && strings.EqualFold(typ[len(typ)-4:], "+jwt")
}

// typeFits: a kind of token that has a type of its own must have it, in its short form or whole (RFC 7515 section 4.1.9).
func (j *jwt) typeFits() bool {
	if j.typ == "" {
		return !foreignType(j.header.Type)
	}
	return strings.EqualFold(j.header.Type, j.typ) || strings.EqualFold(j.header.Type, "application/"+j.typ)
}

func (j *jwt) findKeys(ctx context.Context) {
	if strings.HasPrefix(j.header.Algorithm, "HS") {
		if j.c.secret != nil && j.c.secret.Serves(j.header.Algorithm) {
			j.keys = append(j.keyArray[:0], j.c.secret)
		}
		return
	}
	if j.server.keys == nil {
		_, j.err = j.server.url(jwksEndpoint)
		return
	}
	j.keys, j.err = j.server.keys.Candidates(ctx, j.keyArray[:0], j.header.Algorithm, j.header.KeyID, j.header.HasKeyID)
}

var errSignature = errors.New("no key fits")

func (j *jwt) verifySignature() bool {
	j.signature, j.refusal = strict.AppendBase64(j.signature[:0], j.jws.Signature)
	if j.refusal != nil {
		return false
	}
	for _, k := range j.keys {
		if k.Verify(j.header.Algorithm, j.jws.Signed, j.signature) {
			j.key = k
			return true
		}
	}
	j.refusal = errSignature
	return false
}

// readClaims reads the payload once, from the bytes that were signed.
func (j *jwt) readClaims() error {
	var err error
	if j.payload, err = strict.AppendBase64(nil, j.jws.Payload); err != nil {
		return err
	}
	c := &j.claims
	return strict.Object(j.payload, func(name []byte, v strict.Value) error {
		switch string(name) {
		case "iss":
			c.iss = v
		case "sub":
			c.sub = v
		case "aud":
			c.aud = v
		case "azp":
			c.azp = v
		case "exp":
			c.exp = v
		case "iat":
			c.iat = v
		case "nbf":
			c.nbf = v
		case "nonce":
			c.nonce = v
		case "auth_time":
			c.authTime = v
		case "at_hash":
			c.atHash = v
		case "c_hash":
			c.cHash = v
		case "s_hash":
			c.sHash = v
		case "tid":
			c.tid = v
		case "client_id":
			c.clientID = v
		case "jti":
			c.jti = v
		case "scope":
			c.scope = v
		case "cnf":
			c.cnf = v
		case "authorization_details":
			c.details = v
		case "sid":
			c.sid = v
		case "events":
			c.events = v
		}
		return nil
	})
}

// refused puts a refusal of the packages below into words.
func (j *jwt) refused(expected, passed string) (string, string) {
	if j.refusal == nil {
		return expected, passed
	}
	var r *jose.Refusal
	if errors.As(j.refusal, &r) {
		return r.Expected, r.Got
	}
	return expected, j.refusal.Error()
}

func presence(is bool) string {
	if is {
		return "one"
	}
	return "nothing"
}

func verdict(good bool) string {
	if good {
		return "a good one"
	}
	return "a bad one"
}

func or(s, otherwise string) string {
	if s == "" || s == `""` {
		return otherwise
	}
	return s
}

package openid

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/openid-client/openid/internal/hostile"
)

// listener, when it is set, hears what the clients of newTestClient report.
var listener func(context.Context, Event)

// trace is the listener, or that of the case that is being watched.
func trace() func(context.Context, Event) {
	if listener == nil && hostile.Watching() {
		return func(_ context.Context, e Event) { hostile.Overhear(e) }
	}
	return listener
}

// newTestClient is a client of p that authenticates with p's secret.
func newTestClient(t *testing.T, p *hostile.Provider, tune ...func(*Config)) *Client {
	t.Helper()
	cfg := Config{Issuer: p.Issuer, ClientID: p.ClientID, Auth: ClientSecret(NewSecret(p.ClientSecret)), RedirectURI: p.RedirectURI,
		HTTPClient: p.HTTPClient(), Trace: trace()}
	for _, f := range tune {
		f(&cfg)
	}
	c, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// without takes a row out of this client's tables.
func (c *Client) without(name string) {
	c.rows = wholeTables(c.rows)
	c.rows.metadata = dropRow(c.rows.metadata, name)
	c.rows.request = dropRow(c.rows.request, name)
	c.rows.pushed = dropRow(c.rows.pushed, name)
	c.rows.callback = dropRow(c.rows.callback, name)
	c.rows.response = dropRow(c.rows.response, name)
	c.rows.jarm = dropRow(c.rows.jarm, name)
	c.rows.token = dropRow(c.rows.token, name)
	c.rows.idToken = dropRow(c.rows.idToken, name)
	c.rows.refreshed = dropRow(c.rows.refreshed, name)
	c.rows.front = dropRow(c.rows.front, name)
	c.rows.back = dropRow(c.rows.back, name)
	c.rows.userInfoJWT = dropRow(c.rows.userInfoJWT, name)
	c.rows.userInfo = dropRow(c.rows.userInfo, name)
	c.rows.logout = dropRow(c.rows.logout, name)
	c.rows.device = dropRow(c.rows.device, name)
	c.rows.backchannel = dropRow(c.rows.backchannel, name)
	c.rows.recent = dropRow(c.rows.recent, name)
	c.rows.introspection = dropRow(c.rows.introspection, name)
	c.rows.introspectionJWT = dropRow(c.rows.introspectionJWT, name)
}

// wholeTables are t with those tables that nobody but their users links.
func wholeTables(t tables) tables {
	t.userInfoJWT, t.userInfo = orElse(t.userInfoJWT, userInfoJWTChecks()), orElse(t.userInfo, userInfoChecks)
	t.logout, t.device, t.backchannel = orElse(t.logout, logoutChecks), orElse(t.device, deviceChecks), orElse(t.backchannel, backchannelChecks)
	t.introspection, t.introspectionJWT = orElse(t.introspection, introspectionChecks), orElse(t.introspectionJWT, introspectionJWTChecks())
	return t
}

func dropRow[D document](rows []check[D], name string) []check[D] {
	return slices.DeleteFunc(slices.Clone(rows), func(r check[D]) bool { return r.name == name })
}

// logIn plays a whole login.
func logIn(t *testing.T, c *Client, p *hostile.Provider, tune ...func(*AuthorizationRequest)) (*Tokens, error) {
	t.Helper()
	r := AuthorizationRequest{Scope: []string{"openid", "offline_access"}}
	for _, f := range tune {
		f(&r)
	}
	url, tx, err := c.Authorize(t.Context(), r)
	if err != nil {
		hostile.Hear(err)
		return nil, err
	}
	tokens, err := c.Callback(t.Context(), p.Authorize(url), tx)
	hostile.Hear(err, tokens)
	return tokens, err
}

// An idTokenLie is something false about an ID Token, and the one check that must refuse it.
type idTokenLie struct {
	name    string
	lie     func(*hostile.Token)
	check   string
	alg     string                      // of the honest provider; ES256 when empty
	tune    func(*Config)               // of the client
	ask     func(*AuthorizationRequest) // what the login asks for
	script  func(*testing.T, *hostile.Provider)
	refresh func(*Tokens) // the lie is told at a refresh; may falsify what was kept
}

// claim sets a claim to any JSON text; empty removes it.
func claim(name, value string) func(*hostile.Token) {
	return func(tok *hostile.Token) {
		if value == "" {
			delete(tok.Claims, name)
			return
		}
		tok.Claims[name] = json.RawMessage(value)
	}
}

func header(name, value string) func(*hostile.Token) {
	return func(tok *hostile.Token) { tok.Header[name] = json.RawMessage(value) }
}

func compact(f func(string) string) func(*hostile.Token) {
	return func(tok *hostile.Token) { tok.Compact = f }
}

func at(d time.Duration) string { return fmt.Sprint(time.Now().Add(d).Unix()) }

func keep(*Tokens) {}

func maxAge(d time.Duration) func(*AuthorizationRequest) {
	return func(r *AuthorizationRequest) { r.MaxAge = &d }
}

var idTokenLies = []idTokenLie{
	{name: "two parts", lie: compact(hostile.DropPart), check: "compact"},
	{name: "I31 64 KiB and more", lie: func(tok *hostile.Token) { tok.Claims["filler"] = strings.Repeat("x", 64<<10) }, check: "compact"},
	{name: "I43 many dots", lie: compact(func(s string) string { return s + strings.Repeat(".", 50_000) }), check: "compact"},
	{name: "I44 JSON serialisation", lie: compact(hostile.Flattened), check: "compact"},
	{name: "I44 JSON serialisation with the dots of a JWE", lie: compact(func(s string) string { return `{"header":{"kid":"a.b"},"protected":"` + s + `"}` }), check: "compact"},
	{name: "I44 both serialisations at once", lie: compact(func(s string) string { return `{"protected":"` + s + `"}` }), check: "compact"},
	{name: "five parts, nothing to decrypt with", lie: compact(func(s string) string { return s + ".a.b" }), check: "encryption"},

	{name: "I40 header is an array", lie: func(tok *hostile.Token) { tok.RawHeader = []byte(`["ES256"]`) }, check: "header"},
	{name: "I39 alg twice in the header", lie: func(tok *hostile.Token) { tok.RawHeader = hostile.WithMember(tok.HeaderJSON(), "alg", `"none"`) }, check: "header"},
	{name: "I40 kid is a number", lie: header("kid", "7"), check: "header"},

	{name: "I01 none", lie: func(tok *hostile.Token) { tok.Header["alg"] = "none"; tok.Compact = hostile.DropSignature }, check: "alg"},
	{name: "I02 NONE", lie: func(tok *hostile.Token) { tok.Header["alg"] = "nOnE"; tok.Compact = hostile.DropSignature }, check: "alg"},
	{name: "an algorithm the server does not list", lie: func(tok *hostile.Token) { tok.Header["alg"] = "ES384" }, check: "alg"},
	{name: "RS256 by a published key, against the policy", check: "alg", tune: func(c *Config) { c.IDTokenSigningAlgs = []string{"PS256"} }, alg: "RS256"},
	{name: "I03 HS256 keyed with a public key", check: "alg", lie: func(tok *hostile.Token) {
		tok.Header["alg"] = "HS256"
		tok.Key = hostile.NewSecretKey("HS256", "", []byte("-----BEGIN PUBLIC KEY-----"))
	}},

	{name: "I02 no algorithm", lie: func(tok *hostile.Token) { tok.RawHeader = []byte(`{"typ":"JWT"}`) }, check: "header"},
	{name: "I36 unknown crit", lie: header("crit", `["exp"]`), check: "crit"},
	{name: "I37 empty crit", lie: header("crit", `[]`), check: "crit"},
	{name: "I38 b64 false", lie: header("b64", `false`), check: "b64"},
	{name: "I38 b64 false, and named in crit", lie: func(tok *hostile.Token) {
		tok.Header["b64"], tok.Header["crit"] = false, []string{"b64"}
	}, check: "crit"},
	{name: "I05 jwk", lie: header("jwk", `{"kty":"EC"}`), check: "embedded key"},
	{name: "I06 jku", lie: header("jku", `"https://evil.example/jwks"`), check: "embedded key"},
	{name: "I06 x5u", lie: header("x5u", `"https://evil.example/x5u"`), check: "embedded key"},
	{name: "I06 x5c", lie: header("x5c", `["MII"]`), check: "embedded key"},
	{name: "I34 an access token", lie: header("typ", `"at+jwt"`), check: "typ"},
	{name: "I34 a logout token", lie: header("typ", `"application/logout+JWT"`), check: "typ"},
	{name: "I35 a request object", lie: header("typ", `"oauth-authz-req+jwt"`), check: "typ"},
	{name: "J25 a long kid", lie: header("kid", `"`+strings.Repeat("k", 257)+`"`), check: "header"},
	{name: "a kid that nobody published", lie: header("kid", `"other"`), check: "key"},
	{name: "J01 no usable key at all", check: "key", script: func(_ *testing.T, p *hostile.Provider) {
		p.JWKS = func(set map[string]any) { set["keys"] = []any{map[string]any{"kty": "unknown"}} }
	}},
	{name: "a flipped bit", lie: compact(hostile.BreakSignature), check: "signature"},
	{name: "I07 the key of another issuer", check: "signature", script: func(t *testing.T, p *hostile.Provider) {
		other := hostile.NewKey(t, "ES256", p.SigningKey().ID)
		p.IDToken = func(tok *hostile.Token) { tok.Key = other }
	}},
	{name: "I45 an ASN.1 signature", lie: func(tok *hostile.Token) { tok.Key = tok.Key.DER() }, check: "signature"},
	{name: "I45 ES256 by a P-384 key", check: "key", script: func(t *testing.T, p *hostile.Provider) {
		key := hostile.NewKey(t, "ES384", "p384")
		p.Publish(key)
		p.IDToken = func(tok *hostile.Token) { tok.Key, tok.Header["kid"] = key.As("ES256"), key.ID }
	}},
	{name: "I46 r and s are zero", lie: func(tok *hostile.Token) {
		tok.Key = tok.Key.As("ES256")
		tok.Key.Signature = func([]byte) []byte { return make([]byte, 64) }
	}, check: "signature"},
	{name: "I48 PKCS #1 v1.5 under the name of PSS", alg: "PS256", lie: func(tok *hostile.Token) {
		tok.Key, tok.Header["alg"] = tok.Key.As("RS256"), "PS256"
	}, check: "signature"},
	{name: "I47 a salt of 20 bytes", alg: "PS256", lie: func(tok *hostile.Token) { tok.Key = tok.Key.Salt(20) }, check: "signature"},
	{name: "I41 a last character with other unused bits", lie: compact(hostile.NonCanonical), check: "signature"},
	{name: "I42 a line break in the signature", lie: compact(hostile.BreakLine), check: "signature"},
	{name: "no signature", lie: compact(hostile.DropSignature), check: "signature"},
	{name: "I04 HS256 that nobody asked for", alg: "ES256", lie: func(tok *hostile.Token) {
		tok.Header["alg"] = "HS256"
		tok.Key = hostile.NewSecretKey("HS256", "", []byte(strings.Repeat("x", 64)))
	}, check: "alg", script: func(_ *testing.T, p *hostile.Provider) {
		p.Metadata = func(m map[string]any) {
			m["id_token_signing_alg_values_supported"] = []string{"ES256", "HS256"}
		}
	}},
	{name: "I04 HS256 with an empty secret", alg: "HS256", tune: allowHS256, lie: func(tok *hostile.Token) {
		tok.Key = hostile.NewSecretKey("HS256", "", nil)
	}, check: "signature"},
	{name: "I04 HS256 with another secret", alg: "HS256", tune: allowHS256, lie: func(tok *hostile.Token) {
		tok.Key = hostile.NewSecretKey("HS256", "", []byte(strings.Repeat("x", 64)))
	}, check: "signature"},

	{name: "I28 payload null", lie: func(tok *hostile.Token) { tok.RawPayload = []byte("null") }, check: "payload"},
	{name: "I29 payload an array", lie: func(tok *hostile.Token) { tok.RawPayload = append(append([]byte("["), tok.PayloadJSON()...), ']') }, check: "payload"},
	{name: "I29 payload a string", lie: func(tok *hostile.Token) { tok.RawPayload = []byte(`"{}"`) }, check: "payload"},
	{name: "I30 trailing bytes", lie: func(tok *hostile.Token) { tok.RawPayload = append(tok.PayloadJSON(), 0) }, check: "payload"},
	{name: "I30 two objects", lie: func(tok *hostile.Token) { tok.RawPayload = append(tok.PayloadJSON(), "{}"...) }, check: "payload"},
	{name: "I08 sub twice", lie: func(tok *hostile.Token) { tok.RawPayload = hostile.WithMember(tok.PayloadJSON(), "sub", `"mallory"`) }, check: "payload"},
	{name: "I09 sub twice, once escaped", lie: func(tok *hostile.Token) {
		tok.RawPayload = append([]byte(`{"\u0073ub":"mallory",`), tok.PayloadJSON()[1:]...)
	}, check: "payload"},
	{name: "I25 a lone surrogate", lie: claim("x", `"\ud800"`), check: "payload"},
	{name: "I25 invalid UTF-8", lie: func(tok *hostile.Token) { tok.RawPayload = hostile.WithMember(tok.PayloadJSON(), "x", "\"\xff\"") }, check: "payload"},
	{name: "I32 depth", lie: claim("x", strings.Repeat("[", 40)+strings.Repeat("]", 40)), check: "payload"},

	{name: "iss of another", lie: claim("iss", `"https://evil.example"`), check: "iss"},
	{name: "I13 iss with a slash more", lie: func(tok *hostile.Token) { tok.Claims["iss"] = fmt.Sprint(tok.Claims["iss"], "/") }, check: "iss"},
	{name: "I14 iss with a Cyrillic letter", lie: func(tok *hostile.Token) {
		tok.Claims["iss"] = strings.Replace(fmt.Sprint(tok.Claims["iss"]), "/t", "/т", 1)
	}, check: "iss"},
	{name: "I14 iss in capitals", lie: func(tok *hostile.Token) {
		tok.Claims["iss"] = strings.Replace(fmt.Sprint(tok.Claims["iss"]), "https", "HTTPS", 1)
	}, check: "iss"},
	{name: "I12 ISS right, iss wrong", lie: func(tok *hostile.Token) {
		tok.Claims["ISS"], tok.Claims["iss"] = tok.Claims["iss"], "https://evil.example"
	}, check: "iss"},
	{name: "iss missing", lie: claim("iss", ""), check: "iss"},
	{name: "I24 sub missing", lie: claim("sub", ""), check: "sub"},
	{name: "I24 sub empty", lie: claim("sub", `""`), check: "sub"},
	{name: "I24 sub a number", lie: claim("sub", `7`), check: "sub"},
	{name: "I25 sub of 256 bytes", lie: claim("sub", `"`+strings.Repeat("s", 256)+`"`), check: "sub"},
	{name: "I21 aud names another client", lie: claim("aud", `"another"`), check: "aud"},
	{name: "I21 aud missing", lie: claim("aud", ""), check: "aud"},
	{name: "I21 aud empty", lie: claim("aud", `[]`), check: "aud"},
	{name: "I22 aud with a number", lie: claim("aud", `["client",1]`), check: "aud"},
	{name: "I22 aud nested", lie: claim("aud", `[["client"]]`), check: "aud"},
	{name: "I22 aud an object", lie: claim("aud", `{"client":true}`), check: "aud"},
	{name: "I22 aud in one string", lie: claim("aud", `"client another"`), check: "aud"},
	{name: "I23 aud with an untrusted other", lie: claim("aud", `["client","another"]`), check: "aud"},
	{name: "aud a trusted other alone", lie: func(tok *hostile.Token) {
		tok.Claims["aud"], tok.Claims["azp"] = []any{"friend"}, "client"
	}, check: "aud", tune: trustFriend},
	{name: "I23 azp another client", lie: claim("azp", `"another"`), check: "azp"},
	{name: "I23 azp a number", lie: claim("azp", `1`), check: "azp"},
	{name: "I23 two audiences, no azp", lie: claim("aud", `["client","friend"]`), check: "azp", tune: trustFriend},
	{name: "I15 exp missing", lie: claim("exp", ""), check: "exp"},
	{name: "I15 exp null", lie: claim("exp", `null`), check: "exp"},
	{name: "I15 exp true", lie: claim("exp", `true`), check: "exp"},
	{name: "I15 exp a string", lie: claim("exp", `"9999999999"`), check: "exp"},
	{name: "I16 exp beyond all dates", lie: claim("exp", `1e300`), check: "exp"},
	{name: "I16 exp negative", lie: claim("exp", `-1`), check: "exp"},
	{name: "I18 exp just outside the tolerance", lie: claim("exp", at(-31*time.Second)), check: "exp"},
	{name: "I20 iat missing", lie: claim("iat", ""), check: "iat"},
	{name: "I20 iat in an hour", lie: claim("iat", at(time.Hour)), check: "iat"},
	{name: "I20 nbf in an hour", lie: claim("nbf", at(time.Hour)), check: "nbf"},
	{name: "nbf a string", lie: claim("nbf", `"0"`), check: "nbf"},
	{name: "the event of a logout token", lie: logoutEventIs(`{}`), check: "events"},
	{name: "I26 nonce missing", lie: claim("nonce", ""), check: "nonce"},
	{name: "I26 nonce of another login", lie: claim("nonce", `"other"`), check: "nonce"},
	{name: "I27 nonce empty", lie: claim("nonce", `""`), check: "nonce"},
	{name: "I27 nonce null", lie: claim("nonce", `null`), check: "nonce"},
	{name: "I26 nonce an array", lie: func(tok *hostile.Token) { tok.Claims["nonce"] = []any{tok.Claims["nonce"]} }, check: "nonce"},
	{name: "auth_time missing though max_age was asked", lie: claim("auth_time", ""), check: "auth_time", ask: maxAge(time.Minute)},
	{name: "auth_time too old", lie: claim("auth_time", at(-10*time.Minute)), check: "auth_time", ask: maxAge(time.Minute)},
	{name: "auth_time in an hour", lie: claim("auth_time", at(time.Hour)), check: "auth_time"},
	{name: "auth_time at the end of all days, max_age asked", lie: claim("auth_time", "253402300799"), check: "auth_time", ask: maxAge(time.Minute)},
	{name: "auth_time a string", lie: claim("auth_time", `"now"`), check: "auth_time"},
	{name: "auth_time -1", lie: claim("auth_time", `-1`), check: "auth_time"},
	{name: "auth_time null", lie: claim("auth_time", `null`), check: "auth_time"},
	{name: "auth_time true", lie: claim("auth_time", `true`), check: "auth_time"},
	{name: "auth_time an array", lie: claim("auth_time", `[1]`), check: "auth_time"},
	{name: "auth_time an object", lie: claim("auth_time", `{}`), check: "auth_time"},
	{name: "I49 at_hash of another token", lie: claim("at_hash", `"AAAAAAAAAAAAAAAAAAAAAA"`), check: "at_hash"},
	{name: "I49 at_hash a number", lie: claim("at_hash", `1`), check: "at_hash"},
	{name: "I50 c_hash of another code", lie: claim("c_hash", `"AAAAAAAAAAAAAAAAAAAAAA"`), check: "c_hash"},
	{name: "I50 s_hash of another state", lie: claim("s_hash", `"AAAAAAAAAAAAAAAAAAAAAA"`), check: "s_hash"},

	{name: "refreshed for another subject", lie: claim("sub", `"mallory"`), check: "same sub", refresh: keep},
	{name: "refreshed iss wrong", lie: claim("iss", `"https://evil.example"`), check: "iss", refresh: keep},
	{name: "refreshed for more audiences", lie: func(tok *hostile.Token) {
		tok.Claims["aud"], tok.Claims["azp"] = []any{"client", "friend"}, "client"
	}, check: "same aud", refresh: keep, tune: trustFriend},
	{name: "refreshed with another auth_time", lie: claim("auth_time", at(-time.Hour)), check: "same auth_time", refresh: keep},
	{name: "refreshed with another nonce", lie: claim("nonce", `"other"`), check: "nonce", refresh: keep},
}

func allowHS256(c *Config) { c.IDTokenSigningAlgs = []string{"HS256"} }

func trustFriend(c *Config) { c.TrustedAudiences = []string{"friend"} }

// tell plays the lie against a client whose table has lost the row drop.
func (l idTokenLie) tell(t *testing.T, drop string) error {
	t.Helper()
	p := hostile.New(t)
	if l.alg != "" {
		p.Alg = l.alg
	}
	c := newTestClient(t, p)
	if l.tune != nil {
		c = newTestClient(t, p, l.tune)
	}
	c.without(drop)
	lie := func() {
		p.IDToken = l.lie
		if l.script != nil {
			l.script(t, p)
		}
	}
	if l.refresh == nil {
		lie()
	}
	ask := l.ask
	if ask == nil {
		ask = func(*AuthorizationRequest) {}
	}
	tokens, err := logIn(t, c, p, ask)
	if l.refresh == nil {
		return err
	}
	if err != nil {
		t.Fatalf("the honest login before the refresh: %v", err)
	}
	l.refresh(tokens)
	lie()
	_, err = c.Refresh(t.Context(), tokens)
	return err
}

// requests are those of a login or of a refresh, up to the token and the keys: nobody asks for UserInfo.
func (l idTokenLie) requests() string {
	if l.refresh != nil {
		return "discovery token jwks token"
	}
	return "discovery token jwks?"
}

// refusedBy names the check that refused, "" for none.
func refusedBy(err error) string {
	var v *VerificationError
	if errors.As(err, &v) {
		return v.Check
	}
	return ""
}

func TestHostileIDToken(t *testing.T) {
	for _, l := range idTokenLies {
		t.Run(l.name, func(t *testing.T) {
			hostile.Watch(t, l.requests())
			err := l.tell(t, "")
			hostile.Hear(err)
			if got := refusedBy(err); got != l.check {
				t.Errorf("refused by %q (%v), want %q", got, err, l.check)
			}
		})
	}
}

func TestHostileIDTokenTruths(t *testing.T) {
	for _, truth := range []idTokenLie{
		{name: "I33 RS256", alg: "RS256"},
		{name: "PS256", alg: "PS256"},
		{name: "I33 ES256"},
		{name: "ES512", alg: "ES512"},
		{name: "I33 EdDSA", alg: "EdDSA"},
		{name: "Ed25519", alg: "Ed25519"},
		{name: "HS256 with the client secret", alg: "HS256", tune: allowHS256},
		{name: "ML-DSA-65", alg: "ML-DSA-65"},
		{name: "aud as an array", lie: claim("aud", `["client"]`)},
		{name: "sub of 255 bytes", lie: claim("sub", `"`+strings.Repeat("s", 255)+`"`)},
		{name: "a trusted audience, azp is us", lie: func(tok *hostile.Token) {
			tok.Claims["aud"], tok.Claims["azp"] = []any{"friend", "client"}, "client"
		}, tune: trustFriend},
		{name: "I17 exp fractional", lie: func(tok *hostile.Token) { tok.Claims["exp"] = json.RawMessage(at(time.Hour) + ".25") }},
		{name: "I18 exp just inside the tolerance", lie: claim("exp", at(-20*time.Second))},
		{name: "I11 an extra ALG", lie: header("ALG", `"none"`)},
		{name: "I10 an extra SUB", lie: claim("SUB", `"mallory"`)},
		{name: "J14 no kid", lie: func(tok *hostile.Token) { delete(tok.Header, "kid") }},
		{name: "no typ", lie: func(tok *hostile.Token) { delete(tok.Header, "typ") }},
		{name: "typ jwt", lie: header("typ", `"jwt"`)},
		{name: "typ application/jwt", lie: header("typ", `"application/jwt"`)},
		{name: "auth_time 0", lie: claim("auth_time", `0`)},
		{name: "no at_hash", lie: claim("at_hash", "")},
		{name: "max_age kept", ask: maxAge(time.Minute)},
		{name: "refresh", refresh: keep},
		{name: "refreshed without nonce and auth_time", refresh: keep, lie: func(tok *hostile.Token) {
			delete(tok.Claims, "nonce")
			delete(tok.Claims, "auth_time")
		}},
		{name: "J11 one kid on two kinds of key", script: func(t *testing.T, p *hostile.Provider) {
			p.Publish(hostile.NewKey(t, "RS256", p.SigningKey().ID))
		}},
		{name: "J11 the same kid on two keys of a kind", script: func(t *testing.T, p *hostile.Provider) {
			p.Publish(hostile.NewKey(t, "ES256", p.SigningKey().ID))
		}},
	} {
		t.Run(truth.name, func(t *testing.T) {
			hostile.Watch(t, truth.requests())
			if err := truth.tell(t, ""); err != nil {
				t.Error(err)
			}
		})
	}
}

package openid

import (
	"encoding/json"
	"errors"
	"maps"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/openid-client/openid/internal/hostile"
)

// A notary vouches for metadata.
type notary struct{ key *hostile.Key }

func newNotary(t *testing.T) notary { return notary{hostile.NewKey(t, "ES256", "notary-1")} }

func keySet(keys ...*hostile.Key) json.RawMessage {
	var list []any
	for _, k := range keys {
		list = append(list, k.PublicJWK())
	}
	b, _ := json.Marshal(map[string]any{"keys": list})
	return b
}

func (n notary) demanded(cfg *Config) {
	cfg.SignedMetadata = &SignedMetadata{Issuer: "https://notary.example", JWKS: keySet(n.key)}
}

// signs puts signed_metadata into documents: all that stands in them, or what lie makes of it.
func (n notary) signs(lie func(*hostile.Token)) func(map[string]any) {
	return func(m map[string]any) {
		claims := maps.Clone(m)
		claims["iss"], claims["iat"], claims["exp"] = "https://notary.example", time.Now().Unix(), time.Now().Add(time.Hour).Unix()
		token := hostile.NewToken(n.key, claims)
		if lie != nil {
			lie(token)
		}
		m["signed_metadata"] = token.String()
	}
}

// TestSignedMetadata: what is signed takes precedence, what is not counts as it stands, and who does not ask for it does not look at it.
func TestSignedMetadata(t *testing.T) {
	n, p := newNotary(t), hostile.Pipe(t)
	honest := n.signs(func(tok *hostile.Token) {
		tok.Claims["acr_values_supported"], tok.Claims["vendor"] = []string{"gold"}, "signed"
		delete(tok.Claims, "registration_endpoint")
		tok.Claims["service_documentation"] = nil
	})
	p.Metadata = func(m map[string]any) {
		honest(m)
		m["token_endpoint"] = "https://evil.example/token"
		m["vendor"] = "unsigned"
		m["service_documentation"] = "https://op.example/docs"
	}
	c := newTestClient(t, p, n.demanded)
	m, err := c.Metadata(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if m.TokenEndpoint != p.URL("token") || m.ACRValuesSupported[0] != "gold" || string(m.Extra["vendor"]) != `"signed"` || m.RegistrationEndpoint != p.URL("registration") ||
		m.ServiceDocumentation != "https://op.example/docs" || m.Extra["iss"] != nil {
		t.Errorf("got %+v", m)
	}
	if _, err := logIn(t, c, p); err != nil {
		t.Error(err)
	}
	m, err = newTestClient(t, p).Metadata(t.Context())
	if err != nil || m.TokenEndpoint != "https://evil.example/token" {
		t.Errorf("who does not ask: %v, %v", m, err)
	}

	byHand := newTestClient(t, p, func(cfg *Config) { cfg.Metadata = m; n.demanded(cfg) })
	if got, err := byHand.Metadata(t.Context()); err != nil || got.TokenEndpoint != p.URL("token") {
		t.Errorf("metadata by hand: %v", err)
	}
	m.Extra = nil
	cfg := Config{Issuer: p.Issuer, ClientID: "c", Auth: None(), Metadata: m}
	n.demanded(&cfg)
	if _, err := New(cfg); refusedBy(err) != "signed_metadata" {
		t.Errorf("metadata by hand, not signed: %v", err)
	}
}

// TestSignedResourceMetadata: RFC 9728 section 2.2.
func TestSignedResourceMetadata(t *testing.T) {
	n, p := newNotary(t), hostile.Pipe(t)
	cfg := Config{HTTPClient: p.HTTPClient()}
	n.demanded(&cfg)
	if _, err := FindResource(t.Context(), cfg, p.URL("resource")); refusedBy(err) != "signed_metadata" {
		t.Errorf("unsigned: %v", err)
	}
	honest := n.signs(nil)
	p.ResourceMetadata = func(m map[string]any) { honest(m); m["authorization_servers"] = []string{"https://evil.example"} }
	m, err := FindResource(t.Context(), cfg, p.URL("resource"))
	if err != nil || m.AuthorizationServers[0] != p.Issuer {
		t.Fatal(m, err)
	}
	p.ResourceMetadata = n.signs(func(tok *hostile.Token) { tok.Claims["resource"] = "https://api.example" })
	if _, err := FindResource(t.Context(), cfg, p.URL("resource")); refusedBy(err) != "about" {
		t.Errorf("signed for another: %v", err)
	}
	cfg.SignedMetadata = &SignedMetadata{}
	if _, err := FindResource(t.Context(), cfg, p.URL("resource")); !errors.As(err, new(*ConfigError)) {
		t.Errorf("a signer without a name: %v", err)
	}
}

type signedMetadataLie struct {
	name  string
	lie   func(*hostile.Token)
	lies  func(map[string]any) // in the place of lie
	check string
}

var signedMetadataLies = []signedMetadataLie{
	{name: "none", lies: func(map[string]any) {}, check: "signed_metadata"},
	{name: "an object", lies: metadataMember("signed_metadata", map[string]any{}), check: "signed_metadata"},
	{name: "empty", lies: metadataMember("signed_metadata", ""), check: "signed_metadata"},
	{name: "encrypted for nobody", lies: metadataMember("signed_metadata", "a.b.c.d.e"), check: "encryption"},
	{name: "no JWS", lies: metadataMember("signed_metadata", "a.b"), check: "compact"},
	{name: "a header that is no JSON", lies: metadataMember("signed_metadata", "e30x.e30.AA"), check: "header"},
	{name: "I01 alg none", lie: func(tok *hostile.Token) { tok.Key = tok.Key.As("none"); tok.Header["alg"] = "none" }, check: "alg"},
	{name: "HS256 with the public key", lie: func(tok *hostile.Token) {
		tok.Key = hostile.NewSecretKey("HS256", "notary-1", []byte(strings.Repeat("k", 64)))
		tok.Header["alg"] = "HS256"
	}, check: "alg"},
	{name: "I36 crit", lie: header("crit", `["exp"]`), check: "crit"},
	{name: "I38 b64", lie: header("b64", "false"), check: "b64"},
	{name: "an embedded key", lie: header("jwk", `{"kty":"EC"}`), check: "embedded key"},
	{name: "I34 a logout token", lie: header("typ", `"logout+jwt"`), check: "typ"},
	{name: "a key of nobody's", lie: header("kid", `"notary-2"`), check: "key"},
	{name: "a bad signature", lie: func(tok *hostile.Token) { tok.Compact = hostile.BreakSignature }, check: "signature"},
	{name: "a claim twice", lie: func(tok *hostile.Token) {
		tok.RawPayload = []byte(`{"iss":"https://notary.example","iss":"https://notary.example"}`)
	}, check: "payload"},
	{name: "another signer", lie: claim("iss", `"https://op.example/t"`), check: "iss"},
	{name: "no signer", lie: claim("iss", ""), check: "iss"},
	{name: "a key that speaks for another signer", lie: func(tok *hostile.Token) {
		tok.Key = tok.Key.Named("theirs")
		tok.Header["kid"] = "theirs"
	}, check: "key issuer"},
	{name: "expired", lie: claim("exp", "1000000"), check: "exp"},
	{name: "exp a word", lie: claim("exp", `"never"`), check: "exp"},
	{name: "not yet", lie: claim("nbf", "9000000000"), check: "nbf"},
	{name: "issued in the future", lie: claim("iat", "9000000000"), check: "iat"},
	{name: "token_endpoint a list", lie: claim("token_endpoint", `["https://op.example"]`), check: "metadata"},
	{name: "signed for another server", lie: claim("issuer", `"https://other.example"`), check: "about"},
	{name: "signed for no server", lie: claim("issuer", ""), check: "about"},
}

func (l signedMetadataLie) tell(t *testing.T, drop string) error {
	n, p := newNotary(t), hostile.Pipe(t)
	if p.Metadata = l.lies; l.lies == nil {
		p.Metadata = n.signs(l.lie)
	}
	theirs := n.key.Named("theirs").PublicJWK()
	theirs["issuer"] = "https://other.example"
	both, _ := json.Marshal(map[string]any{"keys": []any{n.key.PublicJWK(), theirs}})
	c := newTestClient(t, p, func(cfg *Config) { cfg.SignedMetadata = &SignedMetadata{Issuer: "https://notary.example", JWKS: both} })
	own := c.signed.(*metadataVerification)
	own.rows = dropRow(own.rows, drop)
	_, err := c.Metadata(t.Context())
	return err
}

func TestHostileSignedMetadata(t *testing.T) {
	for _, l := range signedMetadataLies {
		t.Run(l.name, func(t *testing.T) {
			hostile.Watch(t, "discovery")
			err := l.tell(t, "")
			hostile.Hear(err)
			var v *VerificationError
			if !errors.As(err, &v) || v.Document != "signed metadata" || v.Check != l.check {
				t.Errorf("refused by %v, want %s", err, l.check)
			}
		})
	}
	n := newNotary(t)
	for name, s := range map[string]*SignedMetadata{
		"nil": nil, "no issuer": {JWKS: keySet(n.key)}, "no keys": {Issuer: "https://notary.example"}, "an empty set": {Issuer: "x", JWKS: []byte(`{"keys":[]}`)},
		"no set": {Issuer: "x", JWKS: []byte(`[]`)}, "a secret": {Issuer: "x", JWKS: keySet(n.key, hostile.NewSecretKey("HS256", "s", []byte(strings.Repeat("k", 32))))},
		"an HMAC": {Issuer: "x", JWKS: keySet(n.key), Algorithms: []string{"ES256", "HS256"}}, "an algorithm of nobody's": {Issuer: "x", JWKS: keySet(n.key), Algorithms: []string{"XS256"}},
	} {
		_, err := New(Config{Issuer: "https://op.example", ClientID: "c", Auth: None(), SignedMetadata: s})
		var mistake *ConfigError
		if !errors.As(err, &mistake) || mistake.Field != "SignedMetadata" {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestSignedMetadataRenewal: a renewal is verified as the first document was, and what is signed may not move either.
func TestSignedMetadataRenewal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, p := newNotary(t), hostile.Pipe(t)
		next := hostile.NewKey(t, "ES256", "notary-2")
		p.Metadata = n.signs(nil)
		c := newTestClient(t, p, func(cfg *Config) {
			cfg.SignedMetadata = &SignedMetadata{Issuer: "https://notary.example", JWKS: keySet(n.key, next), Algorithms: []string{"ES256"}}
		})
		for _, l := range []struct {
			name     string
			metadata func(map[string]any)
			good     bool
		}{
			{"the first", n.signs(nil), true},
			{"an expired one", n.signs(claim("exp", "1000000")), false},
			{"an endpoint moved by the signer", n.signs(claim("token_endpoint", `"https://evil.example/token"`)), false},
			{"unsigned", nil, false},
			{"the signer's next key", notary{next}.signs(claim("vendor", "true")), true},
		} {
			p.Change(func() { p.Metadata = l.metadata })
			before := c.server.Load()
			for range 2 {
				if _, err := c.Metadata(t.Context()); err != nil {
					t.Fatal(l.name, err)
				}
				synctest.Wait()
			}
			after := c.server.Load()
			if renewed := before == nil || after.loaded != before.loaded; renewed != l.good || strings.Contains(after.meta.TokenEndpoint, "evil") {
				t.Errorf("%s: taken over: %v, want %v", l.name, renewed, l.good)
			}
			time.Sleep(metadataAge + time.Second)
		}
	})
}

package openid

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/openid-client/openid/internal/hostile"
)

const clientURL = "https://app.example/oauth/client"

// TestClientDocument: what a server fetches at the client's identifier, and how long it may keep it.
func TestClientDocument(t *testing.T) {
	d, err := NewClientDocument(clientURL, ClientMetadata{ClientName: "Shop", RedirectURIs: []string{"https://app.example/cb"}})
	if err != nil {
		t.Fatal(err)
	}
	get := func(method string, header ...string) *httptest.ResponseRecorder {
		r := httptest.NewRequest(method, clientURL, nil)
		for i := 0; i < len(header); i += 2 {
			r.Header.Set(header[i], header[i+1])
		}
		w := httptest.NewRecorder()
		d.ServeHTTP(w, r)
		return w
	}
	w := get("GET", "Range", "bytes=0-3")
	const want = `{"client_id":"https://app.example/oauth/client","redirect_uris":["https://app.example/cb"],"token_endpoint_auth_method":"none","client_name":"Shop"}`
	if w.Code != 200 || w.Body.String() != want || !json.Valid(w.Body.Bytes()) {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	for name, value := range map[string]string{"Content-Type": "application/json", "Cache-Control": "public, max-age=3600", "X-Content-Type-Options": "nosniff"} {
		if got := w.Header().Get(name); got != value {
			t.Errorf("%s: %q, want %q", name, got, value)
		}
	}
	if again := get("GET", "If-None-Match", w.Header().Get("ETag")); again.Code != 304 || again.Body.Len() != 0 {
		t.Errorf("fetched again: %d", again.Code)
	}
	if head := get("HEAD"); head.Code != 200 || head.Body.Len() != 0 {
		t.Errorf("HEAD: %d", head.Code)
	}
	for _, method := range []string{"POST", "PUT", "DELETE", "OPTIONS"} {
		if w := get(method); w.Code != 405 || w.Header().Get("Allow") != "GET, HEAD" {
			t.Errorf("%s: %d", method, w.Code)
		}
	}
	if d.ClientID() != clientURL || !strings.Contains(d.String(), clientURL) {
		t.Error(d)
	}
}

func TestClientDocumentMistakes(t *testing.T) {
	for _, id := range []string{"", "app", "http://app.example/client", "https://app.example", "https://app.example/", "https://app.example//", "https://u@app.example/client",
		"https://u:p@app.example/client", "https://app.example/client#x", "https://app.example/client#", "https://app.example/client?v=1", "https://app.example/client?",
		"https://app.example/./client", "https://app.example/a/../client", "https://app.example/a/%2e%2e/client", "https://app.example/%2E/client", "https://app.example/client/..",
		"https://APP.example/client", "HTTPS://app.example/client", "https://app.example:443/client", "https://app.example/a b", "https://app.example:99999/client"} {
		if d, err := NewClientDocument(id, ClientMetadata{}); err == nil || !strings.Contains(err.Error(), "the client's identifier") {
			t.Errorf("%q: %v, %v", id, d, err)
		}
	}
	for _, id := range []string{clientURL, "https://app.example:8443/client", "https://app.example/client/", "https://app.example/.well-known/client", "https://app.example/a%20b"} {
		if _, err := NewClientDocument(id, ClientMetadata{}); err != nil {
			t.Errorf("%q: %v", id, err)
		}
	}
	public := keySet(hostile.NewKey(t, "ES256", "k"))
	for name, l := range map[string]struct {
		m    ClientMetadata
		says string
	}{
		"client_secret_basic":  {ClientMetadata{TokenEndpointAuthMethod: "client_secret_basic"}, "shared secret"},
		"client_secret_post":   {ClientMetadata{TokenEndpointAuthMethod: "client_secret_post"}, "shared secret"},
		"client_secret_jwt":    {ClientMetadata{TokenEndpointAuthMethod: "client_secret_jwt"}, "shared secret"},
		"a key of nowhere":     {ClientMetadata{TokenEndpointAuthMethod: "private_key_jwt"}, "JWKSURI or JWKS"},
		"an alg for nothing":   {ClientMetadata{TokenEndpointAuthSigningAlg: "ES256"}, "nothing is signed"},
		"a private key":        {ClientMetadata{JWKS: []byte(`{"keys":[{"kty":"EC","d":"AA"}]}`)}, "a private key"},
		"a statement":          {ClientMetadata{SoftwareStatement: NewSecret(statement)}, "SoftwareStatement"},
		"a secret in Extra":    {ClientMetadata{Extra: map[string]json.RawMessage{"client_secret": []byte(`"s"`)}}, "issues"},
		"another client_id":    {ClientMetadata{Extra: map[string]json.RawMessage{"client_id": []byte(`"s"`)}}, "issues"},
		"more than 5 KB":       {ClientMetadata{ClientName: strings.Repeat("x", 5<<10)}, "5120 bytes"},
		"a bad redirect URI":   {ClientMetadata{RedirectURIs: []string{"http://app.example/"}}, "RedirectURIs[0]"},
		"bad in several ways":  {ClientMetadata{RedirectURIs: []string{"x"}, TokenEndpointAuthMethod: "client_secret_jwt"}, "RedirectURIs[0]"},
		"both jwks and a URI":  {ClientMetadata{JWKS: public, JWKSURI: "https://app.example/jwks"}, "either JWKS"},
		"an unknown algorithm": {ClientMetadata{IDTokenSignedResponseAlg: "none"}, "IDTokenSignedResponseAlg"},
	} {
		_, err := NewClientDocument(clientURL, l.m)
		if err == nil || !strings.Contains(err.Error(), l.says) || strings.Contains(err.Error(), hostile.Canary) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := NewClientDocument(clientURL, ClientMetadata{TokenEndpointAuthMethod: "private_key_jwt", JWKS: public, TokenEndpointAuthSigningAlg: "ES256"}); err != nil {
		t.Error(err)
	}
}

// enrolled is what TestEnrollment counts.
type enrolled struct{ clientID, method string }

// TestEnrollment: registered, then the metadata document, then dynamic registration.
func TestEnrollment(t *testing.T) {
	key := newKey(t)
	open, err := NewClientDocument(clientURL, ClientMetadata{RedirectURIs: []string{"https://app.example/cb"}})
	if err != nil {
		t.Fatal(err)
	}
	keyed, err := NewClientDocument(clientURL, ClientMetadata{RedirectURIs: []string{"https://app.example/cb"}, TokenEndpointAuthMethod: "private_key_jwt", JWKSURI: "https://app.example/jwks"})
	if err != nil {
		t.Fatal(err)
	}
	reads := func(m map[string]any) { m["client_id_metadata_document_supported"] = true }
	by := func(r *Registration) func(*Enrollment) {
		return func(e *Enrollment) {
			e.Registered = func(_ context.Context, issuer string) (*Registration, error) {
				if issuer != "https://op.example/t" {
					t.Errorf("asked for the registration at %q", issuer)
				}
				return r, nil
			}
		}
	}
	document := func(d *ClientDocument) func(*Enrollment) { return func(e *Enrollment) { e.Document = d } }
	dynamic := func(e *Enrollment) {
		e.Metadata = &ClientMetadata{RedirectURIs: []string{"https://app.example/cb"}}
		e.Keep = func(context.Context, *Registration) error { return nil }
	}
	for _, l := range []struct {
		name       string
		metadata   func(map[string]any)
		cfg        func(*Config)
		ways       []func(*Enrollment)
		want       enrolled
		registered int // at the server
	}{
		{"by hand", reads, func(cfg *Config) { cfg.ClientID, cfg.Auth = "hand", None() }, []func(*Enrollment){by(&Registration{ClientID: "other"}), document(open), dynamic}, enrolled{"hand", "none"}, 0},
		{"registered before", reads, nil, []func(*Enrollment){by(&Registration{ClientID: "before", Metadata: ClientMetadata{TokenEndpointAuthMethod: "none"}}), document(open), dynamic}, enrolled{"before", "none"}, 0},
		{"nowhere registered", reads, nil, []func(*Enrollment){by(nil), document(open), dynamic}, enrolled{clientURL, "none"}, 0},
		{"a document", reads, nil, []func(*Enrollment){document(open), dynamic}, enrolled{clientURL, "none"}, 0},
		{"a document with a key", reads, func(cfg *Config) { cfg.Auth = PrivateKeyJWT(key, "k") }, []func(*Enrollment){document(keyed)}, enrolled{clientURL, "client_assertion"}, 0},
		{"a server that lets no such client in", func(m map[string]any) {
			reads(m)
			m["token_endpoint_auth_methods_supported"] = []string{"client_secret_basic"}
		}, nil, []func(*Enrollment){document(open), dynamic}, enrolled{"client", "client_secret_basic"}, 1},
		{"a server that says little", func(m map[string]any) { reads(m); delete(m, "token_endpoint_auth_methods_supported") }, nil, []func(*Enrollment){document(open), dynamic}, enrolled{clientURL, "none"}, 0},
		{"a server that reads no documents", nil, nil, []func(*Enrollment){document(open), dynamic}, enrolled{"client", "client_secret_basic"}, 1},
		{"a server that says it does not", metadataMember("client_id_metadata_document_supported", false), nil, []func(*Enrollment){document(open), dynamic}, enrolled{"client", "client_secret_basic"}, 1},
	} {
		t.Run(l.name, func(t *testing.T) {
			p := hostile.Pipe(t)
			p.Metadata = l.metadata
			var e Enrollment
			for _, way := range l.ways {
				way(&e)
			}
			cfg := unregistered(p)
			if l.cfg != nil {
				l.cfg(&cfg)
			}
			cfg, err := e.Config(t.Context(), cfg)
			if err != nil {
				t.Fatal(err)
			}
			if n := p.Count("registration"); n != l.registered || cfg.ClientID != l.want.clientID {
				t.Errorf("known as %q after %d registrations", cfg.ClientID, n)
			}
			p.ClientID = l.want.clientID
			c, err := New(cfg)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := logIn(t, c, p); err != nil {
				t.Fatal(err)
			}
			if got := p.Requests("token")[0].Auth; got != l.want.method {
				t.Errorf("authenticated by %q, want %q", got, l.want.method)
			}
		})
	}
}

func TestEnrollmentTroubles(t *testing.T) {
	p := hostile.Pipe(t)
	cfg := unregistered(p)
	full := errors.New("the disk is full")
	m := &ClientMetadata{RedirectURIs: []string{"https://app.example/cb"}}

	_, err := Enrollment{Metadata: m, Keep: func(context.Context, *Registration) error { return full }}.Config(t.Context(), cfg)
	var made *RegistrationError
	if !errors.As(err, &made) || !errors.Is(err, full) || made.Registration.ClientID != p.ClientID || !strings.Contains(err.Error(), "not kept: the disk is full") {
		t.Fatalf("a registration that cannot be kept: %v", err)
	}
	if err := made.Registration.Delete(t.Context(), cfg); err != nil {
		t.Errorf("what was made is lost: %v", err)
	}
	if _, err := (Enrollment{Metadata: m}).Config(t.Context(), cfg); err == nil || p.Count("registration") != 1 {
		t.Errorf("nobody keeps it: %v", err)
	}
	if _, err := (Enrollment{Registered: func(context.Context, string) (*Registration, error) { return nil, full }, Metadata: m, Keep: func(context.Context, *Registration) error { return nil }}).Config(t.Context(), cfg); !errors.Is(err, full) || p.Count("registration") != 1 {
		t.Errorf("who knows whether it is registered: %v", err)
	}
	if _, err := (Enrollment{}).Config(t.Context(), cfg); refusedBy(err) != "client_id_metadata_document_supported" {
		t.Errorf("no way at all: %v", err)
	}
	p.Metadata = func(m map[string]any) { delete(m, "registration_endpoint") }
	if _, err := (Enrollment{Metadata: m, Keep: func(context.Context, *Registration) error { return nil }}).Config(t.Context(), cfg); refusedBy(err) != "registration_endpoint" {
		t.Errorf("a server that registers nobody: %v", err)
	}
	keyed, err := NewClientDocument(clientURL, ClientMetadata{TokenEndpointAuthMethod: "private_key_jwt", JWKSURI: "https://app.example/jwks"})
	if err != nil {
		t.Fatal(err)
	}
	p.Metadata = metadataMember("client_id_metadata_document_supported", true)
	var mistake *ConfigError
	if _, err := (Enrollment{Document: keyed}).Config(t.Context(), cfg); !errors.As(err, &mistake) || mistake.Field != "Auth" {
		t.Errorf("a document that names a key, and no key: %v", err)
	}
	p.Serve("discovery", http.NotFound)
	if _, err := (Enrollment{Document: keyed}).Config(t.Context(), cfg); !errors.As(err, new(*ExchangeError)) {
		t.Errorf("nobody there: %v", err)
	}
}

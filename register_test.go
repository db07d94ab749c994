package openid

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/openid-client/openid/internal/hostile"
)

// unregistered is the configuration of a program that has no client_id yet.
func unregistered(p *hostile.Provider) Config {
	return Config{Issuer: p.Issuer, RedirectURI: p.RedirectURI, HTTPClient: p.HTTPClient()}
}

// web is what the tests register.
func web(p *hostile.Provider) ClientMetadata {
	return ClientMetadata{RedirectURIs: []string{p.RedirectURI}, ClientName: "Shop", Scope: []string{"openid", "email"},
		Extra: map[string]json.RawMessage{"client_name#fr": json.RawMessage(`"Magasin"`)}}
}

// TestRegister: a program registers itself, keeps what it got, and logs a user in.
func TestRegister(t *testing.T) {
	for _, status := range []int{200, 201} {
		p := hostile.New(t)
		p.Registration.Status = status
		began := time.Now().Add(-time.Second)
		made, err := Register(t.Context(), unregistered(p), web(p))
		if err != nil {
			t.Fatal(err)
		}
		if made.ClientID != p.ClientID || made.ClientSecret.Reveal() != p.ClientSecret || !made.SecretExpiry.IsZero() || made.IssuedAt.Before(began) ||
			made.AccessToken.IsEmpty() || !strings.HasPrefix(made.URI, p.URL("client_configuration")) {
			t.Errorf("got %v, with %q", made, made.URI)
		}
		if m := made.Metadata; m.ClientName != "Shop" || m.IDTokenSignedResponseAlg != "ES256" || m.TokenEndpointAuthMethod != "client_secret_basic" ||
			!slices.Equal(m.GrantTypes, []string{"authorization_code"}) || !slices.Equal(m.Scope, []string{"openid", "email"}) || string(m.Extra["client_name#fr"]) != `"Magasin"` || len(m.Extra) != 1 {
			t.Errorf("registered %s", m.document(""))
		}
		sent := p.Requests("registration")[0]
		if want := `{"redirect_uris":["https://app.example/cb"],"scope":"openid email","client_name":"Shop","client_name#fr":"Magasin"}`; string(sent.Body) != want {
			t.Errorf("sent %s", sent.Body)
		}
		if h := sent.Header; h.Get("Content-Type") != "application/json" || h.Get("Accept") != "application/json" || h.Get("Authorization") != "" {
			t.Errorf("sent the headers %v", h)
		}

		stored, err := made.MarshalBinary()
		if err != nil {
			t.Fatal(err)
		}
		kept := new(Registration)
		if err := kept.UnmarshalBinary(stored); err != nil {
			t.Fatal(err)
		}
		cfg, err := kept.Config(unregistered(p))
		if err != nil {
			t.Fatal(err)
		}
		c, err := New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := logIn(t, c, p); err != nil {
			t.Errorf("the registered client: %v", err)
		}
	}
}

// TestManageRegistration: read, change, delete, under tokens that the server replaces each time or never.
func TestManageRegistration(t *testing.T) {
	for _, rotate := range []bool{false, true} {
		t.Run(fmt.Sprint("rotation ", rotate), func(t *testing.T) {
			p := hostile.New(t)
			p.Registration.Rotate = rotate
			cfg := unregistered(p)
			made, err := Register(t.Context(), cfg, web(p))
			if err != nil {
				t.Fatal(err)
			}
			completed, err := made.Config(cfg) // the configuration of the finished client does as well
			if err != nil {
				t.Fatal(err)
			}
			read, err := made.Read(t.Context(), completed)
			if err != nil {
				t.Fatal(err)
			}
			if read.AccessToken.Equal(made.AccessToken) == rotate || !read.ClientSecret.Equal(made.ClientSecret) || read.ClientID != made.ClientID || read.URI != made.URI || !read.IssuedAt.Equal(made.IssuedAt) {
				t.Errorf("read %v", read)
			}
			m := read.Metadata
			m.ClientName, m.LogoURI = "The Shop", "https://app.example/logo.png"
			changed, err := read.Update(t.Context(), cfg, m)
			if err != nil {
				t.Fatal(err)
			}
			if changed.Metadata.ClientName != "The Shop" || changed.Metadata.LogoURI != m.LogoURI || string(changed.Metadata.Extra["client_name#fr"]) != `"Magasin"` {
				t.Errorf("changed to %s", changed.Metadata.document(""))
			}
			sent := p.Requests("client_configuration")[1]
			var body map[string]any
			if err := json.Unmarshal(sent.Body, &body); err != nil || sent.Method != "PUT" || sent.Header.Get("Content-Type") != "application/json" {
				t.Errorf("%s %s, %v", sent.Method, sent.Header, err)
			}
			if body["client_id"] != p.ClientID || body["client_name"] != "The Shop" || body["id_token_signed_response_alg"] != "ES256" {
				t.Errorf("sent %v", body)
			}
			for _, name := range issuedMembers[1:] {
				if body[name] != nil {
					t.Errorf("sent %s", name)
				}
			}
			if read.Metadata.ClientName != "Shop" || made.AccessToken.Equal(changed.AccessToken) == rotate {
				t.Error("a registration changed under its holder")
			}
			if rotate {
				if still, err := made.Read(t.Context(), cfg); !errors.Is(err, ErrInvalidToken) || still != made {
					t.Errorf("a replaced token: %v", err)
				}
			}
			if err := changed.Delete(t.Context(), cfg); err != nil {
				t.Fatal(err)
			}
			gone := p.Requests("client_configuration")
			if last := gone[len(gone)-1]; last.Method != "DELETE" || len(last.Body) > 0 || last.Header.Get("Accept") != "" || last.Header.Get("Content-Type") != "" {
				t.Errorf("sent %s %q, %v", last.Method, last.Body, last.Header)
			}
			if err := changed.Delete(t.Context(), cfg); !errors.Is(err, ErrInvalidToken) {
				t.Errorf("deleted twice: %v", err)
			}
		})
	}
}

const statement = hostile.Canary + ".software.statement"

type registrationLie struct {
	name  string
	lie   func(map[string]any)
	ask   func(*ClientMetadata)
	check string
}

var registrationLies = []registrationLie{
	{name: "client_id missing", lie: responseMember("client_id", ""), check: "client_id"},
	{name: "client_id null", lie: responseMember("client_id", "null"), check: "client_id"},
	{name: "client_id empty", lie: responseMember("client_id", `""`), check: "client_id"},
	{name: "client_id a number", lie: responseMember("client_id", "7"), check: "client_id"},
	{name: "a line break in client_id", lie: responseMember("client_id", `"a\nb"`), check: "client_id"},
	{name: "redirect_uris a string", lie: responseMember("redirect_uris", `"https://app.example/cb"`), check: "metadata"},
	{name: "grant_types of numbers", lie: responseMember("grant_types", `[1]`), check: "metadata"},
	{name: "client_name an object", lie: responseMember("client_name", `{}`), check: "metadata"},
	{name: "scope an array", lie: responseMember("scope", `["openid"]`), check: "metadata"},
	{name: "jwks a string", lie: responseMember("jwks", `"{}"`), check: "metadata"},
	{name: "require_auth_time a word", lie: responseMember("require_auth_time", `"true"`), check: "metadata"},
	{name: "default_max_age a word", lie: responseMember("default_max_age", `"60"`), check: "metadata"},
	{name: "default_max_age negative", lie: responseMember("default_max_age", `-1`), check: "metadata"},
	{name: "default_max_age of 300 years", lie: responseMember("default_max_age", `9999999999`), check: "metadata"},
	{name: "a method that nobody has", lie: responseMember("token_endpoint_auth_method", `"blood_sample"`), check: "token_endpoint_auth_method"},
	{name: "a secret in the place of a key", ask: func(m *ClientMetadata) { m.TokenEndpointAuthMethod = "private_key_jwt" },
		lie: withSecret("client_secret_basic"), check: "token_endpoint_auth_method"},
	{name: "nothing to prove in the place of a secret", ask: func(m *ClientMetadata) { m.TokenEndpointAuthMethod = "client_secret_basic" },
		lie: responseMember("token_endpoint_auth_method", `"none"`), check: "token_endpoint_auth_method"},
	{name: "client_secret missing", lie: responseMember("client_secret", ""), check: "client_secret"},
	{name: "client_secret empty", lie: responseMember("client_secret", `""`), check: "client_secret"},
	{name: "client_secret an array", lie: responseMember("client_secret", `["s"]`), check: "client_secret"},
	{name: "a line break in client_secret", lie: responseMember("client_secret", `"s\r\nX: y"`), check: "client_secret"},
	{name: "client_secret_expires_at missing", lie: responseMember("client_secret_expires_at", ""), check: "client_secret_expires_at"},
	{name: "client_secret_expires_at a word", lie: responseMember("client_secret_expires_at", `"never"`), check: "client_secret_expires_at"},
	{name: "client_secret_expires_at negative", lie: responseMember("client_secret_expires_at", `-1`), check: "client_secret_expires_at"},
	{name: "client_secret_expires_at in the past", lie: responseMember("client_secret_expires_at", `1000000000`), check: "client_secret_expires_at"},
	{name: "the expiry of no secret a word", ask: func(m *ClientMetadata) { m.TokenEndpointAuthMethod = "none" },
		lie: responseMember("client_secret_expires_at", `"never"`), check: "client_secret_expires_at"},
	{name: "client_id_issued_at a word", lie: responseMember("client_id_issued_at", `"now"`), check: "client_id_issued_at"},
	{name: "registration_access_token missing", lie: responseMember("registration_access_token", ""), check: "registration_access_token"},
	{name: "registration_access_token empty", lie: responseMember("registration_access_token", `""`), check: "registration_access_token"},
	{name: "registration_access_token an object", lie: responseMember("registration_access_token", `{}`), check: "registration_access_token"},
	{name: "a line break in registration_access_token", lie: responseMember("registration_access_token", `"a\r\nX-Evil: 1"`), check: "registration_access_token"},
	{name: "registration_client_uri missing", lie: responseMember("registration_client_uri", ""), check: "registration_client_uri"},
	{name: "registration_client_uri without TLS", lie: responseMember("registration_client_uri", `"http://op.example/client"`), check: "registration_client_uri"},
	{name: "registration_client_uri relative", lie: responseMember("registration_client_uri", `"/client"`), check: "registration_client_uri"},
	{name: "registration_client_uri with a user", lie: responseMember("registration_client_uri", `"https://a:b@op.example/client"`), check: "registration_client_uri"},
	{name: "registration_client_uri with a fragment", lie: responseMember("registration_client_uri", `"https://op.example/client#x"`), check: "registration_client_uri"},
	{name: "registration_client_uri a file", lie: responseMember("registration_client_uri", `"file:///etc/passwd"`), check: "registration_client_uri"},
	{name: "registration_client_uri an array", lie: responseMember("registration_client_uri", `["https://op.example/client"]`), check: "registration_client_uri"},
	{name: "a redirect URI more", lie: responseMember("redirect_uris", `["https://app.example/cb","https://evil.example/"]`), check: "redirect_uris"},
	{name: "another redirect URI", lie: responseMember("redirect_uris", `["https://app.example/cb/"]`), check: "redirect_uris"},
	{name: "no redirect URI", lie: responseMember("redirect_uris", `[]`), check: "redirect_uris"},
	{name: "keys of another place", ask: func(m *ClientMetadata) { m.JWKSURI = "https://app.example/jwks" },
		lie: responseMember("jwks_uri", `"https://evil.example/jwks"`), check: "jwks_uri"},
	{name: "keys of some place", lie: responseMember("jwks_uri", `"https://evil.example/jwks"`), check: "jwks_uri"},
	{name: "ID Tokens under none", lie: responseMember("id_token_signed_response_alg", `"none"`), check: "signed response algorithms"},
	{name: "ID Tokens under HS256", lie: responseMember("id_token_signed_response_alg", `"HS256"`), check: "signed response algorithms"},
	{name: "UserInfo under none", lie: responseMember("userinfo_signed_response_alg", `"none"`), check: "signed response algorithms"},
	{name: "responses under HS512", lie: responseMember("authorization_signed_response_alg", `"HS512"`), check: "signed response algorithms"},
	{name: "introspection under RS1", lie: responseMember("introspection_signed_response_alg", `"RS1"`), check: "signed response algorithms"},
	{name: "HS512 where HS256 was asked for", ask: func(m *ClientMetadata) { m.IDTokenSignedResponseAlg = "HS256" },
		lie: responseMember("id_token_signed_response_alg", `"HS512"`), check: "signed response algorithms"},
	{name: "another software statement", ask: func(m *ClientMetadata) { m.SoftwareStatement = NewSecret(statement) },
		lie: responseMember("software_statement", `"another.software.statement"`), check: "software_statement"},
	{name: "somebody's software statement", lie: responseMember("software_statement", `"another.software.statement"`), check: "software_statement"},
}

func withSecret(method string) func(map[string]any) {
	return func(m map[string]any) {
		m["token_endpoint_auth_method"], m["client_secret"], m["client_secret_expires_at"] = method, hostile.Canary+"-secret", 0
	}
}

// refusedRegistration demands the error that holds what was issued, and that it shows nothing of it.
func refusedRegistration(t *testing.T, err error, check string) *Registration {
	t.Helper()
	var refused *RegistrationError
	if !errors.As(err, &refused) || refusedBy(err) != check {
		t.Fatalf("refused by %v, want %q", err, check)
	}
	if text := fmt.Sprintf("%v %+v %#v %v %+v", err, err, err, refused.Registration, *refused.Registration); strings.Contains(text, hostile.Canary) {
		t.Errorf("a secret is shown: %s", text)
	}
	return refused.Registration
}

// tell tells the lie to somebody who registers without the row drop.
func (l registrationLie) tell(t *testing.T, drop string) error {
	t.Helper()
	p := hostile.New(t)
	p.Registration.Lie = l.lie
	c, err := newRegistrar(unregistered(p))
	if err != nil {
		t.Fatal(err)
	}
	c.rows = dropRow(c.rows, drop)
	_, err = c.register(t.Context(), l.asks(p), nil)
	return err
}

func (l registrationLie) asks(p *hostile.Provider) ClientMetadata {
	m := web(p)
	if l.ask != nil {
		l.ask(&m)
	}
	return m
}

// TestRegistrationLies: each lie is refused by its row, what was issued is handed over, and the client can be deleted again. That no other
// row would have refused it, TestEveryRowBites shows.
func TestRegistrationLies(t *testing.T) {
	for _, l := range registrationLies {
		t.Run(l.name, func(t *testing.T) {
			p := hostile.New(t)
			m := l.asks(p)
			if _, err := Register(t.Context(), unregistered(p), m); err != nil {
				t.Fatalf("the honest answer: %v", err)
			}
			p.Registration.Lie = l.lie
			got, err := Register(t.Context(), unregistered(p), m)
			if got != nil {
				t.Errorf("a registration beside the error: %v", got)
			}
			issued := refusedRegistration(t, err, l.check)
			if l.check != "client_id" && issued.ClientID != p.ClientID || l.check != "registration_client_uri" && issued.URI == "" ||
				l.check != "registration_access_token" && issued.AccessToken.IsEmpty() {
				t.Errorf("lost: %q, %q, %v", issued.ClientID, issued.URI, issued.AccessToken)
			}
			if l.check == "registration_client_uri" || l.check == "registration_access_token" {
				before := p.Count("")
				if err := issued.Delete(t.Context(), unregistered(p)); err == nil || p.Count("") != before {
					t.Errorf("deleted where nobody can be asked: %v", err)
				}
			} else if err := issued.Delete(t.Context(), unregistered(p)); err != nil {
				t.Errorf("what was issued cannot be deleted: %v", err)
			}
		})
	}
}

var managedLies = []registrationLie{
	{name: "another client", lie: responseMember("client_id", `"another"`), check: "client_id"},
	{name: "client_id missing", lie: responseMember("client_id", ""), check: "client_id"},
	{name: "client_name a number", lie: responseMember("client_name", "7"), check: "metadata"},
	{name: "the secret an object", lie: responseMember("client_secret", "{}"), check: "client_secret"},
	{name: "a new secret without its expiry", lie: func(m map[string]any) {
		m["client_secret"] = "new-secret"
		delete(m, "client_secret_expires_at")
	}, check: "client_secret_expires_at"},
	{name: "the token empty", lie: responseMember("registration_access_token", `""`), check: "registration_access_token"},
	{name: "the address without TLS", lie: responseMember("registration_client_uri", `"http://op.example/client"`), check: "registration_client_uri"},
	{name: "the address at another host", lie: responseMember("registration_client_uri", `"https://evil.example/client"`), check: "moved"},
	{name: "the address at another port", lie: responseMember("registration_client_uri", `"https://127.0.0.1:1/client"`), check: "moved"},
	{name: "ID Tokens under HS256", lie: responseMember("id_token_signed_response_alg", `"HS256"`), check: "signed response algorithms"},
}

// tellManaged tells the lie to somebody who changes a registration without the row drop.
func (l registrationLie) tellManaged(t *testing.T, drop string) error {
	t.Helper()
	p := hostile.New(t)
	made, err := Register(t.Context(), unregistered(p), web(p))
	if err != nil {
		t.Fatal(err)
	}
	c, err := made.registrar(unregistered(p))
	if err != nil {
		t.Fatal(err)
	}
	c.rows = dropRow(c.rows, drop)
	p.Registration.Lie = l.lie
	_, err = c.manage(t.Context(), made, http.MethodPut, &made.Metadata)
	return err
}

// TestManagedRegistrationLies: whatever is wrong with an answer, the token that is good from now on is not lost.
func TestManagedRegistrationLies(t *testing.T) {
	for _, l := range managedLies {
		for _, method := range []string{http.MethodGet, http.MethodPut} {
			t.Run(method+" "+l.name, func(t *testing.T) {
				p := hostile.New(t)
				p.Registration.Rotate = true
				cfg := unregistered(p)
				made, err := Register(t.Context(), cfg, web(p))
				if err != nil {
					t.Fatal(err)
				}
				p.Registration.Lie = l.lie
				var now *Registration
				if method == http.MethodPut {
					now, err = made.Update(t.Context(), cfg, made.Metadata)
				} else {
					now, err = made.Read(t.Context(), cfg)
				}
				if issued := refusedRegistration(t, err, l.check); issued != now {
					t.Errorf("the error holds another registration: %v", issued)
				}
				if now.ClientID != p.ClientID || now.URI != made.URI || now.AccessToken.Equal(made.AccessToken) != (l.check == "registration_access_token") {
					t.Errorf("lost: %q at %q", now.ClientID, now.URI)
				}
				if rotated := now.ClientSecret.Reveal() == "new-secret"; rotated != (l.check == "client_secret_expires_at") {
					t.Errorf("the new secret was taken: %v", rotated)
				}
				if l.check == "registration_access_token" {
					return // what the server did not say nobody can keep
				}
				p.Registration.Lie = nil
				if err := now.Delete(t.Context(), cfg); err != nil {
					t.Errorf("what is kept is not good: %v", err)
				}
			})
		}
	}
}

// TestSparseAnswers: what a server leaves out stays as it was, as OpenID Connect lets it.
func TestSparseAnswers(t *testing.T) {
	p := hostile.New(t)
	cfg := unregistered(p)
	made, err := Register(t.Context(), cfg, web(p))
	if err != nil {
		t.Fatal(err)
	}
	p.Registration.Lie = func(m map[string]any) {
		for _, name := range issuedMembers[1:] {
			delete(m, name)
		}
	}
	for name, ask := range map[string]func() (*Registration, error){
		"read":   func() (*Registration, error) { return made.Read(t.Context(), cfg) },
		"update": func() (*Registration, error) { return made.Update(t.Context(), cfg, made.Metadata) },
	} {
		got, err := ask()
		if err != nil || !got.ClientSecret.Equal(made.ClientSecret) || !got.AccessToken.Equal(made.AccessToken) || got.URI != made.URI || !got.IssuedAt.Equal(made.IssuedAt) {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
	p.Registration.Lie = func(m map[string]any) {
		clear(m)
		m["client_id"] = p.ClientID
		m["client_secret"], m["client_secret_expires_at"] = "new-secret", time.Now().Add(time.Hour).Unix()
	}
	got, err := made.Read(t.Context(), cfg)
	if err != nil || got.ClientSecret.Reveal() != "new-secret" || time.Until(got.SecretExpiry) < 59*time.Minute || got.Metadata.ClientName != "Shop" {
		t.Errorf("a new secret alone: %v, %v", got, err)
	}
	p.Registration.Lie = func(m map[string]any) { // a server without management, and without an echo
		clear(m)
		m["client_id"] = p.ClientID
	}
	bare, err := Register(t.Context(), cfg, ClientMetadata{RedirectURIs: []string{p.RedirectURI}, TokenEndpointAuthMethod: "none"})
	if err != nil || bare.Metadata.TokenEndpointAuthMethod != "none" || bare.URI != "" {
		t.Errorf("a bare answer: %v, %v", bare, err)
	}
	for name, err := range map[string]error{"read": second(bare.Read(t.Context(), cfg)), "update": second(bare.Update(t.Context(), cfg, web(p))), "delete": bare.Delete(t.Context(), cfg),
		"read nil": second((*Registration)(nil).Read(t.Context(), cfg))} {
		if !errors.Is(err, errUnmanaged) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func second[T any](_ T, err error) error { return err }

// TestRegistrationTroubles: refusals, and answers that are none. Nothing was issued, so nothing is handed over.
func TestRegistrationTroubles(t *testing.T) {
	p := hostile.New(t)
	cfg := unregistered(p)
	made, err := Register(t.Context(), cfg, web(p))
	if err != nil {
		t.Fatal(err)
	}
	var refused *ResponseError
	var failed *ExchangeError
	exchange := func(status int) func(error) bool {
		return func(err error) bool { return errors.As(err, &failed) && failed.Sent && failed.Status == status }
	}
	for name, l := range map[string]struct {
		serve http.HandlerFunc
		want  func(error) bool
	}{
		"a redirect URI refused":  {hostile.Error(400, "invalid_redirect_uri", "no"), func(err error) bool { return errors.Is(err, ErrInvalidRedirectURI) }},
		"metadata refused":        {hostile.Error(400, "invalid_client_metadata", "no"), func(err error) bool { return errors.Is(err, ErrInvalidClientMetadata) }},
		"the statement refused":   {hostile.Error(400, "invalid_software_statement", "no"), func(err error) bool { return errors.Is(err, ErrInvalidSoftwareStatement) }},
		"the statement not known": {hostile.Error(400, "unapproved_software_statement", "no"), func(err error) bool { return errors.Is(err, ErrUnapprovedSoftwareStatement) }},
		"refused with 200":        {hostile.JSON(`{"error":"invalid_client_metadata"}`), func(err error) bool { return errors.Is(err, ErrInvalidClientMetadata) }},
		"no such endpoint":        {http.NotFound, func(err error) bool { return errors.As(err, &refused) && refused.Status == 404 }},
		"nothing issued":          {hostile.JSON(`{}`), func(err error) bool { return refusedBy(err) == "client_id" }},
		"accepted, to be seen":    {hostile.Status(202, "application/json", `{"client_id":"x"}`), exchange(202)},
		"a page":                  {hostile.HTML(), exchange(200)},
		"not an object":           {hostile.JSON(`["client"]`), exchange(200)},
		"client_id twice":         {hostile.JSON(`{"client_id":"a","client_id":"b"}`), exchange(200)},
		"a redirect":              {hostile.Redirect("https://evil.example"), exchange(307)},
		"a dead line":             {hostile.Reset(), exchange(0)},
		"busy": {func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Retry-After", "17")
			hostile.Status(503, "text/plain", "later")(w, r)
		}, func(err error) bool { return errors.As(err, &failed) && failed.RetryAfter == 17*time.Second }},
	} {
		p.Serve("registration", l.serve)
		p.Serve("client_configuration", l.serve)
		before := p.Count("registration")
		got, err := Register(t.Context(), cfg, web(p), InitialAccess{Token: NewSecret(hostile.Canary + "-initial")})
		var issued *RegistrationError
		if got != nil || err == nil || !l.want(err) || errors.As(err, &issued) || strings.Contains(fmt.Sprintf("%v %+v", err, err), hostile.Canary) {
			t.Errorf("%s: %v, %v", name, got, err)
		}
		if n := p.Count("registration") - before; n != 1 {
			t.Errorf("%s: %d requests", name, n)
		}
		if name == "nothing issued" {
			continue // an answer to a client that is there is never nothing
		}
		for method, m := range map[string]*ClientMetadata{http.MethodGet: nil, http.MethodPut: {RedirectURIs: []string{p.RedirectURI}}} {
			if now, err := made.ask(t.Context(), cfg, method, m); err == nil || !l.want(err) || strings.Contains(fmt.Sprintf("%v %+v", err, err), hostile.Canary) || !now.AccessToken.Equal(made.AccessToken) {
				t.Errorf("%s at %s: %v, %v", name, method, now, err)
			}
		}
	}
	for name, l := range map[string]struct {
		serve http.HandlerFunc
		want  func(error) bool
	}{
		"200 where 204 is due": {hostile.JSON(`{}`), func(err error) bool { return exchange(200)(err) && failed.Expected == "status 204" }},
		"401 without a word":   {hostile.Status(401, "text/plain", ""), func(err error) bool { return errors.Is(err, ErrInvalidToken) }},
		"403":                  {hostile.Status(403, "text/plain", ""), func(err error) bool { return errors.As(err, &refused) && refused.Status == 403 && refused.Code == "" }},
		"a page":               {hostile.HTML(), exchange(200)},
		"a redirect":           {hostile.Redirect("https://evil.example"), exchange(307)},
		"a dead line":          {hostile.Reset(), exchange(0)},
		"out of order":         {hostile.Status(500, "text/plain", "down"), exchange(500)},
		"405":                  {hostile.Status(405, "text/plain", ""), func(err error) bool { return errors.As(err, &refused) && refused.Status == 405 }},
	} {
		p.Serve("client_configuration", l.serve)
		before := p.Count("client_configuration")
		if err := made.Delete(t.Context(), cfg); !l.want(err) || p.Count("client_configuration")-before != 1 {
			t.Errorf("%s: %v after %d requests", name, err, p.Count("client_configuration")-before)
		}
	}

	// A refusal that brings a token along is a contradiction; the token counts.
	p.Serve("client_configuration", hostile.JSON(`{"error":"server_error","registration_access_token":"the-new-one"}`))
	now, err := made.Read(t.Context(), cfg)
	if !errors.Is(err, ErrServerError) || now.AccessToken.Reveal() != "the-new-one" || now.ClientID != made.ClientID {
		t.Errorf("a refusal with a token: %v, %v", now, err)
	}

	p.Serve("registration", nil)
	p.Metadata = func(m map[string]any) { delete(m, "registration_endpoint") }
	if _, err := Register(t.Context(), cfg, web(p)); refusedBy(err) != "registration_endpoint" {
		t.Errorf("a server without registration: %v", err)
	}
}

// TestInitialAccess: the token that a server wants of those who register, bound to a key or not.
func TestInitialAccess(t *testing.T) {
	const token = hostile.Canary + "-initial"
	key := newKey(t)
	bound := DPoPKey(key)
	own, err := bound.keys.fresh()
	if err != nil {
		t.Fatal(err)
	}
	p := hostile.New(t)
	p.Registration.InitialAccessToken = token
	register := func(initial ...InitialAccess) error {
		_, err := Register(t.Context(), unregistered(p), web(p), initial...)
		if err != nil && strings.Contains(fmt.Sprintf("%v %+v", err, err), hostile.Canary) {
			t.Errorf("a secret is shown: %v", err)
		}
		return err
	}
	if err := register(InitialAccess{Token: NewSecret(token)}); err != nil {
		t.Errorf("a bearer token: %v", err)
	}
	for name, initial := range map[string][]InitialAccess{"no token": nil, "another token": {{Token: NewSecret("another")}}, "a proof beside a bearer token": {{Token: NewSecret(token), DPoP: bound}}} {
		if err := register(initial...); !errors.Is(err, ErrInvalidToken) {
			t.Errorf("%s: %v", name, err)
		}
	}
	p.Registration.BoundTo = own.thumbprint()
	for name, d := range map[string]hostile.DPoP{"no nonces": {}, "nonces": {Nonce: true}} {
		p.DPoP = d
		before := p.Count("registration")
		if err := register(InitialAccess{NewSecret(token), bound}); err != nil {
			t.Errorf("%s: a bound token: %v", name, err)
		}
		want := 1
		if d.Nonce {
			want = 2
		}
		if n := p.Count("registration") - before; n != want {
			t.Errorf("%s: %d requests", name, n)
		}
	}
	proofs := p.Proofs()
	if last := proofs[len(proofs)-1].Claims; last["htm"] != "POST" || last["ath"] == nil || last["nonce"] == nil {
		t.Errorf("proved %v", last)
	}
	p.DPoP = hostile.DPoP{Endless: true}
	before := p.Count("registration")
	if err := register(InitialAccess{NewSecret(token), bound}); !errors.Is(err, ErrUseDPoPNonce) || p.Count("registration")-before != 2 {
		t.Errorf("nonces without end: %v", err)
	}
	p.DPoP = hostile.DPoP{}
	if err := register(InitialAccess{NewSecret(token), DPoPKey(newKey(t))}); !errors.Is(err, ErrInvalidToken) {
		t.Errorf("another key: %v", err)
	}
	before = p.Count("")
	for name, initial := range map[string][]InitialAccess{
		"two": {{Token: NewSecret(token)}, {Token: NewSecret(token)}}, "an empty one": {{}}, "a key without a token": {{DPoP: bound}},
		"a key for each grant": {{NewSecret(token), DPoPPerGrant()}}, "no key": {{NewSecret(token), DPoPKey(nil)}},
	} {
		if err := register(initial...); err == nil || p.Count("") != before {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestClientMetadataMistakes: what no server should be sent is refused before anything is.
func TestClientMetadataMistakes(t *testing.T) {
	p := hostile.New(t)
	raw := func(s string) json.RawMessage { return json.RawMessage(s) }
	age := 1500 * time.Millisecond
	for _, l := range []struct {
		name  string
		m     ClientMetadata
		field string
	}{
		{"a redirect URI without TLS", ClientMetadata{RedirectURIs: []string{"http://app.example/cb"}}, "RedirectURIs[0]"},
		{"a redirect URI with a fragment", ClientMetadata{RedirectURIs: []string{"https://app.example/cb", "https://app.example/#x"}}, "RedirectURIs[1]"},
		{"two scopes in one", ClientMetadata{Scope: []string{"openid email"}}, "Scope[0]"},
		{"keys twice", ClientMetadata{JWKS: raw(`{"keys":[]}`), JWKSURI: "https://app.example/jwks"}, "JWKS"},
		{"a private EC key", ClientMetadata{JWKS: raw(`{"keys":[{"kty":"EC","d":"x"}]}`)}, "JWKS"},
		{"a private RSA key among others", ClientMetadata{JWKS: raw(`{"keys":[{"kty":"EC"},{"kty":"RSA","dp":"x"}]}`)}, "JWKS"},
		{"a secret key", ClientMetadata{JWKS: raw(`{"keys":[{"kty":"oct","k":"x"}]}`)}, "JWKS"},
		{"a private ML-DSA key", ClientMetadata{JWKS: raw(`{"keys":[{"kty":"AKP","priv":"x"}]}`)}, "JWKS"},
		{"a key outside a set", ClientMetadata{JWKS: raw(`{"kty":"EC"}`)}, "JWKS"},
		{"no JSON for keys", ClientMetadata{JWKS: raw(`{"keys":[`)}, "JWKS"},
		{"ID Tokens under none", ClientMetadata{IDTokenSignedResponseAlg: "none"}, "IDTokenSignedResponseAlg"},
		{"UserInfo under RS1", ClientMetadata{UserInfoSignedResponseAlg: "RS1"}, "UserInfoSignedResponseAlg"},
		{"half a second", ClientMetadata{DefaultMaxAge: &age}, "DefaultMaxAge"},
		{"two names of a certificate", ClientMetadata{TLSClientAuthSANDNS: "a", TLSClientAuthSANIP: "b"}, "TLSClientAuth…"},
		{"a field by another way", ClientMetadata{Extra: map[string]json.RawMessage{"redirect_uris": raw(`["https://evil.example"]`)}}, "Extra"},
		{"a client_id of its own", ClientMetadata{Extra: map[string]json.RawMessage{"client_id": raw(`"admin"`)}}, "Extra"},
		{"a client_secret of its own", ClientMetadata{Extra: map[string]json.RawMessage{"client_secret": raw(`"s"`)}}, "Extra"},
		{"an access token of its own", ClientMetadata{Extra: map[string]json.RawMessage{"registration_access_token": raw(`"s"`)}}, "Extra"},
		{"no JSON", ClientMetadata{Extra: map[string]json.RawMessage{"x": raw(`1,"client_id":2`)}}, "Extra"},
	} {
		if _, err := Register(t.Context(), unregistered(p), l.m); err == nil || !strings.Contains(err.Error(), "ClientMetadata."+l.field+":") || p.Count("") != 0 {
			t.Errorf("%s: %v after %d requests", l.name, err, p.Count(""))
		}
	}
	made := &Registration{ClientID: "c", URI: p.URL("client_configuration/x"), AccessToken: NewSecret("t"), issuer: p.Issuer}
	if now, err := made.Update(t.Context(), unregistered(p), ClientMetadata{IDTokenSignedResponseAlg: "none"}); err == nil || now != made || p.Count("") != 0 {
		t.Errorf("an update: %v", err)
	}
	made.ClientID = ""
	if now, err := made.Update(t.Context(), unregistered(p), web(p)); err == nil || now != made || p.Count("") != 0 {
		t.Errorf("an update of nobody: %v", err)
	}
	var mistake *ConfigError
	cfg := unregistered(p)
	cfg.ClientID = "client"
	if _, err := Register(t.Context(), cfg, web(p)); !errors.As(err, &mistake) || mistake.Field != "ClientID" {
		t.Errorf("registered already: %v", err)
	}
	if _, err := Register(t.Context(), Config{}, web(p)); !errors.As(err, &mistake) || mistake.Field != "Issuer" {
		t.Errorf("no server: %v", err)
	}
}

// TestRegistrationStaysHome: the token of one server's registration is not sent for another configuration.
func TestRegistrationStaysHome(t *testing.T) {
	honest, evil := hostile.New(t), hostile.New(t)
	made, err := Register(t.Context(), unregistered(honest), web(honest))
	if err != nil {
		t.Fatal(err)
	}
	stored, err := made.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	kept := new(Registration)
	if err := kept.UnmarshalBinary(stored); err != nil {
		t.Fatal(err)
	}
	before := honest.Count("")
	for name, r := range map[string]*Registration{"fresh": made, "stored": kept} {
		if now, err := r.Read(t.Context(), unregistered(evil)); refusedBy(err) != "issuer" || now != r {
			t.Errorf("%s: read: %v", name, err)
		}
		if err := r.Delete(t.Context(), unregistered(evil)); refusedBy(err) != "issuer" {
			t.Errorf("%s: delete: %v", name, err)
		}
		var mistake *ConfigError
		if _, err := r.Config(unregistered(evil)); !errors.As(err, &mistake) || mistake.Field != "Issuer" {
			t.Errorf("%s: a configuration: %v", name, err)
		}
	}
	if honest.Count("") != before || evil.Count("") != 0 {
		t.Error("somebody was asked")
	}
}

// TestRegistrationByCertificate: a client with a certificate registers where the server sees it.
func TestRegistrationByCertificate(t *testing.T) {
	p := hostile.New(t)
	p.Aliases = true
	cfg := unregistered(p)
	cfg.Certificate = newCertificate(t, "the client")
	m := web(p)
	m.TokenEndpointAuthMethod, m.TLSClientAuthSubjectDN = "tls_client_auth", "CN=the client"
	made, err := Register(t.Context(), cfg, m)
	if err != nil {
		t.Fatal(err)
	}
	if r := p.Requests("registration")[0]; r.Path != "/t/mtls/registration" || r.Certificate != "the client" {
		t.Errorf("registered at %s as %q", r.Path, r.Certificate)
	}
	if _, err := made.Read(t.Context(), cfg); err != nil || p.Requests("client_configuration")[0].Certificate != "the client" {
		t.Errorf("read: %v", err)
	}
	if cfg, err = made.Config(cfg); err != nil {
		t.Fatal(err)
	}
	if _, err := New(cfg); err != nil || cfg.Auth != TLSClientAuth() {
		t.Errorf("%T, %v", cfg.Auth, err)
	}
}

// TestRegistrationTrace: listeners hear of each check, and of no secret.
func TestRegistrationTrace(t *testing.T) {
	p := hostile.New(t)
	cfg := unregistered(p)
	var log bytes.Buffer
	checks, flows := map[string]bool{}, map[string]bool{}
	cfg.Trace = func(_ context.Context, e Event) {
		fmt.Fprintf(&log, "%+v\n", e)
		flows[e.Flow] = true
		if e.Kind == EventCheck && e.Document == "client registration" {
			checks[e.Name] = true
		}
	}
	m := web(p)
	m.SoftwareStatement = NewSecret(statement)
	made, err := Register(t.Context(), cfg, m, InitialAccess{Token: NewSecret(hostile.Canary + "-initial")})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := made.Update(t.Context(), cfg, made.Metadata); err != nil {
		t.Fatal(err)
	}
	if len(checks) != len(registrationChecks) || len(flows) != 2 {
		t.Errorf("heard of %v in %d flows", checks, len(flows))
	}
	if strings.Contains(log.String(), hostile.Canary) {
		t.Errorf("a secret is shown: %s", log.String())
	}
}

package openid

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/openid-client/openid/internal/hostile"
)

const statement = hostile.Canary + ".software.statement"

type registrationLie struct {
	name  string
	lie   func(map[string]any)
	ask   func(*ClientMetadata)
	check string
}

var registrationLies = []registrationLie{
	{name: "G01 client_id missing", lie: responseMember("client_id", ""), check: "client_id"},
	{name: "G01 client_id null", lie: responseMember("client_id", "null"), check: "client_id"},
	{name: "G01 client_id empty", lie: responseMember("client_id", `""`), check: "client_id"},
	{name: "G01 client_id a number", lie: responseMember("client_id", "7"), check: "client_id"},
	{name: "G01 a line break in client_id", lie: responseMember("client_id", `"a\nb"`), check: "client_id"},
	{name: "G02 redirect_uris a string", lie: responseMember("redirect_uris", `"https://app.example/cb"`), check: "metadata"},
	{name: "G02 grant_types of numbers", lie: responseMember("grant_types", `[1]`), check: "metadata"},
	{name: "G02 client_name an object", lie: responseMember("client_name", `{}`), check: "metadata"},
	{name: "G02 scope an array", lie: responseMember("scope", `["openid"]`), check: "metadata"},
	{name: "G02 jwks a string", lie: responseMember("jwks", `"{}"`), check: "metadata"},
	{name: "G02 require_auth_time a word", lie: responseMember("require_auth_time", `"true"`), check: "metadata"},
	{name: "G02 default_max_age a word", lie: responseMember("default_max_age", `"60"`), check: "metadata"},
	{name: "G02 default_max_age negative", lie: responseMember("default_max_age", `-1`), check: "metadata"},
	{name: "G02 default_max_age of 300 years", lie: responseMember("default_max_age", `9999999999`), check: "metadata"},
	{name: "G03 a method that nobody has", lie: responseMember("token_endpoint_auth_method", `"blood_sample"`), check: "token_endpoint_auth_method"},
	{name: "G03 a secret in the place of a key", ask: func(m *ClientMetadata) { m.TokenEndpointAuthMethod = "private_key_jwt" },
		lie: withSecret("client_secret_basic"), check: "token_endpoint_auth_method"},
	{name: "G03 nothing to prove in the place of a secret", ask: func(m *ClientMetadata) { m.TokenEndpointAuthMethod = "client_secret_basic" },
		lie: responseMember("token_endpoint_auth_method", `"none"`), check: "token_endpoint_auth_method"},
	{name: "G04 client_secret missing", lie: responseMember("client_secret", ""), check: "client_secret"},
	{name: "G04 client_secret empty", lie: responseMember("client_secret", `""`), check: "client_secret"},
	{name: "G04 client_secret an array", lie: responseMember("client_secret", `["s"]`), check: "client_secret"},
	{name: "G04 a line break in client_secret", lie: responseMember("client_secret", `"s\r\nX: y"`), check: "client_secret"},
	{name: "G05 client_secret_expires_at missing", lie: responseMember("client_secret_expires_at", ""), check: "client_secret_expires_at"},
	{name: "G05 client_secret_expires_at a word", lie: responseMember("client_secret_expires_at", `"never"`), check: "client_secret_expires_at"},
	{name: "G05 client_secret_expires_at negative", lie: responseMember("client_secret_expires_at", `-1`), check: "client_secret_expires_at"},
	{name: "G05 client_secret_expires_at in the past", lie: responseMember("client_secret_expires_at", `1000000000`), check: "client_secret_expires_at"},
	{name: "G05 the expiry of no secret a word", ask: func(m *ClientMetadata) { m.TokenEndpointAuthMethod = "none" },
		lie: responseMember("client_secret_expires_at", `"never"`), check: "client_secret_expires_at"},
	{name: "G05 client_id_issued_at a word", lie: responseMember("client_id_issued_at", `"now"`), check: "client_id_issued_at"},
	{name: "G06 registration_access_token missing", lie: responseMember("registration_access_token", ""), check: "registration_access_token"},
	{name: "G06 registration_access_token empty", lie: responseMember("registration_access_token", `""`), check: "registration_access_token"},
	{name: "G06 registration_access_token an object", lie: responseMember("registration_access_token", `{}`), check: "registration_access_token"},
	{name: "G06 a line break in registration_access_token", lie: responseMember("registration_access_token", `"a\r\nX-Evil: 1"`), check: "registration_access_token"},
	{name: "G07 registration_client_uri missing", lie: responseMember("registration_client_uri", ""), check: "registration_client_uri"},
	{name: "G07 registration_client_uri without TLS", lie: responseMember("registration_client_uri", `"http://op.example/client"`), check: "registration_client_uri"},
	{name: "G07 registration_client_uri relative", lie: responseMember("registration_client_uri", `"/client"`), check: "registration_client_uri"},
	{name: "G07 registration_client_uri with a user", lie: responseMember("registration_client_uri", `"https://a:b@op.example/client"`), check: "registration_client_uri"},
	{name: "G07 registration_client_uri with a fragment", lie: responseMember("registration_client_uri", `"https://op.example/client#x"`), check: "registration_client_uri"},
	{name: "G07 registration_client_uri a file", lie: responseMember("registration_client_uri", `"file:///etc/passwd"`), check: "registration_client_uri"},
	{name: "G07 registration_client_uri an array", lie: responseMember("registration_client_uri", `["https://op.example/client"]`), check: "registration_client_uri"},
	{name: "G08 a redirect URI more", lie: responseMember("redirect_uris", `["https://app.example/cb","https://evil.example/"]`), check: "redirect_uris"},
	{name: "G08 another redirect URI", lie: responseMember("redirect_uris", `["https://app.example/cb/"]`), check: "redirect_uris"},
	{name: "G08 no redirect URI", lie: responseMember("redirect_uris", `[]`), check: "redirect_uris"},
	{name: "G09 keys of another place", ask: func(m *ClientMetadata) { m.JWKSURI = "https://app.example/jwks" },
		lie: responseMember("jwks_uri", `"https://evil.example/jwks"`), check: "jwks_uri"},
	{name: "G09 keys of some place", lie: responseMember("jwks_uri", `"https://evil.example/jwks"`), check: "jwks_uri"},
	{name: "G10 ID Tokens under none", lie: responseMember("id_token_signed_response_alg", `"none"`), check: "signed response algorithms"},
	{name: "G10 ID Tokens under HS256", lie: responseMember("id_token_signed_response_alg", `"HS256"`), check: "signed response algorithms"},
	{name: "G10 UserInfo under none", lie: responseMember("userinfo_signed_response_alg", `"none"`), check: "signed response algorithms"},
	{name: "G10 responses under HS512", lie: responseMember("authorization_signed_response_alg", `"HS512"`), check: "signed response algorithms"},
	{name: "G10 introspection under RS1", lie: responseMember("introspection_signed_response_alg", `"RS1"`), check: "signed response algorithms"},
	{name: "G10 HS512 where HS256 was asked for", ask: func(m *ClientMetadata) { m.IDTokenSignedResponseAlg = "HS256" },
		lie: responseMember("id_token_signed_response_alg", `"HS512"`), check: "signed response algorithms"},
	{name: "G11 another software statement", ask: func(m *ClientMetadata) { m.SoftwareStatement = NewSecret(statement) },
		lie: responseMember("software_statement", `"another.software.statement"`), check: "software_statement"},
	{name: "G11 somebody's software statement", lie: responseMember("software_statement", `"another.software.statement"`), check: "software_statement"},
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

// TestHostileRegistration: each lie is refused by its row, what was issued is handed over, and the client can be deleted again. That no other
// row would have refused it, TestEveryRowBites shows.
func TestHostileRegistration(t *testing.T) {
	for _, l := range registrationLies {
		t.Run(l.name, func(t *testing.T) {
			hostile.Watch(t, "discovery registration discovery registration client_configuration?")
			p := hostile.New(t)
			m := l.asks(p)
			if _, err := Register(t.Context(), unregistered(p), m); err != nil {
				t.Fatalf("the honest answer: %v", err)
			}
			p.Registration.Lie = l.lie
			got, err := Register(t.Context(), unregistered(p), m)
			hostile.Hear(err)
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
	{name: "G01 another client", lie: responseMember("client_id", `"another"`), check: "client_id"},
	{name: "G01 client_id missing", lie: responseMember("client_id", ""), check: "client_id"},
	{name: "G02 client_name a number", lie: responseMember("client_name", "7"), check: "metadata"},
	{name: "G04 the secret an object", lie: responseMember("client_secret", "{}"), check: "client_secret"},
	{name: "G05 a new secret without its expiry", lie: func(m map[string]any) {
		m["client_secret"] = "new-secret"
		delete(m, "client_secret_expires_at")
	}, check: "client_secret_expires_at"},
	{name: "G06 the token empty", lie: responseMember("registration_access_token", `""`), check: "registration_access_token"},
	{name: "G07 the address without TLS", lie: responseMember("registration_client_uri", `"http://op.example/client"`), check: "registration_client_uri"},
	{name: "G12 the address at another host", lie: responseMember("registration_client_uri", `"https://evil.example/client"`), check: "moved"},
	{name: "G12 the address at another port", lie: responseMember("registration_client_uri", `"https://127.0.0.1:1/client"`), check: "moved"},
	{name: "G10 ID Tokens under HS256", lie: responseMember("id_token_signed_response_alg", `"HS256"`), check: "signed response algorithms"},
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

// TestHostileManagedRegistration: whatever is wrong with an answer, the token that is good from now on is not lost.
func TestHostileManagedRegistration(t *testing.T) {
	for _, l := range managedLies {
		for _, method := range []string{http.MethodGet, http.MethodPut} {
			t.Run(l.name+"/"+method, func(t *testing.T) {
				hostile.Watch(t, "discovery registration client_configuration client_configuration?")
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
				hostile.Hear(err)
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

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
	return Config{Issuer: p.Issuer, RedirectURI: p.RedirectURI, HTTPClient: p.HTTPClient(), Trace: listener}
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
	for _, nonces := range []bool{false, true} {
		p.DPoP = hostile.DPoP{Nonce: nonces}
		requests := 1
		if nonces {
			requests = 2
		}
		before := p.Count("registration")
		if err := register(InitialAccess{NewSecret(token), bound}); err != nil || p.Count("registration")-before != requests {
			t.Errorf("a bound token: %v after %d requests, want %d", err, p.Count("registration")-before, requests)
		}
		proofs := p.Proofs()
		if last := proofs[len(proofs)-1].Claims; last["htm"] != "POST" || last["ath"] == nil || (last["nonce"] != nil) != nonces {
			t.Errorf("proved %v", last)
		}
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

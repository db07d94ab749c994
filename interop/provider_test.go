package interop

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/openid-client/openid"
	"github.com/openid-client/openid/openidtest"
)

const (
	redirectURI = "http://127.0.0.1/callback" // nobody listens there: the user agent stops before it
	returnURI   = "http://127.0.0.1/bye"

	// The client that every provider knows from the start has the characters in its name that RFC 6749 section 2.3.1 wants encoded.
	specialID     = "an app+1%"
	specialSecret = `s:e c+r%t&=/?"`
)

var (
	scopes  = []string{"api:read"}
	clients = []openidtest.Client{{ID: specialID, Secret: specialSecret, RedirectURIs: []string{redirectURI}}}
)

// provider is somebody who was not written together with our client.
type provider struct {
	issuer    string
	transport http.RoundTripper // nil: the default one, over plain http
	pages     bool              // there is somebody to ask, who can say no
	// For npm openid-client: where users decide about requests of CIBA, and a part of the names of the checks to make.
	backchannel, only string
	ed25519           bool      // knows the algorithm by its name of RFC 9864
	one               *process  // has one client, and registers none
	glewlwyd          *glewlwyd // is registered with and logged in to in a way of its own; nil: as the standards say
}

// eachProvider runs a test against all of them. What needs Node.js says so by itself.
func eachProvider(t *testing.T, test func(t *testing.T, p *provider)) {
	eachWithPages(t, test)
	t.Run("openidtest without pages over TLS", func(t *testing.T) {
		op := openidtest.New(t, openidtest.Config{Scopes: scopes, Clients: clients, Log: t.Logf, TLS: true, AutoApprove: "alice"})
		test(t, &provider{issuer: op.Issuer(), transport: op.Client().Transport})
	})
}

// eachWithPages leaves out the provider where nobody is asked.
func eachWithPages(t *testing.T, test func(t *testing.T, p *provider)) {
	t.Run("oidc-provider", func(t *testing.T) {
		test(t, &provider{issuer: oidcProviderIssuer(t), pages: true, ed25519: true})
	})
	t.Run("openidtest with pages", func(t *testing.T) {
		op := openidtest.New(t, openidtest.Config{Scopes: scopes, Clients: clients, AuthorizationDetails: []string{"payment"}, Resources: []string{resource}, Log: t.Logf})
		test(t, &provider{issuer: op.Issuer(), pages: true, backchannel: op.Issuer() + "/backchannel"})
	})
}

func (p *provider) userAgent() *userAgent { return newUserAgent(p.transport) }

// registration is the client metadata of RFC 7591 as far as the tests vary it.
type registration struct {
	RedirectURIs           []string        `json:"redirect_uris"`
	PostLogoutRedirectURIs []string        `json:"post_logout_redirect_uris,omitempty"`
	GrantTypes             []string        `json:"grant_types"`
	ResponseTypes          []string        `json:"response_types"`
	AuthMethod             string          `json:"token_endpoint_auth_method,omitempty"`
	AuthAlg                string          `json:"token_endpoint_auth_signing_alg,omitempty"`
	IDTokenAlg             string          `json:"id_token_signed_response_alg,omitempty"`
	JWKS                   json.RawMessage `json:"jwks,omitempty"`
}

// register makes a new client at the provider.
func (p *provider) register(t *testing.T, r registration) (id, secret string) {
	t.Helper()
	var metadata struct {
		Endpoint string `json:"registration_endpoint"`
	}
	p.call(t, http.MethodGet, p.issuer+"/.well-known/openid-configuration", nil, http.StatusOK, &metadata)
	if r.GrantTypes == nil { // a client that logs people in
		r.GrantTypes = []string{"authorization_code", "refresh_token"}
		r.ResponseTypes = []string{"code"}
		r.RedirectURIs = []string{redirectURI}
		r.PostLogoutRedirectURIs = []string{returnURI}
	}
	var made struct {
		ID     string `json:"client_id"`
		Secret string `json:"client_secret"`
	}
	p.call(t, http.MethodPost, metadata.Endpoint, r, http.StatusCreated, &made)
	return made.ID, made.Secret
}

func (p *provider) call(t *testing.T, method, address string, body any, status int, answer any) {
	t.Helper()
	var sent io.Reader
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			t.Fatal(err)
		}
		sent = bytes.NewReader(b)
	}
	r, err := http.NewRequestWithContext(t.Context(), method, address, sent)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	res, err := (&http.Client{Transport: p.transport, Timeout: 10 * time.Second}).Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	got, err := io.ReadAll(io.LimitReader(res.Body, maxPage))
	if err != nil {
		t.Fatal(err)
	}
	if res.StatusCode != status {
		t.Fatalf("%s %s: status %d: %s", method, address, res.StatusCode, got)
	}
	if err := json.Unmarshal(got, answer); err != nil {
		t.Fatal(err)
	}
}

// client makes our client for a registration; change may alter its configuration.
func (p *provider) client(t *testing.T, id string, auth openid.ClientAuth, change ...func(*openid.Config)) *openid.Client {
	t.Helper()
	cfg := openid.Config{
		Issuer:            p.issuer,
		ClientID:          id,
		Auth:              auth,
		RedirectURI:       redirectURI,
		Keys:              []openid.Secret{openid.NewSecret(rand.Text() + rand.Text())},
		HTTPClient:        &http.Client{Transport: p.transport, Timeout: 10 * time.Second},
		InsecureAllowHTTP: p.transport == nil,
	}
	for _, c := range change {
		c(&cfg)
	}
	c, err := openid.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// confidential registers a client with a secret and makes it.
func (p *provider) confidential(t *testing.T, change ...func(*openid.Config)) *openid.Client {
	t.Helper()
	id, secret := p.register(t, registration{})
	return p.client(t, id, openid.ClientSecret(openid.NewSecret(secret)), change...)
}

package interop

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/openid-client/openid"
)

// A grant is a way to obtain tokens, or to ask about them, without a browser in hand.
type grant struct {
	flow          // what the client registers and how it is configured
	needs  []need // of the provider's metadata; where one is missing the provider cannot play this
	play   func(t *testing.T, a *attempt)
	itself bool // the client registers itself
}

// A need is a member of the provider's metadata, with a value that it must list.
type need struct{ member, value string }

// lacking says why a provider with this metadata cannot play g; nothing where it can.
func (g grant) lacking(metadata map[string]json.RawMessage) string {
	needs := g.needs
	if method, ok := g.register["token_endpoint_auth_method"].(string); ok && method != "none" {
		needs = append(slices.Clone(needs), need{"token_endpoint_auth_methods_supported", method})
	}
	for _, n := range needs {
		v, ok := metadata[n.member]
		if !ok {
			return "its metadata has no " + n.member
		}
		var list, more []string
		if n.member == "grant_types_supported" { // Glewlwyd lists some here, as if they were response types
			_ = json.Unmarshal(metadata["response_types_supported"], &more)
		}
		if n.value != "" && (json.Unmarshal(v, &list) != nil || !slices.Contains(append(list, more...), n.value)) {
			return "its " + n.member + " lack it"
		}
	}
	return ""
}

// An attempt is one grant at one provider.
type attempt struct {
	grant
	*provider
	name   string // of the provider
	id     string
	client *openid.Client
	cfg    openid.Config

	pings  openid.PingEndpoint
	pinged atomic.Int64 // how often with success
	turned atomic.Int64 // how often a notification was turned away as pushed tokens

	mu    sync.Mutex
	asked map[string]int // exchanges, by endpoint
	then  map[string]func()
}

// after runs f, once, as soon as an endpoint has answered: the user decides when the client has asked, and asked in vain.
func (a *attempt) after(endpoint string, f func()) { a.then[endpoint] = f }

func (a *attempt) hear(_ context.Context, e openid.Event) {
	if e.Kind != openid.EventExchange {
		return
	}
	a.mu.Lock()
	a.asked[e.Name]++
	f := a.then[e.Name]
	delete(a.then, e.Name)
	a.mu.Unlock()
	if f != nil {
		f()
	}
}

func (a *attempt) count(endpoint string) int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.asked[endpoint]
}

// TestGrants plays every grant, and every endpoint that is about tokens, against everybody who has it.
func TestGrants(t *testing.T) {
	var mu sync.Mutex
	cells := map[[2]string]string{}
	skipped := false
	providers := []string{"oidc-provider", "Glewlwyd", "zitadel", "fosite", "openidtest"}
	t.Run("each", func(t *testing.T) {
		for _, g := range grants {
			for _, name := range providers {
				t.Run(g.name+" at "+name, func(t *testing.T) {
					said := "failed"
					defer func() {
						mu.Lock()
						defer mu.Unlock()
						cells[[2]string{g.name, name}] = said
						skipped = skipped || t.Skipped()
					}()
					p := g.provider(t, name) // which says what is missing on this machine
					t.Parallel()
					said = g.at(t, name, p)
				})
			}
		}
	})
	switch {
	case t.Failed():
	case len(cells) < len(grants)*len(providers): // -run named some of them
	case skipped:
		t.Skip("docs/interop.md is not compared: a provider is missing, as go test -v says")
	default:
		stands(t, "Grants", tabulate("grant", names(grants, func(g grant) string { return g.name }), providers, cells), grantsSay)
	}
}

const grantsSay = `Each row obtains a token or asks about one, where the provider's own metadata offers that; what has to be refused is refused.`

func (g grant) at(t *testing.T, name string, p *provider) string {
	if why := g.refusals[name]; why != "" {
		return "refused: " + why
	}
	if p == nil {
		return "refused: " + issuerLacks
	}
	var server map[string]json.RawMessage
	p.call(t, http.MethodGet, p.issuer+"/.well-known/openid-configuration", nil, http.StatusOK, &server)
	if why := g.lacking(server); why != "" {
		return "refused: " + why
	}
	a := &attempt{grant: g, provider: p, name: name, asked: map[string]int{}, then: map[string]func(){}}
	if g.itself {
		g.play(t, a)
		return "passed"
	}
	metadata := g.metadata(t)
	if _, ok := metadata["backchannel_client_notification_endpoint"]; ok {
		metadata["backchannel_client_notification_endpoint"] = a.notifications(t)
	}
	id, secret := p.registerAny(t, metadata)
	a.connect(t, id, openid.NewSecret(secret))
	g.play(t, a)
	return "passed"
}

// server is the configuration of a client that is not registered yet.
func (a *attempt) server() openid.Config {
	return openid.Config{Issuer: a.issuer, HTTPClient: &http.Client{Transport: a.transport}, InsecureAllowHTTP: strings.HasPrefix(a.issuer, "http:"), Trace: a.hear}
}

// connect makes the client of a registration.
func (a *attempt) connect(t *testing.T, id string, secret openid.Secret) {
	t.Helper()
	a.id, a.cfg = id, a.server()
	a.cfg.ClientID, a.cfg.Auth, a.cfg.RedirectURI = id, openid.ClientSecret(secret), appURI
	if a.config != nil {
		a.config(t, &a.cfg, secret)
	}
	if special := a.elsewhere[a.name]; special != nil {
		special(t, &a.cfg, secret)
	}
	var err error
	if a.client, err = openid.New(a.cfg); err != nil {
		t.Fatal(err)
	}
}

// patience bounds a grant that waits for somebody.
func patience(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}

// decideDevice is what the user does with the code that a device shows.
func (a *attempt) decideDevice(t *testing.T, prompt openid.DevicePrompt, deny bool) {
	ua := a.userAgent()
	ua.deny = deny
	if a.glewlwyd != nil {
		a.glewlwyd.approve(t, ua, a.issuer, a.id, "/device?code="+url.QueryEscape(prompt.UserCode))
		return
	}
	if err := ua.decide(t.Context(), prompt.QR()); err != nil {
		t.Error(err)
	}
}

// decideBackchannel is what the user does with a request that their own device shows.
func (a *attempt) decideBackchannel(t *testing.T, deny bool) {
	if a.glewlwyd != nil {
		a.glewlwyd.decideBackchannel(t, a.userAgent(), a.issuer, a.id, deny)
		return
	}
	if a.name == "openidtest" {
		ua := a.userAgent()
		ua.deny = deny
		if err := ua.decide(t.Context(), a.issuer+"/backchannel"); err != nil {
			t.Error(err)
		}
		return
	}
	a.call(t, http.MethodPost, a.issuer+"/decide", map[string]any{"client_id": a.id, "deny": deny}, http.StatusOK, new(struct{}))
}

// notifications serves the endpoint for pings, under a certificate that the providers in other processes believe.
func (a *attempt) notifications(t *testing.T) string {
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answer := httptest.NewRecorder()
		a.pings.ServeHTTP(answer, r)
		if answer.Code == http.StatusNoContent {
			a.pinged.Add(1)
		} else if answer.Code == http.StatusBadRequest && strings.Contains(answer.Body.String(), "not for push") {
			a.turned.Add(1)
		}
		w.WriteHeader(answer.Code)
	})
	if a.name != "openidtest" {
		return servingTLS(t, h) + "/ping"
	}
	s := httptest.NewServer(h) // which openidtest allows on loopback
	t.Cleanup(s.Close)
	return s.URL + "/ping"
}

// hint is what a provider knows alice by.
func (a *attempt) hint(name string) string {
	if a.glewlwyd != nil {
		return `{"username":"` + name + `"}`
	}
	return name
}

// logIn is a whole login, for a grant that needs a user's tokens to begin with.
func (a *attempt) logIn(t *testing.T, scope ...string) *openid.Tokens {
	t.Helper()
	ask := openid.AuthorizationRequest{Scope: scope, Prompt: []string{"consent"}}
	tokens, err := through(t.Context(), a.client, a.provider, a.id, ask, false)
	if err != nil {
		t.Fatal(err)
	}
	return tokens
}

// api is the scope of what a service may do.
func (a *attempt) api() string {
	if a.id == askingSigned {
		return a.id
	}
	return "api:read"
}

// own is an access token of the client itself.
func (a *attempt) own(t *testing.T) *openid.Tokens {
	t.Helper()
	tokens, err := a.client.Tokens(t.Context(), openid.ClientCredentials{Scope: []string{a.api()}})
	if err != nil {
		t.Fatal(err)
	}
	return tokens
}

// isAlive: the endpoint for it says that the token is good.
func (a *attempt) isAlive(t *testing.T, token openid.Secret) *openid.Introspection {
	t.Helper()
	got, err := a.client.Introspect(t.Context(), token)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func (a *attempt) isDead(t *testing.T, token openid.Secret) {
	t.Helper()
	if got, err := a.client.Introspect(t.Context(), token); !errors.Is(err, openid.ErrInactive) {
		t.Errorf("got %v, %v; want a token that is not active", got, err)
	}
}

func hasScope(t *testing.T, got []string, want ...string) {
	t.Helper()
	for _, name := range want {
		if !slices.Contains(got, name) {
			t.Errorf("scope %q, want %q in it", got, strings.Join(want, " "))
			return
		}
	}
}

func unknownToken() openid.Secret { return openid.NewSecret(rand.Text() + rand.Text()) }

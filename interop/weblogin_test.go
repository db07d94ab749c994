package interop

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/openid-client/openid"
	weblogin "github.com/openid-client/openid/login"
)

// A shop is one application with two providers, each user of which may be known at both.
type shop struct {
	*weblogin.Handler
	server *httptest.Server
	where  map[string]*provider

	mu       sync.Mutex
	accounts map[[2]string]string // by issuer and subject
	made     int
}

var errTaken = weblogin.Refusal("That login belongs to another account.")

// openShop registers with npm oidc-provider and with Glewlwyd.
func openShop(t *testing.T) *shop {
	t.Helper()
	g := startedGlewlwyd(t)
	s := &shop{accounts: map[[2]string]string{}, where: map[string]*provider{
		"oidc-provider": {issuer: oidcProviderIssuer(t)},
		"glewlwyd":      {issuer: g.base + "plain", glewlwyd: g, transport: &g.turns},
	}}
	mux := http.NewServeMux()
	s.server = httptest.NewServer(mux)
	t.Cleanup(s.server.Close)
	var configs []openid.Config
	for _, name := range []string{"oidc-provider", "glewlwyd"} {
		p := s.where[name]
		metadata := flow{}.metadata(t)
		metadata["redirect_uris"] = []string{s.server.URL + "/auth/callback/" + name}
		metadata["post_logout_redirect_uris"] = []string{s.server.URL + "/auth/logged-out/" + name}
		id, secret := p.registerAny(t, metadata)
		configs = append(configs, openid.Config{Name: name, Issuer: p.issuer, ClientID: id, Auth: openid.ClientSecretBasic(openid.NewSecret(secret)),
			IDTokenSigningAlgs: []string{"ES256"}, HTTPClient: &http.Client{Transport: p.transport}, InsecureAllowHTTP: true})
	}
	var err error
	s.Handler, err = weblogin.New(weblogin.Config{BaseURL: s.server.URL + "/auth", AfterLogout: "/bye", Scope: []string{"openid", "email", "offline_access"},
		Ask: func(_ *http.Request, ask *openid.AuthorizationRequest) error {
			ask.Prompt = []string{"consent"} // without which oidc-provider gives no refresh token
			return nil
		},
		OnLogin: s.onLogin, LoadUser: s.loadUser, Report: func(r *http.Request, err error) { t.Logf("%s: %v", r.URL.Path, err) }}, configs...)
	if err != nil {
		t.Fatal(err)
	}
	mux.Handle("/auth/", s)
	mux.HandleFunc("/bye", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "bye") })
	mux.HandleFunc("POST /link", func(w http.ResponseWriter, r *http.Request) {
		s.Start(w, r, weblogin.Start{Provider: r.FormValue("provider"), Link: true, ReturnTo: "/orders"})
	})
	mux.Handle("/", s.Require(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		tokens, err := weblogin.TokenSource(r.Context()).Token(r.Context())
		if err != nil || tokens.AccessToken.IsEmpty() || tokens.RefreshToken.IsEmpty() {
			t.Errorf("tokens of %v: %v", weblogin.UserFrom(r.Context()), err)
		}
		u := weblogin.UserFrom(r.Context())
		fmt.Fprintf(w, "%s by way of %s", u.Account(), u.Provider())
	})))
	return s
}

// onLogin makes an account of every pair of issuer and subject that is new, or adds the pair to the account of who asked for it.
func (s *shop) onLogin(_ context.Context, r *weblogin.Result) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	issuer, subject := r.User.Subject()
	pair := [2]string{issuer, subject}
	account := s.accounts[pair]
	if r.LinkTo == nil {
		if account == "" {
			s.made++
			s.accounts[pair] = fmt.Sprint("account ", s.made)
		}
		return nil
	}
	issuer, subject = r.LinkTo.Subject()
	own := s.accounts[[2]string{issuer, subject}]
	if account != "" && account != own {
		return errTaken
	}
	s.accounts[pair] = own
	return nil
}

func (s *shop) loadUser(_ context.Context, u *weblogin.User) (any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	issuer, subject := u.Subject()
	account, ok := s.accounts[[2]string{issuer, subject}]
	if !ok {
		return nil, weblogin.ErrNoAccount
	}
	return account, nil
}

func (s *shop) logins() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.accounts)
}

// remove deletes an account, with its logins.
func (s *shop) remove(account string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for pair, of := range s.accounts {
		if of == account {
			delete(s.accounts, pair)
		}
	}
}

// A customer is a person with a browser, at the shop and at its providers.
type customer struct {
	*userAgent
	t    *testing.T
	shop *shop
	been []string // at what providers, since last asked
}

func (s *shop) customer(t *testing.T) *customer {
	return &customer{userAgent: newUserAgent(s), t: t, shop: s}
}

// RoundTrip lets the requests to Glewlwyd alone wait for each other: the shop asks it, too, while it is asked.
func (s *shop) RoundTrip(r *http.Request) (*http.Response, error) {
	if g := s.where["glewlwyd"]; strings.HasPrefix(r.URL.String(), g.glewlwyd.base) {
		return g.transport.RoundTrip(r)
	}
	return http.DefaultTransport.RoundTrip(r)
}

func (c *customer) open(path string) string {
	c.t.Helper()
	return c.walk(http.MethodGet, path, nil)
}

func (c *customer) post(path string, form ...string) string {
	c.t.Helper()
	values := url.Values{}
	for i := 0; i+1 < len(form); i += 2 {
		values.Set(form[i], form[i+1])
	}
	return c.walk(http.MethodPost, path, values)
}

// walk goes wherever the shop and the providers send the browser, until the shop shows a page, and returns where that is and what it says.
func (c *customer) walk(method, path string, form url.Values) string {
	c.t.Helper()
	u, err := url.Parse(c.shop.server.URL + path)
	if err != nil {
		c.t.Fatal(err)
	}
	next := step{method: method, url: u, form: form}
	for range maxHops {
		if strings.HasPrefix(next.url.String(), c.shop.server.URL+"/") {
			to, page := c.visitShop(next)
			if to == nil {
				return page
			}
			next = step{method: http.MethodGet, url: to}
			continue
		}
		if next, err = c.visitProvider(next); err != nil {
			c.t.Fatal(err)
		}
	}
	c.t.Fatalf("still on the way, at %s", next.url.Redacted())
	return ""
}

func (c *customer) visitShop(s step) (to *url.URL, page string) {
	c.t.Helper()
	r, err := http.NewRequestWithContext(c.t.Context(), s.method, s.url.String(), strings.NewReader(s.form.Encode()))
	if err != nil {
		c.t.Fatal(err)
	}
	r.Header.Set("Accept", "text/html")
	if s.method == http.MethodPost {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Sec-Fetch-Site", "same-origin")
	}
	res, err := c.http.Do(r)
	if err != nil {
		c.t.Fatal(err)
	}
	defer res.Body.Close()
	if to, err := res.Location(); err == nil {
		return to, ""
	} else if !errors.Is(err, http.ErrNoLocation) {
		c.t.Fatal(err)
	}
	body, err := io.ReadAll(io.LimitReader(res.Body, maxPage))
	if err != nil {
		c.t.Fatal(err)
	}
	return nil, fmt.Sprintf("%d %s: %s", res.StatusCode, s.url.Path, body)
}

// visitProvider answers what oidc-provider asks. Glewlwyd's pages are programs that run in a browser; what they do is done by its API.
func (c *customer) visitProvider(s step) (step, error) {
	ctx, p := c.t.Context(), c.shop.where["glewlwyd"]
	path, atGlewlwyd := strings.CutPrefix(s.url.String(), p.issuer+"/")
	q := s.url.Query()
	switch {
	case q.Get("prompt") == "end_session":
		if err := p.glewlwyd.call(ctx, c.http, "DELETE", "plain/session/"+q.Get("sid"), nil, nil); err != nil {
			return step{}, err
		}
		if err := p.glewlwyd.call(ctx, c.http, "DELETE", "auth/", nil, nil); err != nil {
			return step{}, err
		}
		u, err := url.Parse(q.Get("callback_url"))
		return step{method: http.MethodGet, url: u}, err
	case atGlewlwyd && strings.HasPrefix(path, "auth?"):
		scope := strings.Fields(q.Get("scope"))
		if err := p.glewlwyd.logIn(ctx, c.userAgent, p.issuer, q.Get("client_id"), openid.AuthorizationRequest{Scope: scope}); err != nil {
			return step{}, err
		}
		c.been = append(c.been, "login at glewlwyd")
		s.url.RawQuery += "&g_continue"
	case atGlewlwyd:
		c.been = append(c.been, "logout at glewlwyd")
	case q.Has("code_challenge"):
		c.been = append(c.been, "login at oidc-provider")
	case q.Has("id_token_hint"):
		c.been = append(c.been, "logout at oidc-provider")
	}
	return c.take(ctx, s)
}

func (c *customer) sees(page string, parts ...string) {
	c.t.Helper()
	for _, part := range parts {
		if !strings.Contains(page, part) {
			c.t.Errorf("%q is not in %s", part, page)
		}
	}
}

func (c *customer) wasAt(want ...string) {
	c.t.Helper()
	if got := strings.Join(c.been, ", "); got != strings.Join(want, ", ") {
		c.t.Errorf("was at %q, want %q", got, want)
	}
	c.been = nil
}

// TestWebLogin: one application, two providers that share no code with it or with each other, accounts that are linked.
func TestWebLogin(t *testing.T) {
	s := openShop(t)
	alice := s.customer(t)
	alice.sees(alice.open("/orders"), "200 /auth/login", "/auth/login?provider=oidc-provider&amp;return_to=%2Forders", "/auth/login?provider=glewlwyd&amp;return_to=%2Forders")
	alice.wasAt()
	alice.sees(alice.open("/auth/login?provider=oidc-provider&return_to=%2Forders"), "200 /orders: account 1 by way of oidc-provider")
	alice.wasAt("login at oidc-provider")

	// She has the same e-mail address elsewhere. That proves nothing.
	elsewhere := s.customer(t)
	elsewhere.sees(elsewhere.open("/auth/login?provider=glewlwyd&return_to=%2Forders"), "200 /orders: account 2 by way of glewlwyd")
	elsewhere.wasAt("login at glewlwyd")
	alice.sees(alice.post("/link", "provider", "glewlwyd"), "403 /auth/callback/glewlwyd", string(errTaken))
	alice.sees(alice.open("/orders"), "account 1 by way of oidc-provider")
	s.remove("account 2")
	elsewhere.sees(elsewhere.open("/orders"), "200 /auth/login")
	alice.been = nil

	alice.sees(alice.post("/link", "provider", "glewlwyd"), "200 /orders: account 1 by way of oidc-provider")
	alice.wasAt("login at glewlwyd")
	if n := s.logins(); n != 2 {
		t.Errorf("%d logins of one account", n)
	}
	elsewhere.been = nil
	elsewhere.sees(elsewhere.open("/auth/login?provider=glewlwyd&return_to=%2Forders"), "200 /orders: account 1 by way of glewlwyd")
	if err := s.where["glewlwyd"].glewlwyd.call(t.Context(), elsewhere.http, "GET", "profile_list/", nil, nil); err != nil {
		t.Error(err)
	}

	// Each logs out where they have logged in.
	typed := alice.typed
	alice.sees(alice.post("/auth/logout"), "200 /bye: bye")
	alice.wasAt("logout at oidc-provider")
	alice.sees(alice.open("/orders"), "200 /auth/login")
	alice.sees(alice.open("/auth/login?provider=oidc-provider&return_to=%2Forders"), "200 /orders: account 1 by way of oidc-provider")
	if alice.typed != typed+1 {
		t.Errorf("the password was asked for %d times, so that there was a session at the provider", alice.typed-typed)
	}
	elsewhere.been = nil
	elsewhere.sees(elsewhere.post("/auth/logout"), "bye")
	elsewhere.wasAt("logout at glewlwyd")
	elsewhere.sees(elsewhere.open("/orders"), "200 /auth/login")
	if err := s.where["glewlwyd"].glewlwyd.call(t.Context(), elsewhere.http, "GET", "profile_list/", nil, nil); err == nil || !strings.Contains(err.Error(), "status 401") {
		t.Errorf("there is a session at Glewlwyd: %v", err)
	}

	bob := s.customer(t)
	bob.username = "bob"
	bob.sees(bob.open("/auth/login?provider=oidc-provider&return_to=%2Forders"), "200 /orders: account 3 by way of oidc-provider")
}

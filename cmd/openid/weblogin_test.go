package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/openid-client/openid"
	"github.com/openid-client/openid/login"
	"github.com/openid-client/openid/openidtest"
	"github.com/openid-client/openid/store"
)

// A webApp is an application with a login at localhost. Its provider is at 127.0.0.1, another site: a form_post comes without cookies, as where a
// browser keeps those of other sites back.
type webApp struct {
	t        *testing.T
	origin   string
	secret   string
	keys     []openid.Secret
	provider *openidtest.Provider
	sessions lapsing
	cut      atomic.Bool // the application cannot reach the provider; browsers can
	handler  atomic.Pointer[http.ServeMux]
}

// lapsing is a store of sessions that all end at once, or that is away.
type lapsing struct {
	store.Backend
	over, away atomic.Bool
}

func (l *lapsing) Get(ctx context.Context, key string) ([]byte, error) {
	switch {
	case l.away.Load():
		return nil, errCut
	case l.over.Load() && strings.HasPrefix(key, "session:"):
		return nil, nil
	}
	return l.Backend.Get(ctx, key)
}

func newWebApp(t *testing.T) *webApp {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	a := &webApp{t: t, origin: fmt.Sprintf("http://localhost:%d", ln.Addr().(*net.TCPAddr).Port), secret: rand.Text(), keys: []openid.Secret{openid.NewSecret(rand.Text() + rand.Text())}}
	a.sessions.Backend = store.NewMemory(1000)
	a.provider = openidtest.New(t, openidtest.Config{ACRValues: []string{"bronze", "gold"}, Clients: []openidtest.Client{{ID: "web", Name: "The Shop", Secret: a.secret,
		RedirectURIs: []string{a.origin + "/auth/callback"}, PostLogoutRedirectURIs: []string{a.origin + "/auth/logged-out"}}}})
	a.restart()
	server := &httptest.Server{Listener: ln, Config: &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { a.handler.Load().ServeHTTP(w, r) })}}
	server.Start()
	t.Cleanup(server.Close)
	return a
}

var errCut = errors.New("the network is down")

// RoundTrip is the way of the application to the provider.
func (a *webApp) RoundTrip(r *http.Request) (*http.Response, error) {
	if a.cut.Load() {
		return nil, errCut
	}
	return a.provider.Client().Transport.RoundTrip(r)
}

// restart starts the application anew, as another process that knows nothing of the provider yet.
func (a *webApp) restart() {
	a.t.Helper()
	web, err := login.New(login.Config{BaseURL: a.origin + "/auth", Keys: a.keys, Store: store.New(&a.sessions, store.Options{}), AfterLogout: "/bye",
		Ask: func(_ *http.Request, ask *openid.AuthorizationRequest) error {
			ask.ResponseMode = "form_post"
			return nil
		}},
		openid.Config{Issuer: a.provider.Issuer(), ClientID: "web", Auth: openid.ClientSecret(openid.NewSecret(a.secret)), InsecureAllowHTTP: true,
			HTTPClient: &http.Client{Transport: a}})
	if err != nil {
		a.t.Fatal(err)
	}
	page := func(id, format string, args ...any) string {
		return fmt.Sprintf(`<!doctype html><title>The Shop</title><link rel=icon href="data:,"><h1 id=%s>%s</h1>`, id, fmt.Sprintf(format, args...))
	}
	hello := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, subject := login.UserFrom(r.Context()).Subject()
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprint(w, page("hello", "hello %s at %s", subject, r.URL.Path), `<form method=post action=/orders><button id=send>Send</button></form>`)
	})
	mux := http.NewServeMux()
	mux.Handle("/auth/", web)
	mux.Handle("/", web.Require(hello))
	mux.Handle("/vault", web.With(login.Need{ACR: []string{"gold"}}).Require(hello))
	mux.Handle("/treasury", web.With(login.Need{ACR: []string{"platinum"}}).Require(hello))
	mux.HandleFunc("/bye", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprint(w, page("bye", "bye"))
	})
	a.handler.Store(mux)
}

// password answers the provider's login page as alice.
func (b *browser) password() {
	b.t.Helper()
	b.await("input[name=username]")
	b.fill("username", "alice")
	b.fill("password", "demo")
	b.click("button[value=allow]")
}

// consent answers the page after it.
func (b *browser) consent() {
	b.t.Helper()
	b.await("main ul li")
	b.click("button[value=allow]")
}

// logIn opens a page of the application and answers whatever the provider asks on the way.
func (b *browser) logIn(page string) {
	b.t.Helper()
	b.open(page)
	b.awaitThat("!!document.querySelector('input[name=username], #hello')")
	if !evaluate[bool](b, "!!document.querySelector('#hello')") {
		b.password()
		b.consent()
		b.await("#hello")
	}
	b.isAt(page)
}

// says expects one of the pages of package login, which has to fit on every screen.
func (b *browser) says(title, picture string) {
	b.t.Helper()
	b.awaitThat(fmt.Sprintf("document.querySelector('main h1')?.innerText == %q", title))
	b.fits("the page " + picture)
	b.screenshot(picture, small)
}

// quiet expects that the browser has nothing to complain of but the status of pages about failures.
func (b *browser) quiet() {
	b.t.Helper()
	for _, complaint := range b.complaints() {
		if !strings.Contains(complaint, "status of ") {
			b.t.Errorf("the browser says: %s", complaint)
		}
	}
}

// TestWebLoginInChromium goes through logins by package login, and what may get in their way, in a real browser.
func TestWebLoginInChromium(t *testing.T) {
	chromium, a := openChromium(t, ""), newWebApp(t)
	b := chromium.window(t)
	for _, c := range []struct {
		name string
		play func(b *browser, a *webApp)
	}{
		{"two tabs", playTwoTabs},
		{"login", playLogin},
		{"step-up", playStepUp},
		{"a callback that nobody waits for", playLateCallback},
		{"a form after the session", playLateForm},
		{"the store is away", playStoreAway},
		{"back after a logout", playBack},
		{"a user who says no", playDenial}, // nobody is logged in any more
	} {
		t.Run(c.name, func(t *testing.T) {
			b.t = t
			c.play(b, a)
			b.quiet()
		})
	}
	t.Run("the provider is away", func(t *testing.T) {
		b := chromium.window(t)
		playProviderAway(b, a)
		b.quiet()
	})
}

func playLogin(b *browser, a *webApp) {
	b.logIn(a.origin + "/orders?page=2")
	b.reads("#hello", "hello alice at /orders")
	if cookies := evaluate[string](b, "document.cookie"); cookies != "" {
		b.t.Errorf("scripts can read %q", cookies)
	}
}

// playTwoTabs: each comes back to its own page, in whatever order.
func playTwoTabs(b *browser, a *webApp) {
	first, second := b, b.tab(b.t)
	first.open(a.origin + "/first")
	first.password()
	first.await("main ul li")
	second.open(a.origin + "/second")
	second.consent() // the provider knows alice by now
	second.await("#hello")
	second.isAt(a.origin + "/second")
	first.consent()
	first.await("#hello")
	first.isAt(a.origin + "/first")
	second.open(a.origin + "/third")
	second.await("#hello")
	second.quiet()
}

// playStepUp: the provider asks for more and the user is back at the same place, or it does not know how to, and says so once.
func playStepUp(b *browser, a *webApp) {
	b.logIn(a.origin + "/orders")
	b.open(a.origin + "/vault?shelf=3")
	b.await("input[name=username]")
	b.reads("main", "a sign-in of the class gold")
	b.screenshot("login-stepup", small)
	b.password()
	b.consent()
	b.await("#hello")
	b.isAt(a.origin + "/vault?shelf=3")
	b.reads("#hello", "hello alice at /vault")

	b.open(a.origin + "/treasury")
	b.says("This login was refused", "login-refused")
	b.open(a.origin + "/vault")
	b.await("#hello") // what was there before is there still
}

func playDenial(b *browser, a *webApp) {
	b.open(a.origin + "/orders?page=2")
	b.await("input[name=username]")
	b.click("button[value=deny]")
	b.says("You are not logged in", "login-denied")
	b.click("main a")
	b.password()
	b.consent()
	b.await("#hello")
	b.isAt(a.origin + "/orders?page=2")
}

func playLateCallback(b *browser, a *webApp) {
	b.logIn(a.origin + "/orders")
	b.open(a.origin + "/auth/callback?state=x&code=y")
	b.says("This login has expired", "login-expired")
	b.open(a.origin + "/orders")
	b.await("#hello")
}

// playBack: logged out, here and at the provider; what was on the page before is not there for the next person.
func playBack(b *browser, a *webApp) {
	b.logIn(a.origin + "/orders")
	b.open(a.origin + "/auth/logout")
	b.await("main form button")
	b.fits("the page of a logout")
	b.screenshot("login-logout", small)
	b.click("main form button")
	b.await("#bye")
	b.back()
	b.back()
	if evaluate[bool](b, "!!document.querySelector('#hello')") {
		b.t.Error("the page of before is shown again")
	}
	b.open(a.origin + "/orders")
	b.await("input[name=username]") // the provider does not know the user any more either
}

// playLateForm: what a form says is not kept over a login, and the user is told so.
func playLateForm(b *browser, a *webApp) {
	b.logIn(a.origin + "/orders?page=2")
	a.sessions.over.Store(true)
	b.click("#send")
	b.says("Please log in again", "login-again")
	a.sessions.over.Store(false)
	b.click("main a")
	b.await("#hello")
	b.isAt(a.origin + "/orders?page=2")
}

// playProviderAway: whoever is signed in works on; a login says what is wrong, and can be tried again.
func playProviderAway(b *browser, a *webApp) {
	b.open(a.origin + "/orders?page=3")
	b.password()
	b.await("main ul li")
	a.cut.Store(true) // just before the answer
	b.consent()
	b.says("The login service is away", "login-away")
	a.cut.Store(false)
	b.click("main a")
	b.await("#hello")
	b.isAt(a.origin + "/orders?page=3")

	a.restart()
	a.cut.Store(true) // before anything was asked of it
	b.open(a.origin + "/orders?page=4")
	b.await("#hello")
	a.sessions.over.Store(true)
	b.open(a.origin + "/orders?page=5")
	b.says("The login service is away", "login-away")
	a.sessions.over.Store(false)
	a.cut.Store(false)
	b.click("main a")
	b.await("#hello")
	b.isAt(a.origin + "/orders?page=5")
}

// playStoreAway: nobody is taken for a stranger because it cannot be found out who they are.
func playStoreAway(b *browser, a *webApp) {
	b.logIn(a.origin + "/orders")
	a.sessions.away.Store(true)
	b.open(a.origin + "/orders")
	b.says("Please try again in a while", "login-store")
	a.sessions.away.Store(false)
	b.open(a.origin + "/orders")
	b.await("#hello")
}

// TestCookiesRefusedInChromium: a browser that keeps no cookies cannot be logged in. It is told so, and not sent round and round.
func TestCookiesRefusedInChromium(t *testing.T) {
	b := openChromium(t, `{"profile":{"default_content_setting_values":{"cookies":2}}}`)
	a := newWebApp(t)
	b.open(a.origin + "/orders")
	b.password()
	b.consent()
	b.says("This login needs cookies", "login-cookies")
	b.click("main a")
	b.await("input[name=username]") // it is the user's decision to try again
	b.quiet()
}

package main

import (
	"crypto/rand"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/openid-client/openid"
	weblogin "github.com/openid-client/openid/login"
	"github.com/openid-client/openid/openidtest"
)

// TestWebLoginInChromium logs in by package login in a real browser. The application is at localhost and the provider at 127.0.0.1, two sites: a
// form_post comes without cookies, as where a browser keeps those of other sites back.
func TestWebLoginInChromium(t *testing.T) {
	b := openChromium(t)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	origin := fmt.Sprintf("http://localhost:%d", ln.Addr().(*net.TCPAddr).Port)
	secret := rand.Text()
	op := openidtest.New(t, openidtest.Config{Clients: []openidtest.Client{{ID: "web", Secret: secret, RedirectURIs: []string{origin + "/auth/callback"},
		PostLogoutRedirectURIs: []string{origin + "/auth/logged-out"}}}})
	web, err := weblogin.New(weblogin.Config{BaseURL: origin + "/auth", AfterLogout: "/bye", Report: func(_ *http.Request, err error) { t.Log(err) },
		Ask: func(_ *http.Request, ask *openid.AuthorizationRequest) error {
			ask.ResponseMode = "form_post"
			return nil
		}},
		openid.Config{Issuer: op.Issuer(), ClientID: "web", Auth: openid.ClientSecret(openid.NewSecret(secret)), InsecureAllowHTTP: true})
	if err != nil {
		t.Fatal(err)
	}
	hello := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, subject := weblogin.UserFrom(r.Context()).Subject()
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprintf(w, `<!doctype html><link rel=icon href="data:,"><h1 id=hello>hello %s at %s</h1><form method=post action=/orders><button id=send>Send</button></form>`, subject, r.URL.Path)
	})
	mux := http.NewServeMux()
	mux.Handle("/auth/", web)
	mux.Handle("/", web.Require(hello))
	mux.Handle("/vault", web.With(weblogin.Need{ACR: []string{"gold"}}).Require(hello))
	mux.HandleFunc("/bye", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprint(w, `<!doctype html><link rel=icon href="data:,"><h1 id=bye>bye</h1>`)
	})
	mux.HandleFunc("/favicon.ico", http.NotFound)
	server := &httptest.Server{Listener: ln, Config: &http.Server{Handler: mux}}
	server.Start()
	defer server.Close()

	b.open(origin + "/orders")
	b.await("input[name=username]")
	b.fill("username", "alice")
	b.fill("password", "demo")
	b.click("button[value=allow]")
	b.await("main ul li")
	b.click("button[value=allow]")
	b.await("#hello")
	b.reads("#hello", "at /orders")
	if at := evaluate[string](b, "location.href"); at != origin+"/orders" {
		t.Errorf("at %s", at)
	}
	if cookies := evaluate[string](b, "document.cookie"); cookies != "" {
		t.Errorf("scripts can read %q", cookies)
	}

	// The provider does not know such a class: one round, and a page that says so.
	b.open(origin + "/vault")
	b.await("main a")
	b.reads("h1", "This login was refused")
	b.fits("the page of a refused login")
	b.screenshot("login-refused", desktop)

	b.open(origin + "/auth/callback?state=x&code=y")
	b.await("main a")
	b.reads("h1", "This login has expired")
	b.fits("the page of a login that has expired")
	b.screenshot("login-expired", desktop)

	// Logged out, here and at the provider; what was on the page before is not there for the next person.
	b.open(origin + "/orders")
	b.await("#hello")
	b.open(origin + "/auth/logout")
	b.await("main form button")
	b.screenshot("login-logout", desktop)
	b.click("main form button")
	b.await("#bye")
	b.must(chromedp.Do(b.ctx, chromedp.NavigateBack()))
	b.must(chromedp.Do(b.ctx, chromedp.NavigateBack()))
	if evaluate[bool](b, "!!document.querySelector('#hello')") {
		t.Error("the page of before is shown again")
	}

	for _, complaint := range b.complaints() {
		if !strings.Contains(complaint, "status of ") { // the pages about failures are no 200
			t.Errorf("the browser says: %s", complaint)
		}
	}
}

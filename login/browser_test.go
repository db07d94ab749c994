package login

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/openid-client/openid"
	"github.com/openid-client/openid/internal/hostile"
)

// A browser keeps cookies as RFC 6265bis has it: those with a __Host- name that break its rules are refused.
type browser struct {
	t       testing.TB
	h       http.Handler
	p       *hostile.Provider
	cookies map[string]*http.Cookie
	set     []*http.Cookie // by the last answer
}

func newBrowser(t testing.TB, h http.Handler, p *hostile.Provider) *browser {
	return &browser{t: t, h: h, p: p, cookies: map[string]*http.Cookie{}}
}

// also is the same application in another browser.
func (b *browser) also() *browser { return newBrowser(b.t, b.h, b.p) }

func (b *browser) do(r *http.Request) *http.Response {
	b.t.Helper()
	crossPost := r.Method == http.MethodPost && r.Header.Get("Sec-Fetch-Site") == "cross-site"
	for name, c := range b.cookies {
		if !crossPost || c.SameSite == http.SameSiteNoneMode {
			r.AddCookie(&http.Cookie{Name: name, Value: c.Value})
		}
	}
	w := httptest.NewRecorder()
	b.h.ServeHTTP(w, r)
	res := w.Result()
	b.set = res.Cookies()
	for _, c := range b.set {
		if strings.HasPrefix(c.Name, "__Host-") && (!c.Secure || c.Path != "/" || c.Domain != "") {
			b.t.Errorf("no browser takes %v", c)
			continue
		}
		if c.SameSite == http.SameSiteNoneMode && !c.Secure {
			b.t.Errorf("no browser takes %v", c)
			continue
		}
		if c.MaxAge < 0 {
			delete(b.cookies, c.Name)
		} else {
			b.cookies[c.Name] = c
		}
	}
	if body, err := io.ReadAll(res.Body); err == nil {
		if strings.Contains(string(body), hostile.Canary) && !strings.Contains(string(body), "You are being logged in") {
			b.t.Errorf("a secret reached the browser: %s", body)
		}
		hostile.Hear(strings.ReplaceAll(string(body), hostile.Canary, ""))
		res.Body = io.NopCloser(strings.NewReader(string(body)))
	}
	return res
}

func page(method, target string, form ...string) *http.Request {
	var body io.Reader
	if method == http.MethodPost {
		q := url.Values{}
		for i := 0; i+1 < len(form); i += 2 {
			q.Set(form[i], form[i+1])
		}
		body = strings.NewReader(q.Encode())
	}
	r := httptest.NewRequest(method, target, body)
	r.Header.Set("Accept", "text/html,application/xhtml+xml")
	r.Header.Set("Sec-Fetch-Mode", "navigate")
	r.Header.Set("Sec-Fetch-Dest", "document")
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	if body != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	return r
}

func (b *browser) get(target string) *http.Response { b.t.Helper(); return b.do(page("GET", target)) }

func (b *browser) post(target string, form ...string) *http.Response {
	b.t.Helper()
	return b.do(page("POST", target, form...))
}

// start opens a page and returns where it sends the browser.
func (b *browser) start(target string) string {
	b.t.Helper()
	res := b.get(target)
	if res.StatusCode != http.StatusSeeOther {
		b.t.Fatalf("%s: %d %s", target, res.StatusCode, text(res))
	}
	return res.Header.Get("Location")
}

// answer lets the user log in at the provider and returns the request that comes back.
func (b *browser) answer(location string) *http.Request {
	b.t.Helper()
	r := b.p.Authorize(location)
	r.Header.Set("Accept", "text/html")
	r.Header.Set("Sec-Fetch-Mode", "navigate")
	r.Header.Set("Sec-Fetch-Site", "cross-site")
	return r
}

// logIn opens a page and goes all the way. It returns the last answer, which is the way back to the page.
func (b *browser) logIn(target string) *http.Response {
	b.t.Helper()
	return b.do(b.answer(b.start(target)))
}

func (b *browser) mustLogIn(target string) {
	b.t.Helper()
	res := b.logIn(target)
	if res.StatusCode != http.StatusSeeOther {
		b.t.Fatalf("login for %s: %d %s", target, res.StatusCode, text(res))
	}
	if got := res.Header.Get("Location"); got != target {
		b.t.Fatalf("back to %q, want %q", got, target)
	}
}

// session is the value of the session cookie.
func (b *browser) session() string {
	for _, name := range []string{"__Host-session", "session"} {
		if c := b.cookies[name]; c != nil {
			return c.Value
		}
	}
	return ""
}

func (b *browser) transactions() (names []string) {
	for name := range b.cookies {
		if strings.Contains(name, "-tx-") {
			names = append(names, name)
		}
	}
	return names
}

func text(res *http.Response) string {
	body, _ := io.ReadAll(res.Body)
	res.Body = io.NopCloser(strings.NewReader(string(body)))
	return string(body)
}

const base = "https://app.example/auth"

// An app is a small application with a login.
type app struct {
	*Handler
	p    *hostile.Provider
	mu   sync.Mutex
	errs []error
}

func (a *app) failures() []error {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.errs
}

// lastFailure is what Report heard last; it forgets.
func (a *app) lastFailure() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.errs) == 0 {
		return nil
	}
	err := a.errs[len(a.errs)-1]
	a.errs = nil
	return err
}

func key(c byte) openid.Secret {
	return openid.NewSecret(strings.Repeat("0123456789abcdef"+string(rune(c)), 2))
}

func providerConfig(p *hostile.Provider) openid.Config {
	cfg := openid.Config{Issuer: p.Issuer, ClientID: p.ClientID, Auth: openid.ClientSecret(openid.NewSecret(p.ClientSecret)), HTTPClient: p.HTTPClient()}
	if hostile.Watching() {
		cfg.Trace = func(_ context.Context, e openid.Event) { hostile.Overhear(e) }
	}
	return cfg
}

func newApp(t testing.TB, p *hostile.Provider, tune ...func(*Config)) (*app, *browser) {
	t.Helper()
	a := &app{p: p}
	p.RedirectURI = base + "/callback"
	cfg := Config{BaseURL: base, Keys: []openid.Secret{key('1')}, Report: func(_ *http.Request, err error) {
		hostile.Hear(err)
		a.mu.Lock()
		defer a.mu.Unlock()
		a.errs = append(a.errs, err)
	}}
	for _, f := range tune {
		f(&cfg)
	}
	var err error
	if a.Handler, err = New(cfg, providerConfig(p)); err != nil {
		t.Fatal(err)
	}
	return a, newBrowser(t, a.mux(), p)
}

// mux is what the application shows: who it is, at every address.
func (a *app) mux() http.Handler {
	who := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		u := UserFrom(r.Context())
		if u == nil {
			io.WriteString(w, "nobody "+Value(r.Context(), "cart"))
			return
		}
		_, subject := u.Subject()
		io.WriteString(w, subject+" "+Value(r.Context(), "cart"))
	})
	mux := http.NewServeMux()
	mux.Handle("/auth/", a)
	mux.Handle("/open", a.Optional(who))
	mux.Handle("/", a.Require(who))
	mux.Handle("/pay", a.With(Need{MaxAge: 5 * time.Minute}).Require(who))
	mux.Handle("/vault", a.With(Need{ACR: []string{"gold", "silver"}}).Require(who))
	mux.Handle("/mail", a.With(Need{Scope: []string{"mail"}}).Require(who))
	mux.Handle("/set", a.Optional(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := a.SetValue(w, r, "cart", r.FormValue("cart")); err != nil {
			http.Error(w, err.Error(), 500)
			return
		}
		io.WriteString(w, Value(r.Context(), "cart"))
	})))
	mux.Handle("/token", a.Require(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		tokens, err := TokenSource(r.Context()).Token(r.Context())
		switch {
		case errors.Is(err, openid.ErrLoginRequired):
			http.Error(w, "login required", http.StatusUnauthorized)
		case err != nil:
			http.Error(w, err.Error(), http.StatusBadGateway)
		default:
			io.WriteString(w, tokens.Expiry.UTC().Format(time.RFC3339))
		}
	})))
	return mux
}

// play runs f in a bubble, where time is cheap, with an application and a browser.
func play(t *testing.T, f func(t *testing.T, a *app, b *browser), tune ...func(*Config)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		a, b := newApp(t, hostile.Pipe(t), tune...)
		f(t, a, b)
		if err := a.store.Close(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

func wants(t testing.TB, res *http.Response, status int, parts ...string) {
	t.Helper()
	body := text(res)
	if res.StatusCode != status {
		t.Errorf("status %d, want %d: %s", res.StatusCode, status, body)
	}
	for _, part := range parts {
		if !strings.Contains(body, part) {
			t.Errorf("%q is not in %s", part, body)
		}
	}
}

// refusedCheck is the check that refused.
func refusedCheck(err error) string {
	var v *openid.VerificationError
	if errors.As(err, &v) {
		return v.Check
	}
	return ""
}

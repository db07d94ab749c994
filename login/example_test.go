package login_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/openid-client/openid"
	"github.com/openid-client/openid/internal/hostile"
	"github.com/openid-client/openid/login"
)

// A whole application: its login below /auth/, everything else for users who are signed in.
func Example() {
	op := start()
	defer op.stop()

	web, err := login.New(login.Config{BaseURL: "https://app.example/auth", Keys: []openid.Secret{openid.NewSecret("32 random bytes, from a secret file")}},
		openid.Config{Issuer: "https://op.example/t", ClientID: "client", Auth: openid.ClientSecret(openid.NewSecret(op.ClientSecret)), HTTPClient: op.HTTPClient()})
	if err != nil {
		log.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/auth/", web)
	mux.Handle("/", web.Require(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, subject := login.UserFrom(r.Context()).Subject()
		fmt.Fprint(w, "hello ", subject)
	})))

	browser := op.browser(mux)
	fmt.Println(browser.open("/orders")) // to the provider and back
	fmt.Println(browser.post("/auth/logout"))
	// Output:
	// hello alice-sub
	// end_session
}

// A payment needs a login of the last five minutes: the user is sent back to the provider, and comes back to the same place.
func ExampleHandler_With() {
	op := start()
	defer op.stop()
	web := op.login(login.Config{})

	mux := http.NewServeMux()
	mux.Handle("/auth/", web)
	mux.Handle("/pay", web.With(login.Need{MaxAge: 5 * time.Minute}).Require(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, "paid by one who logged in within ", time.Since(login.UserFrom(r.Context()).AuthTime()).Truncate(time.Minute)+5*time.Minute)
	})))

	fmt.Println(op.browser(mux).open("/pay"))
	// Output: paid by one who logged in within 5m0s
}

// OnLogin finds the application's own user, or refuses; LoadUser finds them again on each request.
func ExampleConfig_onLogin() {
	op := start()
	defer op.stop()
	accounts := map[[2]string]string{{"https://op.example/t", "alice-sub"}: "account 7"} // by issuer and subject, both together

	web := op.login(login.Config{
		OnLogin: func(_ context.Context, r *login.Result) error {
			issuer, subject := r.User.Subject()
			if accounts[[2]string{issuer, subject}] == "" {
				return login.Refusal("You have no account here. Ask the office for one.")
			}
			return nil
		},
		LoadUser: func(_ context.Context, u *login.User) (any, error) {
			issuer, subject := u.Subject()
			account, ok := accounts[[2]string{issuer, subject}]
			if !ok {
				return nil, login.ErrNoAccount // the session ends
			}
			return account, nil
		},
	})
	mux := http.NewServeMux()
	mux.Handle("/auth/", web)
	mux.Handle("/", web.Require(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, login.UserFrom(r.Context()).Account())
	})))

	browser := op.browser(mux)
	fmt.Println(browser.open("/"))
	clear(accounts)
	fmt.Println(browser.open("/"))
	// Output:
	// account 7
	// You have no account here. Ask the office for one.
}

// Each tenant has a provider of its own, which lies in a database. The name of the tenant is in the address of its pages; a page is for users of
// that tenant only.
func ExampleConfig_loadProvider() {
	op := start()
	defer op.stop()
	op.RedirectURI = "https://app.example/auth/callback/acme" // what acme has registered at its provider
	tenantOf := func(r *http.Request) string {
		name, _, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
		return name
	}

	web, err := login.New(login.Config{
		BaseURL: "https://app.example/auth", Keys: []openid.Secret{openid.NewSecret("32 random bytes, from a secret file")},
		Choose: tenantOf,
		LoadProvider: func(_ context.Context, name string) (login.Provider, error) {
			if name != "acme" { // no such row
				return login.Provider{}, login.ErrNoProvider
			}
			return login.Provider{Version: "7", Config: openid.Config{Issuer: "https://op.example/t", ClientID: op.ClientID,
				Auth: openid.ClientSecret(openid.NewSecret(op.ClientSecret)), HTTPClient: op.HTTPClient()}}, nil
		},
	})
	if err != nil {
		log.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/auth/", web)
	mux.Handle("/", web.Require(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user := login.UserFrom(r.Context())
		if user.Provider() != tenantOf(r) {
			http.Error(w, "this is for others", http.StatusForbidden)
			return
		}
		fmt.Fprint(w, "orders of ", user.Provider())
	})))

	browser := op.browser(mux)
	fmt.Println(browser.open("/acme/orders"))
	fmt.Print(browser.open("/umbrella/orders")) // there signed in, but not here
	fmt.Println(op.browser(mux).open("/umbrella/orders"))
	// Output:
	// orders of acme
	// this is for others
	// This request cannot be answered.
}

// An API is called as the user. When the provider does not refresh the tokens any more, the session is over.
func ExampleTokenSource() {
	op := start()
	defer op.stop()
	web := op.login(login.Config{Scope: []string{"openid", "offline_access"}})

	mux := http.NewServeMux()
	mux.Handle("/auth/", web)
	mux.Handle("/", web.Require(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		api := login.TokenSource(r.Context()).HTTPClient("https://op.example")
		call, err := http.NewRequestWithContext(r.Context(), "GET", op.URL("resource"), nil)
		if err != nil {
			log.Fatal(err)
		}
		res, err := api.Do(call)
		switch {
		case errors.Is(err, openid.ErrLoginRequired):
			web.Start(w, r, login.Start{ReturnTo: "/"})
			return
		case err != nil:
			http.Error(w, "the API is away", http.StatusBadGateway)
			return
		}
		defer res.Body.Close()
		fmt.Fprint(w, "the API says ", res.StatusCode)
	})))

	fmt.Println(op.browser(mux).open("/"))
	// Output: the API says 200
}

// A form that asks for another account than the one the provider remembers.
func ExampleHandler_Start() {
	op := start()
	defer op.stop()
	web := op.login(login.Config{})

	r := httptest.NewRequest("POST", "/switch", nil)
	w := httptest.NewRecorder()
	web.Start(w, r, login.Start{ReturnTo: "/welcome", Ask: openid.AuthorizationRequest{Prompt: []string{"select_account"}, UILocales: []string{"de"}}})

	u, err := url.Parse(w.Header().Get("Location"))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(u.Query().Get("prompt"), u.Query().Get("ui_locales"), u.Query().Get("redirect_uri"))
	// Output: select_account de https://app.example/auth/callback
}

// One address for programs with an access token and for people with a browser.
func ExampleFirstOf() {
	op := start()
	defer op.stop()
	web := op.login(login.Config{})
	tokens := login.Bearer{Verify: func(ctx context.Context, token openid.Secret) (login.Identity, error) {
		t, err := web.Client("").VerifyAccessToken(ctx, token.Reveal(), "https://api.example", openid.Bearer())
		if err != nil {
			return login.Identity{}, err
		}
		return login.Identity{Issuer: t.Issuer(), Subject: t.Subject(), Scope: t.Scope()}, nil
	}}

	mux := http.NewServeMux()
	mux.Handle("/auth/", web)
	mux.Handle("/orders", login.Protect(login.FirstOf(tokens, web), nil)(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, subject := login.UserFrom(r.Context()).Subject()
		fmt.Fprint(w, "orders of ", subject)
	})))

	fmt.Println(op.browser(mux).open("/orders")) // a person
	r := httptest.NewRequest("GET", "/orders", nil)
	r.Header.Set("Authorization", "Bearer no-such-token")
	w := httptest.NewRecorder()
	mux.ServeHTTP(w, r)
	fmt.Println(w.Code, w.Header().Get("WWW-Authenticate"))
	// Output:
	// orders of alice-sub
	// 401 Bearer error="invalid_token", Cookie realm="/auth/login", error="login_required"
}

// passwordForm is a strategy of the application's own: a form with name and password.
type passwordForm struct {
	check func(ctx context.Context, name, password string) (account string, err error) // hashes also when there is no such name
}

func (p passwordForm) Authenticate(_ http.ResponseWriter, r *http.Request) (login.Outcome, error) {
	account, err := p.check(r.Context(), r.PostFormValue("name"), r.PostFormValue("password"))
	switch {
	case errors.Is(err, login.ErrCredentials):
		return login.Fail(http.StatusForbidden, ""), nil
	case err != nil:
		return login.Outcome{}, err // the database is away
	}
	return login.Success(login.Identity{Issuer: "https://app.example", Subject: account}), nil
}

// A form of the application's own beside its providers: LoginPage shows it, SignIn takes it.
func ExampleHandler_SignIn() {
	op := start()
	defer op.stop()
	web := op.login(login.Config{LoginPage: "/enter"})
	form := passwordForm{check: func(_ context.Context, name, password string) (string, error) {
		if name == "dave" && password == "correct horse" {
			return "7", nil
		}
		return "", login.ErrCredentials
	}}

	mux := http.NewServeMux()
	mux.Handle("/auth/", web)
	mux.Handle("/password", web.SignIn(form))
	mux.HandleFunc("/enter", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, "a form and a button, and then ", r.FormValue("return_to"))
	})
	mux.Handle("/", web.Require(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, login.UserFrom(r.Context())) })))

	browser := op.browser(mux)
	fmt.Println(browser.open("/orders"))
	fmt.Println(browser.post("/password", "name", "dave", "password", "wrong", "return_to", "/orders"))
	fmt.Println(browser.post("/password", "name", "dave", "password", "correct horse", "return_to", "/orders"))
	// Output:
	// a form and a button, and then /orders
	// That did not fit. Please try again.
	// user "7" of "https://app.example"
}

// A mistake shows when the application starts, and all of them at once.
func ExampleNew_mistakes() {
	_, err := login.New(login.Config{BaseURL: "http://app.example/auth", Keys: []openid.Secret{openid.NewSecret("too short")}},
		openid.Config{Issuer: "https://op.example", ClientID: "web"})
	fmt.Println(err)
	// Output:
	// login: Config.BaseURL: expected https, or http on a loopback address: cookies that sign in are not for the open network, got "http://app.example/auth"
	// login: Config.Keys[0]: expected at least 32 random bytes; to make one: openssl rand -base64 32, got 9 bytes
	// login: providers[0]: openid: Config.Auth: expected a client authentication (None() for a public client), got nil
}

// Below are the provider of the examples, and the browser.

type server struct {
	*hostile.Provider
	stop func()
}

func start() server {
	t := new(exampleT)
	op := hostile.Pipe(t)
	op.RedirectURI = "https://app.example/auth/callback"
	return server{op, t.stop}
}

func (op server) login(cfg login.Config) *login.Handler {
	cfg.BaseURL, cfg.Keys = "https://app.example/auth", []openid.Secret{openid.NewSecret("32 random bytes, from a secret file")}
	web, err := login.New(cfg, openid.Config{Issuer: op.Issuer, ClientID: op.ClientID, Auth: openid.ClientSecret(openid.NewSecret(op.ClientSecret)), HTTPClient: op.HTTPClient()})
	if err != nil {
		log.Fatal(err)
	}
	return web
}

func (op server) browser(h http.Handler) *browser {
	return &browser{op: op, h: h, cookies: map[string]string{}}
}

type browser struct {
	op      server
	h       http.Handler
	cookies map[string]string
}

func (b *browser) open(path string) string { return b.follow(httptest.NewRequest("GET", path, nil)) }

func (b *browser) post(path string, form ...string) string {
	values := url.Values{}
	for i := 0; i+1 < len(form); i += 2 {
		values.Set(form[i], form[i+1])
	}
	r := httptest.NewRequest("POST", path, strings.NewReader(values.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return b.follow(r)
}

// follow makes requests until a page is shown, and returns what it says.
func (b *browser) follow(r *http.Request) string {
	for {
		r.Header.Set("Accept", "text/html")
		for name, value := range b.cookies {
			r.AddCookie(&http.Cookie{Name: name, Value: value})
		}
		w := httptest.NewRecorder()
		b.h.ServeHTTP(w, r)
		for _, c := range w.Result().Cookies() {
			if b.cookies[c.Name] = c.Value; c.MaxAge < 0 {
				delete(b.cookies, c.Name)
			}
		}
		to := w.Header().Get("Location")
		switch {
		case strings.HasPrefix(to, b.op.URL("authorization")):
			r = b.op.Authorize(to)
		case strings.HasPrefix(to, b.op.URL("end_session")):
			return "end_session"
		case to != "":
			r = httptest.NewRequest("GET", to, nil)
		default:
			body, _ := io.ReadAll(w.Body)
			if _, after, ok := strings.Cut(string(body), "</h1><p>"); ok {
				body = []byte(after[:strings.Index(after, "<")])
			}
			return string(body)
		}
	}
}

// exampleT stands in for the *testing.T that examples do not get.
type exampleT struct{ cleanups []func() }

func (*exampleT) Helper()                           {}
func (*exampleT) Fatalf(format string, args ...any) { log.Fatalf(format, args...) }
func (*exampleT) Context() context.Context          { return context.Background() }
func (t *exampleT) Cleanup(f func())                { t.cleanups = append(t.cleanups, f) }

func (t *exampleT) stop() {
	for _, f := range slices.Backward(t.cleanups) {
		f()
	}
}

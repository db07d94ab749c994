package main

import (
	"context"
	"net/http"
	"strconv"
	"sync"

	"github.com/openid-client/openid"
	"github.com/openid-client/openid/login"
)

// An app is a small web application whose users log in by package login. What is its own: an account for each user, a page, and a button that
// refreshes the tokens.
//
// Each lie has an application of its own, with the attacker in its way. The application itself does not know.
type app struct {
	name     string // in its cookies: all these applications share a host
	origin   string // scheme and host
	base     string // path prefix: "" or "/break/NAME"
	web      *login.Handler
	accounts accounts
	audience audience
	noTokens bool // the provider gives nothing but an ID Token
	hosted   *hosted
}

var scope = []string{"openid", "profile", "email", "offline_access"}

// newApp makes the application of one client. ask, if it is not nil, says what to ask of the provider beside the scope.
func newApp(name, origin, base string, cfg openid.Config, ask func(*openid.AuthorizationRequest)) (a *app, err error) {
	a = &app{name: name, origin: origin, base: base, audience: audience{cookie: "timeline-" + name, path: base + "/"}}
	cfg.Trace = trace
	a.web, err = login.New(login.Config{
		BaseURL:     origin + base + "/auth",
		Scope:       scope,
		AfterLogout: base + "/",
		CookieName:  "session-" + name,
		Ask: func(_ *http.Request, request *openid.AuthorizationRequest) error {
			if ask != nil {
				ask(request)
			}
			return nil
		},
		OnLogin:   a.welcome,
		LoadUser:  func(_ context.Context, u *login.User) (any, error) { return a.accounts.find(u) },
		OnFailure: a.showFailure,
		Report:    func(r *http.Request, err error) { fail(r.Context(), err) },
	}, cfg)
	return a, err
}

// serve puts the application below its path. auth is its login, with the attacker in front of it if there is one.
func (a *app) serve(mux *http.ServeMux, auth, page http.Handler) {
	mux.Handle(a.base+"/auth/", a.watched(auth))
	mux.Handle("GET "+a.base+"/{$}", a.web.Optional(page))
	mux.Handle("POST "+a.base+"/refresh", a.watched(a.web.Require(http.HandlerFunc(a.refresh))))
}

// An account is what the application itself knows of a user.
type account struct {
	info *openid.UserInfo // nil where the provider gave no access token
}

// welcome brings the account of somebody who has logged in up to date. Without it there is no session.
func (a *app) welcome(ctx context.Context, r *login.Result) error {
	known := new(account)
	if !r.Tokens.AccessToken.IsEmpty() {
		enter(ctx, stepUserInfo)
		var err error
		if known.info, err = r.Client.UserInfo(ctx, r.Tokens); err != nil {
			fail(ctx, err)
			return err
		}
		enter(ctx, stepCallback)
	}
	a.accounts.keep(r.User, known)
	clear(r.Values) // the tokens are new ones
	return nil
}

// Names of values in the session: how often the tokens were refreshed, and how often that brought another refresh token.
const (
	refreshes = "refreshes"
	rotations = "rotations"
)

// refresh replaces the tokens by fresh ones. Those that API calls need are refreshed by themselves; this is to watch it.
func (a *app) refresh(w http.ResponseWriter, r *http.Request) {
	source := login.TokenSource(r.Context())
	before, err := source.Token(r.Context())
	if err == nil {
		err = a.replace(w, r, source, before)
	}
	if err != nil {
		fail(r.Context(), err)
	}
	http.Redirect(w, r, a.base+"/", http.StatusSeeOther)
}

func (a *app) replace(w http.ResponseWriter, r *http.Request, source *openid.TokenSource, before *openid.Tokens) error {
	after, err := source.Replace(r.Context(), before)
	if err != nil {
		return err
	}
	counted := []string{refreshes}
	if !after.RefreshToken.Equal(before.RefreshToken) {
		counted = append(counted, rotations)
	}
	for _, name := range counted {
		if err := a.web.SetValue(w, r, name, strconv.Itoa(count(r.Context(), name)+1)); err != nil {
			return err
		}
	}
	return nil
}

func count(ctx context.Context, name string) int {
	n, _ := strconv.Atoi(login.Value(ctx, name)) // empty: never
	return n
}

// showFailure shows a login that failed on the page of the application, by a redirect, so that reloading it repeats nothing. Report has heard of it.
func (a *app) showFailure(w http.ResponseWriter, r *http.Request, f *login.Failure) {
	if f.Kind == login.FailureRequest || !watching(r.Context()) {
		http.Error(w, f.Text, f.Status)
		return
	}
	http.Redirect(w, r, a.base+"/", http.StatusSeeOther)
}

// A person is somebody who is signed in, and what the application has of them.
type person struct {
	tokens    *openid.Tokens
	info      *openid.UserInfo
	refreshes int
	rotations int // refreshes that brought another refresh token
}

// person is who a request behind the login is from; nil for nobody. An error says why there are no tokens.
func (a *app) person(r *http.Request) (*person, error) {
	u := login.UserFrom(r.Context())
	if u == nil {
		return nil, nil
	}
	p := &person{tokens: &openid.Tokens{IDToken: u.IDToken()}, refreshes: count(r.Context(), refreshes), rotations: count(r.Context(), rotations)}
	if known, ok := u.Account().(*account); ok {
		p.info = known.info
	}
	if a.noTokens {
		return p, nil
	}
	tokens, err := login.TokenSource(r.Context()).Token(r.Context())
	if err != nil {
		return p, err
	}
	p.tokens = tokens
	return p, nil
}

// accounts finds the account of a user, by issuer and subject: an e-mail address is no key. Another application has a table for it.
type accounts struct {
	mu    sync.Mutex
	byKey map[[2]string]*account
}

func (a *accounts) keep(u *login.User, known *account) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.byKey == nil {
		a.byKey = map[[2]string]*account{}
	}
	issuer, subject := u.Subject()
	a.byKey[[2]string{issuer, subject}] = known
}

func (a *accounts) find(u *login.User) (*account, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	issuer, subject := u.Subject()
	known := a.byKey[[2]string{issuer, subject}]
	if known == nil {
		return nil, login.ErrNoAccount
	}
	return known, nil
}

package main

import (
	"crypto/rand"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/openid-client/openid"
)

// An app is a small web application that uses the library the way a good application would: the pending login in a sealed cookie, the
// tokens on the server, a new session id whenever the user changes, POST for everything that changes something.
//
// Each lie has an application of its own, with the attacker in its way. The application itself does not know.
type app struct {
	name     string // the steps of a lying application are told apart by its cookies
	origin   string // scheme and host
	base     string // path prefix: "" or "/break/NAME"
	client   *openid.Client
	ask      openid.AuthorizationRequest // without the scope
	sessions sessions
	hosted   *hosted
}

// The steps of the application, by which its timeline is divided.
const (
	stepLogin    = "login"
	stepCallback = "callback"
	stepUserInfo = "userinfo"
	stepRefresh  = "refresh"
	stepLogout   = "logout"
)

const pendingLifetime = 30 * time.Minute // as long as a transaction is good for

var scope = []string{"openid", "profile", "email", "offline_access"}

func newApp(name, origin, base string, cfg openid.Config) (*app, error) {
	cfg.RedirectURI = origin + base + "/callback"
	cfg.Trace = trace
	client, err := openid.New(cfg)
	return &app{name: name, origin: origin, base: base, client: client, sessions: sessions{cookie: "session-" + name}}, err
}

// login sends the browser to the provider.
func (a *app) login(w http.ResponseWriter, r *http.Request) {
	s := a.sessions.open(w, r)
	defer s.mu.Unlock()
	s.timeline.clear()
	ask := a.ask
	ask.Scope = scope
	to, pending, err := a.client.Authorize(s.timeline.during(r.Context(), stepLogin), ask)
	if err != nil {
		a.done(w, r, s, stepLogin, err)
		return
	}
	a.keep(w, "/callback", to, pending)
	http.Redirect(w, r, to, http.StatusSeeOther)
}

// callback is where the provider sends the browser back to.
func (a *app) callback(w http.ResponseWriter, r *http.Request) {
	s := a.sessions.open(w, r)
	defer s.mu.Unlock()
	tokens, err := a.client.Callback(s.timeline.during(r.Context(), stepCallback), r, a.pending(w, r, "/callback")...)
	if err != nil {
		a.done(w, r, s, stepCallback, err)
		return
	}
	var info *openid.UserInfo
	if !tokens.AccessToken.IsEmpty() {
		if info, err = a.client.UserInfo(s.timeline.during(r.Context(), stepUserInfo), tokens); err != nil {
			a.done(w, r, s, stepUserInfo, err)
			return
		}
	}
	s.login = &login{tokens: tokens, info: info}
	a.sessions.renew(w, s)
	a.done(w, r, s, stepCallback, nil)
}

// refresh exchanges the refresh token for fresh tokens.
func (a *app) refresh(w http.ResponseWriter, r *http.Request) {
	s := a.sessions.open(w, r)
	defer s.mu.Unlock()
	if s.login == nil {
		a.done(w, r, s, stepRefresh, nil)
		return
	}
	tokens, err := a.client.Refresh(s.timeline.during(r.Context(), stepRefresh), s.login.tokens)
	if err == nil {
		s.login.refreshes++
		if !tokens.RefreshToken.Equal(s.login.tokens.RefreshToken) {
			s.login.rotations++
		}
		s.login.tokens = tokens
	}
	a.done(w, r, s, stepRefresh, err)
}

// logout ends the session here first, then sends the browser to end it at the provider too.
func (a *app) logout(w http.ResponseWriter, r *http.Request) {
	s := a.sessions.open(w, r)
	defer s.mu.Unlock()
	if s.login == nil {
		a.done(w, r, s, stepLogout, nil)
		return
	}
	token := s.login.tokens.IDToken
	s.login = nil
	a.sessions.renew(w, s)
	to, pending, err := a.client.LogoutURL(s.timeline.during(r.Context(), stepLogout), token, a.origin+a.base+"/logged-out")
	if err != nil {
		a.done(w, r, s, stepLogout, err)
		return
	}
	a.keep(w, "/logged-out", to, pending)
	http.Redirect(w, r, to, http.StatusSeeOther)
}

// loggedOut is where the provider sends the browser back to after the logout.
func (a *app) loggedOut(w http.ResponseWriter, r *http.Request) {
	s := a.sessions.open(w, r)
	defer s.mu.Unlock()
	err := a.client.LogoutCallback(s.timeline.during(r.Context(), stepLogout), r, a.pending(w, r, "/logged-out")...)
	a.done(w, r, s, stepLogout, err)
	if err == nil {
		s.notice = "You are logged out, here and at the provider."
	}
}

// done remembers how a step ended and shows the page, by a redirect, so that reloading it repeats nothing.
func (a *app) done(w http.ResponseWriter, r *http.Request, s *session, step string, err error) {
	s.failed, s.notice = nil, ""
	if err != nil {
		s.failed = &failedStep{step, err}
	}
	http.Redirect(w, r, a.base+"/", http.StatusSeeOther)
}

// keep stores a transaction in a cookie of its own, named after its state, so that several tabs can log in at once. Only the address that
// needs it sees it.
func (a *app) keep(w http.ResponseWriter, path, to string, pending openid.Transaction) {
	u, err := url.Parse(to)
	if err != nil {
		return // the callback will say that nothing is pending
	}
	state := u.Query().Get("state")
	if state == "" { // it is inside what the address refers to
		state = rand.Text()
	}
	setCookie(w, a.pendingPrefix()+state, string(pending), a.base+path, pendingLifetime)
}

// pending returns all transactions that the browser brought, and makes it forget the one that is answered now.
func (a *app) pending(w http.ResponseWriter, r *http.Request, path string) (all []openid.Transaction) {
	for _, c := range r.Cookies() {
		state, ok := strings.CutPrefix(c.Name, a.pendingPrefix())
		if !ok {
			continue
		}
		all = append(all, openid.Transaction(c.Value))
		if state == r.URL.Query().Get("state") {
			setCookie(w, c.Name, "", a.base+path, 0)
		}
	}
	return all
}

func (a *app) pendingPrefix() string { return "pending-" + a.name + "-" }

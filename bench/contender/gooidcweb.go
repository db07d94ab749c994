package contender

import (
	"context"
	"crypto/rand"
	"net/http"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"github.com/openid-client/openid/bench/fixture"
)

// goOIDCWeb is what people write around the two libraries: state, nonce and verifier in cookies of their own, and a session by scs.
var goOIDCWeb = Contender{Name: "go-oidc + x/oauth2 + scs", WebLogin: func(issuer string, hc *http.Client) (http.Handler, error) {
	provider, err := oidc.NewProvider(oidc.ClientContext(context.Background(), hc), issuer)
	if err != nil {
		return nil, err
	}
	a := &goOIDCApp{
		scsSessions: newSCS(0),
		hc:          hc,
		config: &oauth2.Config{ClientID: fixture.ClientID, ClientSecret: fixture.ClientSecret, Endpoint: provider.Endpoint(), RedirectURL: redirectURI,
			Scopes: []string{oidc.ScopeOpenID, "email"}},
		verifier: provider.Verifier(&oidc.Config{ClientID: fixture.ClientID}),
	}
	a.config.Endpoint.AuthStyle = oauth2.AuthStyleInHeader
	mux := http.NewServeMux()
	mux.HandleFunc(startPath, a.start)
	mux.Handle(callbackPath, a.around(http.HandlerFunc(a.callback)))
	mux.Handle(pagePath, a.around(page(a.subject)))
	return mux, nil
}}

type goOIDCApp struct {
	scsSessions
	hc       *http.Client
	config   *oauth2.Config
	verifier *oidc.IDTokenVerifier
}

func (a *goOIDCApp) start(w http.ResponseWriter, r *http.Request) {
	state, nonce, verifier := rand.Text(), rand.Text(), oauth2.GenerateVerifier()
	for name, value := range map[string]string{"state": state, "nonce": nonce, "verifier": verifier} {
		http.SetCookie(w, attemptCookie(name, value, 600))
	}
	http.Redirect(w, r, a.config.AuthCodeURL(state, oidc.Nonce(nonce), oauth2.S256ChallengeOption(verifier)), http.StatusFound)
}

func attemptCookie(name, value string, maxAge int) *http.Cookie {
	return &http.Cookie{Name: "__Host-" + name, Value: value, Path: "/", MaxAge: maxAge, Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode}
}

func (a *goOIDCApp) callback(w http.ResponseWriter, r *http.Request) {
	var attempt [3]string
	for i, name := range []string{"state", "nonce", "verifier"} {
		cookie, err := r.Cookie("__Host-" + name)
		if err != nil {
			http.Error(w, "no login under way", http.StatusBadRequest)
			return
		}
		attempt[i] = cookie.Value
		http.SetCookie(w, attemptCookie(name, "", -1))
	}
	state, nonce, verifier := attempt[0], attempt[1], attempt[2]
	if r.FormValue("state") != state {
		http.Error(w, "another login", http.StatusBadRequest)
		return
	}
	ctx := oidc.ClientContext(r.Context(), a.hc)
	tokens, err := a.config.Exchange(ctx, r.FormValue("code"), oauth2.VerifierOption(verifier))
	if err != nil {
		http.Error(w, "no tokens", http.StatusForbidden)
		return
	}
	raw, _ := tokens.Extra("id_token").(string)
	id, err := a.verifier.Verify(ctx, raw)
	if err != nil || id.Nonce != nonce {
		http.Error(w, "no login", http.StatusForbidden)
		return
	}
	if err := a.begin(w, r, id.Subject); err != nil {
		http.Error(w, "no session", http.StatusInternalServerError)
		return
	}
	http.Redirect(w, r, PageURL, http.StatusSeeOther)
}

// Command peers is the program of package web with a login by x/oauth2 and go-oidc: state, nonce and PKCE by hand, since those are the caller's job.
package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"log"
	"net/http"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"github.com/openid-client/openid/bench/program/web"
)

func main() {
	provider, err := oidc.NewProvider(context.Background(), "https://login.example.com")
	if err != nil {
		log.Fatal(err)
	}
	config := &oauth2.Config{
		ClientID:     "web",
		ClientSecret: "secret",
		Endpoint:     provider.Endpoint(),
		RedirectURL:  "http://localhost:8080/callback",
		Scopes:       []string{oidc.ScopeOpenID, "email"},
	}
	verifier := provider.Verifier(&oidc.Config{ClientID: config.ClientID})

	cookie := func(name, value string) *http.Cookie {
		return &http.Cookie{Name: name, Value: value, Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode, Expires: time.Now().Add(10 * time.Minute)}
	}
	http.HandleFunc("/login", func(w http.ResponseWriter, r *http.Request) {
		state, nonce, pkce := rand.Text(), rand.Text(), oauth2.GenerateVerifier()
		http.SetCookie(w, cookie("state", state))
		http.SetCookie(w, cookie("nonce", nonce))
		http.SetCookie(w, cookie("pkce", pkce))
		http.Redirect(w, r, config.AuthCodeURL(state, oidc.Nonce(nonce), oauth2.S256ChallengeOption(pkce)), http.StatusFound)
	})
	http.HandleFunc("/callback", func(w http.ResponseWriter, r *http.Request) {
		state, _ := r.Cookie("state")
		nonce, _ := r.Cookie("nonce")
		pkce, _ := r.Cookie("pkce")
		if state == nil || nonce == nil || pkce == nil || r.FormValue("state") != state.Value {
			http.Error(w, "another login", http.StatusBadRequest)
			return
		}
		tokens, err := config.Exchange(r.Context(), r.FormValue("code"), oauth2.VerifierOption(pkce.Value))
		if err != nil {
			http.Error(w, "no tokens", http.StatusForbidden)
			return
		}
		raw, _ := tokens.Extra("id_token").(string)
		id, err := verifier.Verify(r.Context(), raw)
		if err != nil || id.Nonce != nonce.Value {
			http.Error(w, "no login", http.StatusForbidden)
			return
		}
		var claims struct {
			Email string `json:"email"`
		}
		if err := id.Claims(&claims); err != nil {
			http.Error(w, "no email", http.StatusForbidden)
			return
		}
		json.NewEncoder(w).Encode(map[string]string{"subject": id.Subject, "email": claims.Email})
	})
	web.Serve()
}

// Command plain is the program of package web with a login by this library, the plain code flow.
package main

import (
	"encoding/json"
	"log"
	"net/http"
	"time"

	"github.com/openid-client/openid"

	"github.com/openid-client/openid/bench/program/web"
)

func main() {
	client, err := openid.New(openid.Config{
		Issuer:      "https://login.example.com",
		ClientID:    "web",
		Auth:        openid.ClientSecret(openid.NewSecret("secret")),
		RedirectURI: "http://localhost:8080/callback",
	})
	if err != nil {
		log.Fatal(err)
	}
	http.HandleFunc("/login", func(w http.ResponseWriter, r *http.Request) {
		address, pending, err := client.Authorize(r.Context(), openid.AuthorizationRequest{Scope: []string{"openid", "email"}})
		if err != nil {
			http.Error(w, "no provider", http.StatusBadGateway)
			return
		}
		http.SetCookie(w, &http.Cookie{Name: "login", Value: string(pending), Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode, Expires: time.Now().Add(10 * time.Minute)})
		http.Redirect(w, r, address, http.StatusFound)
	})
	http.HandleFunc("/callback", func(w http.ResponseWriter, r *http.Request) {
		pending, err := r.Cookie("login")
		if err != nil {
			http.Error(w, "another login", http.StatusBadRequest)
			return
		}
		tokens, err := client.Callback(r.Context(), r, openid.Transaction(pending.Value))
		if err != nil {
			http.Error(w, "no login", http.StatusForbidden)
			return
		}
		json.NewEncoder(w).Encode(map[string]string{"subject": tokens.IDToken.Subject()})
	})
	web.Serve()
}

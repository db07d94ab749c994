// Command weblogin is the program of package web with package login: sessions, logout and pages as well.
package main

import (
	"encoding/json"
	"log"
	"net/http"

	"github.com/openid-client/openid"
	"github.com/openid-client/openid/login"

	"github.com/openid-client/openid/bench/program/web"
)

func main() {
	auth, err := login.New(login.Config{BaseURL: "http://localhost:8080/auth"}, openid.Config{
		Issuer:   "https://login.example.com",
		ClientID: "web",
		Auth:     openid.ClientSecret(openid.NewSecret("secret")),
	})
	if err != nil {
		log.Fatal(err)
	}
	http.Handle("/auth/", auth)
	http.Handle("/", auth.Require(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, subject := login.UserFrom(r.Context()).Subject()
		json.NewEncoder(w).Encode(map[string]string{"subject": subject})
	})))
	web.Serve()
}

// Command weblogin is a web application whose users log in: the whole program.
package main

import (
	"fmt"
	"log"
	"net/http"
	"os"
	"time"

	"github.com/openid-client/openid"
	"github.com/openid-client/openid/login"
)

func main() {
	web, err := login.New(
		login.Config{
			BaseURL: "https://app.example/auth",
			Keys:    []openid.Secret{openid.NewSecret(os.Getenv("KEY"))}, // openssl rand -base64 32
			Report:  func(r *http.Request, err error) { log.Printf("%q: %v", r.URL.Path, err) },
		},
		openid.Config{Issuer: "https://op.example", ClientID: "web", Auth: openid.ClientSecret(openid.NewSecret(os.Getenv("CLIENT_SECRET")))})
	if err != nil {
		log.Fatal(err)
	}
	log.Fatal(http.ListenAndServe(":8080", app(web)))
}

func app(web *login.Handler) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/auth/", web)
	mux.Handle("/", web.Require(http.HandlerFunc(hello)))
	mux.Handle("/pay", web.With(login.Need{MaxAge: 5 * time.Minute}).Require(http.HandlerFunc(hello)))
	return mux
}

func hello(w http.ResponseWriter, r *http.Request) {
	_, subject := login.UserFrom(r.Context()).Subject()
	fmt.Fprintln(w, "hello", subject)
}

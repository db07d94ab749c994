// Command frameworks has users log in under chi, gin, echo and the standard mux: the middleware is func(http.Handler) http.Handler.
package main

import (
	"log"
	"net/http"
	"os"

	"github.com/openid-client/openid"
	"github.com/openid-client/openid/login"
)

var routers = map[string]func(*login.Handler) http.Handler{"chi": withChi, "gin": withGin, "echo": withEcho, "mux": withMux}

func main() {
	web, err := login.New(
		login.Config{BaseURL: "https://app.example/auth", Keys: []openid.Secret{openid.NewSecret(os.Getenv("KEY"))}},
		openid.Config{Issuer: "https://op.example", ClientID: "web", Auth: openid.ClientSecret(openid.NewSecret(os.Getenv("CLIENT_SECRET")))})
	if err != nil {
		log.Fatal(err)
	}
	router := withMux
	if len(os.Args) == 2 && routers[os.Args[1]] != nil {
		router = routers[os.Args[1]]
	}
	log.Fatal(http.ListenAndServe(":8080", router(web)))
}

func withMux(web *login.Handler) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/auth/", web)
	mux.Handle("GET /orders/{id}", web.Require(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, subject := login.UserFrom(r.Context()).Subject()
		_, _ = w.Write([]byte(subject + " " + r.PathValue("id")))
	})))
	return mux
}

// Command login logs users in: the whole program.
package main

import (
	"fmt"
	"log"
	"net/http"
	"os"

	"github.com/openid-client/openid"
)

func main() {
	client, err := openid.New(openid.Config{
		Issuer:      "https://op.example",
		ClientID:    "web",
		Auth:        openid.ClientSecret(openid.NewSecret(os.Getenv("CLIENT_SECRET"))),
		RedirectURI: "https://app.example/callback",
		Keys:        []openid.Secret{openid.NewSecret(os.Getenv("KEY"))}, // at least 32 random bytes
	})
	if err != nil {
		log.Fatal(err)
	}
	log.Fatal(http.ListenAndServe(":8080", handler(client)))
}

// handler is the application: start a login, end a login.
func handler(client *openid.Client) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /login", func(w http.ResponseWriter, r *http.Request) {
		url, tx, err := client.Authorize(r.Context(), openid.AuthorizationRequest{Scope: []string{"openid", "email"}})
		if err != nil {
			log.Print(err)
			http.Error(w, "the login server is away, try again", http.StatusBadGateway)
			return
		}
		http.SetCookie(w, &http.Cookie{Name: "__Host-login", Value: string(tx), Path: "/", MaxAge: 1800,
			Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode})
		http.Redirect(w, r, url, http.StatusSeeOther)
	})
	mux.HandleFunc("GET /callback", func(w http.ResponseWriter, r *http.Request) {
		var pending []openid.Transaction
		if c, err := r.Cookie("__Host-login"); err == nil {
			pending = append(pending, openid.Transaction(c.Value))
		}
		http.SetCookie(w, &http.Cookie{Name: "__Host-login", Path: "/", MaxAge: -1, Secure: true})
		tokens, err := client.Callback(r.Context(), r, pending...)
		if err != nil {
			log.Print(err) // says which check refused; contains no secret
			http.Error(w, "that login failed, start again", http.StatusBadRequest)
			return
		}
		// From here on the application's own session begins: the user's key is issuer and subject.
		fmt.Fprintln(w, "hello", tokens.IDToken.Issuer(), tokens.IDToken.Subject())
	})
	return mux
}

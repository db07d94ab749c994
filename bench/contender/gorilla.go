package contender

import (
	"crypto/rand"
	"net/http"

	gorilla "github.com/gorilla/sessions"

	"github.com/openid-client/openid/bench/fixture"
)

var gorillaCookie = Contender{Name: "gorilla/sessions", SealedSession: func(string, *http.Client) (http.Handler, error) {
	authentication, encryption := make([]byte, 32), make([]byte, 32)
	rand.Read(authentication)
	rand.Read(encryption)
	s := gorilla.NewCookieStore(authentication, encryption)
	s.MaxAge(12 * 60 * 60)
	s.Options.HttpOnly, s.Options.SameSite = true, http.SameSiteLaxMode
	return vouching(gorillaSessions{s}, fixture.Subject), nil
}}

type gorillaSessions struct{ *gorilla.CookieStore }

func (g gorillaSessions) begin(w http.ResponseWriter, r *http.Request, subject string) error {
	s, err := g.Get(r, "session")
	if err != nil {
		return err
	}
	s.Values["subject"] = subject
	return s.Save(r, w)
}

func (gorillaSessions) around(next http.Handler) http.Handler { return next }

func (g gorillaSessions) subject(r *http.Request) string {
	s, err := g.Get(r, "session")
	if err != nil {
		return ""
	}
	subject, _ := s.Values["subject"].(string)
	return subject
}

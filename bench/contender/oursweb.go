package contender

import (
	"crypto/rand"
	"net/http"

	"github.com/openid-client/openid"
	"github.com/openid-client/openid/login"

	"github.com/openid-client/openid/bench/fixture"
)

// oursWeb keeps sessions, tokens and the ID Token in memory, or the session alone in a cookie.
func oursWeb(stateless bool) Web {
	return func(issuer string, hc *http.Client) (http.Handler, error) {
		web, err := login.New(login.Config{
			BaseURL:   Origin + "/auth",
			Keys:      []openid.Secret{openid.NewSecret(rand.Text() + rand.Text())},
			Stateless: stateless,
			Scope:     []string{"openid", "email"},
		}, openid.Config{
			Issuer:            issuer,
			ClientID:          fixture.ClientID,
			Auth:              openid.ClientSecretBasic(openid.NewSecret(fixture.ClientSecret)),
			HTTPClient:        hc,
			InsecureAllowHTTP: true,
		})
		if err != nil {
			return nil, err
		}
		mux := http.NewServeMux()
		mux.Handle("/auth/", web)
		mux.Handle(pagePath, web.Require(page(func(r *http.Request) string {
			_, subject := login.UserFrom(r.Context()).Subject()
			return subject
		})))
		return mux, nil
	}
}

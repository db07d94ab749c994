package interop

import (
	"testing"

	"github.com/openid-client/openid"
)

func TestLogout(t *testing.T) {
	eachProvider(t, func(t *testing.T, p *provider) {
		for _, l := range []struct {
			name string
			login
			forgot bool // the application did not keep the ID Token
		}{
			{name: "with the ID Token", login: login{auth: "client_secret_basic"}},
			{name: "with an ID Token under HS256", login: login{auth: "client_secret_basic", alg: "HS256"}},
			{name: "without the ID Token", login: login{auth: "client_secret_basic"}, forgot: true},
		} {
			t.Run(l.name, func(t *testing.T) {
				c, ua := l.client(t, p), p.userAgent()
				tokens, _ := logIn(t, c, ua, openid.AuthorizationRequest{Scope: []string{"openid"}})
				logIn(t, c, ua, silently()) // there is a session to end
				if l.forgot {
					tokens.IDToken = nil
				}

				address, tx, err := c.LogoutURL(t.Context(), tokens.IDToken, returnURI)
				if err != nil {
					t.Fatal(err)
				}
				arrived, err := ua.visit(t.Context(), address, returnURI)
				if err != nil {
					t.Fatal(err)
				}
				_, another, err := c.LogoutURL(t.Context(), tokens.IDToken, returnURI)
				if err != nil {
					t.Fatal(err)
				}
				refusedByUs(t, c.LogoutCallback(t.Context(), arrived, another), "logout response", "state")
				if err := c.LogoutCallback(t.Context(), arrived, another, tx); err != nil {
					t.Fatal(err)
				}

				arrived, tx = authorize(t, c, ua, silently())
				_, err = c.Callback(t.Context(), arrived, tx)
				refused(t, err, "authorization", openid.ErrLoginRequired)
			})
		}
	})
}

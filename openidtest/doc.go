// Package openidtest runs a real OpenID Provider inside a test or a demo, on a loopback address.
//
// It is for development and tests only: everything is kept in memory, anybody may register a client, and the passwords of
// the demo users are shown on the login page.
//
// # In a test
//
//	op := openidtest.New(t, openidtest.Config{
//		AutoApprove: "alice", // no pages: alice is logged in at once
//		Clients: []openidtest.Client{{
//			ID:           "app",
//			Secret:       "secret",
//			RedirectURIs: []string{"http://127.0.0.1/callback"}, // on any port
//		}},
//	})
//	app := myapp.New(op.Issuer(), "app", "secret", op.Client())
//
// The provider stops when the test ends. [Start] is the same without a test.
//
// The issuer is plain http on a loopback address, such as http://127.0.0.1:40123, which a careful client refuses unless it
// is told otherwise: switch on its option for http on loopback, with github.com/openid-client/openid
//
//	openid.Config{Issuer: op.Issuer(), InsecureAllowHTTP: true, …}
//
// or set [Config].TLS for an https issuer and give the client the HTTP client of [Provider.Client], which trusts its
// certificate.
//
// # The pages
//
// Without AutoApprove the user sees a login page and, once per client and set of scopes, a consent page. Both are plain
// forms that work without scripts, so a program can be the user as well: as long as an answer is a page and not a
// redirect, post to the action of its form
//
//   - username and password, where the form has these fields,
//   - action=allow to go on, or action=deny to send the user back with the error access_denied.
//
// A login form with username and password and without action goes on too, as when the user presses Enter. A wrong password
// shows the login page again with status 403, an answer that lacks something its page with status 400. The page that asks for confirmation of a logout takes
// action=allow and action=deny too, and so does /backchannel, where users log in and find, one after the other, the requests of CIBA that wait
// for them: the answer to one needs the hidden field id of its form as well.
//
// # What it does
//
// The authorization code flow with PKCE (S256) and without, responses by query and form_post with iss (RFC 9207), nonce,
// max_age, acr_values, prompt, login_hint and id_token_hint; refresh tokens that rotate, a reused one revoking its grant; client
// credentials; devices (RFC 8628); CIBA by poll and ping; token exchange (RFC 8693) of what it issued; assertions that a registered client
// signed (RFC 7523); UserInfo, introspection, revocation; RP-initiated logout; dynamic registration and its management; plain
// OAuth without an ID Token. Clients authenticate with none, client_secret_basic, client_secret_post, client_secret_jwt or
// private_key_jwt. ID Tokens are signed with ES256, or what the client chose of RS256, PS256, EdDSA and HS256. Access
// tokens are opaque. Its metadata stands at both well-known places, of OpenID Connect Discovery and of RFC 8414.
package openidtest

// Package login logs users in on the web: what Passport is to Node, for net/http.
//
//	web, err := login.New(login.Config{BaseURL: "https://app.example/auth", Keys: keys}, provider)
//	http.Handle("/auth/", web)
//	http.Handle("/", web.Require(app))
//
// The [Handler] answers below BaseURL: login, callback, logout, and where the provider sends the browser after a logout. [Handler.Require]
// lets signed-in users through, sends browsers to the login and answers everybody else with 401; [Handler.With] asks for more: a recent
// login, a class of authentication, further scopes. In the application, [UserFrom] says who it is and [TokenSource] calls APIs for them.
//
// # What is kept where
//
// A login under way is one sealed cookie, so that several tabs do not disturb each other. A session is a random id in a cookie; its hash is
// the key of a record in [Config].Store, which everything else is in. Tokens never reach the browser. With [Config].Stateless the record
// itself is in the cookie, sealed, and there are no tokens.
//
// A store that cannot be asked is a 503, never an anonymous user. A provider that is away keeps nobody from working who is signed in.
package login

package openid_test

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"

	"github.com/openid-client/openid"
)

// A logout by a form: the ID Token stays out of addresses.
func ExampleClient_Logout() {
	ctx, op := start()
	defer op.stop()
	client := op.client()
	tokens := op.logIn(client, "openid")

	// POST /logout: end the session of the application, then let the browser end the one at the server.
	logout := func(w http.ResponseWriter, r *http.Request) {
		form, transaction, err := client.Logout(ctx, openid.LogoutRequest{
			IDToken:   tokens.IDToken,
			ReturnTo:  "https://app.example/bye",
			UILocales: []string{"de-CH", "de"},
		})
		if err != nil {
			log.Fatal(err)
		}
		http.SetCookie(w, &http.Cookie{Name: "__Host-logout", Value: string(transaction), Path: "/", MaxAge: 1800, Secure: true, HttpOnly: true,
			SameSite: http.SameSiteLaxMode})
		form.ServeHTTP(w, r) // the page that sends the form
	}

	w := httptest.NewRecorder()
	logout(w, httptest.NewRequest("POST", "https://app.example/logout", nil))
	page := w.Body.String()
	fmt.Println(strings.Contains(page, `<form method="post" action="https://op.example/t/end_session">`), strings.Contains(page, "id_token_hint"))
	// Output: true true
}

// The server tells of a logout that began elsewhere.
func ExampleClient_BackchannelLogout() {
	_, op := start()
	defer op.stop()
	op.SessionID = "session-7"
	client := op.client()
	tokens := op.logIn(client, "openid")

	sessions := map[string]string{tokens.IDToken.SessionID(): "alice"} // an application keeps them in its database
	mux := http.NewServeMux()
	mux.Handle("/backchannel-logout", client.BackchannelLogout(func(_ context.Context, t *openid.LogoutToken) error {
		if sid := t.SessionID(); sid != "" {
			delete(sessions, sid)
			return nil
		}
		// No session is named: all of t.Issuer() and t.Subject() end, also those that are just being made. Remember when, t.IssuedAt().
		return nil
	}))

	w := httptest.NewRecorder()
	mux.ServeHTTP(w, op.BackchannelLogout("https://app.example/backchannel-logout"))
	fmt.Println(w.Code, len(sessions))
	// Output: 200 0
}

// The server's page loads this address in an iframe.
func ExampleClient_VerifyFrontchannelLogout() {
	_, op := start()
	defer op.stop()
	op.SessionID = "session-7"
	client := op.client()
	tokens := op.logIn(client, "openid")

	logout := func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Del("X-Frame-Options") // if some middleware has set it
		ended, err := client.VerifyFrontchannelLogout(r.Context(), r, tokens.IDToken)
		if err != nil {
			log.Print(err) // and nothing happens
			return
		}
		http.SetCookie(w, &http.Cookie{Name: "__Host-session", Path: "/", MaxAge: -1, Secure: true})
		fmt.Println("the session of", ended.Subject(), "is over")
	}

	logout(httptest.NewRecorder(), op.FrontchannelLogout("https://app.example/frontchannel-logout"))
	// Output: the session of alice-sub is over
}

// A page that notices when the session at the server changes.
func ExampleSessionFrame() {
	_, op := start()
	defer op.stop()
	op.BrowserState = "somebody"
	client := op.client()
	tokens := op.logIn(client, "openid")

	mux := http.NewServeMux()
	mux.Handle("/session", &openid.SessionFrame{
		Client:   client,
		State:    func(*http.Request) string { return tokens.SessionState }, // of the login that the cookie belongs to
		Interval: 30 * time.Second,
	})
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, `<iframe id="session" src="/session" hidden></iframe><script>
addEventListener("message", (e) => {
  if (e.origin === location.origin && e.source === session.contentWindow && e.data.openid) location = "/logged-out";
});
</script>`)
	})

	w := httptest.NewRecorder()
	mux.ServeHTTP(w, httptest.NewRequest("GET", "https://app.example/session", nil))
	fmt.Println(w.Code, strings.Contains(w.Body.String(), `src="https://op.example/t/check_session"`))
	// Output: 200 true
}

// A portal, or the server itself, sends the user here to be logged in.
func ExampleVerifyLoginInitiation() {
	ctx, op := start()
	defer op.stop()
	client := op.client()

	// The address is registered as initiate_login_uri.
	r := httptest.NewRequest("GET", "https://app.example/initiate?iss=https://op.example/t&login_hint=alice&target_link_uri=https://app.example/orders/7", nil)
	i, err := openid.VerifyLoginInitiation(ctx, r, []string{"https://app.example/orders/"}, client)
	if err != nil {
		log.Fatal(err)
	}
	url, transaction, err := i.Client.Authorize(ctx, openid.AuthorizationRequest{Scope: []string{"openid"}, LoginHint: i.LoginHint, AppState: i.Target})
	if err != nil {
		log.Fatal(err)
	}

	back := op.browse(url)
	tokens, err := client.Callback(ctx, back, transaction)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(tokens.AppState)

	r = httptest.NewRequest("GET", "https://app.example/initiate?iss=https://op.example/t&target_link_uri=https://evil.example/orders/7", nil)
	_, err = openid.VerifyLoginInitiation(ctx, r, []string{"https://app.example/orders/"}, client)
	fmt.Println(err)
	// Output:
	// https://app.example/orders/7
	// openid: login initiation: target_link_uri: expected nothing, or below one of 1 addresses, got an address elsewhere: "https://evil.example/orders/7" (OpenID Connect Core 1.0 §4, RFC 9700 §4.11.1)
}

package contender

import (
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"net/url"

	"github.com/openid-client/openid/bench/fixture"
)

// FloorSession is the page alone.
func FloorSession() http.Handler {
	mux := http.NewServeMux()
	mux.Handle(pagePath, page(func(*http.Request) string { return fixture.Subject }))
	return mux
}

const floorVerifier = "a-verifier-of-forty-three-characters-0123456"

// FloorLogin is what no login can go below: two redirects, a POST with the code and one decode, the hash and signature of an ID Token of the same
// size, and the page. Nothing is drawn by lot, kept or compared, and its one cookie says nothing.
func FloorLogin(s *fixture.Set, issuer string, hc *http.Client) (http.Handler, error) {
	verify, err := FloorVerify(s, "ES256", s.Tokens["ES256"])
	if err != nil {
		return nil, err
	}
	challenge := sha256.Sum256([]byte(floorVerifier))
	to := issuer + "/authorize?" + url.Values{"client_id": {fixture.ClientID}, "redirect_uri": {redirectURI}, "response_type": {"code"},
		"scope": {"openid email"}, "state": {"s"}, "nonce": {"n"}, "code_challenge": {base64.RawURLEncoding.EncodeToString(challenge[:])},
		"code_challenge_method": {"S256"}}.Encode()
	mux := http.NewServeMux()
	mux.Handle(startPath, http.RedirectHandler(to, http.StatusSeeOther))
	mux.HandleFunc(callbackPath, func(w http.ResponseWriter, r *http.Request) {
		body := url.Values{"grant_type": {"authorization_code"}, "code": {r.FormValue("code")}, "redirect_uri": {redirectURI},
			"code_verifier": {floorVerifier}}.Encode()
		answer, err := floorPost(r.Context(), hc, issuer+"/code", body)
		if err != nil || answer.IDToken == "" || !verify() {
			http.Error(w, "no login", http.StatusForbidden)
			return
		}
		http.SetCookie(w, attemptCookie("session", "1", 0))
		http.Redirect(w, r, PageURL, http.StatusSeeOther)
	})
	mux.Handle(pagePath, page(func(*http.Request) string { return fixture.Subject }))
	return mux, nil
}

package openidtest_test

import (
	"encoding/json"
	"fmt"
	"log"
	"net/http"
	"net/url"
	"strings"

	"github.com/openid-client/openid/openidtest"
)

// A whole login with net/http only. In a test, use [openidtest.New] in the place of Start.
func Example() {
	op, err := openidtest.Start(openidtest.Config{
		AutoApprove: "alice",
		Clients:     []openidtest.Client{{ID: "app", Secret: "secret", RedirectURIs: []string{"http://127.0.0.1/callback"}}},
	})
	if err != nil {
		log.Fatal(err)
	}
	defer op.Close()

	// The browser stops where the provider sends it away: there the application would listen.
	browser := op.Client()
	browser.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	sent, err := browser.Get(op.Issuer() + "/authorize?" + url.Values{
		"client_id":     {"app"},
		"response_type": {"code"},
		"redirect_uri":  {"http://127.0.0.1:8000/callback"}, // registered without a port: any will do
		"scope":         {"openid email"},
		"state":         {"af0ifjsldkj"},
	}.Encode())
	if err != nil {
		log.Fatal(err)
	}
	sent.Body.Close()
	callback, err := sent.Location()
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(callback.Path, callback.Query().Get("state"))

	// The rest is the application's part.
	var tokens struct {
		AccessToken string `json:"access_token"`
	}
	exchange, _ := http.NewRequest("POST", op.Issuer()+"/token", strings.NewReader(url.Values{
		"grant_type":   {"authorization_code"},
		"code":         callback.Query()["code"],
		"redirect_uri": {"http://127.0.0.1:8000/callback"},
	}.Encode()))
	exchange.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	exchange.SetBasicAuth("app", "secret")
	fetch(op.Client(), exchange, &tokens)

	var user struct{ Sub, Email string }
	info, _ := http.NewRequest("GET", op.Issuer()+"/userinfo", nil)
	info.Header.Set("Authorization", "Bearer "+tokens.AccessToken)
	fetch(op.Client(), info, &user)
	fmt.Println(user.Sub, user.Email)
	// Output:
	// /callback af0ifjsldkj
	// alice alice@example.com
}

func fetch(hc *http.Client, r *http.Request, into any) {
	resp, err := hc.Do(r)
	if err != nil {
		log.Fatal(err)
	}
	defer resp.Body.Close()
	if err := json.NewDecoder(resp.Body).Decode(into); err != nil {
		log.Fatal(err)
	}
}

package xoauth2_test

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"

	"github.com/openid-client/openid"
	"github.com/openid-client/openid/xoauth2"
	"golang.org/x/oauth2"
)

// A library that takes an oauth2.TokenSource gets one that shares its tokens, and their refresh, with all processes of the application.
func ExampleTokenSource() {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/token" {
			w.Header().Set("Content-Type", "application/json")
			fmt.Fprint(w, `{"access_token":"2YotnFZFEjr1zCsicMWpAA","token_type":"Bearer","expires_in":3600}`)
			return
		}
		fmt.Fprint(w, "hello ", r.Header.Get("Authorization")[:6])
	}))
	defer server.Close()
	client, err := openid.New(openid.Config{Issuer: server.URL, ClientID: "service", Auth: openid.ClientSecretBasic(openid.NewSecret("s3cret")), InsecureAllowHTTP: true,
		Metadata: &openid.ServerMetadata{Issuer: server.URL, TokenEndpoint: server.URL + "/token"}})
	if err != nil {
		log.Fatal(err)
	}

	source := xoauth2.TokenSource(client.TokenSource("api", openid.ClientCredentials{}), 0)
	res, err := oauth2.NewClient(context.Background(), source).Get(server.URL + "/api")
	if err != nil {
		log.Fatal(err)
	}
	defer res.Body.Close()
	var word, scheme string
	fmt.Fscan(res.Body, &word, &scheme)
	fmt.Println(word, scheme)
	// Output: hello Bearer
}

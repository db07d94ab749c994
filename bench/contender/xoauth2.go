package contender

import (
	"context"
	"net/http"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"

	"github.com/openid-client/openid/bench/fixture"
)

var xOAuth2 = Contender{Name: "x/oauth2", ClientCredentials: func(tokenURL string, hc *http.Client) (Obtain, error) {
	config := &clientcredentials.Config{ClientID: fixture.ClientID, ClientSecret: fixture.ClientSecret, TokenURL: tokenURL,
		Scopes: scopes, AuthStyle: oauth2.AuthStyleInHeader}
	return func(ctx context.Context) (string, error) {
		if hc != nil {
			ctx = context.WithValue(ctx, oauth2.HTTPClient, hc)
		}
		t, err := config.Token(ctx)
		if err != nil {
			return "", err
		}
		return t.AccessToken, nil
	}, nil
}}

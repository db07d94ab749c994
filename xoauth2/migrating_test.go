package xoauth2_test

import (
	"context"
	"encoding/json"
	"errors"
	"log"
	"net/http"
	"os"

	"github.com/openid-client/openid"
	"github.com/openid-client/openid/store"
	"github.com/openid-client/openid/xoauth2"
	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"
)

// The code of docs/migrating-from-x-oauth2.md. It is compiled; what it calls is tested where it is.

func serviceBefore(ctx context.Context) *http.Client {
	config := &clientcredentials.Config{
		ClientID:     "service",
		ClientSecret: os.Getenv("CLIENT_SECRET"),
		TokenURL:     "https://op.example/token",
		Scopes:       []string{"orders:read"},
	}
	return config.Client(ctx)
}

func serviceAfter() (*http.Client, error) {
	client, err := openid.New(openid.Config{
		Issuer:   "https://op.example",
		ClientID: "service",
		Auth:     openid.ClientSecret(openid.NewSecret(os.Getenv("CLIENT_SECRET"))),
	})
	if err != nil {
		return nil, err
	}
	grant := openid.ClientCredentials{Scope: []string{"orders:read"}}
	return client.TokenSource("orders", grant).HTTPClient("https://api.example"), nil
}

func refreshBefore(ctx context.Context, config *oauth2.Config, kept []byte) (*oauth2.Token, error) {
	token := new(oauth2.Token)
	if err := json.Unmarshal(kept, token); err != nil {
		return nil, err
	}
	fresh, err := config.TokenSource(ctx, token).Token()
	if err != nil {
		return nil, err
	}
	// Now fresh.RefreshToken must be written before anybody else reads the old one, in this process or another. Nothing here does that.
	return fresh, nil
}

func refreshAfter(ctx context.Context, client *openid.Client, user string) (*openid.Tokens, error) {
	return client.TokenSource(user, nil).Token(ctx)
}

func openStore(key []byte) (*openid.Client, error) {
	shared, err := store.File("/var/lib/shop/tokens", key) // 32 random bytes
	if err != nil {
		return nil, err
	}
	return openid.New(openid.Config{
		Issuer:   "https://op.example",
		ClientID: "shop",
		Auth:     openid.ClientSecret(openid.NewSecret(os.Getenv("CLIENT_SECRET"))),
		Store:    shared,
	})
}

func bringAlong(ctx context.Context, client *openid.Client, user string, kept []byte) error {
	token := new(oauth2.Token)
	if err := json.Unmarshal(kept, token); err != nil {
		return err
	}
	tokens, err := xoauth2.Tokens(ctx, client, token)
	if err != nil {
		return err
	}
	return client.TokenSource(user, nil).Save(ctx, tokens)
}

func lend(client *openid.Client, user string) oauth2.TokenSource {
	return xoauth2.TokenSource(client.TokenSource(user, nil), 0)
}

func errorsBefore(err error) {
	var refused *oauth2.RetrieveError
	if errors.As(err, &refused) && refused.ErrorCode == "invalid_grant" {
		log.Print("log in again")
	}
}

func errorsAfter(err error) {
	var unsaved *openid.UnsavedError
	var lost *openid.ExchangeError
	switch {
	case errors.Is(err, openid.ErrLoginRequired):
		log.Print("log in again")
	case errors.As(err, &unsaved):
		log.Print("the server answered, the store did not: ", unsaved.Err) // unsaved.Tokens has what came
	case errors.As(err, &lost) && lost.Sent:
		log.Print("nobody knows whether the refresh token was used up")
	}
}

var _ = []any{serviceBefore, serviceAfter, refreshBefore, refreshAfter, openStore, bringAlong, lend, errorsBefore, errorsAfter}

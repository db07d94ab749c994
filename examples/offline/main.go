// Command offline calls an API for a user who is not there any more. The tokens of the login live in a store that all processes share.
package main

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"log"
	"net/http"
	"os"

	"github.com/openid-client/openid"
	"github.com/openid-client/openid/store"
)

var errLogInAgain = errors.New("please log in again")

func main() {
	client, err := open()
	if err != nil {
		log.Fatal(err)
	}
	if len(os.Args) != 2 {
		log.Fatal("usage: offline USER")
	}
	res, err := calendar(context.Background(), client, os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	defer res.Body.Close()
	fmt.Println(res.Status)
}

func open() (*openid.Client, error) {
	key, err := hex.DecodeString(os.Getenv("STORE_KEY")) // 32 random bytes
	if err != nil {
		return nil, err
	}
	shared, err := store.File("tokens", key)
	if err != nil {
		return nil, err
	}
	return openid.New(openid.Config{
		Issuer:      "https://op.example",
		ClientID:    "web",
		Auth:        openid.ClientSecret(openid.NewSecret(os.Getenv("CLIENT_SECRET"))),
		RedirectURI: "https://app.example/callback",
		Store:       shared,
	})
}

// remember keeps what a login brought, for all processes that share the store.
func remember(ctx context.Context, client *openid.Client, tokens *openid.Tokens) error {
	return client.TokenSource(tokens.IDToken.Subject(), nil).Save(ctx, tokens)
}

// calendar calls an API for the user, hours or months later, in whatever process.
func calendar(ctx context.Context, client *openid.Client, user string) (*http.Response, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://calendar.example/today", nil)
	if err != nil {
		return nil, err
	}
	res, err := client.TokenSource(user, nil).HTTPClient("https://calendar.example").Do(r)
	if errors.Is(err, openid.ErrLoginRequired) {
		return nil, errLogInAgain // the user has withdrawn the access, or was away for too long
	}
	return res, err
}

var _ = remember // called where the login ends

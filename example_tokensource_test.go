package openid_test

import (
	"context"
	"errors"
	"fmt"
	"log"

	"github.com/openid-client/openid"
	"github.com/openid-client/openid/store"
)

// A service that calls an API for itself: its token is fetched once for all goroutines, and renewed before it expires.
func ExampleClient_TokenSource() {
	ctx, op := start()
	defer op.stop()
	client := op.client()
	api := client.TokenSource("api", openid.ClientCredentials{Scope: []string{"read"}}).HTTPClient("https://op.example")

	for range 3 {
		res, err := api.Get(op.URL("resource"))
		if err != nil {
			log.Fatal(err)
		}
		res.Body.Close()
		fmt.Println(res.Status)
	}
	fmt.Println("token requests:", op.Count("token"))
	_ = ctx
	// Output:
	// 200 OK
	// 200 OK
	// 200 OK
	// token requests: 1
}

// A web application that calls an API for its users, in several processes: each user's tokens are in the store they share, and are refreshed
// by one of them at a time.
func ExampleTokenSource_Save() {
	ctx, op := start()
	defer op.stop()
	shared := store.Memory(1000) // of one process; store.File is for several
	client := op.client(func(cfg *openid.Config) { cfg.Store = shared })

	tokens := op.logIn(client, "openid", "offline_access") // what Callback returned
	user := client.TokenSource(tokens.IDToken.Subject(), nil)
	user.Observe(func(_ context.Context, change openid.TokenChange) { fmt.Println(change.Kind) })
	if err := user.Save(ctx, tokens); err != nil {
		log.Fatal(err)
	}

	// Anywhere else, later:
	fresh, err := op.client(func(cfg *openid.Config) { cfg.Store = shared }).TokenSource("alice-sub", nil).Token(ctx)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(fresh.Type, fresh.Scope)

	if err := user.Forget(ctx); err != nil {
		log.Fatal(err)
	}
	_, err = user.Token(ctx)
	fmt.Println(errors.Is(err, openid.ErrLoginRequired))
	// Output:
	// saved
	// Bearer [openid offline_access]
	// forgotten
	// true
}

package openid_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/openid-client/openid"
	"github.com/openid-client/openid/internal/hostile"
)

// A login: the two steps are two handlers of an application, which share one client.
func Example() {
	ctx, op := start()
	defer op.stop()

	client, err := openid.New(openid.Config{
		Issuer:      "https://op.example/t",
		ClientID:    "client",
		Auth:        openid.ClientSecret(openid.NewSecret(op.ClientSecret)),
		RedirectURI: "https://app.example/cb",
		HTTPClient:  op.HTTPClient(),
	})
	if err != nil {
		log.Fatal(err)
	}

	// GET /login: keep the transaction in a cookie and send the browser to the URL.
	url, transaction, err := client.Authorize(ctx, openid.AuthorizationRequest{
		Scope:    []string{"openid", "email"},
		AppState: "/orders", // where the user wanted to go
	})
	if err != nil {
		log.Fatal(err)
	}

	// GET /cb: the browser is back, with the cookie.
	r := op.browse(url)
	tokens, err := client.Callback(r.Context(), r, transaction)
	if err != nil {
		log.Fatal(err)
	}
	user, err := openid.Claims[struct {
		Email    string `json:"email"`
		Verified bool   `json:"email_verified"`
	}](tokens.IDToken)
	if err != nil {
		log.Fatal(err)
	}

	fmt.Println(tokens.IDToken.Issuer(), tokens.IDToken.Subject()) // the user's key
	fmt.Println(user.Email, user.Verified)
	fmt.Println(tokens.AppState)
	// Output:
	// https://op.example/t alice-sub
	// alice@op.example true
	// /orders
}

// With offline_access the server gives a refresh token. Keep what comes back: many servers accept a refresh token once.
func ExampleClient_Refresh() {
	ctx, op := start()
	defer op.stop()
	client := op.client()
	tokens := op.logIn(client, "openid", "offline_access")

	fresh, err := client.Refresh(ctx, tokens)
	switch {
	case errors.Is(err, openid.ErrInvalidGrant):
		fmt.Println("the session has ended at the server: log in again")
	case err != nil:
		log.Fatal(err)
	default:
		fmt.Println(fresh.IDToken.Subject(), !fresh.AccessToken.Equal(tokens.AccessToken))
	}

	_, err = client.Refresh(ctx, tokens) // the old ones
	fmt.Println(errors.Is(err, openid.ErrInvalidGrant))
	// Output:
	// alice-sub true
	// true
}

func ExampleClient_UserInfo() {
	ctx, op := start()
	defer op.stop()
	client := op.client()
	tokens := op.logIn(client, "openid", "profile")

	info, err := client.UserInfo(ctx, tokens)
	if err != nil {
		log.Fatal(err)
	}
	user, err := openid.Claims[struct {
		Name string `json:"name"`
	}](info)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(info.Subject(), "is", user.Name)
	// Output: alice-sub is Alice Example
}

// A logout: first of the application's own session, then at the server.
func ExampleClient_LogoutURL() {
	ctx, op := start()
	defer op.stop()
	client := op.client()
	tokens := op.logIn(client, "openid")

	// POST /logout: end the session, keep the transaction in a cookie and send the browser to the URL.
	url, transaction, err := client.LogoutURL(ctx, tokens.IDToken, "https://app.example/bye")
	if err != nil {
		log.Fatal(err)
	}

	// GET /bye: the browser is back.
	r := op.browse(url)
	if err := client.LogoutCallback(r.Context(), r, transaction); err != nil {
		log.Fatal(err)
	}
	fmt.Println("logged out")
	// Output: logged out
}

// A service acts for itself.
func ExampleClientCredentials() {
	ctx, op := start()
	defer op.stop()
	client := op.client()

	tokens, err := client.Tokens(ctx, openid.ClientCredentials{Scope: []string{"orders:read"}})
	if err != nil {
		log.Fatal(err)
	}
	r := httptest.NewRequest("GET", "https://api.example/orders", nil)
	r.Header.Set("Authorization", "Bearer "+tokens.AccessToken.Reveal())

	fmt.Println(tokens.Type, tokens.Scope, time.Until(tokens.Expiry).Round(time.Minute))
	fmt.Println(tokens.AccessToken) // by accident
	// Output:
	// Bearer [orders:read] 1h0m0s
	// [redacted]
}

// An application on a phone logs its user in and sends the ID Token to its backend.
func ExampleClient_VerifyIDToken() {
	ctx, op := start()
	defer op.stop()
	client := op.client()

	raw, nonce := op.phone()
	token, err := client.VerifyIDToken(ctx, raw, nonce)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(token)

	_, err = client.VerifyIDToken(ctx, raw, "of another login")
	fmt.Println(err)
	// Output:
	// ID Token of "alice-sub" at "https://op.example/t"
	// openid: ID Token: nonce: expected the nonce of this login, got another (OpenID Connect Core 1.0 §3.1.3.7 (11), §12.2)
}

// Trace hears of everything that is sent and everything that is checked. It may be logged as it is.
func ExampleConfig_trace() {
	_, op := start()
	defer op.stop()
	checks := 0
	client := op.client(func(cfg *openid.Config) {
		cfg.Trace = func(_ context.Context, e openid.Event) {
			switch {
			case e.Err != nil:
				fmt.Println("failed:", e.Err)
			case e.Kind == openid.EventExchange:
				fmt.Println("exchange:", e.Name)
			case e.Kind == openid.EventCheck && e.Document == "ID Token":
				checks++
			}
		}
	})
	op.logIn(client, "openid")
	fmt.Println("checks of the ID Token:", checks > 20)
	// Output:
	// exchange: discovery
	// exchange: token
	// exchange: jwks
	// checks of the ID Token: true
}

// Each kind of error says who said no.
func ExampleResponseError() {
	ctx, op := start()
	defer op.stop()
	client := op.client()

	// Here the user presses "cancel".
	op.refuse("access_denied", "the user pressed cancel")
	url, transaction, err := client.Authorize(ctx, openid.AuthorizationRequest{Scope: []string{"openid"}})
	if err != nil {
		log.Fatal(err)
	}
	_, err = client.Callback(ctx, op.browse(url), transaction)

	var refused *openid.ResponseError
	var invalid *openid.VerificationError
	var failed *openid.ExchangeError
	switch {
	case errors.Is(err, openid.ErrAccessDenied):
		fmt.Println("the user changed their mind")
	case errors.As(err, &refused):
		fmt.Println("the server refused:", refused.Code, refused.Description)
	case errors.As(err, &failed):
		fmt.Println("no usable answer from the", failed.Endpoint, "endpoint: try again later")
	case errors.As(err, &invalid):
		fmt.Println("we refused the", invalid.Document, "because of", invalid.Check)
	}
	// Output: the user changed their mind
}

// The issuer is compared byte for byte. A slash at its end makes it another one, which shows at the first use: copy the issuer from the
// server's metadata document, not from the address of its login page.
func ExampleConfig_incorrectIssuer() {
	ctx, op := start()
	defer op.stop()
	client := op.client(func(cfg *openid.Config) { cfg.Issuer = "https://op.example/t/" })

	_, _, err := client.Authorize(ctx, openid.AuthorizationRequest{Scope: []string{"openid"}})
	fmt.Println(err)
	// Output: openid: server metadata: issuer: expected "https://op.example/t/", got "https://op.example/t" (OpenID Connect Discovery 1.0 §4.3, RFC 8414 §3.3)
}

// Below is the server of the examples, and the browser.

type server struct {
	*hostile.Provider
	stop func()
}

func start() (context.Context, server) {
	t := new(exampleT)
	op := hostile.Pipe(t)
	op.IDToken = func(tok *hostile.Token) { tok.Claims["email"], tok.Claims["email_verified"] = "alice@op.example", true }
	return t.Context(), server{op, t.stop}
}

func (op server) client(tune ...func(*openid.Config)) *openid.Client {
	cfg := openid.Config{Issuer: op.Issuer, ClientID: op.ClientID, Auth: openid.ClientSecret(openid.NewSecret(op.ClientSecret)),
		RedirectURI: op.RedirectURI, HTTPClient: op.HTTPClient()}
	for _, f := range tune {
		f(&cfg)
	}
	client, err := openid.New(cfg)
	if err != nil {
		log.Fatal(err)
	}
	return client
}

func (op server) logIn(client *openid.Client, scope ...string) *openid.Tokens {
	ctx := context.Background()
	url, transaction, err := client.Authorize(ctx, openid.AuthorizationRequest{Scope: scope})
	if err != nil {
		log.Fatal(err)
	}
	tokens, err := client.Callback(ctx, op.Authorize(url), transaction)
	if err != nil {
		log.Fatal(err)
	}
	return tokens
}

// browse returns the request that the browser makes when the server sends it back.
func (op server) browse(url string) *http.Request {
	browser := op.HTTPClient()
	browser.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	answer, err := browser.Get(url)
	if err != nil {
		log.Fatal(err)
	}
	defer answer.Body.Close()
	address, fragment, _ := strings.Cut(answer.Header.Get("Location"), "#")
	r := httptest.NewRequest("GET", address, nil)
	r.URL.Fragment = fragment // which only a browser sees
	return r
}

// phone logs a user in on a phone.
func (op server) phone() (raw, nonce string) {
	now := time.Now()
	return hostile.NewToken(op.SigningKey(), map[string]any{"iss": op.Issuer, "sub": op.Subject, "aud": op.ClientID, "nonce": "n-0S6_WzA2Mj",
		"iat": now.Unix(), "exp": now.Add(time.Hour).Unix()}).String(), "n-0S6_WzA2Mj"
}

// refuse makes the server answer authorization requests with an error.
func (op server) refuse(code, description string) {
	op.Callback = func(q url.Values) {
		q.Del("code")
		q.Set("error", code)
		q.Set("error_description", description)
	}
}

// exampleT stands in for the *testing.T that examples do not get.
type exampleT struct{ cleanups []func() }

func (*exampleT) Helper()                           {}
func (*exampleT) Fatalf(format string, args ...any) { log.Fatalf(format, args...) }
func (*exampleT) Context() context.Context          { return context.Background() }
func (t *exampleT) Cleanup(f func())                { t.cleanups = append(t.cleanups, f) }

func (t *exampleT) stop() {
	for _, f := range slices.Backward(t.cleanups) {
		f()
	}
}

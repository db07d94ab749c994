package openid

import (
	"context"
	"fmt"
	"net/http"
	"time"
)

// LogoutURL starts a logout at the server (OpenID Connect RP-Initiated Logout 1.0 section 2): it returns the URL to send the browser to.
// End the application's own session first; the user may never come back.
//
// t tells the server whose session ends; it may be expired, and nil when it was not kept. returnTo is a registered
// post_logout_redirect_uri; with it, keep the transaction and hand it to [Client.LogoutCallback]. Without it the user stays at the server
// and the transaction is empty.
func (c *Client) LogoutURL(ctx context.Context, t *IDToken, returnTo string) (string, Transaction, error) {
	if expected := badRedirectURI(returnTo); returnTo != "" && expected != "" {
		return "", "", fmt.Errorf("openid: LogoutURL: returnTo: expected %s, got %s", expected, quoted(returnTo))
	}
	tx := &transaction{purpose: "logout", flow: random()[:12], state: random(), redirectURI: returnTo, created: time.Now()}
	ctx = c.withFlow(ctx, tx.flow)
	if err := c.own("", t); err != nil {
		return "", "", err
	}
	s, err := c.current(ctx)
	if err != nil {
		return "", "", err
	}
	endpoint, err := s.url(endSessionEndpoint)
	if err != nil {
		return "", "", err
	}
	q := endpoint.Query()
	q.Set("client_id", c.cfg.ClientID)
	if t != nil {
		q.Set("id_token_hint", t.content().raw)
	}
	var sealed Transaction
	if returnTo != "" {
		q.Set("post_logout_redirect_uri", returnTo)
		q.Set("state", tx.state)
		if sealed, err = c.sealTransaction(tx); err != nil {
			return "", "", err
		}
	}
	u := *endpoint
	u.RawQuery = q.Encode()
	return u.String(), sealed, nil
}

// logoutResponse is what the browser brought back from a logout, under judgement.
type logoutResponse struct {
	wrong, state string
	tx           *transaction
}

func (*logoutResponse) kind() string { return "logout response" }
func (*logoutResponse) cause() error { return nil }

var logoutChecks = []check[*logoutResponse]{
	{"request", "OpenID Connect RP-Initiated Logout 1.0 §3",
		func(_ context.Context, d *logoutResponse) bool { return d.wrong == "" },
		func(d *logoutResponse) (string, string) { return "a GET with a query", or(d.wrong, "a GET") }},
	{"state", "OpenID Connect RP-Initiated Logout 1.0 §3",
		func(_ context.Context, d *logoutResponse) bool { return d.tx != nil },
		func(d *logoutResponse) (string, string) {
			expected := "the state of a pending logout of this browser"
			switch {
			case d.tx != nil:
				return expected, "the same"
			case d.state == "":
				return expected, "no state"
			}
			return expected, "another state"
		}},
	{"age", "OpenID Connect RP-Initiated Logout 1.0 §3",
		func(_ context.Context, d *logoutResponse) bool { return d.tx.young() },
		func(d *logoutResponse) (string, string) { return "a logout that " + d.tx.limit(), "one " + d.tx.age() }},
}

// LogoutCallback judges the request that brings the browser back after a logout. The user is logged out either way; an error says that
// this answer belongs to no logout that this browser started.
func (c *Client) LogoutCallback(ctx context.Context, r *http.Request, pending ...Transaction) error {
	mode, values, wrong := readCallback(r)
	if mode != "query" && wrong == "" {
		wrong = "a POST"
	}
	d := &logoutResponse{wrong: wrong, state: values.Get("state")}
	if len(values["state"]) == 1 {
		d.tx = c.pick("logout", d.state, pending)
	}
	if d.tx != nil {
		ctx = c.withFlow(ctx, d.tx.flow)
	}
	return judge(c.newFlow(ctx), c, c.rows.logout, d)
}

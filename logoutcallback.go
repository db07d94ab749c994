package openid

import (
	"context"
	"net/http"
)

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
	return judge(c.newFlow(ctx), c, orElse(c.rows.logout, logoutChecks), d)
}

package openid

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
)

// frontchannelLogout is a request that the server's page makes in an iframe, under judgement.
type frontchannelLogout struct {
	c        *Client
	mode     string
	wrong    string
	values   url.Values
	sessions []*IDToken
	session  *IDToken // the one that it names
}

func (*frontchannelLogout) kind() string { return "front-channel logout request" }
func (*frontchannelLogout) cause() error { return nil }

// Any page can make a browser send such a request. It tells itself from the server's by the name of the session alone.
var frontchannelLogoutChecks = []check[*frontchannelLogout]{
	{"request", "OpenID Connect Front-Channel Logout 1.0 §2",
		func(_ context.Context, d *frontchannelLogout) bool { return d.wrong == "" && d.mode == "query" },
		func(d *frontchannelLogout) (string, string) {
			if d.wrong == "" && d.mode != "query" {
				return "a GET with a query", "a POST"
			}
			return "a GET with a query", or(d.wrong, "one")
		}},
	{"iss", "OpenID Connect Front-Channel Logout 1.0 §2",
		func(_ context.Context, d *frontchannelLogout) bool {
			return len(d.values["iss"]) == 1 && d.c.isIssuer(d.values.Get("iss"))
		},
		func(d *frontchannelLogout) (string, string) { return d.c.anyName(), single(d.values["iss"]) }},
	{"sid", "OpenID Connect Front-Channel Logout 1.0 §2, §3",
		func(_ context.Context, d *frontchannelLogout) bool {
			if len(d.values["sid"]) != 1 {
				return false
			}
			for _, t := range d.sessions {
				if sid := t.SessionID(); sid != "" && equal(sid, d.values.Get("sid")) && t.Issuer() == d.values.Get("iss") {
					d.session = t
				}
			}
			return d.session != nil
		},
		func(d *frontchannelLogout) (string, string) {
			expected := "the sid of a session of this browser, of which there are " + strconv.Itoa(len(d.sessions))
			switch {
			case d.session != nil:
				return expected, "one"
			case len(d.values["sid"]) == 1:
				return expected, "another"
			}
			return expected, single(d.values["sid"])
		}},
}

// single shows a parameter that must come once.
func single(values []string) string {
	switch len(values) {
	case 0:
		return "nothing"
	case 1:
		return quoted(values[0])
	}
	return "several"
}

// VerifyFrontchannelLogout judges a request to the client's frontchannel_logout_uri, which the server's page makes in an iframe (OpenID
// Connect Front-Channel Logout 1.0 section 2). sessions are the ID Tokens of those who are logged in with this browser; it returns the one
// whose session ends. iss and sid are demanded, since any page could log the user out otherwise: register the client with
// frontchannel_logout_session_required.
//
// Answer 200 with Cache-Control: no-store and without X-Frame-Options also where it is refused; such a request has no effect. The session's
// cookie comes along with SameSite=None only, and in many browsers not even then: [Client.BackchannelLogout] needs none. Ending a session
// revokes no tokens.
//
// Errors: *[VerificationError].
func (c *Client) VerifyFrontchannelLogout(ctx context.Context, r *http.Request, sessions ...*IDToken) (*IDToken, error) {
	return c.verifyFrontchannelLogout(ctx, r, sessions, frontchannelLogoutChecks)
}

func (c *Client) verifyFrontchannelLogout(ctx context.Context, r *http.Request, sessions []*IDToken, rows []check[*frontchannelLogout]) (*IDToken, error) {
	d := &frontchannelLogout{c: c, sessions: sessions}
	d.mode, d.values, d.wrong = readCallback(r)
	if err := judge(c.newFlow(ctx), c, rows, d); err != nil {
		return nil, err
	}
	return d.session, nil
}

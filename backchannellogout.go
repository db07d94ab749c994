package openid

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"time"
)

// backchannelLogout is what came to the back-channel logout endpoint, under judgement.
type backchannelLogout struct {
	mode, wrong string
	tokens      []string
}

func (*backchannelLogout) kind() string { return "back-channel logout request" }
func (*backchannelLogout) cause() error { return nil }

// Other parameters are ignored, as section 2.5 has it.
var backchannelLogoutChecks = []check[*backchannelLogout]{
	{"request", "OpenID Connect Back-Channel Logout 1.0 §2.5",
		func(_ context.Context, d *backchannelLogout) bool { return d.wrong == "" && d.mode == "form_post" },
		func(d *backchannelLogout) (string, string) {
			if d.wrong == "" && d.mode == "query" {
				return "a POST with a form", "a GET"
			}
			return "a POST with a form", or(d.wrong, "one")
		}},
	{"logout_token", "OpenID Connect Back-Channel Logout 1.0 §2.5, RFC 6749 §3.1",
		func(_ context.Context, d *backchannelLogout) bool { return len(d.tokens) == 1 && d.tokens[0] != "" },
		func(d *backchannelLogout) (string, string) {
			if len(d.tokens) == 1 && d.tokens[0] == "" {
				return "1 logout token", "an empty one"
			}
			return "1 logout token", strconv.Itoa(len(d.tokens))
		}},
}

// VerifyLogoutToken reads and verifies the logout token in a request of the server's to the client's backchannel_logout_uri (OpenID Connect
// Back-Channel Logout 1.0 sections 2.5 and 2.6): signed like an ID Token, with the same algorithms and keys. A token is accepted once, in
// all processes that share [Config].Store; when the store cannot say whether it came before, it is refused. Answer the request as section 2.8
// says, or let [Client.BackchannelLogout] do it all.
//
// Errors: *[VerificationError]; *[ExchangeError] when metadata could not be had.
func (c *Client) VerifyLogoutToken(ctx context.Context, r *http.Request) (*LogoutToken, error) {
	return c.verifyLogoutToken(ctx, r, backchannelLogoutChecks, logoutTokenChecks())
}

func (c *Client) verifyLogoutToken(ctx context.Context, r *http.Request, request []check[*backchannelLogout], rows []check[*jwt]) (*LogoutToken, error) {
	ctx = c.newFlow(ctx)
	mode, values, wrong := readCallback(r)
	d := &backchannelLogout{mode: mode, wrong: wrong, tokens: values["logout_token"]}
	if err := judge(ctx, c, request, d); err != nil {
		return nil, err
	}
	s, err := c.current(ctx)
	if err != nil {
		return nil, err
	}
	j := c.newJWT("logout token", s, s.algs, values.Get("logout_token"), expectation{})
	defer j.release()
	if err := judge(ctx, c, rows, j); err != nil {
		return nil, err
	}
	j.keepHeader()
	t := &logoutToken{payload: j.payload, issuer: j.issuer.issuer, subject: j.subject, key: j.logoutKey()}
	t.sessionID, _ = j.claims.sid.Text()
	t.id, _ = j.claims.jti.Text()
	t.iat, _ = j.claims.iat.NumericDate()
	t.exp, _ = j.claims.exp.NumericDate()
	return &LogoutToken{&t}, nil
}

// forgetTimeout bounds how long a logout that failed waits until its token may come again.
const forgetTimeout = 5 * time.Second

// BackchannelLogout is the handler for the client's backchannel_logout_uri: it verifies the logout token of each request
// ([Client.VerifyLogoutToken]) and calls end, which ends the sessions that the token names before it returns. The answer is 200, or 400 when
// the token is refused or end fails (OpenID Connect Back-Channel Logout 1.0 section 2.8); after end has failed, the server may send the
// same token again. [Config].Trace hears of what is refused.
//
// The server calls while the browser waits for it, often in the middle of a request that this very application has started: the handler needs no
// cookie and must wait for none of its own.
func (c *Client) BackchannelLogout(end func(context.Context, *LogoutToken) error) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		t, err := c.VerifyLogoutToken(r.Context(), r)
		if err == nil {
			err = c.endSessions(r.Context(), t, end)
		}
		w.Header().Set("Cache-Control", "no-store")
		if err == nil {
			w.WriteHeader(http.StatusOK)
			return
		}
		code, description := "server_error", "the logout failed"
		var refused *VerificationError
		if errors.As(err, &refused) {
			// Names of this package's own, nothing of what came.
			code, description = "invalid_request", refused.Document+": "+refused.Check
		}
		body := append(appendText([]byte(`{"error":`), code), `,"error_description":`...)
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusBadRequest)
		_, _ = w.Write(append(appendText(body, description), '}'))
	})
}

// endSessions calls end, and lets the token come again unless end succeeds.
func (c *Client) endSessions(ctx context.Context, t *LogoutToken, end func(context.Context, *LogoutToken) error) error {
	ended := false
	defer func() {
		if ended {
			return
		}
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), forgetTimeout)
		defer cancel()
		_ = c.store.Delete(ctx, t.content().key)
	}()
	if err := end(ctx, t); err != nil {
		return errEnd
	}
	ended = true
	return nil
}

// errEnd stands for what the application said, which may be a *VerificationError and is not for the server.
var errEnd = errors.New("openid: the sessions could not be ended")

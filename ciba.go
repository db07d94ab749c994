package openid

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/openid-client/openid/internal/strict"
)

// CIBA is the grant of OpenID Connect Client-Initiated Backchannel Authentication 1.0: the user, named by a hint, decides on a device of
// their own while this client waits. Exactly one hint must be set. With [Config].RequestObject the request is signed (section 7.1.1).
// Obtain returns when the user has decided, the time is over or the context ends; trouble of the network or the server in between only
// makes it wait. An ID Token always comes; one that was issued more than an hour ago is refused.
//
// Errors: *[ResponseError], such as [ErrAccessDenied] or [ErrUnknownUserID]; [ErrExpiredToken] by either side; *[VerificationError];
// *[ExchangeError] when the flow could not begin.
type CIBA struct {
	Scope          []string // "openid" is one of them and need not be said
	LoginHint      string   // a name, a telephone number: what the server knows the user by
	LoginHintToken Secret   // the same in a token that somebody issued
	IDTokenHint    *IDToken // the user of an earlier login
	// BindingMessage is shown on both devices, for the user to compare: short and plain.
	BindingMessage string
	UserCode       Secret        // what the user gave against unwanted requests, where the server wants it
	RequestedTime  time.Duration // requested_expiry, in whole seconds: how long the user may take; 0: as the server thinks fit
	ACRValues      []string
	Resource       []string // the APIs the token is for (RFC 8707)
	// AuthorizationDetails ask for more than a scope can say (RFC 9396).
	AuthorizationDetails []AuthorizationDetail
	Extra                url.Values // parameters of the server's own
	// RequestContext is what the server weighs fraud by, such as where the consumption device stands (FAPI-CIBA section 5.3): by the names of
	// members of a JSON object.
	RequestContext map[string]json.RawMessage
	// FAPI refuses to send what FAPI-CIBA does not allow: the request must be signed with PS256 or ES256 for an hour at most and have a binding
	// message, authorization details or an Extra that says what the user decides about; the client must authenticate with a key or a
	// certificate; and the tokens must be bound to one. Each refusal is a *[VerificationError] that names the clause. [FAPI1Advanced] does the same.
	FAPI bool
	// Ping is where the server's notification will arrive, for a client that is registered for the ping mode; nil: the client polls.
	Ping *PingEndpoint
}

const (
	cibaGrant = "urn:openid:params:grant-type:ciba"
	cibaFAPI  = "CIBA.FAPI"
	// pingPatience is how often a client asks that waits for a ping, which may get lost or reach another process.
	pingPatience = 30 * time.Second
)

// backchannelResponse is the answer of the backchannel authentication endpoint, under judgement.
type backchannelResponse struct {
	waiting
	status int
	id     strict.Value
	idText string
}

func (*backchannelResponse) kind() string { return "backchannel authentication response" }
func (*backchannelResponse) cause() error { return nil }

// authReqIDCharacters are those that a server is restricted to.
const authReqIDCharacters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.-_"

var backchannelChecks = []check[*backchannelResponse]{
	{"status", "CIBA §7.3",
		func(_ context.Context, d *backchannelResponse) bool { return d.status == http.StatusOK },
		func(d *backchannelResponse) (string, string) { return "200", strconv.Itoa(d.status) }},
	{"auth_req_id", "CIBA §7.3",
		func(_ context.Context, d *backchannelResponse) bool {
			var ok bool
			d.idText, ok = d.id.Text()
			return ok && d.idText != "" && strings.Trim(d.idText, authReqIDCharacters) == ""
		},
		func(d *backchannelResponse) (string, string) {
			return "a non-empty string of letters, digits and . - _", kindOf(d.id)
		}},
	{"expires_in", "CIBA §7.3",
		func(_ context.Context, d *backchannelResponse) bool { _, ok := d.lifetime(); return ok },
		func(d *backchannelResponse) (string, string) {
			return "a positive number of seconds", brief(d.expiresIn)
		}},
	{"interval", "CIBA §7.3",
		func(_ context.Context, d *backchannelResponse) bool { _, ok := d.pace(); return ok },
		func(d *backchannelResponse) (string, string) {
			return "nothing, or 1 to " + strconv.Itoa(int(maxInterval/time.Second)) + " seconds", brief(d.interval)
		}},
}

// Obtain implements [Grant].
func (g CIBA) Obtain(ctx context.Context, c *Client) (*Tokens, error) {
	return g.obtain(ctx, c, cibaTables{cibaSupportChecks, fapiCIBAChecks, cibaIDTokenChecks})
}

func (g CIBA) obtain(ctx context.Context, c *Client, rows cibaTables) (*Tokens, error) {
	scope := g.Scope
	if !slices.Contains(scope, "openid") {
		scope = slices.Concat([]string{"openid"}, scope)
	}
	form, err := g.form(c, scope)
	if err != nil {
		return nil, err
	}
	s, err := c.current(ctx)
	if err != nil {
		return nil, err
	}
	asks := &backchannelRequest{c: c, meta: s.meta, grant: g}
	if err := judge(ctx, c, rows.support, asks); err != nil {
		return nil, err
	}
	p := &poll{document: "backchannel authentication", spec: "CIBA §7.3"}
	var pending *pendingPing
	if g.Ping != nil {
		pending = g.Ping.expect()
		defer g.Ping.forget(pending)
		form.Set("client_notification_token", pending.token)
		p.ping = pending.arrived
	}
	if c.requests != nil && c.requests.signs() {
		form.Set("client_id", c.cfg.ClientID)
		object, err := c.requests.sign(ctx, c, form)
		if err != nil {
			return nil, err
		}
		form = url.Values{"request": {object}}
		asks.read(object)
	}
	if g.FAPI || c.cfg.Profile != nil && c.cfg.Profile.switchesOn(cibaFAPI) {
		if err := judge(ctx, c, rows.fapi, asks); err != nil {
			return nil, err
		}
	}
	d, err := c.beginBackchannel(ctx, s, form)
	if err != nil {
		return nil, err
	}
	lifetime, _ := d.lifetime()
	p.interval, _ = d.pace()
	if pending != nil {
		p.interval = max(p.interval, pingPatience)
		pending.begun(d.idText)
	}
	p.expires = c.wallClock().Add(lifetime)
	p.form = url.Values{"grant_type": {cibaGrant}, "auth_req_id": {d.idText}}
	p.expect = expectation{idToken: idTokenRequired, recent: true, shown: g.IDTokenHint, more: rows.idToken, authReqID: d.idText}
	if p.expect.key, err = c.newKey(); err != nil {
		return nil, err
	}
	t, err := p.wait(ctx, c)
	if err == nil && t.Scope == nil {
		t.Scope = slices.Clone(scope)
	}
	return t, err
}

// form is the request of CIBA section 7.1.
func (g CIBA) form(c *Client, scope []string) (url.Values, error) {
	form, err := grantForm("CIBA", scope, g.Resource, g.AuthorizationDetails)
	if err != nil {
		return nil, err
	}
	set := func(name, value string) {
		if value != "" {
			form.Set(name, value)
		}
	}
	set("login_hint", g.LoginHint)
	set("login_hint_token", g.LoginHintToken.Reveal())
	if g.IDTokenHint != nil {
		if err := c.own("", g.IDTokenHint); err != nil {
			return nil, err
		}
		set("id_token_hint", g.IDTokenHint.content().raw)
	}
	set("binding_message", g.BindingMessage)
	set("user_code", g.UserCode.Reveal())
	set("acr_values", strings.Join(g.ACRValues, " "))
	if g.RequestedTime > 0 {
		set("requested_expiry", strconv.FormatInt(int64(g.RequestedTime/time.Second), 10))
	}
	if len(g.RequestContext) > 0 {
		b, err := appendMembers(nil, g.RequestContext)
		if err != nil {
			return nil, fmt.Errorf("openid: CIBA: RequestContext: %w", err)
		}
		form.Set("request_context", string(b))
	}
	if err := addExtra(form, g.Extra); err != nil {
		return nil, err
	}
	if err := g.extraMistake(c); err != nil {
		return nil, err
	}
	var hints []string
	for _, name := range []string{"login_hint", "login_hint_token", "id_token_hint"} {
		if form.Get(name) != "" {
			hints = append(hints, name)
		}
	}
	switch {
	case len(hints) != 1:
		return nil, fmt.Errorf("openid: CIBA: expected exactly one of LoginHint, LoginHintToken and IDTokenHint, got %s", or(strings.Join(hints, " and "), "none"))
	case g.BindingMessage != "" && !showable(g.BindingMessage, 256):
		return nil, errors.New("openid: CIBA: BindingMessage: expected at most 256 bytes of printable text")
	case g.RequestedTime < 0 || g.RequestedTime%time.Second != 0:
		return nil, fmt.Errorf("openid: CIBA: RequestedTime: expected whole seconds, got %s", g.RequestedTime)
	}
	form.Del("grant_type")
	return form, nil
}

// extraMistake says what Extra must not hold: what this package says itself, here or in a signed request.
func (g CIBA) extraMistake(c *Client) error {
	for name := range g.Extra {
		switch {
		case name == "client_notification_token" || name == "request":
			return fmt.Errorf("openid: CIBA.Extra: %s is set by this package and cannot be replaced", name)
		case c.requests != nil && slices.Contains(requestObjectClaims, name):
			return fmt.Errorf("openid: CIBA.Extra: %s is a claim of the request object that Config.RequestObject makes", name)
		}
	}
	return nil
}

// beginBackchannel sends the request.
func (c *Client) beginBackchannel(ctx context.Context, s *server, form url.Values) (*backchannelResponse, error) {
	res, sent, err := c.post(ctx, s, backchannelEndpoint, form, nil)
	if err != nil {
		return nil, err
	}
	d := &backchannelResponse{status: res.Status}
	err = readAnswer(usedEndpoints[backchannelEndpoint].name, res, sent, func(name string, v strict.Value) {
		switch name {
		case "auth_req_id":
			d.id = v
		case "expires_in":
			d.expiresIn = v
		case "interval":
			d.interval = v
		}
	})
	if err != nil {
		return nil, err
	}
	if err := judge(ctx, c, orElse(c.rows.backchannel, backchannelChecks), d); err != nil {
		return nil, err
	}
	return d, nil
}

package openid

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/openid-client/openid/internal/endpoint"
	"github.com/openid-client/openid/internal/strict"
)

// maxExpiresIn is ten years: more is no lifetime but a mistake, or an overflow to come.
const maxExpiresIn = 10 * 365 * 24 * 60 * 60

// tokenResponse is the token endpoint's answer, under judgement (RFC 6749 section 5.1).
type tokenResponse struct {
	c      *Client
	expect expectation
	sent   func() []string // in confidence

	access, tokenType, expiresIn, refresh, scope, idToken, details, issued strict.Value
	err, why, uri                                                          strict.Value // error, error_description, error_uri
	extra                                                                  map[string]json.RawMessage

	accessToken, scopes string // access and scope, once their rows have seen them
	granted             []AuthorizationDetail
}

func (*tokenResponse) kind() string { return "token response" }
func (*tokenResponse) cause() error { return nil }

var tokenResponseChecks = []check[*tokenResponse]{
	{"access_token", "RFC 6749 §5.1, §A.12",
		func(_ context.Context, d *tokenResponse) bool {
			var ok bool
			d.accessToken, ok = d.access.Text()
			return ok && d.accessToken != "" && visible(d.accessToken)
		},
		func(d *tokenResponse) (string, string) {
			return "a non-empty string of visible ASCII", kindOf(d.access)
		}},
	{"token_type", "RFC 6749 §7.1, RFC 6750, RFC 9449 §5",
		// Who asks for a bound token and takes an unbound one has been talked out of the binding.
		func(_ context.Context, d *tokenResponse) bool {
			if d.tokenType.Equal(d.expect.tokenType()) {
				return true
			}
			s, _ := d.tokenType.Text()
			return strings.EqualFold(s, d.expect.tokenType()) || d.noAccess()
		},
		func(d *tokenResponse) (string, string) {
			expected := strconv.Quote(d.expect.tokenType())
			if d.expect.exchange != nil {
				expected += `, or "N_A" for what is no access token`
			}
			return expected, brief(d.tokenType)
		}},
	{"issued_token_type", "RFC 8693 §2.2.1",
		func(_ context.Context, d *tokenResponse) bool { return d.expect.exchange.fits(d.issued) },
		func(d *tokenResponse) (string, string) { return d.expect.exchange.wanted(), shown(d.issued) }},
	{"expires_in", "RFC 6749 §5.1",
		func(_ context.Context, d *tokenResponse) bool { _, ok := d.lifetime(); return ok },
		func(d *tokenResponse) (string, string) {
			return "nothing, or 0 to " + strconv.Itoa(maxExpiresIn) + " seconds", brief(d.expiresIn)
		}},
	{"refresh_token", "RFC 6749 §5.1, §A.17",
		func(_ context.Context, d *tokenResponse) bool {
			s, ok := d.refresh.Text()
			return d.refresh == nil || ok && s != "" && visible(s)
		},
		func(d *tokenResponse) (string, string) {
			return "nothing, or a non-empty string of visible ASCII", kindOf(d.refresh)
		}},
	{"scope", "RFC 6749 §5.1",
		func(_ context.Context, d *tokenResponse) bool {
			var ok bool
			d.scopes, ok = d.scope.Text()
			return d.scope == nil || ok
		},
		func(d *tokenResponse) (string, string) { return "nothing, or a string", kindOf(d.scope) }},
	{"authorization_details", "RFC 9396 §7",
		func(_ context.Context, d *tokenResponse) bool {
			if d.details == nil {
				return true
			}
			var err error
			d.granted, err = readDetails(d.details)
			return err == nil
		},
		func(d *tokenResponse) (string, string) {
			return "nothing, or objects that have a type", kindOf(d.details)
		}},
	{"id_token", "OpenID Connect Core 1.0 §3.1.3.3",
		func(_ context.Context, d *tokenResponse) bool {
			if d.idToken == nil {
				return d.expect.idToken != idTokenRequired
			}
			s, ok := d.idToken.Text()
			return d.expect.idToken == idTokenIgnored || ok && s != ""
		},
		func(d *tokenResponse) (string, string) {
			return "an ID Token, since openid was asked", kindOf(d.idToken)
		}},
}

// noAccess: a token exchange issued something that is no access token, and says so (RFC 8693 section 2.2.1).
func (d *tokenResponse) noAccess() bool {
	s, _ := d.tokenType.Text()
	return d.expect.exchange != nil && strings.EqualFold(s, notAccess) && !d.issued.Equal(AccessTokenType)
}

// visible is RFC 6749 appendix A: what could end a header line early is no part of a token.
func visible(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r < 0x20 || r > 0x7e })
}

// kindOf names the kind of a value that must not be shown.
func kindOf(v strict.Value) string {
	if v == nil {
		return "nothing"
	}
	switch v.Kind() {
	case '"':
		if len(v) == 2 {
			return "an empty string"
		}
		return "a string"
	case '{':
		return "an object"
	case '[':
		return "an array"
	case '0':
		return "a number"
	}
	return string(v)
}

// brief shows what is too short to be a token.
func brief(v strict.Value) string {
	if len(v) > 20 {
		return kindOf(v)
	}
	return shown(v)
}

func (d *tokenResponse) lifetime() (int64, bool) {
	if d.expiresIn == nil {
		return 0, true
	}
	return seconds(d.expiresIn)
}

// seconds reads a lifetime, also a number in quotes, which some servers send.
func seconds(v strict.Value) (n int64, ok bool) {
	n, ok = v.NumericDate()
	if s, quoted := v.Text(); quoted {
		var err error
		n, err = strconv.ParseInt(s, 10, 64)
		ok = err == nil
	}
	return n, ok && n >= 0 && n <= maxExpiresIn
}

func (d *tokenResponse) read(body []byte) error { return strict.Object(body, d.member) }

func (d *tokenResponse) member(name []byte, v strict.Value) error {
	if v.Kind() == 'n' {
		return nil // null counts as absent
	}
	switch string(name) {
	case "access_token":
		d.access = v
	case "token_type":
		d.tokenType = v
	case "expires_in":
		d.expiresIn = v
	case "refresh_token":
		d.refresh = v
	case "scope":
		d.scope = v
	case "id_token":
		d.idToken = v
	case "authorization_details":
		d.details = v
	case "issued_token_type":
		d.issued = v
	case "error":
		d.err = v
	case "error_description":
		d.why = v
	case "error_uri":
		d.uri = v
	default:
		if d.extra == nil {
			d.extra = make(map[string]json.RawMessage)
		}
		d.extra[string(name)] = json.RawMessage(slices.Clone(v))
	}
	return nil
}

// statusError tells a refusal from an answer that says nothing: a 4xx is a refusal whatever its body, and so is every answer whose body
// names an error (RFC 6749 section 5.2).
func statusError(name string, res *endpoint.Response, sent func() []string) error {
	d := tokenResponse{sent: sent}
	if len(res.Body) > 0 && d.read(res.Body) == nil && d.err != nil {
		return d.refusal(name, res)
	}
	if res.Status >= 400 && res.Status < 500 {
		e := &ResponseError{Endpoint: name, Status: res.Status, Challenges: challenged(res, sent), RetryAfter: retryAfter(res.Header)}
		for _, c := range e.Challenges {
			if e.Code == "" {
				e.Code = Code(printable(string(c.Code()), 64))
				e.Description = printable(c.Params["error_description"], 200)
				e.URI = printable(c.Params["error_uri"], 200)
			}
		}
		return e
	}
	expected := "status 200"
	if name == usedEndpoints[parEndpoint].name || name == usedEndpoints[registrationEndpoint].name {
		expected = "status 201"
	}
	return &ExchangeError{Endpoint: name, Sent: true, Status: res.Status, Expected: expected, Got: strconv.Itoa(res.Status), RetryAfter: retryAfter(res.Header)}
}

// challenged is what WWW-Authenticate says, without what was sent in confidence.
func challenged(res *endpoint.Response, sent func() []string) []Challenge {
	list := Challenges(res.Header)
	for i := range list {
		list[i].Token68 = withheld(list[i].Token68, sent())
		for name, value := range list[i].Params {
			list[i].Params[name] = withheld(value, sent())
		}
	}
	return list
}

func (d *tokenResponse) refusal(name string, res *endpoint.Response) error {
	code, ok := d.err.Text()
	if !ok || code == "" {
		code = "error" // said in no way that RFC 6749 knows
	}
	why, _ := d.why.Text()
	uri, _ := d.uri.Text()
	sent := d.sent()
	return &ResponseError{Endpoint: name, Status: res.Status, Challenges: challenged(res, d.sent), Code: Code(printable(withheld(code, sent), 64)),
		Description: printable(withheld(why, sent), 200), URI: printable(withheld(uri, sent), 200), RetryAfter: retryAfter(res.Header)}
}

// publicParameters of a token request may stand in an error.
var publicParameters = []string{"client_assertion_type", "client_id", "grant_type", "redirect_uri", "scope"}

// confidential lists what a request carries that nobody else may see.
func confidential(r *AuthRequest) []string {
	secrets := make([]string, 0, 4)
	for name, values := range r.Form {
		if !slices.Contains(publicParameters, name) {
			secrets = append(secrets, values...)
		}
	}
	for _, values := range r.Header {
		secrets = append(secrets, values...)
	}
	for _, v := range r.Header["Authorization"] {
		scheme, credentials, _ := strings.Cut(v, " ")
		secrets = append(secrets, credentials)
		if scheme == "Basic" {
			if pair, err := base64.StdEncoding.DecodeString(credentials); err == nil {
				_, encoded, _ := strings.Cut(string(pair), ":")
				if secret, err := url.QueryUnescape(encoded); err == nil {
					secrets = append(secrets, secret)
				}
			}
		}
	}
	// A secret may contain another: the longer one is blanked out first.
	slices.SortFunc(secrets, func(a, b string) int { return len(b) - len(a) })
	return secrets
}

// requestTokens sends one token request and judges what comes back.
func (c *Client) requestTokens(ctx context.Context, s *server, form url.Values, e expectation) (*Tokens, error) {
	began := time.Now()
	res, sent, err := c.postIf(ctx, s, tokenEndpoint, form, e.key, e.confirm)
	if err != nil {
		return nil, err
	}
	if res.Status != http.StatusOK {
		return nil, statusError("token", res, sent)
	}
	d := &tokenResponse{c: c, expect: e, sent: sent}
	if err := d.read(res.Body); err != nil {
		return nil, &ExchangeError{Endpoint: "token", Sent: true, Status: res.Status, Expected: "a token response", Got: "something else", Err: err}
	}
	if d.err != nil {
		return nil, d.refusal("token", res)
	}
	if err := judge(ctx, c, c.rows.token, d); err != nil {
		return nil, err
	}
	return c.takeTokens(ctx, s, d, began)
}

// takeTokens turns a judged response into Tokens, the ID Token verified.
func (c *Client) takeTokens(ctx context.Context, s *server, d *tokenResponse, began time.Time) (*Tokens, error) {
	refresh, _ := d.refresh.Text()
	t := &Tokens{AccessToken: NewSecret(d.accessToken), RefreshToken: NewSecret(refresh), Type: d.expect.tokenType(), AuthorizationDetails: d.granted,
		issuer: c.cfg.Issuer}
	t.IssuedType, _ = d.issued.Text()
	if d.noAccess() {
		t.Type = notAccess
	} else {
		t.bind(recordOf(d.expect.key))
	}
	if extra := d.extra; len(extra) > 0 { // of d no more is kept: it refers to the whole body
		t.extra = func() map[string]json.RawMessage { return extra }
	}
	if d.expiresIn != nil {
		seconds, _ := d.lifetime()
		t.Expiry = began.Add(time.Duration(seconds) * time.Second)
	}
	if d.scope != nil {
		t.Scope = strings.Fields(d.scopes)
	}
	if d.idToken == nil || d.expect.idToken == idTokenIgnored {
		return t, nil
	}
	raw, _ := d.idToken.Text()
	e := d.expect
	e.accessToken, e.refresh = d.accessToken, refresh
	if e.issued != nil {
		e.issued(t.RefreshToken)
	}
	var err error
	t.IDToken, err = c.verifyIDToken(ctx, s, raw, e)
	if err != nil {
		return nil, err
	}
	t.issuer = t.IDToken.Issuer()
	return t, nil
}

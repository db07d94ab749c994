package openid

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/openid-client/openid/internal/strict"
)

// An Introspection is what the server says of a token that is active (RFC 7662 section 2.2). Only [Client.Introspect] makes one.
type Introspection struct{ v **introspection }

type introspection struct {
	payload                                                  []byte
	subject, clientID, username, issuer, tokenType, jkt, x5t string
	scope, audience                                          []string
	expiry, issuedAt                                         int64
	details                                                  []AuthorizationDetail
}

func (i *Introspection) content() *introspection {
	if i == nil || i.v == nil {
		return new(introspection)
	}
	return *i.v
}

// Subject returns sub, empty for a token that is about no user.
func (i *Introspection) Subject() string { return i.content().subject }

// ClientID returns client_id, the client that the token was issued to.
func (i *Introspection) ClientID() string { return i.content().clientID }

// Username returns username, a name to show; never a key.
func (i *Introspection) Username() string { return i.content().username }

// Issuer returns iss, empty where the server does not say; it is this client's issuer otherwise.
func (i *Introspection) Issuer() string { return i.content().issuer }

// TokenType returns token_type as the server writes it, such as "Bearer" or "DPoP".
func (i *Introspection) TokenType() string { return i.content().tokenType }

// Scope returns scope.
func (i *Introspection) Scope() []string { return slices.Clone(i.content().scope) }

// Audience returns aud. Whoever serves an API looks for itself in it: this package does not know who that is.
func (i *Introspection) Audience() []string { return slices.Clone(i.content().audience) }

// Expiry returns exp, zero where the server does not say.
func (i *Introspection) Expiry() time.Time { return instant(i.content().expiry) }

// IssuedAt returns iat, zero where the server does not say.
func (i *Introspection) IssuedAt() time.Time { return instant(i.content().issuedAt) }

// DPoPThumbprint returns jkt of cnf: the key whose proof has to come with the token (RFC 9449 section 6.2).
func (i *Introspection) DPoPThumbprint() string { return i.content().jkt }

// CertificateThumbprint returns x5t#S256 of cnf: the certificate that has to come with the token (RFC 8705 section 3.2).
func (i *Introspection) CertificateThumbprint() string { return i.content().x5t }

// AuthorizationDetails returns what the token is good for beside its scope (RFC 9396 section 9.2).
func (i *Introspection) AuthorizationDetails() []AuthorizationDetail {
	return slices.Clone(i.content().details)
}

// Payload returns a copy of the answer: a JSON object without duplicate names. [Claims] decodes it.
func (i *Introspection) Payload() []byte { return slices.Clone(i.content().payload) }

func (i *Introspection) verified() []byte { return i.content().payload }

// String names subject and client and shows nothing else.
func (i Introspection) String() string {
	if i.v == nil {
		return "no introspection"
	}
	return "introspection of a token of " + quoted(i.Subject()) + " for " + quoted(i.ClientID())
}

// Format writes what String says, for every verb.
func (i Introspection) Format(f fmt.State, _ rune) { fmt.Fprint(f, i.String()) }

// MarshalText shows what String says; JSON encoders and log/slog use it.
func (i Introspection) MarshalText() ([]byte, error) { return []byte(i.String()), nil }

func instant(seconds int64) time.Time {
	if seconds == 0 {
		return time.Time{}
	}
	return time.Unix(seconds, 0)
}

// introspectionDocument is the answer of the introspection endpoint, under judgement.
type introspectionDocument struct {
	c                                                                                    *Client
	now                                                                                  time.Time
	active, iss, sub, clientID, username, tokenType, scope, aud, exp, iat, nbf, cnf, det strict.Value
	jkt, x5t                                                                             strict.Value
	details                                                                              []AuthorizationDetail
	issuer                                                                               issuerName
}

func (*introspectionDocument) kind() string { return "introspection response" }
func (*introspectionDocument) cause() error { return nil }

// introspectionJWTChecks are the rules for an answer that is signed (RFC 9701 section 5).
func introspectionJWTChecks() []check[*jwt] {
	return slices.Concat(typed(signedChecks, check[*jwt]{"typ", "RFC 9701 §5, RFC 8725 §3.11",
		func(_ context.Context, j *jwt) bool {
			return strings.EqualFold(strings.TrimPrefix(strings.ToLower(j.header.Type), "application/"), "token-introspection+jwt")
		},
		func(j *jwt) (string, string) { return "token-introspection+jwt", or(quoted(j.header.Type), "nothing") }}), []check[*jwt]{
		issuerCheck("RFC 9701 §5"),
		{"aud", "RFC 9701 §5",
			func(_ context.Context, j *jwt) bool { return j.audienceIsUs() },
			func(j *jwt) (string, string) { return j.audiences(), shown(j.claims.aud) }},
		{"iat", "RFC 9701 §5", iatRequired, saysIat},
		{"token_introspection", "RFC 9701 §5",
			func(_ context.Context, j *jwt) bool { return j.introspected().Kind() == '{' },
			func(j *jwt) (string, string) { return "an object", kindOf(j.introspected()) }},
	})
}

// typed puts another row for typ into a table: kinds of JWT that have a type of their own must have it.
func typed(rows []check[*jwt], typ check[*jwt]) []check[*jwt] {
	rows = slices.Clone(rows)
	rows[slices.IndexFunc(rows, func(r check[*jwt]) bool { return r.name == "typ" })] = typ
	return rows
}

var introspectionChecks = []check[*introspectionDocument]{
	{"active", "RFC 7662 §2.2",
		func(_ context.Context, d *introspectionDocument) bool { _, ok := d.active.Bool(); return ok },
		func(d *introspectionDocument) (string, string) { return "true or false", kindOf(d.active) }},
	{"iss", "RFC 7662 §2.2",
		func(_ context.Context, d *introspectionDocument) bool {
			var ok bool
			d.issuer, ok = d.c.issuerIn(d.iss)
			return d.iss == nil || ok
		},
		func(d *introspectionDocument) (string, string) {
			return "nothing, or " + d.c.anyName(), shown(d.iss)
		}},
	{"exp", "RFC 7662 §2.2, §4",
		func(_ context.Context, d *introspectionDocument) bool {
			exp, ok := d.exp.NumericDate()
			return d.exp == nil || ok && d.now.Add(-d.c.cfg.ClockTolerance).Unix() < exp
		},
		func(d *introspectionDocument) (string, string) {
			return "nothing, or a time after " + d.now.UTC().Format(time.RFC3339), shown(d.exp)
		}},
	{"nbf", "RFC 7662 §2.2, §4",
		func(_ context.Context, d *introspectionDocument) bool {
			nbf, ok := d.nbf.NumericDate()
			return d.nbf == nil || ok && nbf <= d.now.Add(d.c.cfg.ClockTolerance).Unix()
		},
		func(d *introspectionDocument) (string, string) {
			return "nothing, or a time not after " + d.now.UTC().Format(time.RFC3339), shown(d.nbf)
		}},
	{"iat", "RFC 7662 §2.2",
		func(_ context.Context, d *introspectionDocument) bool {
			_, ok := d.iat.NumericDate()
			return d.iat == nil || ok
		},
		func(d *introspectionDocument) (string, string) { return "nothing, or a time", shown(d.iat) }},
	{"sub", "RFC 7662 §2.2",
		func(_ context.Context, d *introspectionDocument) bool {
			s, ok := d.sub.Text()
			return d.sub == nil || ok && s != ""
		},
		func(d *introspectionDocument) (string, string) { return "nothing, or a subject", shown(d.sub) }},
	{"text members", "RFC 7662 §2.2",
		func(_ context.Context, d *introspectionDocument) bool { return d.noText() == "" },
		func(d *introspectionDocument) (string, string) {
			if name := d.noText(); name != "" {
				return "strings", "something else as " + name
			}
			return "strings", "strings"
		}},
	{"aud", "RFC 7662 §2.2, RFC 7519 §4.1.3",
		func(_ context.Context, d *introspectionDocument) bool {
			_, one := d.aud.Text()
			_, several := d.aud.Texts()
			return d.aud == nil || one || several
		},
		func(d *introspectionDocument) (string, string) {
			return "nothing, or one or several names", shown(d.aud)
		}},
	// A binding that cannot be read must not be taken for none.
	{"cnf", "RFC 8705 §3.2, RFC 9449 §6.2",
		func(_ context.Context, d *introspectionDocument) bool { return d.readBinding() },
		func(d *introspectionDocument) (string, string) {
			return "nothing, or an object whose jkt and x5t#S256 are strings", kindOf(d.cnf)
		}},
	{"authorization_details", "RFC 9396 §9.2",
		func(_ context.Context, d *introspectionDocument) bool {
			if d.det == nil {
				return true
			}
			var err error
			d.details, err = readDetails(d.det)
			return err == nil
		},
		func(d *introspectionDocument) (string, string) {
			return "nothing, or objects that have a type", kindOf(d.det)
		}},
}

func (d *introspectionDocument) noText() string {
	for _, m := range []struct {
		name string
		v    strict.Value
	}{{"client_id", d.clientID}, {"username", d.username}, {"token_type", d.tokenType}, {"scope", d.scope}} {
		if _, ok := m.v.Text(); m.v != nil && !ok {
			return m.name
		}
	}
	return ""
}

func (d *introspectionDocument) readBinding() bool {
	if d.cnf == nil {
		return true
	}
	texts := true
	err := d.cnf.Members(func(name []byte, v strict.Value) error {
		s, ok := v.Text()
		switch string(name) {
		case "jkt":
			d.jkt, texts = v, texts && ok && s != ""
		case "x5t#S256":
			d.x5t, texts = v, texts && ok && s != ""
		}
		return nil
	})
	return err == nil && texts
}

// Introspect asks the server whether a token is good, and for what (RFC 7662). A token that is not active is an error. The answer may be a
// signed JWT, and encrypted (RFC 9701); with [Config].IntrospectionSigningAlgs no other is taken. A hint is "access_token" or "refresh_token".
//
// Errors: errors.Is(err, [ErrInactive]) for a token that is unknown, expired, revoked or not for this client; *[ResponseError] when the
// question is refused; *[VerificationError] for an answer that contradicts itself; *[ExchangeError].
func (c *Client) Introspect(ctx context.Context, token Secret, hint ...string) (*Introspection, error) {
	ctx = c.newFlow(ctx)
	form, err := tokenForm("Introspect", token, hint)
	if err != nil {
		return nil, err
	}
	s, err := c.current(ctx)
	if err != nil {
		return nil, err
	}
	res, sent, err := c.post(ctx, s, introspectionEndpoint, form, nil)
	if err != nil {
		return nil, err
	}
	name := usedEndpoints[introspectionEndpoint].name
	if res.Status != 200 {
		return nil, statusError(name, res, sent)
	}
	payload := res.Body
	if res.MediaType == introspectionMediaType {
		if payload, err = c.verifyIntrospection(ctx, s, string(res.Body)); err != nil {
			return nil, err
		}
	}
	d := &introspectionDocument{c: c, now: c.now()}
	res.Body = payload
	if err := readAnswer(name, res, sent, d.take); err != nil {
		return nil, err
	}
	active, ok := d.active.Bool()
	if ok && !active {
		return nil, &ResponseError{Endpoint: name, Code: ErrInactive, Description: "the token is not active", Status: res.Status}
	}
	if err := judge(ctx, c, orElse(c.rows.introspection, introspectionChecks), d); err != nil {
		return nil, err
	}
	return d.result(payload), nil
}

func (d *introspectionDocument) take(name string, v strict.Value) {
	switch name {
	case "active":
		d.active = v
	case "iss":
		d.iss = v
	case "sub":
		d.sub = v
	case "client_id":
		d.clientID = v
	case "username":
		d.username = v
	case "token_type":
		d.tokenType = v
	case "scope":
		d.scope = v
	case "aud":
		d.aud = v
	case "exp":
		d.exp = v
	case "iat":
		d.iat = v
	case "nbf":
		d.nbf = v
	case "cnf":
		d.cnf = v
	case "authorization_details":
		d.det = v
	}
}

func (d *introspectionDocument) result(payload []byte) *Introspection {
	v := &introspection{payload: payload, details: d.details}
	for _, m := range []struct {
		to   *string
		from strict.Value
	}{{&v.subject, d.sub}, {&v.clientID, d.clientID}, {&v.username, d.username}, {&v.tokenType, d.tokenType}, {&v.jkt, d.jkt}, {&v.x5t, d.x5t}} {
		*m.to, _ = m.from.Text()
	}
	v.issuer = d.issuer.issuer
	scope, _ := d.scope.Text()
	v.scope, v.audience = strings.Fields(scope), audienceList(d.aud)
	v.expiry, _ = d.exp.NumericDate()
	v.issuedAt, _ = d.iat.NumericDate()
	return &Introspection{&v}
}

const introspectionMediaType = "application/token-introspection+jwt"

var introspectionMediaTypes = []string{"application/json", introspectionMediaType}

// verifyIntrospection returns the answer that a JWT carries.
func (c *Client) verifyIntrospection(ctx context.Context, s *server, compact string) ([]byte, error) {
	j := c.newJWT("introspection response", s, s.introspectionAlgs, compact, expectation{})
	defer j.release()
	if err := judge(ctx, c, orElse(c.rows.introspectionJWT, introspectionJWTChecks()), j); err != nil {
		return nil, err
	}
	j.keepHeader()
	return slices.Clone(j.introspected()), nil
}

// introspected is the member that the answer itself lies in.
func (j *jwt) introspected() strict.Value { return memberOf(j.payload, "token_introspection") }

// tokenForm asks about one token (RFC 7662 section 2.1, RFC 7009 section 2.1).
func tokenForm(call string, token Secret, hint []string) (map[string][]string, error) {
	if token.IsEmpty() {
		return nil, fmt.Errorf("openid: %s: there is no token", call)
	}
	if len(hint) > 1 {
		return nil, fmt.Errorf("openid: %s: one hint at most", call)
	}
	form := map[string][]string{"token": {token.Reveal()}}
	if len(hint) == 1 {
		form["token_type_hint"] = hint
	}
	return form, nil
}

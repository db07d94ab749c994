package openid

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/openid-client/openid/internal/strict"
)

// An IDToken is a verified ID Token: the server's signed word about who logged in (OpenID Connect Core 1.0 section 2). Only verification
// makes one. The user's key is the pair of Issuer and Subject, never an email address; [Claims] decodes everything else.
type IDToken struct {
	v **idToken // a pointer to a pointer is what no verb of fmt looks behind
}

type idToken struct {
	raw      string
	payload  []byte
	issuer   string
	subject  string
	exp, iat int64
	login    loginClaims
}

// loginClaims are what every refreshed ID Token must repeat if it says anything of it, however many came between.
type loginClaims struct {
	nonce    string // empty: there was none
	authTime int64  // 0: not known
}

// content is empty for the zero IDToken, which nobody verified: it has no issuer, so that no client takes it for its own.
func (t *IDToken) content() *idToken {
	if t == nil || t.v == nil {
		return new(idToken)
	}
	return *t.v
}

// Issuer returns iss; where the server wrote an alias, the issuer that it stands for, so that a user has one key.
func (t *IDToken) Issuer() string { return t.content().issuer }

// Subject returns sub, which is unique and never reassigned at its issuer.
func (t *IDToken) Subject() string { return t.content().subject }

// Expiry returns exp. It bounds when the token may be accepted, not how long the user stays logged in.
func (t *IDToken) Expiry() time.Time { return time.Unix(t.content().exp, 0) }

// IssuedAt returns iat.
func (t *IDToken) IssuedAt() time.Time { return time.Unix(t.content().iat, 0) }

// AuthTime returns auth_time, when the user last proved who they are; the zero time when the server does not say.
func (t *IDToken) AuthTime() time.Time {
	if n, ok := t.claim("auth_time").NumericDate(); ok {
		return time.Unix(n, 0)
	}
	return time.Time{}
}

// ACR returns acr, the class of the authentication; empty when the server does not say.
func (t *IDToken) ACR() string { s, _ := t.claim("acr").Text(); return s }

// AMR returns amr, the methods of the authentication.
func (t *IDToken) AMR() []string { s, _ := t.claim("amr").Texts(); return s }

// SessionID returns sid, the server's name for this session, which logout tokens refer to.
func (t *IDToken) SessionID() string { s, _ := t.claim("sid").Text(); return s }

// Payload returns a copy of the claims as they were signed: a JSON object without duplicate names.
func (t *IDToken) Payload() []byte { return slices.Clone(t.content().payload) }

// Raw returns the token itself, for the rare receiver that wants to verify it too.
func (t *IDToken) Raw() Secret { return NewSecret(t.content().raw) }

// String describes the token without showing it.
func (t IDToken) String() string {
	if t.v == nil {
		return "no ID Token"
	}
	return "ID Token of " + quoted(t.Subject()) + " at " + quoted(t.Issuer())
}

// Format writes what String says, for every verb.
func (t IDToken) Format(f fmt.State, _ rune) { fmt.Fprint(f, t.String()) }

// MarshalText shows what String says; JSON encoders and log/slog use it.
func (t IDToken) MarshalText() ([]byte, error) { return []byte(t.String()), nil }

func (t *IDToken) verified() []byte { return t.content().payload }

func (t *IDToken) claim(name string) strict.Value { return memberOf(t.content().payload, name) }

// memberOf finds a member of an object that was read before.
func memberOf(object []byte, name string) (found strict.Value) {
	_ = strict.Object(object, func(n []byte, v strict.Value) error {
		if string(n) == name {
			found = v
		}
		return nil
	})
	return found
}

// VerifyIDToken verifies an ID Token that came on another way than through [Client.Callback]: from a phone's own login, from a browser
// component. The nonce is the one that was used there; when it is empty the token must have none.
//
// Errors: *[VerificationError]; *[ExchangeError] when metadata or keys could not be had.
func (c *Client) VerifyIDToken(ctx context.Context, raw, nonce string) (*IDToken, error) {
	ctx = c.newFlow(ctx)
	s, err := c.current(ctx)
	if err != nil {
		return nil, err
	}
	return c.verifyIDToken(ctx, s, raw, expectation{nonce: nonce})
}

func (c *Client) verifyIDToken(ctx context.Context, s *server, raw string, e expectation) (*IDToken, error) {
	document := "ID Token"
	switch {
	case e.previous != nil:
		document = "refreshed ID Token"
	case e.front != nil:
		document = "front-channel ID Token"
	}
	if of := cmp.Or(e.previous, e.shown); of != nil {
		e.issuer = c.firstName(of.Issuer()) // no user moves to another tenant
	}
	j := c.newJWT(document, s, s.algs, raw, e)
	defer j.release()
	if err := judge(ctx, c, c.rows.idToken, j); err != nil {
		return nil, err
	}
	if e.previous != nil {
		if err := judge(ctx, c, c.rows.refreshed, j); err != nil {
			return nil, err
		}
	}
	if e.front != nil {
		if err := judge(ctx, c, c.rows.front, j); err != nil {
			return nil, err
		}
	}
	if e.recent {
		if err := judge(ctx, c, c.rows.recent, j); err != nil {
			return nil, err
		}
	}
	if e.shown != nil {
		if err := judge(ctx, c, c.rows.back, j); err != nil {
			return nil, err
		}
	}
	if err := judge(ctx, c, e.more, j); err != nil {
		return nil, err
	}
	j.keepHeader()
	t := newIDToken(j.raw, j.payload, j.issuer.issuer, j.subject, &j.claims)
	t.content().login.nonce = e.nonce // the one that came is the same
	if e.previous != nil {
		t.content().login = e.previous.content().login
		if t.content().login.authTime == 0 {
			t.content().login.authTime, _ = j.claims.authTime.NumericDate()
		}
	}
	return t, nil
}

func newIDToken(raw string, payload []byte, issuer, subject string, claims *registeredClaims) *IDToken {
	t := &struct { // one allocation instead of two
		IDToken
		*idToken
		content idToken
	}{content: idToken{raw: raw, payload: payload, issuer: issuer, subject: subject}}
	t.content.exp, _ = claims.exp.NumericDate()
	t.content.iat, _ = claims.iat.NumericDate()
	t.content.login.authTime, _ = claims.authTime.NumericDate()
	t.idToken, t.IDToken.v = &t.content, &t.idToken
	return &t.IDToken
}

package openid

import (
	"context"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/openid-client/openid/internal/strict"
)

// maxResponseLifetime is what JARM section 2.1 recommends as the most: a response is made for the moment.
const maxResponseLifetime = 10 * time.Minute

// jarmChecks are the rules for an authorization response that is a JWT (JARM section 2.4).
var jarmChecks = slices.Concat(signedChecks, []check[*jwt]{
	issuerCheck("JARM §2.4 (3)"),
	{"aud", "JARM §2.4 (4)",
		func(_ context.Context, j *jwt) bool { return j.audienceIsUs() },
		func(j *jwt) (string, string) { return j.audiences(), shown(j.claims.aud) }},
	{"exp", "JARM §2.4 (5)", expRequired, saysExp},
	{"lifetime", "JARM §2.1",
		func(_ context.Context, j *jwt) bool {
			exp, _ := j.claims.exp.NumericDate()
			return exp <= j.latest+int64(maxResponseLifetime/time.Second)
		},
		func(j *jwt) (string, string) {
			return "an end at most " + maxResponseLifetime.String() + " after " + j.clock(), j.date(j.claims.exp)
		}},
	{"iat", "RFC 7519 §4.1.6", iatIfAny, saysIatIfAny},
	{"nbf", "RFC 7519 §4.1.5", nbfIfAny, saysNbfIfAny},
})

// readResponse reads the parameters that a JWT response holds. Nothing of them is believed yet: they only tell which login they may
// belong to.
func readResponse(compact string) (url.Values, bool) {
	parts := strings.Split(compact, ".")
	if len(parts) != 3 {
		return nil, false
	}
	payload, _ := strict.AppendBase64(nil, parts[1]) // nothing where it is badly encoded, and nothing is no object
	values, err := responseParameters(payload)
	return values, err == nil
}

// responseParameters takes strings and, for expires_in, a number; aud and the times are the token's own.
func responseParameters(payload []byte) (url.Values, error) {
	values := url.Values{}
	err := strict.Object(payload, func(name []byte, v strict.Value) error {
		switch string(name) {
		case "aud", "exp", "iat", "nbf", "jti":
			return nil
		case "expires_in":
			if v.Kind() == '0' {
				values.Set("expires_in", string(v))
				return nil
			}
		}
		if s, ok := v.Text(); ok {
			values.Set(string(name), s)
		}
		return nil
	})
	return values, err
}

// verifyResponse judges a JWT response and returns its parameters, now believed.
func (c *Client) verifyResponse(ctx context.Context, s *server, compact string) (url.Values, error) {
	j := c.newJWT("authorization response", s, s.responseAlgs, compact, expectation{})
	defer j.release()
	if err := judge(ctx, c, c.rows.jarm, j); err != nil {
		return nil, err
	}
	j.keepHeader()
	values, err := responseParameters(j.payload)
	if err != nil {
		return nil, err // cannot be: the payload was read before
	}
	return values, nil
}

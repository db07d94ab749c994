package openid

import (
	"context"
	"slices"

	"github.com/openid-client/openid/internal/strict"
)

// accessTokenChecks follow the signature of an access token (RFC 9068 section 4). They lie apart from the tables of every client, so that only
// those who protect an API link them; for that they stand here as they are, made by no call.
var accessTokenChecks = []check[*jwt]{
	{"iss", "RFC 9068 §2.2, §4",
		func(_ context.Context, j *jwt) bool { return j.issuerFits() },
		func(j *jwt) (string, string) { return j.wantedIssuer(), shown(j.claims.iss) }},
	{"tid", tenantSpec,
		func(_ context.Context, j *jwt) bool { return j.tenantFits() },
		func(j *jwt) (string, string) { return j.tenantStory() }},
	{"aud", "RFC 9068 §2.2, §4",
		func(_ context.Context, j *jwt) bool {
			audience := j.expect.presented.audience
			if j.claims.aud.Equal(audience) {
				return true
			}
			list, ok := j.claims.aud.Texts()
			return ok && slices.Contains(list, audience)
		},
		func(j *jwt) (string, string) {
			return quoted(j.expect.presented.audience) + ", maybe among others", shown(j.claims.aud)
		}},
	{"exp", "RFC 9068 §2.2, §4", expRequired, saysExp},
	{"iat", "RFC 9068 §2.2", iatRequired, saysIat},
	{"nbf", "RFC 7519 §4.1.5", nbfIfAny, saysNbfIfAny},
	{"sub", "RFC 9068 §2.2",
		func(_ context.Context, j *jwt) bool {
			var ok bool
			j.subject, ok = j.claims.sub.Text()
			return ok && j.subject != ""
		},
		func(j *jwt) (string, string) { return "a subject", shown(j.claims.sub) }},
	{"client_id", "RFC 9068 §2.2, RFC 8693 §4.3",
		func(_ context.Context, j *jwt) bool {
			t := &j.expect.presented.token
			t.clientID, _ = j.claims.clientID.Text()
			return t.clientID != ""
		},
		func(j *jwt) (string, string) { return "a client", shown(j.claims.clientID) }},
	{"jti", "RFC 9068 §2.2",
		func(_ context.Context, j *jwt) bool {
			t := &j.expect.presented.token
			t.id, _ = j.claims.jti.Text()
			return t.id != ""
		},
		func(j *jwt) (string, string) { return "a non-empty string", kindOf(j.claims.jti) }},
	{"scope", "RFC 9068 §2.2.3, RFC 8693 §4.2",
		func(_ context.Context, j *jwt) bool { return j.claims.scope == nil || j.claims.scope.Kind() == '"' },
		func(j *jwt) (string, string) { return "nothing, or a string", kindOf(j.claims.scope) }},
	{"auth_time", "RFC 9068 §2.2.1",
		func(_ context.Context, j *jwt) bool {
			at, ok := j.claims.authTime.NumericDate()
			return j.claims.authTime == nil || ok && at <= j.latest
		},
		func(j *jwt) (string, string) {
			return "nothing, or a time not after " + j.clock(), j.date(j.claims.authTime)
		}},
	// A binding that is not understood must not be taken for none.
	{"cnf", "RFC 7800 §3.1, RFC 8705 §3.1, RFC 9449 §6.1",
		func(_ context.Context, j *jwt) bool {
			t := &j.expect.presented.token
			var ok bool
			t.jkt, t.x5t, ok = confirmations(j.claims.cnf)
			return ok
		},
		func(j *jwt) (string, string) {
			return "nothing, or jkt and x5t#S256 and nothing else", kindOf(j.claims.cnf)
		}},
	{"binding", "RFC 8705 §3, RFC 9449 §7.1, §7.2",
		func(_ context.Context, j *jwt) bool { return j.expect.presented.fits() },
		func(j *jwt) (string, string) {
			return "a token that is bound to " + j.expect.presented.how.story() + ", as was proven", "one that is bound to " + j.expect.presented.binding()
		}},
	{"authorization_details", "RFC 9396 §9.1",
		func(_ context.Context, j *jwt) bool {
			if j.claims.details == nil {
				return true
			}
			var err error
			j.expect.presented.token.details, err = readDetails(j.claims.details)
			return err == nil
		},
		func(j *jwt) (string, string) {
			return "nothing, or objects that have a type", kindOf(j.claims.details)
		}},
}

// confirmations reads cnf. It reports false where that says anything that is not a thumbprint of these two kinds.
func confirmations(cnf strict.Value) (jkt, x5t string, ok bool) {
	if cnf == nil {
		return "", "", true
	}
	known := true
	err := cnf.Members(func(name []byte, v strict.Value) error {
		s, text := v.Text()
		switch string(name) {
		case "jkt":
			jkt = s
		case "x5t#S256":
			x5t = s
		default:
			text = false
		}
		known = known && text && s != ""
		return nil
	})
	return jkt, x5t, err == nil && known && jkt+x5t != ""
}

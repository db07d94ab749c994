package openid

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/openid-client/openid/internal/strict"
)

// logoutEvent is the member of events that makes a token a logout token (OpenID Connect Back-Channel Logout 1.0 section 2.4).
const logoutEvent = "http://schemas.openid.net/event/backchannel-logout"

// A LogoutToken is a verified logout token: the server's signed word that sessions are over (OpenID Connect Back-Channel Logout 1.0 section
// 2.4). Only [Client.VerifyLogoutToken] makes one. Where it names a SessionID, the sessions of that one end; where it names none, all
// sessions of Issuer and Subject. Refresh tokens that were given for offline_access stay good (section 2.7).
type LogoutToken struct {
	v **logoutToken // a pointer to a pointer is what no verb of fmt looks behind
}

type logoutToken struct {
	payload                        []byte
	issuer, subject, sessionID, id string
	iat, exp                       int64
	key                            string // of Config.Store, where its jti is remembered
}

func (t *LogoutToken) content() *logoutToken {
	if t == nil || t.v == nil {
		return new(logoutToken)
	}
	return *t.v
}

// Issuer returns iss.
func (t *LogoutToken) Issuer() string { return t.content().issuer }

// Subject returns sub; empty when the token names a session only.
func (t *LogoutToken) Subject() string { return t.content().subject }

// SessionID returns sid, which the ID Tokens of the session have too, see [IDToken.SessionID]; empty when all sessions of Subject end.
func (t *LogoutToken) SessionID() string { return t.content().sessionID }

// ID returns jti.
func (t *LogoutToken) ID() string { return t.content().id }

// IssuedAt returns iat. A session that began later, by [IDToken.IssuedAt], is another one.
func (t *LogoutToken) IssuedAt() time.Time { return time.Unix(t.content().iat, 0) }

// Expiry returns exp, until when the token may be accepted.
func (t *LogoutToken) Expiry() time.Time { return time.Unix(t.content().exp, 0) }

// Payload returns a copy of the claims as they were signed: a JSON object without duplicate names. [Claims] decodes it.
func (t *LogoutToken) Payload() []byte { return slices.Clone(t.content().payload) }

func (t *LogoutToken) verified() []byte { return t.content().payload }

// String says who is logged out, and names no session.
func (t LogoutToken) String() string {
	if t.v == nil {
		return "no logout token"
	}
	return "logout token for " + or(quoted(t.Subject()), "a session") + " at " + quoted(t.Issuer())
}

// Format writes what String says, for every verb.
func (t LogoutToken) Format(f fmt.State, _ rune) { fmt.Fprint(f, t.String()) }

// MarshalText shows what String says; JSON encoders and log/slog use it.
func (t LogoutToken) MarshalText() ([]byte, error) { return []byte(t.String()), nil }

// logoutTokenChecks are the rules of OpenID Connect Back-Channel Logout 1.0 section 2.6, in order; those of a session, numbers 9 to 11, are
// for whoever keeps the sessions. They are in no table of the Client's, so that only those link them who verify logout tokens.
func logoutTokenChecks() []check[*jwt] {
	return slices.Concat(typed(signedChecks, check[*jwt]{"typ", "OpenID Connect Back-Channel Logout 1.0 §2.4, RFC 8725 §3.11",
		func(_ context.Context, j *jwt) bool {
			// Recommended only, so that many say JWT or nothing; events tells what it is.
			return !foreignType(j.header.Type) || strings.TrimPrefix(strings.ToLower(j.header.Type), "application/") == "logout+jwt"
		},
		func(j *jwt) (string, string) {
			return "logout+jwt, JWT or nothing", or(quoted(j.header.Type), "nothing")
		}}), []check[*jwt]{
		issuerCheck("OpenID Connect Back-Channel Logout 1.0 §2.6 (4)"),
		{"tid", tenantSpec,
			func(_ context.Context, j *jwt) bool { return j.tenantFits() },
			func(j *jwt) (string, string) { return j.tenantStory() }},
		{"aud", "OpenID Connect Back-Channel Logout 1.0 §2.6 (4)",
			func(_ context.Context, j *jwt) bool { return j.audienceIsUs() },
			func(j *jwt) (string, string) { return j.audiences(), shown(j.claims.aud) }},
		{"iat", "OpenID Connect Back-Channel Logout 1.0 §2.6 (4)", iatRequired, saysIat},
		{"exp", "OpenID Connect Back-Channel Logout 1.0 §2.6 (4)", expRequired, saysExp},
		// However late it expires, its jti need not be remembered for longer.
		{"age", "OpenID Connect Back-Channel Logout 1.0 §2.4", notOld, saysNotOld},
		{"nbf", "RFC 7519 §4.1.5", nbfIfAny, saysNbfIfAny},
		{"sub", "OpenID Connect Back-Channel Logout 1.0 §2.4",
			func(_ context.Context, j *jwt) bool {
				j.subject, _ = j.claims.sub.Text()
				return j.claims.sub == nil || j.subject != "" && len(j.subject) <= maxSubject
			},
			func(j *jwt) (string, string) { return "nothing, or a subject of 1 to 255 bytes", shown(j.claims.sub) }},
		{"sid", "OpenID Connect Back-Channel Logout 1.0 §2.4",
			func(_ context.Context, j *jwt) bool {
				sid, _ := j.claims.sid.Text()
				return j.claims.sid == nil || sid != ""
			},
			func(j *jwt) (string, string) { return "nothing, or the name of a session", kindOf(j.claims.sid) }},
		{"sub or sid", "OpenID Connect Back-Channel Logout 1.0 §2.6 (5)",
			func(_ context.Context, j *jwt) bool { return j.claims.sub != nil || j.claims.sid != nil },
			func(j *jwt) (string, string) {
				if j.claims.sub == nil && j.claims.sid == nil {
					return "a subject or a session", "neither"
				}
				return "a subject or a session", "one"
			}},
		{"events", "OpenID Connect Back-Channel Logout 1.0 §2.6 (6)",
			func(_ context.Context, j *jwt) bool { return j.logoutEvent().Kind() == '{' },
			func(j *jwt) (string, string) {
				if v := j.logoutEvent(); v != nil {
					return "an object as " + logoutEvent, kindOf(v)
				}
				return "an object with the member " + logoutEvent, kindOf(j.claims.events) + " without it"
			}},
		{"nonce", "OpenID Connect Back-Channel Logout 1.0 §2.6 (7)",
			func(_ context.Context, j *jwt) bool { return j.claims.nonce == nil },
			func(j *jwt) (string, string) { return "no nonce", kindOf(j.claims.nonce) }},
		{"jti", "OpenID Connect Back-Channel Logout 1.0 §2.4",
			func(_ context.Context, j *jwt) bool {
				jti, _ := j.claims.jti.Text()
				return jti != ""
			},
			func(j *jwt) (string, string) { return "a name of this token", kindOf(j.claims.jti) }},
		// The last row: what is refused by another one must not use up the name.
		{"replay", "OpenID Connect Back-Channel Logout 1.0 §2.6 (8)",
			func(ctx context.Context, j *jwt) bool {
				j.fresh, j.err = j.c.store.Add(ctx, j.logoutKey(), nil, j.acceptable())
				return j.fresh
			},
			func(j *jwt) (string, string) {
				got := "one that came before"
				if j.fresh {
					got = "a new one"
				} else if j.err != nil {
					got = "one of which Config.Store cannot say that"
				}
				return "a token that did not come before", got
			}},
	})
}

// logoutEvent is the value of that member of events; nil where there is none.
func (j *jwt) logoutEvent() (found strict.Value) {
	if j.claims.events.Kind() != '{' {
		return nil
	}
	_ = j.claims.events.Members(func(name []byte, v strict.Value) error {
		if string(name) == logoutEvent {
			found = v
		}
		return nil
	})
	return found
}

// logoutKey is where the jti is remembered. Two issuers may use the same.
func (j *jwt) logoutKey() string {
	jti, _ := j.claims.jti.Text()
	return j.c.storeKey("logout", string(encodeRecord(1, j.issuer.issuer, jti)))
}

// acceptable is for how long a logout token will pass exp and age.
func (j *jwt) acceptable() time.Duration {
	exp, _ := j.claims.exp.NumericDate()
	iat, _ := j.claims.iat.NumericDate()
	until := min(exp, iat+int64(maxRecentAge/time.Second)+1)
	return max(time.Duration(until-j.earliest)*time.Second, time.Second)
}

// isIssuer reports whether iss is the server's name: the one comparison of issuers that come in requests and logout tokens.
func (c *Client) isIssuer(iss string) bool {
	_, ok := c.issuerNamed(iss)
	return ok
}

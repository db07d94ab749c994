package openid

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/openid-client/openid/internal/jose"
	"github.com/openid-client/openid/internal/strict"
)

const maxSubject = 255 // OpenID Connect Core 1.0 section 2

// idTokenChecks are the rules of OpenID Connect Core 1.0 section 3.1.3.7 and of section 2, in order.
var idTokenChecks = slices.Concat(signedChecks, []check[*jwt]{
	issuerCheck("OpenID Connect Core 1.0 §3.1.3.7 (2)"),
	{"tid", tenantSpec,
		func(_ context.Context, j *jwt) bool { return j.tenantFits() },
		func(j *jwt) (string, string) { return j.tenantStory() }},
	{"sub", "OpenID Connect Core 1.0 §2",
		func(_ context.Context, j *jwt) bool {
			j.subject, _ = j.claims.sub.Text()
			return j.subject != "" && len(j.subject) <= maxSubject
		},
		func(j *jwt) (string, string) { return "a subject of 1 to 255 bytes", shown(j.claims.sub) }},
	{"aud", "OpenID Connect Core 1.0 §3.1.3.7 (3)",
		func(_ context.Context, j *jwt) bool { return j.audienceIsUs() },
		func(j *jwt) (string, string) { return j.audiences(), shown(j.claims.aud) }},
	{"azp", "OpenID Connect Core 1.0 §3.1.3.7 (4, 5)",
		func(_ context.Context, j *jwt) bool {
			if j.claims.azp == nil {
				return !j.severalAudiences()
			}
			return j.claims.azp.Equal(j.c.cfg.ClientID)
		},
		func(j *jwt) (string, string) {
			if j.severalAudiences() {
				return quoted(j.c.cfg.ClientID) + ", since there are several audiences", shown(j.claims.azp)
			}
			return "nothing, or " + quoted(j.c.cfg.ClientID), shown(j.claims.azp)
		}},
	{"exp", "OpenID Connect Core 1.0 §3.1.3.7 (9), RFC 7519 §4.1.4", expRequired, saysExp},
	{"iat", "OpenID Connect Core 1.0 §2, §3.1.3.7 (10)", iatRequired, saysIat},
	{"nbf", "RFC 7519 §4.1.5", nbfIfAny, saysNbfIfAny},
	// A logout token has the same keys and the same audience, and need not have a type of its own.
	{"events", "OpenID Connect Back-Channel Logout 1.0 §4.1, RFC 8725 §2.8",
		func(_ context.Context, j *jwt) bool { return j.logoutEvent() == nil },
		func(j *jwt) (string, string) { return "no event of a logout", presence(j.logoutEvent() != nil) }},
	{"nonce", "OpenID Connect Core 1.0 §3.1.3.7 (11), §12.2",
		func(_ context.Context, j *jwt) bool { return j.nonceFits() },
		func(j *jwt) (string, string) { return j.nonceStory() }},
	{"auth_time", "OpenID Connect Core 1.0 §3.1.3.7 (13)",
		func(_ context.Context, j *jwt) bool { return j.loginIsRecent() },
		func(j *jwt) (string, string) {
			if j.expect.maxAge == "" {
				return "nothing, or a time not after " + j.clock(), j.date(j.claims.authTime)
			}
			return "a login at most " + j.expect.maxAge + " s before " + j.clock(), j.date(j.claims.authTime)
		}},
	{"at_hash", "OpenID Connect Core 1.0 §3.1.3.8",
		func(_ context.Context, j *jwt) bool { return j.hashFits(j.claims.atHash, j.expect.accessToken) },
		func(j *jwt) (string, string) {
			return j.hashStory(j.claims.atHash, j.expect.accessToken, "access token")
		}},
	{"c_hash", "OpenID Connect Core 1.0 §3.3.2.11",
		func(_ context.Context, j *jwt) bool { return j.hashFits(j.claims.cHash, j.expect.code) },
		func(j *jwt) (string, string) { return j.hashStory(j.claims.cHash, j.expect.code, "code") }},
	{"s_hash", "FAPI 1.0 Advanced §5.2.2.1",
		func(_ context.Context, j *jwt) bool { return j.hashFits(j.claims.sHash, j.expect.state) },
		func(j *jwt) (string, string) { return j.hashStory(j.claims.sHash, j.expect.state, "state") }},
})

// refreshedChecks follow when an ID Token came with a refresh: it must be about the same login.
var refreshedChecks = []check[*jwt]{
	{"same sub", "OpenID Connect Core 1.0 §12.2",
		func(_ context.Context, j *jwt) bool {
			return j.claims.sub.Equal(j.expect.previous.content().subject)
		},
		func(j *jwt) (string, string) { return j.same("sub", j.claims.sub) }},
	{"same aud", "OpenID Connect Core 1.0 §12.2",
		func(_ context.Context, j *jwt) bool {
			return slices.Equal(audienceList(j.claims.aud), audienceList(j.expect.previous.claim("aud")))
		},
		func(j *jwt) (string, string) { return j.same("aud", j.claims.aud) }},
	{"same auth_time", "OpenID Connect Core 1.0 §12.2",
		func(_ context.Context, j *jwt) bool {
			if j.claims.authTime == nil {
				return true
			}
			now, _ := j.claims.authTime.NumericDate()
			login := j.expect.previous.content().login.authTime
			return login == 0 || now == login
		},
		func(j *jwt) (string, string) {
			if login := j.expect.previous.content().login.authTime; login != 0 {
				return time.Unix(login, 0).UTC().Format(time.RFC3339) + " as at the login", j.date(j.claims.authTime)
			}
			return "any time", j.date(j.claims.authTime)
		}},
}

// maxRecentAge is how old an ID Token may be that came through the browser, or at the end of a wait: older ones lay about somewhere.
const maxRecentAge = time.Hour

// recentChecks follow where an ID Token must be fresh from the server: in the front channel, and in FAPI and CIBA (FAPI-CIBA).
var recentChecks = []check[*jwt]{
	{"age", "OpenID Connect Core 1.0 §3.1.3.7 (10)", notOld, saysNotOld},
}

// frontChecks follow when an ID Token came with the authorization response: what came with it must be vouched for (OpenID Connect Core
// 1.0 sections 3.2.2.11 and 3.3.2.11), and FAPI's detached signature covers the state.
var frontChecks = slices.Concat(recentChecks, []check[*jwt]{
	{"c_hash present", "OpenID Connect Core 1.0 §3.3.2.11",
		func(_ context.Context, j *jwt) bool { return j.claims.cHash != nil || !j.expect.front.code },
		func(j *jwt) (string, string) {
			return "a hash where a code came along", presence(j.claims.cHash != nil)
		}},
	{"at_hash present", "OpenID Connect Core 1.0 §3.2.2.10, §3.3.2.11",
		func(_ context.Context, j *jwt) bool { return j.claims.atHash != nil || !j.expect.front.token },
		func(j *jwt) (string, string) {
			return "a hash where an access token came along", presence(j.claims.atHash != nil)
		}},
	{"s_hash present", "FAPI 1.0 Advanced §5.2.2.1",
		func(_ context.Context, j *jwt) bool { return j.claims.sHash != nil || !j.expect.front.state },
		func(j *jwt) (string, string) {
			return "a hash of the state, if Config.DetachedSignature is set", presence(j.claims.sHash != nil)
		}},
})

// backChecks follow when another ID Token is known that this one belongs to, the front channel's or a hint: both are about the same user.
var backChecks = []check[*jwt]{
	{"front sub", "OpenID Connect Core 1.0 §3.3.3.6, CIBA §7.1",
		func(_ context.Context, j *jwt) bool { return j.claims.sub.Equal(j.expect.shown.Subject()) },
		func(j *jwt) (string, string) {
			return quoted(j.expect.shown.Subject()) + " as in the ID Token before", shown(j.claims.sub)
		}},
}

// audienceIsUs: this client is meant, and nobody whom the configuration does not trust.
func (j *jwt) audienceIsUs() bool {
	if j.claims.aud.Equal(j.c.cfg.ClientID) {
		return true
	}
	us := false
	list, ok := j.claims.aud.Texts()
	for _, a := range list {
		us = us || a == j.c.cfg.ClientID
		ok = ok && (a == j.c.cfg.ClientID || slices.Contains(j.c.cfg.TrustedAudiences, a))
	}
	return ok && us
}

func (j *jwt) severalAudiences() bool {
	return j.claims.aud.Kind() == '[' && len(audienceList(j.claims.aud)) > 1
}

func (j *jwt) audiences() string {
	if len(j.c.cfg.TrustedAudiences) == 0 {
		return quoted(j.c.cfg.ClientID) + " alone"
	}
	return quoted(j.c.cfg.ClientID) + ", and beside it only " + quoted(strings.Join(j.c.cfg.TrustedAudiences, " "))
}

func audienceList(v strict.Value) []string {
	if s, ok := v.Text(); ok {
		return []string{s}
	}
	list, _ := v.Texts()
	slices.Sort(list)
	return list
}

// nonceFits: the nonce that was sent must come back; where none was sent none may come; a refreshed ID Token need not repeat it.
func (j *jwt) nonceFits() bool {
	v := j.claims.nonce
	if p := j.expect.previous; p != nil {
		login := p.content().login.nonce
		return v == nil || login != "" && v.EqualSecret(login)
	}
	if j.expect.nonce == "" {
		return v == nil
	}
	return v.EqualSecret(j.expect.nonce)
}

func (j *jwt) nonceStory() (expected, got string) {
	expected = "the nonce of this login"
	switch {
	case j.expect.previous != nil:
		expected = "nothing, or the nonce of the login"
	case j.expect.nonce == "":
		expected = "no nonce"
	}
	switch {
	case j.claims.nonce == nil:
		return expected, "nothing"
	case j.claims.nonce.Kind() != '"':
		return expected, "not a string"
	case j.nonceFits():
		return expected, "the same"
	}
	return expected, "another"
}

func (j *jwt) loginIsRecent() bool {
	at, ok := j.claims.authTime.NumericDate()
	if j.claims.authTime == nil && j.expect.maxAge == "" {
		return true
	}
	if !ok || at > j.latest {
		return false
	}
	if j.expect.maxAge == "" {
		return true
	}
	limit, err := strconv.ParseInt(j.expect.maxAge, 10, 64)
	return err == nil && j.earliest-at <= limit
}

// hashFits judges at_hash and its kin whenever they are there and what they are the hash of is known.
func (j *jwt) hashFits(v strict.Value, of string) bool {
	if v == nil {
		return true
	}
	if of == "" {
		return v.Kind() == '"'
	}
	want, ok := jose.HalfHash(j.header.Algorithm, of)
	return ok && v.EqualSecret(want)
}

func (j *jwt) hashStory(v strict.Value, of, what string) (expected, got string) {
	expected = "nothing, or the hash of the " + what
	switch {
	case v == nil:
		return expected, "nothing"
	case !j.hashFits(v, of):
		return expected, "another value"
	case of == "":
		return expected, "a value that nothing is known about"
	}
	return expected, "the hash"
}

func (j *jwt) same(name string, v strict.Value) (expected, got string) {
	return shown(j.expect.previous.claim(name)) + " as before", shown(v)
}

func (j *jwt) clock() string { return j.now.UTC().Format(time.RFC3339) }

func (j *jwt) date(v strict.Value) string {
	if n, ok := v.NumericDate(); ok {
		return time.Unix(n, 0).UTC().Format(time.RFC3339)
	}
	return shown(v)
}

// shown is for claims that are no secret: issuer, subject, audiences, times.
func shown(v strict.Value) string {
	if v == nil {
		return "nothing"
	}
	if s, ok := v.Text(); ok {
		return quoted(s)
	}
	return printable(string(v), 80)
}

package openid

import (
	"fmt"
	"net/http"
	"reflect"
	"strings"
	"testing"
)

func TestChallenges(t *testing.T) {
	one := func(scheme, token68 string, params ...string) []Challenge {
		c := Challenge{scheme, token68, map[string]string{}}
		for i := 0; i < len(params); i += 2 {
			c.Params[params[i]] = params[i+1]
		}
		return []Challenge{c}
	}
	and := func(lists ...[]Challenge) (all []Challenge) {
		for _, l := range lists {
			all = append(all, l...)
		}
		return all
	}
	for _, row := range []struct {
		header string // several lines are parted by \n
		want   []Challenge
	}{
		// One challenge.
		{`Bearer`, one("bearer", "")},
		{`Bearer `, one("bearer", "")},
		{`bEARER realm="x"`, one("bearer", "", "realm", "x")},
		{`Bearer realm=x`, one("bearer", "", "realm", "x")},
		{`Bearer REALM="x"`, one("bearer", "", "realm", "x")},
		{`Bearer realm=""`, one("bearer", "", "realm", "")},
		{`Bearer realm="x", error="invalid_token", error_description="it \"expired\" \\ yesterday"`,
			one("bearer", "", "realm", "x", "error", "invalid_token", "error_description", `it "expired" \ yesterday`)},
		{`Bearer realm="a, b=c"`, one("bearer", "", "realm", "a, b=c")},
		{`Bearer realm="a\bc\n"`, one("bearer", "", "realm", "abcn")},
		{`Bearer realm="ä"`, one("bearer", "", "realm", "ä")},
		{"Bearer realm=\"a\tb\"", one("bearer", "", "realm", "a\tb")},
		{`Bearer realm = "x" , error = y`, one("bearer", "", "realm", "x", "error", "y")},
		{"Bearer\trealm=x", one("bearer", "", "realm", "x")},
		{`Bearer   realm=x`, one("bearer", "", "realm", "x")},
		{`Bearer realm='x'`, one("bearer", "", "realm", "'x'")},
		{`Bearer realm=x, realm=y`, one("bearer", "", "realm", "y")},
		{`Bearer realm=x, Realm=y`, one("bearer", "", "realm", "y")},
		{`Bearer realm=x,error=y`, one("bearer", "", "realm", "x", "error", "y")},
		{`!#$%&'*+-.^_|~ a=b`, one("!#$%&'*+-.^_|~", "", "a", "b")},
		{`DPoP error="use_dpop_nonce", algs="ES256 PS256"`, one("dpop", "", "error", "use_dpop_nonce", "algs", "ES256 PS256")},
		{`Bearer resource_metadata="https://rs.example/.well-known/oauth-protected-resource"`,
			one("bearer", "", "resource_metadata", "https://rs.example/.well-known/oauth-protected-resource")},
		// token68.
		{`Negotiate abc`, one("negotiate", "abc")},
		{`Negotiate a-._~+/9==`, one("negotiate", "a-._~+/9==")},
		{`Bearer error=`, one("bearer", "error=")},
		{`Negotiate abc `, one("negotiate", "abc")},
		{`Negotiate abc,`, one("negotiate", "abc")},
		{`Negotiate abc, Bearer realm=x`, and(one("negotiate", "abc"), one("bearer", "", "realm", "x"))},
		// Stray commas: RFC 9110 §5.6.1.
		{`, Bearer realm=x`, one("bearer", "", "realm", "x")},
		{`,,, ,Bearer realm=x,, ,`, one("bearer", "", "realm", "x")},
		{`Bearer realm=x,,error=y`, one("bearer", "", "realm", "x", "error", "y")},
		{`Scheme , realm="x"`, one("scheme", "", "realm", "x")},
		{`Bearer ,`, one("bearer", "")},
		// Several.
		{`Basic realm="b", Bearer realm="x"`, and(one("basic", "", "realm", "b"), one("bearer", "", "realm", "x"))},
		{"Basic realm=\"b\"\nBearer realm=\"x\"", and(one("basic", "", "realm", "b"), one("bearer", "", "realm", "x"))},
		{`Basic, Bearer`, and(one("basic", ""), one("bearer", ""))},
		{`Basic , Bearer`, and(one("basic", ""), one("bearer", ""))},
		{`Bearer realm=x, Bearer realm=y`, and(one("bearer", "", "realm", "x"), one("bearer", "", "realm", "y"))},
		{`Newauth realm="apps", type=1, title="Login to \"apps\"", Basic realm="simple"`,
			and(one("newauth", "", "realm", "apps", "type", "1", "title", `Login to "apps"`), one("basic", "", "realm", "simple"))},
		{`Bearer realm=x, DPoP algs="ES256", error=y`, and(one("bearer", "", "realm", "x"), one("dpop", "", "algs", "ES256", "error", "y"))},
		{`Bearer a=b, Negotiate, DPoP c=d`, and(one("bearer", "", "a", "b"), one("negotiate", ""), one("dpop", "", "c", "d"))},
		// The specifications' own.
		{`Basic realm="Access to the staging site", charset="UTF-8"`, one("basic", "", "realm", "Access to the staging site", "charset", "UTF-8")}, // RFC 7617 §2.1
		{"Digest realm=\"http-auth@example.org\", qop=\"auth, auth-int\", algorithm=SHA-256, nonce=\"7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v\"\n" + // RFC 7616 §3.9.1
			"Digest realm=\"http-auth@example.org\", qop=\"auth, auth-int\", algorithm=MD5, nonce=\"7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v\"",
			and(one("digest", "", "realm", "http-auth@example.org", "qop", "auth, auth-int", "algorithm", "SHA-256", "nonce", "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v"),
				one("digest", "", "realm", "http-auth@example.org", "qop", "auth, auth-int", "algorithm", "MD5", "nonce", "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v"))},
		{`Bearer realm="example", error="invalid_token", error_description="The access token expired"`, // RFC 6750 §3
			one("bearer", "", "realm", "example", "error", "invalid_token", "error_description", "The access token expired")},
		{`DPoP realm="WallyWorld", algs="ES256 PS256"`, one("dpop", "", "realm", "WallyWorld", "algs", "ES256 PS256")}, // RFC 9449 §7.1
		{`DPoP error="use_dpop_nonce", error_description="Resource server requires nonce in DPoP proof"`, // RFC 9449 §9
			one("dpop", "", "error", "use_dpop_nonce", "error_description", "Resource server requires nonce in DPoP proof")},
		{`Bearer, DPoP algs="ES256"`, and(one("bearer", ""), one("dpop", "", "algs", "ES256"))}, // as RFC 9449 §7.2 has both
		{`Bearer error="insufficient_user_authentication", error_description="A different authentication level is required", acr_values="myACR"`, // RFC 9470 §3
			one("bearer", "", "error", "insufficient_user_authentication", "error_description", "A different authentication level is required", "acr_values", "myACR")},
		{`BASIC REALM=realM`, one("basic", "", "realm", "realM")},
		{`Basic auth-param1="value"`, one("basic", "", "auth-param1", "value")},
		{"Basic\nDPoP", and(one("basic", ""), one("dpop", ""))},
		{`Newauth realm="apps", title="Login to apps=asd"`, one("newauth", "", "realm", "apps", "title", "Login to apps=asd")},
		{`Newauth realm="apps", title="Login to, apps=asd", type=1`, one("newauth", "", "realm", "apps", "title", "Login to, apps=asd", "type", "1")},
		// Nothing.
		{``, nil},
		{` `, nil},
		{`,`, nil},
		// Anything that does not parse makes the whole header worthless.
		{`Scheme, realm="x"`, nil},
		{`Newauth realm="apps", type=1, title="Login to "apps"", Basic realm="simple"`, nil},
		{`Newauth realm="apps", type=1, title="Login to "apps"`, nil},
		{"Basic realm=\"b\"\nBearer realm=\"x", nil}, // one bad line spoils the good one
		{`Bearer realm="x`, nil},
		{`Bearer realm="x\"`, nil},
		{`Bearer realm="x\`, nil},
		{`Bearer realm="x" junk`, nil},
		{`Bearer realm="x"junk`, nil},
		{`Bearer realm=x y`, nil},
		{`Bearer abc, realm="x"`, nil},
		{`Bearer abc realm="x"`, nil},
		{`Bearer realm="x", abc==`, nil},
		{`Bearer a=b=c`, nil},
		{`Bearer =x`, nil},
		{`="x"`, nil},
		{`"Bearer"`, nil},
		{`Bearer realm="x"; error="y"`, nil},
		{`Bearer/1 realm="x"`, nil},
		{`Bearer realm='a b'`, nil},
		{"Bearer realm=\"a\x00b\"", nil},
		{"Bearer realm=\"a\x7fb\"", nil},
		{`Basic realm="b", {"error":"x"}`, nil},
		{strings.Repeat("Bearer realm=x, ", maxChallenges+1), nil},
		{`Bearer realm="` + strings.Repeat("x", maxChallengeHeader) + `"`, nil},
	} {
		h := http.Header{"Www-Authenticate": strings.Split(row.header, "\n")}
		if got := Challenges(h); !reflect.DeepEqual(got, row.want) {
			t.Errorf("%.60q: got %v, want %v", row.header, got, row.want)
		}
	}
	var many strings.Builder
	for i := range maxChallengeParams + 1 {
		fmt.Fprintf(&many, "p%d=x, ", i)
	}
	if got := Challenges(http.Header{"Www-Authenticate": {"Bearer " + many.String()}}); got != nil {
		t.Errorf("%d parameters were kept", len(got[0].Params))
	}
	if Challenges(nil) != nil {
		t.Error("no header has challenges")
	}
}

// TestChallengeIsCutAndEscaped: what a server says must not break a log line.
func TestChallengeIsCutAndEscaped(t *testing.T) {
	c := Challenge{"bearer", "", map[string]string{"realm": "a\r\nX: 1" + strings.Repeat("x", 1000)}}
	if s := c.String(); strings.ContainsAny(s, "\r\n") || len(s) > 200 {
		t.Errorf("%q", s)
	}
}

func FuzzChallenges(f *testing.F) {
	for _, s := range []string{`Bearer realm="x", error=y, Negotiate abc==`, `,Basic , a="\"`, "DPoP\n,Bearer a=b"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		for _, c := range Challenges(http.Header{"Www-Authenticate": strings.Split(s, "\n")}) {
			if c.Scheme == "" || c.Scheme != strings.ToLower(c.Scheme) || c.Token68 != "" && len(c.Params) > 0 {
				t.Errorf("%q gives %v", s, c)
			}
			if shown := c.String(); strings.ContainsFunc(shown, func(r rune) bool { return r < ' ' || r == 0x7f }) {
				t.Errorf("%q shows %q", s, shown)
			}
			for name := range c.Params {
				if name == "" || name != strings.ToLower(name) || strings.ContainsAny(name, " \t,=\"") {
					t.Errorf("%q has a parameter %q", s, name)
				}
			}
		}
	})
}

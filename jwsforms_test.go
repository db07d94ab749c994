package openid

import (
	"encoding/base64"
	"strings"
	"testing"

	"github.com/openid-client/openid/internal/hostile"
)

// TestFormsOfTheRFCs: the client shares the secret of RFC 7520 section 3.5 or RFC 7515 appendix A.1 with its server, so that each signature of the
// specifications is good over what it covers. Every form but the compact one is refused, and by its name.
func TestFormsOfTheRFCs(t *testing.T) {
	const (
		text     = "SXTigJlzIGEgZGFuZ2Vyb3VzIGJ1c2luZXNzLCBGcm9kbywgZ29pbmcgb3V0IHlvdXIgZG9vci4gWW91IHN0ZXAgb250byB0aGUgcm9hZCwgYW5kIGlmIHlvdSBkb24ndCBrZWVwIHlvdXIgZmVldCwgdGhlcmXigJlzIG5vIGtub3dpbmcgd2hlcmUgeW91IG1pZ2h0IGJlIHN3ZXB0IG9mZiB0by4"
		header   = "eyJhbGciOiJIUzI1NiIsImtpZCI6IjAxOGMwYWU1LTRkOWItNDcxYi1iZmQ2LWVlZjMxNGJjNzAzNyJ9"
		mac      = "s0h6KThzkfBBBkLspW1h84VsJZFTsPPqMDA7g1Md7p0"
		cookbook = "hJtXIZ2uSN5kbQfbtTNWbpdmhkV8FJG-Onbc6mxCcYg"
		jws      = "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow"
	)
	for _, l := range []struct{ source, secret, token, check string }{
		{"RFC 7520 4.4, which is a compact JWS, of no JSON", cookbook, header + "." + text + "." + mac, "payload"},
		{"RFC 7520 4.5, detached", cookbook, header + ".." + mac, "signature"},
		{"RFC 7520 4.5, detached, general", cookbook, `{"signatures":[{"protected":"` + header + `","signature":"` + mac + `"}]}`, "compact"},
		{"RFC 7520 4.6, an unprotected kid", cookbook, `{"payload":"` + text + `","protected":"eyJhbGciOiJIUzI1NiJ9","header":{"kid":"018c0ae5-4d9b-471b-bfd6-eef314bc7037"},` +
			`"signature":"bWUSVaxorn7bEF1djytBd0kHv70Ly5pvbomzMWSOr20"}`, "compact"},
		{"RFC 7520 4.7, nothing protected", cookbook, `{"payload":"` + text + `","header":{"alg":"HS256","kid":"018c0ae5-4d9b-471b-bfd6-eef314bc7037"},` +
			`"signature":"xuLifqLGiblpv9zBpuZczWhNj1gARaLV3UxvxhJxZuk"}`, "compact"},
		{"RFC 7520 4.7, squeezed into the compact form", cookbook, "." + text + ".xuLifqLGiblpv9zBpuZczWhNj1gARaLV3UxvxhJxZuk", "header"},
		{"RFC 7520 4.8, the third of several signatures", cookbook, `{"payload":"` + text + `","signatures":[{"header":{"kid":"bilbo.baggins@hobbiton.example"},"signature":"AAAA"},` +
			`{"header":{"alg":"ES512","kid":"bilbo.baggins@hobbiton.example"},"signature":"AAAA"},{"protected":"` + header + `","signature":"` + mac + `"}]}`, "compact"},
		{"RFC 7515 A.5, none", jws, "eyJhbGciOiJub25lIn0.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.", "alg"},
		{"RFC 7515 E, crit", jws, "eyJhbGciOiJub25lIiwNCiAiY3JpdCI6WyJodHRwOi8vZXhhbXBsZS5jb20vVU5ERUZJTkVEIl0sDQogImh0dHA6Ly9leGFtcGxlLmNvbS9VTkRFRklORUQiOnRydWUNCn0.RkFJTA.", "alg"},
		{"RFC 7797 4.1, which is a compact JWS, of no JSON", jws, "eyJhbGciOiJIUzI1NiJ9.JC4wMg.5mvfOroL-g7HyqJoozehmsaqmvTYGEq5jTI1gVvoEoQ", "payload"},
		{"RFC 7797 4.2, unencoded and detached", jws, "eyJhbGciOiJIUzI1NiIsImI2NCI6ZmFsc2UsImNyaXQiOlsiYjY0Il19..A5dxf2s96_n5FLueVuW1Z_vh161FwXZC4YLPff6dmDY", "crit"},
	} {
		t.Run(l.source, func(t *testing.T) {
			secret, err := base64.RawURLEncoding.DecodeString(l.secret)
			if err != nil {
				t.Fatal(err)
			}
			p := hostile.Pipe(t)
			p.Alg, p.ClientSecret = "HS256", string(secret)
			c := newTestClient(t, p, allowHS256)
			refuse(t, c, l.token, l.check)
			if _, err := c.VerifyIDToken(t.Context(), l.token, ""); err == nil || !strings.Contains(err.Error(), "RFC") {
				t.Errorf("the rule is not named: %v", err)
			}
		})
	}
}

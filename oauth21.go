package openid

import (
	"context"
	"net/url"
	"slices"
	"strings"
)

// OAuth21 is OAuth 2.1 (draft-ietf-oauth-v2-1-16): PKCE with S256 always, no token through the browser, no password, https, and for public
// clients rotated or bound refresh tokens. It suits every client and every server that is not behind the times.
func OAuth21() Profile {
	const spec = "draft-ietf-oauth-v2-1-16 "
	return &profile{
		name: "OAuth21",
		config: []clause[*profiledConfig]{
			alwaysPKCE(spec + "§4.1.1"),
			noFrontTokens(spec + "§10.1"),
			allTLS(spec + "§1.5"),
			checkedTLS(spec + "§1.5"),
			redirect("The browser is sent back over https, to a loopback address or by a scheme that is a reversed domain name.", "RedirectURI", spec+"§1.5, §2.3.1, §8.4.3",
				"https, http on a loopback address, or a scheme with a period", isOwned),
		},
		support: []clause[*requestSupport]{{"Requests are protected by PKCE with S256.", check[*requestSupport]{"code_challenge_methods_supported", spec + "§4.1.1, §7.5.2",
			func(_ context.Context, d *requestSupport) bool { return d.s256() }, challengeMethods}}},
		asked: []clause[*requestedLogin]{
			{"No access token comes through the browser.", check[*requestedLogin]{"response_type", spec + "§10.1",
				func(_ context.Context, d *requestedLogin) bool {
					return !slices.Contains(strings.Fields(d.responseType), "token")
				},
				func(d *requestedLogin) (string, string) {
					return "no token through the browser", quoted(d.responseType)
				}}},
			askedRedirect("The browser is sent back over https, to a loopback address or by a scheme that is a reversed domain name.", spec+"§1.5, §2.3.1, §8.4.3",
				"https, http on a loopback address, or a scheme with a period", isOwned),
		},
		posts: []clause[*postedRequest]{
			{"Grants are those of OAuth 2.1, or extensions whose name is a URI: no password.", check[*postedRequest]{"grant_type", spec + "§4.4, §1.8",
				func(_ context.Context, d *postedRequest) bool {
					switch grant := d.form.Get("grant_type"); {
					case d.id != tokenEndpoint, grant == "authorization_code", grant == "client_credentials", grant == "refresh_token":
						return true
					default:
						u, err := url.Parse(grant)
						return err == nil && u.IsAbs()
					}
				},
				func(d *postedRequest) (string, string) {
					return "a grant of OAuth 2.1 or an absolute URI", or(quoted(d.form.Get("grant_type")), "none, since it is no token request")
				}}},
			{"Only a client that can prove who it is acts for itself.", check[*postedRequest]{"client_credentials", spec + "§4.2",
				func(_ context.Context, d *postedRequest) bool {
					_, public := d.c.cfg.Auth.(none)
					return !public || d.form.Get("grant_type") != "client_credentials"
				},
				func(d *postedRequest) (string, string) {
					return "an Auth, for the grant client_credentials", or(quoted(d.form.Get("grant_type")), "none, since it is no token request")
				}}},
		},
		tokens: []clause[*tokenResponse]{{"The refresh token of a public client is bound to a key, or each use brings a new one.", check[*tokenResponse]{"rotation", spec + "§4.3.1",
			func(_ context.Context, d *tokenResponse) bool {
				_, public := d.c.cfg.Auth.(none)
				bound := d.expect.key != nil || d.c.cfg.Certificate != nil
				return !public || bound || d.expect.spent.IsEmpty() || d.refresh != nil && !d.refresh.EqualSecret(d.expect.spent.Reveal())
			},
			func(d *tokenResponse) (string, string) {
				expected := "a new refresh token, where a public client has used one up that is bound to no key"
				switch {
				case d.refresh == nil:
					return expected, "none"
				case d.refresh.EqualSecret(d.expect.spent.Reveal()):
					return expected, "the same"
				}
				return expected, "a new one"
			}}}},
	}
}

// The rows that profiles share, each under the clause of the one that has it.

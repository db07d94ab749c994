package openid

import (
	"context"
	"crypto/tls"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// FAPI1Advanced is the FAPI Security Profile 1.0 Part 2: Advanced (final, 2021), with what it takes over from Part 1: Baseline. Beside
// Issuer, ClientID and RedirectURI it needs [Config].Certificate, which binds the tokens, and Auth: [PrivateKeyJWT], whose key signs the
// request objects too, or [TLSClientAuth] and a RequestObject. A login asks for a code that comes as a JWT (JARM), or, where the request
// says so, for "code id_token".
func FAPI1Advanced() Profile {
	const advanced, baseline = "FAPI 1.0 Advanced ", "FAPI 1.0 Baseline "
	const algorithms = advanced + "§8.6 (1, 3)"
	return &profile{
		name: "FAPI1Advanced", algs: []string{"PS256", "ES256"}, rsa: "PS256", mode: "jwt",
		ciphers: []uint16{tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384},
		sets: []setting{
			{"RequestObject", advanced + "§5.2.3 (2)", "The key of private_key_jwt signs request objects, unless another is named.", signsRequests},
			{"DetachedSignature", advanced + "§5.2.3.1 (3, 4)", "The authorization response is signed, the state included.", func(cfg *Config) { cfg.DetachedSignature = true }},
			{"Auth, RequestObject", algorithms, "RSA keys sign with PS256, unless another algorithm is named.", nil},
			{"AuthorizationRequest.ResponseMode", advanced + "§5.2.2 (2)", "A code is asked for in the response mode jwt.", nil},
			{"HTTPClient", advanced + "§8.5 (1)", "Under TLS 1.2 only the named cipher suites are offered.", nil},
		},
		config: slices.Concat([]clause[*profiledConfig]{
			strongAuth(advanced + "§5.2.2 (14), " + baseline + "§5.2.4 (1)"),
			{"Tokens are bound to a certificate.", check[*profiledConfig]{"Certificate", advanced + "§5.2.3 (1)",
				func(_ context.Context, d *profiledConfig) bool { return d.Certificate != nil },
				func(*profiledConfig) (string, string) { return "a certificate, which binds the tokens", "nil" }}},
			{"Tokens are not bound in another way.", check[*profiledConfig]{"DPoP", advanced + "§5.2.2 (6)",
				func(_ context.Context, d *profiledConfig) bool { return !d.DPoP.enabled() },
				func(d *profiledConfig) (string, string) {
					return "no DPoP, since Certificate binds the tokens", d.DPoP.String()
				}}},
			{"Requests are signed.", check[*profiledConfig]{"RequestObject", advanced + "§5.2.3 (2, 8)",
				func(_ context.Context, d *profiledConfig) bool { return d.requests != nil && d.requests.signs() },
				func(d *profiledConfig) (string, string) { return "a RequestObject that signs", d.requestForm() }}},
			ownAudience(advanced + "§5.2.3 (10)"),
			noFrontTokens(advanced + "§5.2.2 (2)"),
			{"A pushed request is protected by PKCE.", check[*profiledConfig]{"InsecureAllowNoPKCE", advanced + "§5.2.3 (15)",
				func(_ context.Context, d *profiledConfig) bool {
					return !d.InsecureAllowNoPKCE || !d.PushAuthorizationRequests
				},
				func(*profiledConfig) (string, string) {
					return "false, or PushAuthorizationRequests false", "both true"
				}}},
			tokensInHeader(baseline + "§6.2.2 (1)"),
			discovered("Metadata", baseline+"§5.2.3 (11)", func(cfg *Config) bool { return cfg.Metadata != nil }),
			discovered("DiscoveryURL", baseline+"§5.2.3 (11)", func(cfg *Config) bool { return cfg.DiscoveryURL != "" }),
			oneIssuer("IssuerAliases", baseline+"§7.7", func(cfg *Config) []string { return cfg.IssuerAliases }),
			oneIssuer("Tenants", baseline+"§7.7", func(cfg *Config) []string { return cfg.Tenants }),
			redirect("The browser is sent back to an https address.", "RedirectURI", baseline+"§5.2.2 (20), §7.5", "an https URI", isHTTPS),
			longRSA(baseline + "§5.2.4 (2)"),
			longCurve(baseline+"§5.2.4 (3)", 160),
			allTLS(baseline + "§7.1"),
			newTLS(baseline + "§7.1 (1)"),
			checkedTLS(baseline + "§7.1 (2)"),
			{"Under TLS 1.2 only the named cipher suites are offered.", check[*profiledConfig]{"HTTPClient", advanced + "§8.5 (1)",
				func(_ context.Context, d *profiledConfig) bool { return d.weakCipher() == "" },
				func(d *profiledConfig) (string, string) {
					return "only the cipher suites of the profile, or none named", or(d.weakCipher(), "those")
				}}},
		}, knownAlgorithms(algorithms)),
		metadata: []clause[*metadataDocument]{
			serverAlgorithms(algorithms),
			serverMethods(advanced + "§5.2.2 (14)"),
			serverBinds(advanced+"§5.2.2 (5, 6)", true),
		},
		support: []clause[*requestSupport]{{"A pushed request is protected by PKCE with S256.", check[*requestSupport]{"code_challenge_methods_supported", advanced + "§5.2.3 (15)",
			func(_ context.Context, d *requestSupport) bool {
				pushed := d.c.cfg.PushAuthorizationRequests || d.meta.RequirePushedAuthorizationRequests
				return d.s256() || d.c.cfg.InsecureAllowNoPKCE && !pushed
			}, challengeMethods}}},
		asked: []clause[*requestedLogin]{
			{"A code, alone or with an ID Token as its signature, is asked for.", check[*requestedLogin]{"response_type", advanced + "§5.2.2 (2)",
				func(_ context.Context, d *requestedLogin) bool {
					return d.responseType == "code" || d.responseType == "code id_token"
				},
				func(d *requestedLogin) (string, string) { return `"code" or "code id_token"`, quoted(d.responseType) }}},
			{"A code alone comes as a JWT.", check[*requestedLogin]{"response_mode", advanced + "§5.2.2 (2)",
				func(_ context.Context, d *requestedLogin) bool {
					return d.responseType != "code" || d.responseMode == "jwt"
				},
				func(d *requestedLogin) (string, string) { return `"jwt"`, quoted(d.responseMode) }}},
			askedRedirect("The browser is sent back to an https address.", baseline+"§5.2.2 (20), §7.5", "an https URI", isHTTPS),
		},
		objects:  objectClauses(advanced+"§5.2.3 ", "(10)", "(14)", "(11)"),
		posts:    postClauses(advanced+"§5.2.2 (14)", algorithms),
		jarm:     append(verifiedResponse(advanced+"§5.2.3.2 (1)"), serverSigned("A response is signed with PS256 or ES256.", algorithms)),
		tokens:   []clause[*tokenResponse]{grantedScope(baseline + "§5.2.3 (10)")},
		idTokens: []clause[*jwt]{serverSigned("An ID Token is signed with PS256 or ES256.", algorithms), underClause("The ID Token vouches for code and state.", "c_hash", advanced+"§5.2.3.1 (3)"), underClause("The ID Token vouches for code and state.", "s_hash", advanced+"§5.2.3.1 (4)")},
		front: []clause[*jwt]{underClause("The ID Token of the response names the hashes of code and state.", "c_hash present", advanced+"§5.2.3.1 (3)"),
			underClause("The ID Token of the response names the hashes of code and state.", "s_hash present", advanced+"§5.2.3.1 (4)")},
		userInfo: []clause[*jwt]{serverSigned("UserInfo, if signed, is signed with PS256 or ES256.", algorithms)},
		inspects: []clause[*jwt]{serverSigned("An introspection response, if signed, is signed with PS256 or ES256.", algorithms)},
	}
}

// FAPI2Security is the FAPI 2.0 Security Profile (final, 2025). Beside Issuer, ClientID and RedirectURI it needs Auth, [PrivateKeyJWT] or
// [TLSClientAuth], and what binds the tokens: [Config].DPoP or Certificate. Requests are always pushed, and a response that does not say iss
// is refused.
func FAPI2Security() Profile { return fapi2("FAPI2Security") }

const (
	fapi2Spec     = "FAPI 2.0 Security Profile "
	signingSpec   = "FAPI 2.0 Message Signing "
	fapi2Signing  = fapi2Spec + "§5.4.1 (1)"
	fapi2Redirect = fapi2Spec + "§5.3.2.2 (8)"
)

func fapi2(name string) *profile {
	return &profile{
		name: name, algs: []string{"PS256", "ES256", "Ed25519", "EdDSA"}, rsa: "PS256",
		ciphers: []uint16{tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
			tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384},
		sets: []setting{
			{"PushAuthorizationRequests", fapi2Spec + "§5.3.3.2 (2, 6)", "Requests are pushed; the browser carries client_id and request_uri only.",
				func(cfg *Config) { cfg.PushAuthorizationRequests = true }},
			{"Auth, DPoP, RequestObject", fapi2Signing, "RSA keys sign with PS256, unless another algorithm is named.", nil},
			{"HTTPClient", fapi2Spec + "§5.2.2 (2)", "Under TLS 1.2 only the recommended cipher suites are offered, unless others are named.", nil},
		},
		config: slices.Concat([]clause[*profiledConfig]{
			{"Tokens are bound to a key.", check[*profiledConfig]{"DPoP", fapi2Spec + "§5.3.3.1 (1)",
				func(_ context.Context, d *profiledConfig) bool { return d.DPoP.enabled() || d.Certificate != nil },
				func(*profiledConfig) (string, string) { return "DPoP or Certificate, which bind the tokens", "neither" }}},
			strongAuth(fapi2Spec + "§5.3.3.1 (2)"),
			tokensInHeader(fapi2Spec + "§5.3.3.1 (3)"),
			{"The audience of an assertion is the issuer, as a string.", check[*profiledConfig]{"Auth", fapi2Spec + "§5.3.3.1 (5)",
				func(_ context.Context, d *profiledConfig) bool { return d.assertionAudience() == "" },
				func(d *profiledConfig) (string, string) {
					return "no Signing.Audience, since the audience is Issuer", or(quoted(d.assertionAudience()), "none")
				}}},
			discovered("Metadata", fapi2Spec+"§5.3.3.1 (9)", func(cfg *Config) bool { return cfg.Metadata != nil }),
			discovered("DiscoveryURL", fapi2Spec+"§5.3.3.1 (9)", func(cfg *Config) bool { return cfg.DiscoveryURL != "" }),
			oneIssuer("IssuerAliases", fapi2Spec+"§5.3.3.1 (11)", func(cfg *Config) []string { return cfg.IssuerAliases }),
			oneIssuer("Tenants", fapi2Spec+"§5.3.3.1 (11)", func(cfg *Config) []string { return cfg.Tenants }),
			alwaysPKCE(fapi2Spec + "§5.3.3.2 (3)"),
			noFrontTokens(fapi2Spec + "§5.3.2.2 (1)"),
			redirect("The browser is not sent back over an unencrypted connection.", "RedirectURI", fapi2Redirect, "no http URI, but on a loopback address", isEncrypted),
			{"Nothing is signed with none.", check[*profiledConfig]{"RequestObject", fapi2Signing,
				func(_ context.Context, d *profiledConfig) bool { return d.requests == nil || d.requests.signs() },
				func(d *profiledConfig) (string, string) {
					return "a RequestObject that signs, or none", d.requestForm()
				}}},
			longRSA(fapi2Spec + "§5.4.1 (2)"),
			longCurve(fapi2Spec+"§5.4.1 (3)", 224),
			allTLS(fapi2Spec + "§5.2.1 (1)"),
			newTLS(fapi2Spec + "§5.2.1 (2)"),
			checkedTLS(fapi2Spec + "§5.2.1 (5)"),
		}, knownAlgorithms(fapi2Signing)),
		metadata: []clause[*metadataDocument]{
			{"The metadata is of the issuer that was asked.", check[*metadataDocument]{name: "issuer", spec: fapi2Spec + "§5.3.3.1 (11)"}},
			serverAlgorithms(fapi2Signing),
			serverMethods(fapi2Spec + "§5.3.2.1 (6)"),
			serverBinds(fapi2Spec+"§5.3.2.1 (4, 5)", false),
			{"The server takes pushed requests.", check[*metadataDocument]{"pushed_authorization_request_endpoint", fapi2Spec + "§5.3.2.2 (2)",
				func(_ context.Context, d *metadataDocument) bool {
					return d.urls[parEndpoint] != nil || d.urls[authorizationEndpoint] == nil
				},
				func(d *metadataDocument) (string, string) {
					return "an address to push requests to", or(quoted(d.c.address(d.meta, parEndpoint)), "nothing")
				}}},
		},
		support: []clause[*requestSupport]{{"Requests are protected by PKCE with S256.", check[*requestSupport]{"code_challenge_methods_supported", fapi2Spec + "§5.3.3.2 (3)",
			func(_ context.Context, d *requestSupport) bool { return d.s256() }, challengeMethods}}},
		asked: []clause[*requestedLogin]{
			{"A code is asked for, and nothing else.", check[*requestedLogin]{"response_type", fapi2Spec + "§5.3.2.2 (1), §5.3.3.2 (1)",
				func(_ context.Context, d *requestedLogin) bool { return d.responseType == "code" },
				func(d *requestedLogin) (string, string) { return `"code"`, quoted(d.responseType) }}},
			askedRedirect("The browser is not sent back over an unencrypted connection.", fapi2Redirect, "no http URI, but on a loopback address", isEncrypted),
		},
		posts: append(postClauses(fapi2Spec+"§5.3.3.1 (2)", fapi2Signing),
			clause[*postedRequest]{"The audience of an assertion is the issuer, as a string.", check[*postedRequest]{"assertion audience", fapi2Spec + "§5.3.3.1 (5)",
				func(_ context.Context, d *postedRequest) bool {
					return !d.asserts() || d.audience.Equal(d.c.cfg.Issuer)
				},
				func(d *postedRequest) (string, string) {
					if !d.asserts() {
						return "no assertion, or one for " + quoted(d.c.cfg.Issuer), "none"
					}
					return quoted(d.c.cfg.Issuer) + " as a string", shown(d.audience)
				}}},
			noPassword(fapi2Spec+"§5.3.2.1 (2)")),
		answers: []clause[*authorizationResponse]{{"The response says which server it is from.", check[*authorizationResponse]{"iss", fapi2Spec + "§5.3.3.2 (5)",
			func(_ context.Context, d *authorizationResponse) bool {
				return d.values.Get("iss") == d.c.cfg.Issuer
			},
			func(d *authorizationResponse) (string, string) {
				return quoted(d.c.cfg.Issuer), or(quoted(d.values.Get("iss")), "nothing")
			}}}},
		jarm:   []clause[*jwt]{serverSigned("A response, if signed, is signed with PS256, ES256 or Ed25519.", fapi2Signing)},
		tokens: []clause[*tokenResponse]{{"What was asked for with DPoP is bound to the key.", check[*tokenResponse]{name: "token_type", spec: fapi2Spec + "§5.3.3.1 (1)"}}},
		idTokens: []clause[*jwt]{
			serverSigned("An ID Token is signed with PS256, ES256 or Ed25519.", fapi2Signing),
			{"An ID Token is not older than an hour.", check[*jwt]{"age", "OpenID Connect Core 1.0 §3.1.3.7 (10)", recentChecks[0].holds, recentChecks[0].says}},
		},
		userInfo: []clause[*jwt]{serverSigned("UserInfo, if signed, is signed with PS256, ES256 or Ed25519.", fapi2Signing)},
		inspects: []clause[*jwt]{serverSigned("An introspection response, if signed, is signed with PS256, ES256 or Ed25519.", fapi2Signing)},
	}
}

// FAPI2MessageSigning is [FAPI2Security] with FAPI 2.0 Message Signing (final, 2025): requests, authorization responses and introspection
// responses are signed, so that nobody can deny them. With [PrivateKeyJWT] its key signs requests too; with [TLSClientAuth] a RequestObject is
// needed.
func FAPI2MessageSigning() Profile {
	p := fapi2("FAPI2MessageSigning")
	p.mode = "jwt"
	p.sets = append(p.sets,
		setting{"RequestObject", signingSpec + "§5.3.2 (1)", "The key of private_key_jwt signs request objects, unless another is named.", signsRequests},
		setting{"AuthorizationRequest.ResponseMode", signingSpec + "§5.4.2 (1)", "A code is asked for in the response mode jwt.", nil},
		setting{"IntrospectionSigningAlgs", signingSpec + "§5.5.2 (1, 2)", "Introspection responses are signed.", func(cfg *Config) {
			if len(cfg.IntrospectionSigningAlgs) == 0 {
				cfg.IntrospectionSigningAlgs = slices.Clone(p.algs)
			}
		}})
	p.config = append(p.config,
		clause[*profiledConfig]{"Requests are signed.", check[*profiledConfig]{"RequestObject", signingSpec + "§5.3.2 (1)",
			func(_ context.Context, d *profiledConfig) bool { return d.requests != nil && d.requests.signs() },
			func(d *profiledConfig) (string, string) { return "a RequestObject that signs", d.requestForm() }}},
		ownAudience(signingSpec+"§5.3.2 (2)"))
	p.asked = append(p.asked, clause[*requestedLogin]{"The response comes as a JWT.", check[*requestedLogin]{"response_mode", signingSpec + "§5.4.2 (1)",
		func(_ context.Context, d *requestedLogin) bool { return d.responseMode == "jwt" },
		func(d *requestedLogin) (string, string) { return `"jwt"`, quoted(d.responseMode) }}})
	p.objects = objectClauses(signingSpec+"§5.3.2 ", "(2)", "(3)", "(4)")
	p.jarm = append(verifiedResponse(signingSpec+"§5.4.2 (2)"), p.jarm...)
	p.answers = nil // the JWT says which server it is from
	return p
}

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

func strongAuth(spec string) clause[*profiledConfig] {
	return clause[*profiledConfig]{"The client authenticates with a key: private_key_jwt, or a certificate.", check[*profiledConfig]{"Auth", spec,
		func(_ context.Context, d *profiledConfig) bool {
			return slices.Contains([]string{"PrivateKeyJWT", "TLSClientAuth", ""}, d.authMethod())
		},
		func(d *profiledConfig) (string, string) {
			return "PrivateKeyJWT or TLSClientAuth", or(d.authMethod(), "one that requests will show")
		}}}
}

func ownAudience(spec string) clause[*profiledConfig] {
	return clause[*profiledConfig]{"The audience of a request object is the issuer.", check[*profiledConfig]{"RequestObject", spec,
		func(_ context.Context, d *profiledConfig) bool {
			aud := d.requestAudience()
			return aud == "" || aud == d.Issuer
		},
		func(d *profiledConfig) (string, string) {
			return "no Signing.Audience, since the audience is Issuer", or(quoted(d.requestAudience()), "none")
		}}}
}

// requestForm says what requests look like, where they are not signed.
func (d *profiledConfig) requestForm() string {
	switch {
	case d.requests == nil:
		return "nil"
	case !d.requests.signs():
		return "InsecureUnsigned"
	}
	return "one"
}

func noFrontTokens(spec string) clause[*profiledConfig] {
	return refused("No access token comes through the browser.", "InsecureAllowFrontChannelTokens", spec, func(cfg *Config) bool { return cfg.InsecureAllowFrontChannelTokens })
}

func alwaysPKCE(spec string) clause[*profiledConfig] {
	return refused("Requests are protected by PKCE.", "InsecureAllowNoPKCE", spec, func(cfg *Config) bool { return cfg.InsecureAllowNoPKCE })
}

func tokensInHeader(spec string) clause[*profiledConfig] {
	return refused("Access tokens are sent in the header.", "UserInfoInBody", spec, func(cfg *Config) bool { return cfg.UserInfoInBody })
}

func allTLS(spec string) clause[*profiledConfig] {
	return refused("Every connection is encrypted.", "InsecureAllowHTTP", spec, func(cfg *Config) bool { return cfg.InsecureAllowHTTP })
}

// refused is the row of an option that must not be set.
func refused(text, field, spec string, set func(*Config) bool) clause[*profiledConfig] {
	return clause[*profiledConfig]{text, check[*profiledConfig]{field, spec,
		func(_ context.Context, d *profiledConfig) bool { return !set(d.Config) },
		func(d *profiledConfig) (string, string) { return "false", strconv.FormatBool(set(d.Config)) }}}
}

func discovered(field, spec string, set func(*Config) bool) clause[*profiledConfig] {
	return clause[*profiledConfig]{"The metadata is what the server publishes at its well-known address.", check[*profiledConfig]{field, spec,
		func(_ context.Context, d *profiledConfig) bool { return !set(d.Config) },
		func(d *profiledConfig) (string, string) {
			return "nothing, since the metadata is discovered below Issuer", presence(set(d.Config))
		}}}
}

func oneIssuer(field, spec string, others func(*Config) []string) clause[*profiledConfig] {
	return clause[*profiledConfig]{"The server is one issuer, under one name.", check[*profiledConfig]{field, spec,
		func(_ context.Context, d *profiledConfig) bool { return len(others(d.Config)) == 0 },
		func(d *profiledConfig) (string, string) {
			return "none beside Issuer", listed(others(d.Config))
		}}}
}

func redirect(text, field, spec, expected string, fits func(string) bool) clause[*profiledConfig] {
	return clause[*profiledConfig]{text, check[*profiledConfig]{field, spec,
		func(_ context.Context, d *profiledConfig) bool { return d.RedirectURI == "" || fits(d.RedirectURI) },
		func(d *profiledConfig) (string, string) { return expected, or(quoted(d.RedirectURI), "nothing") }}}
}

func askedRedirect(text, spec, expected string, fits func(string) bool) clause[*requestedLogin] {
	return clause[*requestedLogin]{text, check[*requestedLogin]{"redirect_uri", spec,
		func(_ context.Context, d *requestedLogin) bool { return d.redirectURI == "" || fits(d.redirectURI) },
		func(d *requestedLogin) (string, string) { return expected, or(quoted(d.redirectURI), "nothing") }}}
}

func isHTTPS(uri string) bool {
	u, err := url.Parse(uri)
	return err == nil && u.Scheme == "https" && u.Host != ""
}

func isEncrypted(uri string) bool {
	u, err := url.Parse(uri)
	return err == nil && (u.Scheme != "http" || loopback(u.Hostname()))
}

// isOwned: an address that no other application can be behind.
func isOwned(uri string) bool {
	u, err := url.Parse(uri)
	return err == nil && isEncrypted(uri) && (u.Scheme == "http" || u.Scheme == "https" || strings.Contains(u.Scheme, "."))
}

func longRSA(spec string) clause[*profiledConfig] {
	const least = 2048
	return clause[*profiledConfig]{"RSA keys have at least 2048 bits.", check[*profiledConfig]{"RSA keys", spec,
		func(_ context.Context, d *profiledConfig) bool { n := d.shortest(true); return n == 0 || n >= least },
		func(d *profiledConfig) (string, string) { return bits(least), bits(d.shortest(true)) }}}
}

func longCurve(spec string, least int) clause[*profiledConfig] {
	return clause[*profiledConfig]{"Elliptic curve keys have at least " + bits(least) + ".", check[*profiledConfig]{"EC keys", spec,
		func(_ context.Context, d *profiledConfig) bool { n := d.shortest(false); return n == 0 || n >= least },
		func(d *profiledConfig) (string, string) { return bits(least), bits(d.shortest(false)) }}}
}

func bits(n int) string { return strconv.Itoa(n) + " bits" }

func newTLS(spec string) clause[*profiledConfig] {
	return clause[*profiledConfig]{"TLS 1.2 or later is spoken.", check[*profiledConfig]{"HTTPClient", spec,
		func(_ context.Context, d *profiledConfig) bool {
			return atLeastTLS12(d.tls.MinVersion) && atLeastTLS12(d.tls.MaxVersion)
		},
		func(d *profiledConfig) (string, string) {
			return "TLS 1.2 or later", tlsVersion(d.tls.MinVersion) + " to " + tlsVersion(d.tls.MaxVersion)
		}}}
}

func tlsVersion(v uint16) string {
	if v == 0 {
		return "the default"
	}
	return tls.VersionName(v)
}

// atLeastTLS12: zero is the default of crypto/tls, which is no older.
func atLeastTLS12(version uint16) bool { return version == 0 || version >= tls.VersionTLS12 }

func checkedTLS(spec string) clause[*profiledConfig] {
	return clause[*profiledConfig]{"The certificates of servers are checked.", check[*profiledConfig]{"HTTPClient", spec,
		func(_ context.Context, d *profiledConfig) bool { return !d.tls.InsecureSkipVerify },
		func(*profiledConfig) (string, string) { return "certificates of servers checked", "InsecureSkipVerify" }}}
}

// weakCipher names a cipher suite of the caller's transport that the profile does not know. Those of TLS 1.3 are not chosen there.
func (d *profiledConfig) weakCipher() string {
	if d.tls.MinVersion >= tls.VersionTLS13 {
		return ""
	}
	for _, suite := range d.tls.CipherSuites {
		if !slices.Contains(d.p.ciphers, suite) {
			return tls.CipherSuiteName(suite)
		}
	}
	return ""
}

// knownAlgorithms are the rows for what this client signs with and accepts.
func knownAlgorithms(spec string) (list []clause[*profiledConfig]) {
	for _, field := range []string{"Auth", "RequestObject", "DPoP", "IDTokenSigningAlgs", "UserInfoSigningAlgs", "ResponseSigningAlgs", "IntrospectionSigningAlgs", "AccessTokenSigningAlgs"} {
		list = append(list, clause[*profiledConfig]{"Only the profile's algorithms sign.", check[*profiledConfig]{field, spec,
			func(_ context.Context, d *profiledConfig) bool { return d.foreign(field) == "" },
			func(d *profiledConfig) (string, string) {
				return "the algorithms " + strings.Join(d.p.algs, ", "), or(d.foreign(field), "those")
			}}})
	}
	return list
}

func serverAlgorithms(spec string) clause[*metadataDocument] {
	return clause[*metadataDocument]{"The server signs ID Tokens with an algorithm of the profile.", check[*metadataDocument]{"id_token_signing_alg_values_supported", spec,
		func(_ context.Context, d *metadataDocument) bool {
			d.algs = d.c.cfg.Profile.accepts(d.c.cfg.IDTokenSigningAlgs, d.meta.IDTokenSigningAlgValuesSupported)
			return len(d.algs) > 0
		},
		func(d *metadataDocument) (string, string) {
			return "nothing, or one of " + strings.Join(d.c.cfg.Profile.accepts(nil, nil), ", "), listed(d.meta.IDTokenSigningAlgValuesSupported)
		}}}
}

func serverMethods(spec string) clause[*metadataDocument] {
	methods := []string{methodPrivateKeyJWT, methodTLS, methodSelfSignedTLS}
	return clause[*metadataDocument]{"The server authenticates clients by a key.", check[*metadataDocument]{"token_endpoint_auth_methods_supported", spec,
		func(_ context.Context, d *metadataDocument) bool {
			list := d.meta.TokenEndpointAuthMethodsSupported
			return len(list) == 0 || slices.ContainsFunc(list, func(m string) bool { return slices.Contains(methods, m) })
		},
		func(d *metadataDocument) (string, string) {
			return "nothing, or one of " + strings.Join(methods, ", "), listed(d.meta.TokenEndpointAuthMethodsSupported)
		}}}
}

// serverBinds: no token says whether it is bound to a certificate, so the server has to.
func serverBinds(spec string, always bool) clause[*metadataDocument] {
	return clause[*metadataDocument]{"The server binds tokens to the certificate, where nothing else binds them.", check[*metadataDocument]{"tls_client_certificate_bound_access_tokens", spec,
		func(_ context.Context, d *metadataDocument) bool {
			return d.meta.TLSClientCertificateBoundAccessTokens || !always && d.c.cfg.DPoP.enabled()
		},
		func(d *metadataDocument) (string, string) {
			if !always && d.c.cfg.DPoP.enabled() {
				return "anything, since DPoP binds the tokens", strconv.FormatBool(d.meta.TLSClientCertificateBoundAccessTokens)
			}
			return "true", strconv.FormatBool(d.meta.TLSClientCertificateBoundAccessTokens)
		}}}
}

func challengeMethods(d *requestSupport) (string, string) {
	return "S256, or nothing", listed(d.meta.CodeChallengeMethodsSupported)
}

// maxRequestLifetime is that of a request object.
const maxRequestLifetime = 60 * time.Minute

func objectClauses(section, aud, nbf, exp string) []clause[*requestObject] {
	return []clause[*requestObject]{
		{"The audience of a request object is the issuer.", check[*requestObject]{"aud", section + aud,
			func(_ context.Context, d *requestObject) bool { return d.aud.Equal(d.c.cfg.Issuer) },
			func(d *requestObject) (string, string) { return quoted(d.c.cfg.Issuer), shown(d.aud) }}},
		{"A request object says from when on it is good.", check[*requestObject]{"nbf", section + nbf,
			func(_ context.Context, d *requestObject) bool {
				nbf, ok := d.nbf.NumericDate()
				return ok && d.c.now().Unix()-nbf <= int64(maxRequestLifetime/time.Second)
			},
			func(d *requestObject) (string, string) {
				return "a time at most " + maxRequestLifetime.String() + " ago", shown(d.nbf)
			}}},
		{"A request object is good for an hour at most.", check[*requestObject]{"exp", section + exp,
			func(_ context.Context, d *requestObject) bool {
				nbf, _ := d.nbf.NumericDate()
				exp, ok := d.exp.NumericDate()
				return ok && exp > nbf && exp-nbf <= int64(maxRequestLifetime/time.Second)
			},
			func(d *requestObject) (string, string) {
				return "a time at most " + maxRequestLifetime.String() + " after nbf", shown(d.exp)
			}}},
	}
}

func postClauses(auth, algorithms string) []clause[*postedRequest] {
	return []clause[*postedRequest]{
		{"No secret is sent: the client authenticates by an assertion or a certificate.", check[*postedRequest]{"client authentication", auth,
			func(_ context.Context, d *postedRequest) bool {
				secret := d.form.Has("client_secret") || d.header.Get("Authorization") != ""
				return !secret && (d.asserts() || d.c.cfg.Certificate != nil)
			},
			func(d *postedRequest) (string, string) {
				switch {
				case d.form.Has("client_secret") || d.header.Get("Authorization") != "":
					return "a client assertion or a certificate", "a secret"
				case d.asserts():
					return "a client assertion or a certificate", "a client assertion"
				case d.c.cfg.Certificate != nil:
					return "a client assertion or a certificate", "a certificate"
				}
				return "a client assertion or a certificate", "neither"
			}}},
		{"An assertion is signed with an algorithm of the profile.", check[*postedRequest]{"assertion algorithm", algorithms,
			func(_ context.Context, d *postedRequest) bool {
				return !d.asserts() || slices.Contains(d.c.cfg.Profile.accepts(nil, nil), d.algorithm)
			},
			func(d *postedRequest) (string, string) {
				return "no assertion, or one of " + strings.Join(d.c.cfg.Profile.accepts(nil, nil), ", "), or(quoted(d.algorithm), "none that can be read")
			}}},
	}
}

func noPassword(spec string) clause[*postedRequest] {
	return clause[*postedRequest]{"The user's password is not asked for.", check[*postedRequest]{"grant_type", spec,
		func(_ context.Context, d *postedRequest) bool { return d.form.Get("grant_type") != "password" },
		func(d *postedRequest) (string, string) {
			return "another grant than password", or(quoted(d.form.Get("grant_type")), "none, since it is no token request")
		}}}
}

// grantedScope: where no ID Token vouches for the login, more than was asked for means that the request was changed on its way.
func grantedScope(spec string) clause[*tokenResponse] {
	more := func(d *tokenResponse) string {
		asked := strings.Fields(d.expect.scope)
		if len(asked) == 0 || slices.Contains(asked, "openid") {
			return ""
		}
		for _, scope := range strings.Fields(d.scopes) {
			if !slices.Contains(asked, scope) {
				return scope
			}
		}
		return ""
	}
	return clause[*tokenResponse]{"Without openid, no more scope is granted than was asked for.", check[*tokenResponse]{"granted scope", spec,
		func(_ context.Context, d *tokenResponse) bool { return more(d) == "" },
		func(d *tokenResponse) (string, string) {
			return "nothing beyond " + quoted(d.expect.scope), or(quoted(more(d)), "nothing")
		}}}
}

// verifiedResponse are the rows of JARM, under the clause that demands them.
func verifiedResponse(spec string) (list []clause[*jwt]) {
	for _, name := range []string{"signature", "iss", "aud", "exp"} {
		list = append(list, underClause("Signature, iss, aud and exp of the response are verified.", name, spec))
	}
	return list
}

func serverSigned(text, spec string) clause[*jwt] { return underClause(text, "alg", spec) }

// underClause is the row that every client has, refusing in the name of a clause.
func underClause(text, name, spec string) clause[*jwt] {
	return clause[*jwt]{text, check[*jwt]{name: name, spec: spec}}
}

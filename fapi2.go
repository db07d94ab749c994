package openid

import (
	"context"
	"crypto/tls"
	"slices"
)

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
		access:   []clause[*jwt]{boundTokens(fapi2Spec+"§5.3.4 (5)", "a DPoP key or a certificate", func(t *accessToken) bool { return t.jkt != "" || t.x5t != "" })},
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

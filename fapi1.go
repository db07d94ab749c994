package openid

import (
	"context"
	"crypto/tls"
	"slices"
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
			{cibaFAPI, "FAPI-CIBA §5.2.3", "Authentication without a browser is held to FAPI-CIBA.", nil},
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
				return d.s256() || d.c.cfg.InsecureAllowNoPKCE && !d.pushed
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
		access:   []clause[*jwt]{boundTokens(advanced+"§6.2.1 (2)", "a certificate", func(t *accessToken) bool { return t.x5t != "" })},
	}
}

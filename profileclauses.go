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

// boundTokens: an API takes no token that whoever has it can use.
func boundTokens(spec, expected string, bound func(*accessToken) bool) clause[*jwt] {
	return clause[*jwt]{"An API takes only tokens that are bound to a key.", check[*jwt]{"sender constraint", spec,
		func(_ context.Context, j *jwt) bool { return bound(&j.expect.presented.token) },
		func(j *jwt) (string, string) {
			return "a token that is bound to " + expected, "one that is bound to " + j.expect.presented.binding()
		}}}
}

package openidtest

import (
	"context"
	"crypto/rand"
	"errors"
	"net"
	"net/http"
	"syscall"
	"time"

	"github.com/luikyv/go-oidc/pkg/goidc"
	"github.com/luikyv/go-oidc/pkg/provider"
)

// newEngine puts together the library that does the protocol. Its storage, its list of clients and its signer stay unused:
// they share pointers between requests.
func (p *Provider) newEngine() (*provider.Provider, error) {
	scopes := make([]goidc.Scope, len(p.scopes))
	for i, s := range p.scopes {
		scopes[i] = goidc.NewScope(s)
	}
	always := func(*http.Request, *goidc.AuthnSession, *goidc.Client) bool { return true }
	random := func(context.Context) string { return rand.Text() }

	options := []provider.Option{
		// the user
		provider.WithPolicies(goidc.NewPolicy("pages", always, p.authenticate)),
		provider.WithLogout(&p.store, p.loggedOut),
		provider.WithLogoutPolicies(goidc.NewLogoutPolicy("pages", func(*http.Request, *goidc.LogoutSession) bool { return true }, p.logout)),
		provider.WithErrorHandler(p.noteError),
		provider.WithErrorRenderer(p.showError),

		// grants
		provider.WithAuthCodeGrant(&p.store, responseTypes...),
		provider.WithAuthCodeFunc(p.authorizationCode),
		provider.WithAuthCodeLifetime(60),
		provider.WithPKCE(goidc.CodeChallengeMethodSHA256),
		provider.WithRefreshTokenGrant(&p.store),
		provider.WithRefreshTokenFunc(random),
		provider.WithRefreshTokenRotation(),
		provider.WithRefreshTokenLifetime(seconds(24 * time.Hour)),
		provider.WithClientCredentialsGrant(),
		provider.WithDeviceGrant(&p.store, p.askUserCode, p.deviceConnected),
		provider.WithCIBAGrant(&p.store, goidc.CIBADeliveryModePoll, goidc.CIBADeliveryModePing),
		provider.WithCIBASessionHandler(p.beginBackchannel),
		provider.WithCIBAPollingInterval(seconds(pollInterval)),
		provider.WithCIBAJAR(requestAlgs[0], requestAlgs[1:]...),
		provider.WithTokenExchangeGrant(p.exchange),
		provider.WithTokenExchangeClientAuthnRequired(),
		provider.WithJWTBearerGrant(p.vouched),
		provider.WithJWTBearerGrantClientAuthnRequired(),

		// tokens and claims
		provider.WithTokenOptions(p.tokenOptions),
		provider.WithOpaqueTokens(&p.store),
		provider.WithOpaqueTokenFunc(p.accessToken),
		provider.WithIDTokenSignatureAlgs(idTokenAlgs[0], idTokenAlgs[1:]...),
		provider.WithIDTokenLifetime(seconds(p.idTokenLifetime)),
		provider.WithIDTokenClaims(p.idTokenClaims),
		provider.WithUserInfoClaims(p.userInfoClaims),
		provider.WithScopes(scopes...),
		provider.WithClaims("sub", claimNames(p.users)...),
		provider.WithTokenIntrospection(func(_ context.Context, c *goidc.Client, _ goidc.TokenInfo) bool { return !c.IsPublic() }),
		provider.WithTokenRevocation(func(context.Context, *goidc.Client) bool { return true }),

		// requests
		provider.WithPAR(&p.store),
		provider.WithJAR(requestAlgs[0], requestAlgs[1:]...),
		provider.WithJAREncryption(encryptionAlgs[0], encryptionAlgs[1:]...),
		provider.WithJARContentEncryptionAlgs(encodings[0], encodings[1:]...),
		provider.WithClaimsParameter(),
		provider.WithDPoP(proofAlgs[0], proofAlgs[1:]...),

		// responses
		provider.WithJARM(idTokenAlgs[0], idTokenAlgs[1:4]...),
		provider.WithJARMEncryption(encryptionAlgs[0], encryptionAlgs[1:]...),
		provider.WithJARMContentEncryptionAlgs(encodings[0], encodings[1:]...),
		provider.WithIDTokenEncryption(encryptionAlgs[0], encryptionAlgs[1:]...),
		provider.WithIDTokenContentEncryptionAlgs(encodings[0], encodings[1:]...),
		provider.WithUserInfoSignatureAlgs(idTokenAlgs[0], idTokenAlgs[1:]...),
		provider.WithUserInfoEncryption(encryptionAlgs[0], encryptionAlgs[1:]...),
		provider.WithUserInfoContentEncryptionAlgs(encodings[0], encodings[1:]...),
		provider.WithFormPostResponseMode(),
		provider.WithIssuerResponseParameter(),

		// clients
		provider.WithDCR(registrar{p}),
		provider.WithDCRClientHandler(p.register),
		provider.WithDCRTokenRotation(),
		provider.WithLocalhostRedirectURIs(),
		provider.WithNoneAuthn(),
		provider.WithSecretBasicAuthn(),
		provider.WithSecretPostAuthn(),
		provider.WithSecretJWTAuthn(goidc.HS256, goidc.HS384, goidc.HS512),
		provider.WithPrivateKeyJWTAuthn(assertionAlgs[0], assertionAlgs[1:]...),
		provider.WithDefaultAuthn(goidc.AuthnMethodSecretBasic),
		provider.WithJTIConsumer(p.store.consumeJTI),
		provider.WithJWTLeewayTime(10),
		provider.WithHTTPClientFunc(func(context.Context) *http.Client { return outbound }),
	}
	options = append(options, p.authorizationDetails()...)
	if len(p.classes) > 0 {
		classes := make([]goidc.ACR, len(p.classes))
		for i, class := range p.classes {
			classes[i] = goidc.ACR(class)
		}
		options = append(options, provider.WithACRs(classes[0], classes[1:]...))
	}
	return provider.New(p.issuer, &p.store, p.signingKeys, options...)
}

// outbound fetches the jwks_uri of registered clients, from this machine only.
var outbound = &http.Client{
	Timeout: 5 * time.Second,
	Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: (&net.Dialer{Control: func(_, addr string, _ syscall.RawConn) error {
			if host, _, _ := net.SplitHostPort(addr); !net.ParseIP(host).IsLoopback() {
				return errors.New("openidtest connects to loopback addresses only")
			}
			return nil
		}}).DialContext,
	},
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
}

package interop

import (
	"bytes"
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/openid-client/openid"
)

const (
	deviceGrant   = "urn:ietf:params:oauth:grant-type:device_code"
	cibaGrant     = "urn:openid:params:grant-type:ciba"
	exchangeGrant = "urn:ietf:params:oauth:grant-type:token-exchange"
	bearerGrant   = "urn:ietf:params:oauth:grant-type:jwt-bearer"
)

var (
	serviceGrants = []need{{"grant_types_supported", "client_credentials"}}
	dpopService   = append([]need{{"dpop_signing_alg_values_supported", "ES256"}}, serviceGrants...)
	introspecting = append([]need{{"introspection_endpoint", ""}}, serviceGrants...)
	signedSaying  = append([]need{{"introspection_signing_alg_values_supported", "ES256"}}, introspecting...)
	sealedSaying  = append([]need{{"introspection_encryption_alg_values_supported", "ECDH-ES+A256KW"}}, signedSaying...)
	revoking      = append([]need{{"revocation_endpoint", ""}}, introspecting...)
	registering   = []need{{"registration_endpoint", ""}}
	exchanging    = []need{{"grant_types_supported", exchangeGrant}}
	devices       = []need{{"device_authorization_endpoint", ""}, {"grant_types_supported", deviceGrant}}
	dpopDevices   = append([]need{{"dpop_signing_alg_values_supported", "ES256"}}, devices...)
	backchannel   = []need{{"backchannel_authentication_endpoint", ""}, {"grant_types_supported", cibaGrant}}
	dpopClient    = map[string]any{"dpop_bound_access_tokens": true}
	nonceClient   = map[string]any{"dpop_bound_access_tokens": true, "dpop_nonce": true}
	service       = map[string]any{"grant_types": []string{"client_credentials"}, "redirect_uris": []string{}, "response_types": []string{}}
	device        = map[string]any{"grant_types": []string{deviceGrant, "refresh_token"}, "redirect_uris": []string{}, "response_types": []string{}}
	exchanger     = map[string]any{"grant_types": []string{"authorization_code", "refresh_token", exchangeGrant}}
	vouching      = map[string]any{"grant_types": []string{bearerGrant}, "redirect_uris": []string{}, "response_types": []string{}}
	signedAnswers = map[string]any{"introspection_signed_response_alg": "ES256"}
)

var ownRegistration = map[string]string{"fosite": "leaves registration to who uses it"}

const (
	sameScope      = "takes no notice of a scope in a refresh"
	noPage         = "has no page to say no on"
	honestCodes    = "lets a code live as long as it says, so that the client gives up first"
	patientClients = "says slow_down to nobody who keeps to the interval"
)

func plusText(texts map[string]string, name, more string) map[string]string {
	texts = maps.Clone(texts)
	texts[name] = more
	return texts
}

func backchannelClient(mode string) map[string]any {
	return map[string]any{"grant_types": []string{cibaGrant, "refresh_token"}, "redirect_uris": []string{}, "response_types": []string{}, "backchannel_token_delivery_mode": mode}
}

func signedIntrospection(_ *testing.T, cfg *openid.Config, _ openid.Secret) {
	cfg.IntrospectionSigningAlgs = []string{"ES256"}
}

func withCertificate(auth bool) configure {
	return func(_ *testing.T, cfg *openid.Config, _ openid.Secret) {
		if auth {
			cfg.Auth = openid.TLSClientAuth()
		}
		cfg.Certificate = clientCertificate("interop client", false)
	}
}

var grants = []grant{
	{flow: flow{name: "client credentials, client_secret_basic", register: service}, needs: serviceGrants, play: actsForItself},
	{flow: flow{name: "client credentials, client_secret_post", register: plus(service, map[string]any{"token_endpoint_auth_method": "client_secret_post"}),
		config: withAuth(openid.ClientSecretPost)}, needs: serviceGrants, play: actsForItself},
	{flow: flow{name: "client credentials, client_secret_jwt", register: plus(service, map[string]any{"token_endpoint_auth_method": "client_secret_jwt", "token_endpoint_auth_signing_alg": "HS256"}),
		config: withAuth(func(s openid.Secret) openid.ClientAuth { return openid.ClientSecretJWT(s) }),
		elsewhere: map[string]configure{"Glewlwyd": func(_ *testing.T, cfg *openid.Config, s openid.Secret) {
			cfg.Auth = openid.ClientSecretJWT(s, openid.Signing{Audience: cfg.Issuer + "/token"})
		}}}, needs: serviceGrants, play: actsForItself},
	{flow: flow{name: "client credentials, private_key_jwt", register: plus(service, keyClient), config: withAuth(byKey), elsewhere: map[string]configure{"Glewlwyd": byKeyForEach, "fosite": byKeyForEach}},
		needs: serviceGrants, play: actsForItself},
	{flow: flow{name: "client credentials, tls_client_auth", issuer: mtls, config: withCertificate(true), register: plus(service, map[string]any{"token_endpoint_auth_method": "tls_client_auth",
		"tls_client_auth_subject_dn": "CN=interop client", "tls_client_certificate_bound_access_tokens": true})}, needs: serviceGrants, play: actsForItself},
	{flow: flow{name: "client credentials, self_signed_tls_client_auth", issuer: mtls, register: plus(service, map[string]any{"token_endpoint_auth_method": "self_signed_tls_client_auth"}),
		certificate: selfSigned, config: func(_ *testing.T, cfg *openid.Config, _ openid.Secret) {
			cfg.Auth, cfg.Certificate = openid.TLSClientAuth(), selfSigned()
		}}, needs: serviceGrants, play: actsForItself},
	{flow: flow{name: "client credentials, DPoP", register: plus(service, dpopClient), config: bound}, needs: dpopService, play: actsForItself},
	{flow: flow{name: "client credentials, DPoP with nonces", register: plus(service, nonceClient), config: bound}, needs: dpopService, play: actsForItselfWithNonces},
	{flow: flow{name: "client credentials for a resource", register: service}, needs: serviceGrants, play: actsAtAResource},

	{flow: flow{name: "introspection", register: service}, needs: introspecting, play: introspects},
	{flow: flow{name: "introspection, JWT", register: plus(service, signedAnswers), config: signedIntrospection}, needs: signedSaying, play: introspects},
	{flow: flow{name: "introspection, encrypted JWT", register: plus(service, signedAnswers, map[string]any{"introspection_encrypted_response_alg": "ECDH-ES+A256KW", "introspection_encrypted_response_enc": "A256GCM"}),
		config: all(decrypting, signedIntrospection), refusals: map[string]string{"Glewlwyd": "signs the answer, and does not encrypt it"}}, needs: sealedSaying, play: introspects},
	{flow: flow{name: "introspection of an unknown token", register: service}, needs: introspecting, play: introspectsTheUnknown},
	{flow: flow{name: "introspection of an unknown token, JWT", register: plus(service, signedAnswers), config: signedIntrospection, refusals: map[string]string{"Glewlwyd": "answers an error where a JWT has to say that the token is not active"}}, needs: signedSaying, play: introspectsTheUnknown},
	{flow: flow{name: "introspection of a token bound by DPoP", register: plus(service, dpopClient), config: bound}, needs: append([]need{{"dpop_signing_alg_values_supported", "ES256"}}, introspecting...),
		play: introspectsTheBound},
	{flow: flow{name: "introspection of a token bound to a certificate", issuer: mtls, register: plus(service, map[string]any{"tls_client_certificate_bound_access_tokens": true}), config: withCertificate(false)},
		needs: introspecting, play: introspectsTheCertified},
	{flow: flow{name: "introspection of a refresh token", refusals: map[string]string{"zitadel": "introspects access tokens only"}}, needs: introspecting[:1], play: introspectsTheRefreshToken},
	{flow: flow{name: "revocation of an access token", register: service}, needs: revoking, play: revokes},
	{flow: flow{name: "revocation of a refresh token"}, needs: revoking[:1], play: revokesTheRefreshToken},

	{flow: flow{name: "device", register: device}, needs: devices, play: logsInElsewhere},
	{flow: flow{name: "device, public client", register: plus(device, map[string]any{"token_endpoint_auth_method": "none"}), config: withAuth(func(openid.Secret) openid.ClientAuth { return openid.None() }),
		refusals: map[string]string{"zitadel": "has one client in its example, a confidential one"}}, needs: devices, play: logsInElsewhere},
	{flow: flow{name: "device, DPoP", register: plus(device, dpopClient), config: bound}, needs: dpopDevices, play: logsInElsewhere},
	{flow: flow{name: "device, DPoP with nonces", register: plus(device, nonceClient), config: bound}, needs: dpopDevices, play: logsInElsewhere},
	{flow: flow{name: "device, denied", register: device, refusals: map[string]string{"Glewlwyd": noPage}}, needs: devices, play: isDeniedElsewhere},
	{flow: flow{name: "device, expired", register: plus(device, map[string]any{"device_trouble": "expired"}), refusals: map[string]string{"Glewlwyd": honestCodes, "zitadel": honestCodes, "openidtest": honestCodes}}, needs: devices, play: expires},
	{flow: flow{name: "device, slow_down", register: plus(device, map[string]any{"device_trouble": "slow_down"}), config: overhearing, refusals: map[string]string{"Glewlwyd": patientClients, "zitadel": patientClients, "openidtest": patientClients}}, needs: devices, play: slowsDown},

	{flow: flow{name: "CIBA, poll", register: backchannelClient("poll")}, needs: backchannel, play: asksTheUser},
	{flow: flow{name: "CIBA, signed request", register: plus(backchannelClient("poll"), keyClient, map[string]any{"backchannel_authentication_request_signing_alg": "ES256"}),
		config: all(withAuth(byKey), signedRequests), elsewhere: map[string]configure{"Glewlwyd": byKeyForEach}}, needs: backchannel, play: asksTheUser},
	{flow: flow{name: "CIBA, DPoP", register: plus(backchannelClient("poll"), dpopClient), config: bound, refusals: map[string]string{"Glewlwyd": "wants a DPoP proof already where the user is named, which RFC 9449 does not know"}}, needs: backchannel, play: asksTheUser},
	{flow: flow{name: "CIBA, by an earlier ID Token", register: plus(backchannelClient("poll"), map[string]any{"grant_types": []string{"authorization_code", cibaGrant, "refresh_token"},
		"redirect_uris": []string{appURI}, "response_types": []string{"code"}})}, needs: backchannel, play: asksTheUserAgain},
	{flow: flow{name: "CIBA, denied", register: backchannelClient("poll")}, needs: backchannel, play: isDeniedByTheUser},
	{flow: flow{name: "CIBA, unknown user", register: backchannelClient("poll"), refusals: map[string]string{"Glewlwyd": "answers invalid_request where the hint names nobody"}}, needs: backchannel, play: asksNobody},
	{flow: flow{name: "CIBA, ping", register: plus(backchannelClient("ping"), map[string]any{"backchannel_client_notification_endpoint": ""})},
		needs: append([]need{{"backchannel_token_delivery_modes_supported", "ping"}}, backchannel...), play: isTold},
	{flow: flow{name: "CIBA, pushed tokens are turned away", register: plus(backchannelClient("push"), map[string]any{"backchannel_client_notification_endpoint": ""})},
		needs: append([]need{{"backchannel_token_delivery_modes_supported", "push"}}, backchannel...), play: turnsAway},

	{flow: flow{name: "token exchange", register: exchanger}, needs: exchanging, play: exchanges},
	{flow: flow{name: "token exchange, with an actor", register: exchanger}, needs: exchanging, play: exchangesForAnActor},
	{flow: flow{name: "token exchange for an ID Token", register: exchanger}, needs: exchanging, play: exchangesForAnIDToken},
	{flow: flow{name: "token exchange of an unknown token", register: exchanger}, needs: exchanging, play: exchangesNothing},
	{flow: flow{name: "JWT bearer", register: vouching}, needs: []need{{"grant_types_supported", bearerGrant}}, play: isVouchedFor},
	{flow: flow{name: "JWT bearer, by a stranger", register: vouching}, needs: []need{{"grant_types_supported", bearerGrant}}, play: isVouchedForByAStranger},
	{flow: flow{name: "SAML bearer"}, needs: []need{{"grant_types_supported", "urn:ietf:params:oauth:grant-type:saml2-bearer"}}},

	{flow: flow{name: "UserInfo"}, needs: []need{{"userinfo_endpoint", ""}}, play: asksWho},
	{flow: flow{name: "UserInfo, token in the body", config: func(_ *testing.T, cfg *openid.Config, _ openid.Secret) { cfg.UserInfoInBody = true },
		refusals: map[string]string{"Glewlwyd": "takes the token in the header only"}},
		needs: []need{{"userinfo_endpoint", ""}}, play: asksWho},
	{flow: flow{name: "UserInfo, JWT", register: map[string]any{"userinfo_signed_response_alg": "ES256"}, config: func(_ *testing.T, cfg *openid.Config, _ openid.Secret) {
		cfg.UserInfoSigningAlgs = []string{"ES256"}
	}, refusals: map[string]string{"Glewlwyd": ownType}}, needs: []need{{"userinfo_signing_alg_values_supported", "ES256"}}, play: asksWho},
	{flow: flow{name: "UserInfo, encrypted", register: map[string]any{"userinfo_signed_response_alg": "ES256", "userinfo_encrypted_response_alg": "RSA-OAEP-256", "userinfo_encrypted_response_enc": "A256GCM"}, config: decrypting, refusals: map[string]string{"Glewlwyd": ownType}},
		needs: []need{{"userinfo_encryption_alg_values_supported", "RSA-OAEP-256"}}, play: asksWho},
	{flow: flow{name: "registration", refusals: ownRegistration}, needs: registering, itself: true, play: registersItself},
	{flow: flow{name: "registration, read, changed and ended", refusals: plusText(ownRegistration, "Glewlwyd", "reads back a list as token_endpoint_auth_method, where RFC 7591 has one name")}, needs: registering, itself: true, play: managesItself},
	{flow: flow{name: "registration, refused", refusals: plusText(ownRegistration, "Glewlwyd", "takes a subject_type that nobody knows")}, needs: registering, itself: true, play: registersNonsense},
	{flow: flow{name: "refresh"}, play: refreshes},
	{flow: flow{name: "refresh for less", refusals: map[string]string{"Glewlwyd": sameScope, "fosite": sameScope}}, play: refreshesForLess},
}

func actsForItself(t *testing.T, a *attempt) {
	got := a.own(t)
	if got.AccessToken.IsEmpty() || got.IDToken != nil || !got.RefreshToken.IsEmpty() {
		t.Errorf("got %v, want an access token and nothing else", got)
	}
	hasScope(t, got.Scope, a.api())
	a.isBound(t, got)
}

// isBound: tokens are bound where the client asks for it, and only there.
func (a *attempt) isBound(t *testing.T, got *openid.Tokens) {
	t.Helper()
	if a.cfg.DPoP == (openid.DPoP{}) {
		if got.Type != "Bearer" || got.DPoPThumbprint() != "" {
			t.Errorf("got %v of type %s", got, got.Type)
		}
	} else {
		isBound(t, nil, got)
	}
}

func actsForItselfWithNonces(t *testing.T, a *attempt) {
	actsForItself(t, a)
	if n := a.count("token"); n != 2 {
		t.Errorf("the token endpoint was asked %d times, want once without its nonce and once with", n)
	}
	actsForItself(t, a)
	if n := a.count("token"); n != 3 {
		t.Errorf("the token endpoint was asked %d times, want the nonce to be kept", n)
	}
}

func actsAtAResource(t *testing.T, a *attempt) {
	got, err := a.client.Tokens(t.Context(), openid.ClientCredentials{Scope: []string{"api:read"}, Resource: []string{resource}})
	if err != nil {
		t.Fatal(err)
	}
	hasScope(t, got.Scope, "api:read")
}

func introspects(t *testing.T, a *attempt) {
	got := a.isAlive(t, a.own(t).AccessToken)
	hasScope(t, got.Scope(), a.api())
	if got.ClientID() != a.id || !got.Expiry().After(time.Now()) {
		t.Errorf("%v, of client %q, until %v", got, got.ClientID(), got.Expiry())
	}
	if d, ok := a.cfg.Decrypter.(*counted); ok && d.n.Load() == 0 {
		t.Error("nothing came encrypted")
	}
}

func introspectsTheUnknown(t *testing.T, a *attempt) { a.isDead(t, unknownToken()) }

func introspectsTheBound(t *testing.T, a *attempt) {
	tokens := a.own(t)
	if got := a.isAlive(t, tokens.AccessToken); got.DPoPThumbprint() == "" || got.DPoPThumbprint() != tokens.DPoPThumbprint() {
		t.Errorf("bound to %q, they say %q", tokens.DPoPThumbprint(), got.DPoPThumbprint())
	}
}

func introspectsTheCertified(t *testing.T, a *attempt) {
	sum := sha256.Sum256(a.cfg.Certificate.Certificate[0])
	want := base64.RawURLEncoding.EncodeToString(sum[:])
	if got := a.isAlive(t, a.own(t).AccessToken); got.CertificateThumbprint() != want {
		t.Errorf("bound to %q, they say %q", want, got.CertificateThumbprint())
	}
}

func revokes(t *testing.T, a *attempt) {
	token := a.own(t).AccessToken
	a.isAlive(t, token)
	for range 2 { // the second time it is unknown, which is no error
		if err := a.client.Revoke(t.Context(), token, "access_token"); err != nil {
			t.Fatal(err)
		}
	}
	a.isDead(t, token)
}

func introspectsTheRefreshToken(t *testing.T, a *attempt) {
	tokens := a.logIn(t, "openid", "offline_access")
	if got := a.isAlive(t, tokens.RefreshToken); got.Subject() != tokens.IDToken.Subject() {
		t.Errorf("%v, want the user %q", got, tokens.IDToken.Subject())
	}
	if err := a.client.Revoke(t.Context(), tokens.RefreshToken, "refresh_token"); err != nil {
		t.Fatal(err)
	}
	a.isDead(t, tokens.RefreshToken)
}

func revokesTheRefreshToken(t *testing.T, a *attempt) {
	tokens := a.logIn(t, "openid", "offline_access")
	if err := a.client.Revoke(t.Context(), tokens.RefreshToken, "refresh_token"); err != nil {
		t.Fatal(err)
	}
	_, err := a.client.Refresh(t.Context(), tokens)
	if e := new(openid.ResponseError); a.glewlwyd != nil && errors.As(err, &e) && e.Code == "" && e.Status == http.StatusBadRequest {
		return // it gives no code
	}
	refused(t, err, "token", openid.ErrInvalidGrant)
}

// obtainDevice decides once the device has asked in vain.
func (a *attempt) obtainDevice(t *testing.T, deny bool) (*openid.Tokens, error) {
	t.Helper()
	var prompt openid.DevicePrompt
	a.after("token", func() { a.decideDevice(t, prompt, deny) })
	return a.client.Tokens(patience(t), openid.Device{Scope: []string{"openid", "email", "offline_access"}, Show: func(p openid.DevicePrompt) { prompt = p }})
}

func logsInElsewhere(t *testing.T, a *attempt) {
	got, err := a.obtainDevice(t, false)
	if err != nil {
		t.Fatal(err)
	}
	if n := a.count("token"); n < 2 {
		t.Errorf("the tokens came after %d questions, before the user had decided", n)
	}
	a.isUsable(t, got)
}

// isUsable: the tokens of a user tell who that is, now and after a refresh.
func (a *attempt) isUsable(t *testing.T, got *openid.Tokens) {
	t.Helper()
	a.isBound(t, got)
	if got.IDToken.Subject() == "" {
		t.Error("nobody logged in")
	}
	for range 2 {
		if info, err := a.client.UserInfo(t.Context(), got); err != nil || info.Subject() != got.IDToken.Subject() {
			t.Errorf("UserInfo: %v, %v", info, err)
		}
		if got.RefreshToken.IsEmpty() {
			return
		}
		again, err := a.client.Refresh(t.Context(), got)
		if err != nil {
			t.Fatal(err)
		}
		if again.IDToken == nil {
			t.Error("the refresh forgot who it is")
		}
		got = again
	}
}

// overheard keeps the error codes that a client was told.
type overheard struct {
	http.RoundTripper
	codes []string
}

func overhearing(_ *testing.T, cfg *openid.Config, _ openid.Secret) {
	cfg.HTTPClient = &http.Client{Transport: &overheard{RoundTripper: http.DefaultTransport}}
}

func (o *overheard) RoundTrip(r *http.Request) (*http.Response, error) {
	res, err := o.RoundTripper.RoundTrip(r)
	if err != nil || res.StatusCode < 400 {
		return res, err
	}
	body, err := io.ReadAll(io.LimitReader(res.Body, maxPage))
	res.Body.Close()
	res.Body = io.NopCloser(bytes.NewReader(body))
	var said struct{ Error string }
	if json.Unmarshal(body, &said) == nil {
		o.codes = append(o.codes, said.Error)
	}
	return res, err
}

// slowsDown: the provider refuses whoever asks again too soon.
func slowsDown(t *testing.T, a *attempt) {
	logsInElsewhere(t, a)
	if codes := a.cfg.HTTPClient.Transport.(*overheard).codes; !slices.Equal(codes, []string{"slow_down"}) {
		t.Errorf("the client was told %q, want slow_down", codes)
	}
}

func isDeniedElsewhere(t *testing.T, a *attempt) {
	_, err := a.obtainDevice(t, true)
	refused(t, err, "token", openid.ErrAccessDenied)
}

func expires(t *testing.T, a *attempt) {
	_, err := a.client.Tokens(patience(t), openid.Device{Scope: []string{"openid"}, Show: func(openid.DevicePrompt) {}})
	refused(t, err, "token", openid.ErrExpiredToken)
}

func (a *attempt) obtainBackchannel(t *testing.T, ask openid.CIBA, deny bool) (*openid.Tokens, error) {
	t.Helper()
	a.after("token", func() { a.decideBackchannel(t, deny) })
	ask.Scope, ask.BindingMessage = []string{"openid", "email", "offline_access"}, "W4SCT"
	return a.client.Tokens(patience(t), ask)
}

func asksTheUser(t *testing.T, a *attempt) {
	got, err := a.obtainBackchannel(t, openid.CIBA{LoginHint: a.hint("alice")}, false)
	if err != nil {
		t.Fatal(err)
	}
	if n := a.count("token"); n != 2 {
		t.Errorf("the token endpoint was asked %d times, want once in vain and once more", n)
	}
	a.isUsable(t, got)
}

func asksTheUserAgain(t *testing.T, a *attempt) {
	before := a.logIn(t, "openid")
	got, err := a.obtainBackchannel(t, openid.CIBA{IDTokenHint: before.IDToken}, false)
	if err != nil {
		t.Fatal(err)
	}
	a.isUsable(t, got)
}

func isDeniedByTheUser(t *testing.T, a *attempt) {
	_, err := a.obtainBackchannel(t, openid.CIBA{LoginHint: a.hint("alice")}, true)
	refused(t, err, "token", openid.ErrAccessDenied)
}

func asksNobody(t *testing.T, a *attempt) {
	_, err := a.client.Tokens(patience(t), openid.CIBA{LoginHint: a.hint("nobody")})
	refused(t, err, "backchannel authentication", openid.ErrUnknownUserID)
}

func isTold(t *testing.T, a *attempt) {
	var deciding sync.WaitGroup
	t.Cleanup(deciding.Wait)
	a.after("backchannel authentication", func() { deciding.Go(func() { a.decideBackchannel(t, false) }) })
	got, err := a.client.Tokens(patience(t), openid.CIBA{Scope: []string{"openid", "email", "offline_access"}, LoginHint: a.hint("alice"), Ping: &a.pings})
	if err != nil {
		t.Fatal(err)
	}
	deciding.Wait()
	if a.pinged.Load() != 1 || a.count("token") != 1 {
		t.Errorf("%d notifications and %d questions, want one of each", a.pinged.Load(), a.count("token"))
	}
	a.isUsable(t, got)
}

// turnsAway: a client that was registered for push by mistake takes no tokens from whoever calls, and says what is wrong.
func turnsAway(t *testing.T, a *attempt) {
	ctx, cancel := context.WithCancel(patience(t))
	defer cancel()
	var deciding sync.WaitGroup
	t.Cleanup(deciding.Wait)
	a.after("backchannel authentication", func() {
		deciding.Go(func() {
			defer cancel()
			a.decideBackchannel(t, false)
			for range 100 { // the provider calls when it likes
				if a.turned.Load() > 0 {
					return
				}
				select {
				case <-ctx.Done():
					return
				case <-time.After(100 * time.Millisecond):
				}
			}
		})
	})
	got, err := a.client.Tokens(ctx, openid.CIBA{Scope: []string{"openid", "email"}, LoginHint: a.hint("alice"), Ping: &a.pings})
	if err == nil || a.turned.Load() != 1 || a.pinged.Load() != 0 {
		t.Errorf("got %v, %v; %d notifications turned away, %d taken", got, err, a.turned.Load(), a.pinged.Load())
	}
}

func asksWho(t *testing.T, a *attempt) {
	tokens := a.logIn(t, "openid", "email")
	info, err := a.client.UserInfo(t.Context(), tokens)
	if err != nil {
		t.Fatal(err)
	}
	claims, err := openid.Claims[struct {
		Email string `json:"email"`
	}](info)
	if err != nil || claims.Email == "" || info.Subject() != tokens.IDToken.Subject() {
		t.Errorf("%v with %q, %v", info, claims.Email, err)
	}
	if d, ok := a.cfg.Decrypter.(*counted); ok && d.n.Load() == 0 {
		t.Error("nothing came encrypted")
	}
	_, err = a.client.UserInfo(t.Context(), &openid.Tokens{AccessToken: unknownToken(), Type: "Bearer", IDToken: tokens.IDToken})
	if e := new(openid.ResponseError); !errors.As(err, &e) || e.Status != http.StatusUnauthorized && e.Status != http.StatusForbidden {
		t.Errorf("got %v, want a refusal of the unknown token", err)
	}
}

func refreshes(t *testing.T, a *attempt) {
	a.isUsable(t, a.logIn(t, "openid", "email", "offline_access"))
}

func refreshesForLess(t *testing.T, a *attempt) {
	before := a.logIn(t, "openid", "email", "offline_access")
	after, err := a.client.Tokens(t.Context(), openid.RefreshToken{Previous: before, Scope: []string{"openid"}})
	if err != nil {
		t.Fatal(err)
	}
	hasScope(t, after.Scope, "openid")
	if len(after.Scope) != 1 {
		t.Errorf("scope %q, want openid only", after.Scope)
	}
}

func exchanges(t *testing.T, a *attempt) {
	user := a.logIn(t, "openid", "email")
	got, err := a.client.Tokens(t.Context(), openid.TokenExchange{Subject: user.AccessToken, RequestedType: openid.AccessTokenType, Scope: []string{"openid"}})
	if err != nil {
		t.Fatal(err)
	}
	if got.AccessToken.Equal(user.AccessToken) || got.IssuedType != openid.AccessTokenType || got.Type != "Bearer" {
		t.Errorf("got %v of type %s, a %s", got, got.Type, got.IssuedType)
	}
	hasScope(t, got.Scope, "openid")
	got.IDToken = user.IDToken
	if info, err := a.client.UserInfo(t.Context(), got); err != nil || info.Subject() != user.IDToken.Subject() {
		t.Errorf("UserInfo by the new token: %v, %v", info, err)
	}
}

func exchangesForAnActor(t *testing.T, a *attempt) {
	user, actor := a.logIn(t, "openid", "email"), a.logIn(t, "openid")
	got, err := a.client.Tokens(t.Context(), openid.TokenExchange{Subject: user.IDToken.Raw(), SubjectType: openid.IDTokenType, Actor: actor.AccessToken,
		RequestedType: openid.AccessTokenType, Scope: []string{"openid"}})
	if err != nil {
		t.Fatal(err)
	}
	if got.AccessToken.IsEmpty() || got.IssuedType != openid.AccessTokenType {
		t.Errorf("got %v, a %s", got, got.IssuedType)
	}
}

func exchangesForAnIDToken(t *testing.T, a *attempt) {
	user := a.logIn(t, "openid", "email")
	got, err := a.client.Tokens(t.Context(), openid.TokenExchange{Subject: user.AccessToken, RequestedType: openid.IDTokenType, Scope: []string{"openid"}})
	if err != nil {
		t.Fatal(err)
	}
	if got.Type != "N_A" || got.IssuedType != openid.IDTokenType {
		t.Errorf("got %v of type %s, a %s", got, got.Type, got.IssuedType)
	}
	got.IDToken = user.IDToken
	if _, err := a.client.UserInfo(t.Context(), got); err == nil {
		t.Error("a token that is no access token was presented")
	}
}

func exchangesNothing(t *testing.T, a *attempt) {
	_, err := a.client.Tokens(t.Context(), openid.TokenExchange{Subject: unknownToken()})
	refused(t, err, "token", openid.ErrInvalidRequest)
}

// vouch signs what somebody who is trusted says about the user (RFC 7523 section 3), as the client itself here.
func (a *attempt) vouch(t *testing.T, key *rsa.PrivateKey) func(context.Context) (openid.Secret, error) {
	subject := "alice"
	if a.name == "zitadel" {
		subject = a.id // it lets nobody speak about others
	}
	return func(context.Context) (openid.Secret, error) {
		now := time.Now()
		claims, err := json.Marshal(map[string]any{"iss": a.id, "sub": subject, "aud": []string{a.issuer, a.issuer + "/token"}, "jti": rand.Text(),
			"iat": now.Unix(), "exp": now.Add(time.Minute).Unix()})
		if err != nil {
			return openid.Secret{}, err
		}
		encode := base64.RawURLEncoding.EncodeToString
		signed := encode([]byte(`{"alg":"RS256","kid":"rsa-sig","typ":"JWT"}`)) + "." + encode(claims)
		sum := sha256.Sum256([]byte(signed))
		signature, err := rsa.SignPKCS1v15(nil, key, crypto.SHA256, sum[:])
		if err != nil {
			return openid.Secret{}, err
		}
		return openid.NewSecret(signed + "." + encode(signature)), nil
	}
}

func isVouchedFor(t *testing.T, a *attempt) {
	got, err := a.client.Tokens(t.Context(), openid.JWTBearer{Assertion: a.vouch(t, rsaSigningKey()), Scope: []string{"api:read"}})
	if err != nil {
		t.Fatal(err)
	}
	hasScope(t, got.Scope, "api:read")
	a.isAlive(t, got.AccessToken)
}

func isVouchedForByAStranger(t *testing.T, a *attempt) {
	_, err := a.client.Tokens(t.Context(), openid.JWTBearer{Assertion: a.vouch(t, newRSA()), Scope: []string{"api:read"}})
	refused(t, err, "token", openid.ErrInvalidGrant)
}

// application is what a program that logs people in says of itself.
func application() openid.ClientMetadata {
	return openid.ClientMetadata{RedirectURIs: []string{appURI}, ClientName: "Shop", TokenEndpointAuthMethod: "client_secret_basic",
		GrantTypes: []string{"authorization_code", "refresh_token"}, ResponseTypes: []string{"code"}, Scope: []string{"openid", "email"}}
}

func registersItself(t *testing.T, a *attempt) {
	made, err := openid.Register(t.Context(), a.server(), application())
	if err != nil {
		t.Fatal(err)
	}
	if a.cfg, err = made.Config(a.server()); err != nil {
		t.Fatal(err)
	}
	if a.client, err = openid.New(a.cfg); err != nil {
		t.Fatal(err)
	}
	a.id = made.ClientID
	if tokens := a.logIn(t, "openid", "email"); tokens.IDToken.Subject() == "" {
		t.Error("nobody logged in")
	}
}

func managesItself(t *testing.T, a *attempt) {
	made, err := openid.Register(t.Context(), a.server(), application())
	if err != nil {
		t.Fatal(err)
	}
	read, err := made.Read(t.Context(), a.server())
	if err != nil {
		t.Fatal(err)
	}
	m := read.Metadata
	m.ClientName = "The Shop"
	changed, err := read.Update(t.Context(), a.server(), m)
	if err != nil {
		t.Fatal(err)
	}
	if changed.ClientID != made.ClientID || changed.Metadata.ClientName != "The Shop" {
		t.Errorf("got %v called %q", changed, changed.Metadata.ClientName)
	}
	if err := changed.Delete(t.Context(), a.server()); err != nil {
		t.Fatal(err)
	}
	if _, err := changed.Read(t.Context(), a.server()); err == nil {
		t.Error("a registration that is no more can be read")
	}
}

func registersNonsense(t *testing.T, a *attempt) {
	m := application()
	m.SubjectType = "triangular"
	_, err := openid.Register(t.Context(), a.server(), m)
	refused(t, err, "registration", openid.ErrInvalidClientMetadata)
}

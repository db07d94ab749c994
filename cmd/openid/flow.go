package main

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"text/tabwriter"

	"github.com/openid-client/openid"
	"github.com/openid-client/openid/jwe"
	"github.com/openid-client/openid/openidtest"
)

// A flow is a way to speak that the client and the provider have agreed on. The application around it is the same.
type flow struct {
	name, shows string
	register    func(*openidtest.Client)
	config      func(*openid.Config, flowKeys)
	ask         func(*openid.AuthorizationRequest)
	noTokens    bool   // nothing comes but an ID Token
	cannot      string // why the embedded provider does not play it; it is proven in interop/ instead
}

const paymentType = "payment_initiation"

var flows = []*flow{
	{name: "code", shows: "authorization code with PKCE, client_secret_basic"},
	{name: "form-post", shows: "the response comes in a POST", ask: func(ask *openid.AuthorizationRequest) { ask.ResponseMode = "form_post" }},
	{name: "private-key-jwt", shows: "the client signs an assertion instead of sending a secret", config: func(cfg *openid.Config, k flowKeys) {
		cfg.Auth = openid.PrivateKeyJWT(k.signing, "sig")
	}, register: func(c *openidtest.Client) { c.Secret, c.AuthMethod = "", "private_key_jwt" }},
	{name: "client-secret-jwt", shows: "the secret keys a MAC and is never sent", config: func(cfg *openid.Config, k flowKeys) {
		cfg.Auth = openid.ClientSecretJWT(openid.NewSecret(k.secret))
	}, register: func(c *openidtest.Client) { c.AuthMethod = "client_secret_jwt" }},
	{name: "par", shows: "the request is pushed to the server first (RFC 9126)", config: pushing},
	{name: "jar", shows: "the request is a signed JWT (RFC 9101)", config: signing},
	{name: "jar-encrypted", shows: "the request is signed, then encrypted for the server", config: func(cfg *openid.Config, k flowKeys) {
		cfg.RequestObject = &openid.RequestObject{Key: k.signing, KeyID: "sig", Encrypter: jwe.Encrypt("ECDH-ES+A256KW", "A256GCM")}
	}, register: members("request_object_encryption_alg", "ECDH-ES+A256KW", "request_object_encryption_enc", "A256GCM")},
	{name: "jar-uri", shows: "the server fetches the signed request from the client", config: func(cfg *openid.Config, k flowKeys) {
		cfg.RequestObject = &openid.RequestObject{Key: k.signing, KeyID: "sig", Publish: k.hosted.publish}
	}, register: func(c *openidtest.Client) {
		c.RequestURIs = []string{strings.Replace(c.RedirectURIs[0], "/auth/callback", "/request", 1)}
	}},
	{name: "par-jar", shows: "a signed request, pushed", config: func(cfg *openid.Config, k flowKeys) { pushing(cfg, k); signing(cfg, k) }},
	{name: "dpop", shows: "tokens bound to a key, with nonces (RFC 9449)", config: binding, register: members("dpop_bound_access_tokens", true)},
	{name: "par-dpop", shows: "a pushed request, its code bound to the key as well", config: func(cfg *openid.Config, k flowKeys) { pushing(cfg, k); binding(cfg, k) },
		register: members("dpop_bound_access_tokens", true)},
	{name: "jarm", shows: "the response is a signed JWT (JARM)", ask: jwtResponse, register: members("authorization_signed_response_alg", "ES256")},
	{name: "jarm-encrypted", shows: "the response is signed, then encrypted for the client", config: decrypting, ask: jwtResponse,
		register: members("authorization_signed_response_alg", "ES256", "authorization_encrypted_response_alg", "ECDH-ES+A256KW", "authorization_encrypted_response_enc", "A256GCM")},
	{name: "hybrid", shows: "an ID Token beside the code vouches for it (c_hash)", ask: func(ask *openid.AuthorizationRequest) { ask.ResponseType = "code id_token" },
		register: func(c *openidtest.Client) { c.ResponseTypes = []string{"code", "code id_token"} }},
	{name: "implicit", shows: "an ID Token and nothing else", ask: func(ask *openid.AuthorizationRequest) { ask.ResponseType = "id_token" }, noTokens: true,
		register: func(c *openidtest.Client) { c.ResponseTypes = []string{"code", "id_token"} }},
	{name: "id-token-encrypted", shows: "the ID Token is encrypted for the client", config: decrypting,
		register: members("id_token_encrypted_response_alg", "ECDH-ES", "id_token_encrypted_response_enc", "A256GCM")},
	{name: "userinfo-jwt", shows: "UserInfo is signed", register: members("userinfo_signed_response_alg", "ES256")},
	{name: "userinfo-encrypted", shows: "UserInfo is signed, then encrypted for the client", config: decrypting,
		register: members("userinfo_signed_response_alg", "ES256", "userinfo_encrypted_response_alg", "ECDH-ES+A128KW", "userinfo_encrypted_response_enc", "A128GCM")},
	{name: "rar", shows: "one payment is asked for, not a scope (RFC 9396)", ask: func(ask *openid.AuthorizationRequest) {
		ask.AuthorizationDetails = []openid.AuthorizationDetail{{Type: paymentType, Actions: []string{"initiate"},
			Extra: map[string]json.RawMessage{"instructedAmount": json.RawMessage(`{"currency":"EUR","amount":"12.30"}`)}}}
	}, register: members("authorization_details_types", []string{paymentType})},
	{name: "claims", shows: "single claims are asked for", ask: func(ask *openid.AuthorizationRequest) {
		ask.Claims = &openid.ClaimsRequest{IDToken: map[string]openid.ClaimRequest{"email": {Essential: true}, "zoneinfo": {}}}
	}},
	{name: "fragment", shows: "the response comes in a fragment", cannot: "only a script in a browser sees a fragment"},
	{name: "mtls", shows: "a certificate authenticates the client and binds its tokens (RFC 8705)", cannot: "the embedded provider asks nobody for a certificate"},
	{name: "fapi1", shows: "FAPI 1.0 Advanced", cannot: "the embedded provider asks nobody for a certificate"},
	{name: "fapi2", shows: "FAPI 2.0", cannot: "it is the flow par-dpop with private-key-jwt, at a server that insists"},
}

func jwtResponse(ask *openid.AuthorizationRequest) { ask.ResponseMode = "jwt" }

func pushing(cfg *openid.Config, _ flowKeys) { cfg.PushAuthorizationRequests = true }
func binding(cfg *openid.Config, _ flowKeys) { cfg.DPoP = openid.DPoPPerGrant() }
func signing(cfg *openid.Config, k flowKeys) {
	cfg.RequestObject = &openid.RequestObject{Key: k.signing, KeyID: "sig"}
}
func decrypting(cfg *openid.Config, k flowKeys) {
	cfg.Decrypter = jwe.Keys(jwe.Key{Private: k.encryption, KeyID: "enc"})
}

// members are further client metadata, by name and value in turn.
func members(pairs ...any) func(*openidtest.Client) {
	return func(c *openidtest.Client) {
		c.Metadata = map[string]any{}
		for i := 0; i < len(pairs); i += 2 {
			c.Metadata[pairs[i].(string)] = pairs[i+1]
		}
	}
}

// flowKeys are what the client of the flows has: a secret, a key that signs and one that decrypts.
type flowKeys struct {
	secret              string
	signing, encryption *ecdsa.PrivateKey
	hosted              *hosted
}

// hosted are request objects that lie where the provider can fetch them, each once.
type hosted struct {
	at      string
	mu      sync.Mutex
	objects map[string]string
}

func (h *hosted) publish(_ context.Context, object string) (string, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.objects == nil || len(h.objects) >= maxSeats {
		h.objects = map[string]string{}
	}
	id := rand.Text()
	h.objects[id] = object
	return h.at + "?id=" + id, nil
}

func (h *hosted) serve(w http.ResponseWriter, r *http.Request) {
	h.mu.Lock()
	defer h.mu.Unlock()
	object, ok := h.objects[r.URL.Query().Get("id")]
	if !ok {
		http.NotFound(w, r)
		return
	}
	delete(h.objects, r.URL.Query().Get("id"))
	w.Header().Set("Content-Type", "application/oauth-authz-req+jwt")
	_, _ = io.WriteString(w, object)
}

func newFlowKeys() (flowKeys, error) {
	k := flowKeys{secret: rand.Text() + rand.Text()}
	var err error
	if k.signing, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		return k, err
	}
	k.encryption, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	return k, err
}

// jwks is what the client publishes of them.
func (k flowKeys) jwks() ([]byte, error) {
	var keys []map[string]string
	for use, private := range map[string]*ecdsa.PrivateKey{"sig": k.signing, "enc": k.encryption} {
		public, ok := private.Public().(*ecdsa.PublicKey)
		if !ok {
			return nil, fmt.Errorf("no JWK of a %T", crypto.PublicKey(private.Public()))
		}
		point, err := public.ECDH()
		if err != nil {
			return nil, err
		}
		raw, encode := point.Bytes(), base64.RawURLEncoding.EncodeToString
		keys = append(keys, map[string]string{"kty": "EC", "crv": "P-256", "kid": use, "use": use, "x": encode(raw[1:33]), "y": encode(raw[33:])})
	}
	return json.Marshal(map[string]any{"keys": keys})
}

// newFlowApp registers a client for the flow and makes its application.
func (st *stage) newFlowApp(f *flow, k flowKeys) (*app, error) {
	base := "/flow/" + f.name
	k.hosted = &hosted{at: st.origin + base + "/request"}
	jwks, err := k.jwks()
	if err != nil {
		return nil, err
	}
	registration := openidtest.Client{ID: clientID + "-" + f.name, Name: "openid demo, " + f.name, Secret: k.secret, JWKS: jwks,
		RedirectURIs: []string{st.origin + base + "/auth/callback"}, PostLogoutRedirectURIs: []string{st.origin + base + "/auth/logged-out"}}
	if f.register != nil {
		f.register(&registration)
	}
	if err := st.provider.AddClient(registration); err != nil {
		return nil, err
	}
	cfg := openid.Config{Issuer: st.provider.Issuer(), ClientID: registration.ID, Auth: openid.ClientSecret(openid.NewSecret(k.secret)), InsecureAllowHTTP: true}
	if f.config != nil {
		f.config(&cfg, k)
	}
	a, err := newApp("flow-"+f.name, st.origin, base, cfg, f.ask)
	if err != nil {
		return nil, err
	}
	a.noTokens, a.hosted = f.noTokens, k.hosted
	return a, nil
}

func findFlow(name string) *flow {
	for _, f := range flows {
		if f.name == name {
			return f
		}
	}
	return nil
}

// playable are the flows that the embedded provider can play.
func playable() (list []*flow) {
	for _, f := range flows {
		if f.cannot == "" {
			list = append(list, f)
		}
	}
	return list
}

func listFlows(w io.Writer, asJSON bool) error {
	if asJSON {
		list := make([]flowJSON, len(flows))
		for i, f := range flows {
			list[i] = *f.json()
		}
		return writeJSON(w, list)
	}
	t := tabwriter.NewWriter(w, 0, 0, 3, ' ', 0)
	fmt.Fprintln(t, "FLOW\tWHAT IT SHOWS\tPLAYED")
	for _, f := range flows {
		played := "here"
		if f.cannot != "" {
			played = "in interop/: " + f.cannot
		}
		fmt.Fprintf(t, "%s\t%s\t%s\n", f.name, f.shows, played)
	}
	return t.Flush()
}

// writeFlows prints one line for each flow that was played.
func writeFlows(w io.Writer, reports []*report) error {
	t := tabwriter.NewWriter(w, 0, 0, 3, ' ', 0)
	fmt.Fprintln(t, "\nFLOW\tEXCHANGES\tCHECKS\tRESULT")
	for _, rep := range reports {
		exchanges, checks := 0, 0
		for _, e := range rep.entries {
			if e.Kind == openid.EventExchange {
				exchanges++
			} else {
				checks++
			}
		}
		result := "every step was taken"
		if rep.failure != nil {
			result = strings.SplitN(rep.verdict(), "\n", 2)[0]
		}
		fmt.Fprintf(t, "%s\t%d\t%d\t%s\n", rep.flow.name, exchanges, checks, result)
	}
	for _, f := range flows {
		if f.cannot != "" {
			fmt.Fprintf(t, "%s\t\t\tproven in interop/: %s\n", f.name, f.cannot)
		}
	}
	return t.Flush()
}

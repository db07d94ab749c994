package openidtest

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"

	"github.com/luikyv/go-oidc/pkg/goidc"
	"github.com/luikyv/go-oidc/pkg/provider"
)

// responseTypes say what comes through the browser.
var responseTypes = []goidc.ResponseType{"code", "code id_token", "id_token", "code token", "code id_token token", "id_token token", "token"}

// inFront: the implicit grant is part of it.
func inFront(rt goidc.ResponseType) bool { return strings.Contains(string(rt), "token") }

// requestAlgs may sign request objects.
var requestAlgs = []goidc.SignatureAlgorithm{goidc.ES256, goidc.ES384, goidc.ES512, goidc.RS256, goidc.PS256}

var (
	encryptionAlgs = []goidc.KeyEncryptionAlgorithm{"RSA-OAEP-256", "RSA-OAEP", "ECDH-ES", "ECDH-ES+A128KW", "ECDH-ES+A256KW"}
	encodings      = []goidc.ContentEncryptionAlgorithm{"A256GCM", "A128GCM", "A192GCM", "A128CBC-HS256", "A192CBC-HS384", "A256CBC-HS512"}
)

// authorizationDetails are the options of RFC 9396 and RFC 8707; the engine wants none where there is nothing to ask for.
func (p *Provider) authorizationDetails() []provider.Option {
	var options []provider.Option
	if len(p.details) > 0 {
		types := make([]goidc.AuthDetailType, len(p.details))
		for i, name := range p.details {
			types[i] = goidc.AuthDetailType(name)
		}
		options = append(options, provider.WithRAR(types[0], types[1:]...),
			provider.WithRARDetailValidator(func(context.Context, goidc.AuthDetail) error { return nil }))
	}
	if len(p.resources) > 0 {
		options = append(options, provider.WithResourceIndicators(p.resources[0], p.resources[1:]...))
	}
	return options
}

func (p *Provider) authorizationCode(ctx context.Context) string {
	n := noteIn(ctx)
	n.code = rand.Text()
	return n.code
}

const maxRequestObject = 64 << 10

// resolveRequest puts the request object that the client hosts into the place of its address, if the client registered that. The engine
// would fetch first and ask then, and only over https.
func (p *Provider) resolveRequest(r *http.Request) error {
	uri := r.Form.Get("request_uri")
	if r.Method != http.MethodGet || uri == "" || strings.HasPrefix(uri, "urn:") { // what was pushed is no address
		return nil
	}
	c, err := p.client(r.Form.Get("client_id"))
	base, _, _ := strings.Cut(uri, "?")
	if err != nil || !slices.Contains(c.RequestURIs, base) {
		return errors.New("the client has not registered this request_uri")
	}
	get, err := http.NewRequestWithContext(r.Context(), http.MethodGet, uri, nil)
	if err != nil {
		return err
	}
	res, err := outbound.Do(get)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	object, err := io.ReadAll(io.LimitReader(res.Body, maxRequestObject))
	if err == nil && res.StatusCode != http.StatusOK {
		err = fmt.Errorf("the client answered with status %d", res.StatusCode)
	}
	if err != nil {
		return err
	}
	q := r.URL.Query()
	q.Del("request_uri")
	q.Set("request", string(object))
	r.URL.RawQuery = q.Encode()
	r.Form = nil
	return r.ParseForm()
}

// spareChallenge: the engine asks public clients for PKCE also where there is no code to protect.
func spareChallenge(r *http.Request) {
	rt := r.Form.Get("response_type")
	if r.Method != http.MethodGet || rt == "" || slices.Contains(strings.Fields(rt), "code") || r.Form.Has("code_challenge") {
		return
	}
	q := r.URL.Query()
	q.Set("code_challenge", rand.Text()+rand.Text())
	q.Set("code_challenge_method", "S256")
	r.URL.RawQuery = q.Encode()
}

// withEncryptionAlgs repeats the client's encryption keys under the algorithms that it registered: the engine looks keys up by alg.
func withEncryptionAlgs(c *goidc.Client, keys []goidc.JSONWebKey) []goidc.JSONWebKey {
	out := slices.Clone(keys)
	for _, alg := range []goidc.KeyEncryptionAlgorithm{c.IDTokenKeyEncAlg, c.UserInfoKeyEncAlg, c.JARMKeyEncAlg} {
		for _, k := range keys {
			_, isRSA := k.Key.(*rsa.PublicKey)
			if alg != "" && k.Use != "sig" && k.Algorithm == "" && isRSA == strings.HasPrefix(string(alg), "RSA") {
				k.Algorithm = string(alg)
				out = append(out, k)
			}
		}
	}
	return out
}

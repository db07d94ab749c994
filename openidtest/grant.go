package openidtest

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"maps"
	"strings"

	"github.com/go-jose/go-jose/v4"
	"github.com/luikyv/go-oidc/pkg/goidc"
)

// assertionAlgs may sign a private_key_jwt.
var assertionAlgs = []goidc.SignatureAlgorithm{goidc.ES256, goidc.ES384, goidc.ES512, goidc.RS256, goidc.RS384, goidc.RS512, goidc.PS256, goidc.PS384, goidc.PS512, jose.EdDSA}

func verifies(key any, alg goidc.SignatureAlgorithm) bool {
	switch k := key.(type) {
	case *rsa.PublicKey:
		return alg[0] == 'R' || alg[0] == 'P'
	case *ecdsa.PublicKey:
		return alg == map[int]goidc.SignatureAlgorithm{256: goidc.ES256, 384: goidc.ES384, 521: goidc.ES512}[k.Params().BitSize]
	case ed25519.PublicKey:
		return alg == jose.EdDSA
	}
	return false
}

// What authenticate leaves in the Store of an authorization request; the grant takes it over.
const (
	storedLogin    = "login"     // the id of the login
	storedPage     = "page"      // what the user was shown last
	storedAuthTime = "auth_time" // in Unix seconds
	storedClass    = "acr"
)

func (p *Provider) accessToken(ctx context.Context, _ *goidc.Grant) string {
	n := noteIn(ctx)
	n.accessToken = rand.Text()
	return n.accessToken
}

func (p *Provider) tokenOptions(context.Context, *goidc.Grant, *goidc.Client) goidc.TokenOptions {
	return goidc.NewOpaqueTokenOptions(seconds(p.accessTokenLifetime))
}

// idTokenClaims are added to what the engine says itself. It leaves at_hash out in the code flow, where it is optional.
func (p *Provider) idTokenClaims(ctx context.Context, g *goidc.Grant) map[string]any {
	out := p.userBySubject(g.Subject).extraClaims()
	out["auth_time"] = g.Store[storedAuthTime]
	if class, ok := g.Store[storedClass]; ok {
		out["acr"] = class
	}
	n := noteIn(ctx)
	if n.client == nil {
		return out
	}
	if n.accessToken != "" {
		out["at_hash"] = leftHalf(n.accessToken, n.client.IDTokenSigAlg)
	}
	if n.code != "" { // beside a code; of EdDSA the engine has another idea
		out["c_hash"] = leftHalf(n.code, n.client.IDTokenSigAlg)
		if g.AuthParams.State != "" {
			out["s_hash"] = leftHalf(g.AuthParams.State, n.client.IDTokenSigAlg)
		}
	}
	if g.AuthParams.Claims != nil {
		all := p.userBySubject(g.Subject).Claims
		for name := range g.AuthParams.Claims.IDToken {
			if v, ok := all[name]; ok {
				out[name] = v
			}
		}
	}
	return out
}

// leftHalf is the hash of at_hash (OpenID Connect Core, section 3.1.3.6). EdDSA means Ed25519, whose hash is SHA-512.
func leftHalf(value string, alg goidc.SignatureAlgorithm) string {
	if alg == jose.EdDSA {
		sum := sha512.Sum512([]byte(value))
		return base64.RawURLEncoding.EncodeToString(sum[:32])
	}
	sum := sha256.Sum256([]byte(value))
	return base64.RawURLEncoding.EncodeToString(sum[:16])
}

func (p *Provider) userInfoClaims(_ context.Context, g *goidc.Grant) map[string]any {
	return maps.Clone(p.userBySubject(g.Subject).claims(strings.Fields(g.Scopes)))
}

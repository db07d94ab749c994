package openidtest

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/luikyv/go-oidc/pkg/goidc"
)

// proofAlgs may sign DPoP proofs.
var proofAlgs = []goidc.SignatureAlgorithm{goidc.ES256, goidc.ES384, goidc.ES512, goidc.RS256, goidc.PS256, jose.EdDSA}

// nonces are those that the two kinds of servers gave out: of token and PAR endpoint, and of UserInfo.
type nonces struct{ given table[time.Time] }

const nonceLifetime = time.Minute

// demand asks for a nonce before the engine sees the request: whatever the engine refuses at the token endpoint burns the code.
// Every answer brings the next nonce. A nil *nonces asks for nothing.
func (n *nonces) demand(r *http.Request, path string, answer http.Header) (code, why string) {
	proofs := r.Header.Values("DPoP")
	if len(proofs) > 1 { // the engine would take them for none
		return "invalid_dpop_proof", "more than one DPoP header"
	}
	role := map[string]string{"token": "as", "par": "as", "userinfo": "rs"}[path]
	if n == nil || role == "" || len(proofs) == 0 {
		return "", ""
	}
	fresh := role + rand.Text()
	_ = n.given.put(fresh, time.Now())
	answer.Set("DPoP-Nonce", fresh)
	var claims struct{ Nonce string }
	parts := strings.Split(proofs[0], ".")
	if len(parts) == 3 {
		payload, _ := base64.RawURLEncoding.DecodeString(parts[1])
		_ = json.Unmarshal(payload, &claims) // the engine says what else is wrong with it
	}
	given, err := n.given.get(claims.Nonce)
	n.given.delete(claims.Nonce)
	if err != nil || !strings.HasPrefix(claims.Nonce, role) || time.Since(given) > nonceLifetime {
		return "use_dpop_nonce", "the proof needs the nonce of the last answer"
	}
	return "", ""
}

// refuseProof answers as RFC 9449 wants it: section 8 for the authorization server, section 9 for a resource server.
func (a *answer) refuseProof(r *http.Request, code, why string) {
	a.status = http.StatusBadRequest
	if r.URL.Path == "/userinfo" {
		a.status = http.StatusUnauthorized
		a.header.Set("WWW-Authenticate", fmt.Sprintf("DPoP error=%q, error_description=%q", code, why))
	}
	a.header.Set("Content-Type", "application/json")
	a.header.Set("Cache-Control", "no-store")
	_ = json.NewEncoder(&a.body).Encode(map[string]string{"error": code, "error_description": why})
}

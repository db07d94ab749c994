package hostile

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"net/http"
	"slices"
	"strings"
	"time"
)

// DPoP says what a provider makes of proofs (RFC 9449). It takes them when they
// come and wants none unless told so.
type DPoP struct {
	Required bool
	// Nonce asks for nonces, of authorization server and resource apart, and gives
	// a new one with every answer.
	Nonce bool
	// Endless asks for another nonce whatever came.
	Endless bool
	// Forgetful asks for a nonce and gives none.
	Forgetful bool
	// InHeader asks by a challenge also where an error body would do.
	InHeader bool
}

// Proof is a DPoP proof that came, whatever became of it.
type Proof struct {
	Endpoint       string
	Compact        string
	Header, Claims map[string]any
}

// Proofs returns the proofs so far, oldest first.
func (p *Provider) Proofs() []Proof {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.proofs)
}

// proven judges the proof of r, if there is one, and returns its key's
// thumbprint. When it returns false it has answered.
func (p *Provider) proven(w http.ResponseWriter, r *http.Request, role, accessToken string) (thumbprint string, ok bool) {
	s := p.script()
	proofs := r.Header.Values("DPoP")
	if len(proofs) == 0 && !s.DPoP.Required && accessToken == "" {
		return "", true
	}
	thumbprint, nonce, err := p.judgeProof(r, proofs, accessToken)
	if err != nil {
		p.refuseProof(w, s, role, "invalid_dpop_proof", err.Error())
		return "", false
	}
	if s.DPoP.Forgetful {
		p.refuseProof(w, s, role, "use_dpop_nonce", "a nonce is missing")
		return "", false
	}
	if !s.DPoP.Nonce && !s.DPoP.Endless {
		return thumbprint, true
	}
	p.mu.Lock()
	expected := p.nonces[role]
	fresh := role + "-" + rand.Text()
	p.nonces[role] = fresh
	p.mu.Unlock()
	w.Header().Set("DPoP-Nonce", fresh)
	if nonce == "" || nonce != expected || s.DPoP.Endless {
		p.refuseProof(w, s, role, "use_dpop_nonce", "the nonce is missing or old")
		return "", false
	}
	return thumbprint, true
}

func (p *Provider) refuseProof(w http.ResponseWriter, s Script, role, code, why string) {
	if role == "rs" || s.DPoP.InHeader {
		w.Header().Set("WWW-Authenticate", fmt.Sprintf(`Bearer realm="hostile", DPoP error=%q, error_description=%q, algs="ES256 Ed25519"`, code, why))
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	refuse(w, http.StatusBadRequest, code, why)
}

// judgeProof is RFC 9449 §4.3.
func (p *Provider) judgeProof(r *http.Request, proofs []string, accessToken string) (thumbprint, nonce string, err error) {
	if len(proofs) != 1 {
		return "", "", fmt.Errorf("%d DPoP headers", len(proofs))
	}
	parts := strings.Split(proofs[0], ".")
	if len(parts) != 3 {
		return "", "", errors.New("no compact JWS")
	}
	proof := Proof{Endpoint: p.endpoint(r.URL.Path), Compact: proofs[0]}
	var raw struct {
		JWK map[string]string `json:"jwk"`
	}
	header, err1 := base64.RawURLEncoding.Strict().DecodeString(parts[0])
	payload, err2 := base64.RawURLEncoding.Strict().DecodeString(parts[1])
	signature, err3 := base64.RawURLEncoding.Strict().DecodeString(parts[2])
	if err := errors.Join(err1, err2, err3, json.Unmarshal(header, &proof.Header), json.Unmarshal(header, &raw), json.Unmarshal(payload, &proof.Claims)); err != nil {
		return "", "", err
	}
	p.mu.Lock()
	seen := slices.ContainsFunc(p.proofs, func(q Proof) bool { return q.Claims["jti"] == proof.Claims["jti"] })
	p.proofs = append(p.proofs, proof)
	p.mu.Unlock()
	jti, _ := proof.Claims["jti"].(string)
	iat, _ := proof.Claims["iat"].(float64)
	ath, _ := proof.Claims["ath"].(string)
	hash := sha256.Sum256([]byte(accessToken))
	switch now := float64(time.Now().Unix()); {
	case proof.Header["typ"] != "dpop+jwt":
		return "", "", errors.New("typ is not dpop+jwt")
	case seen || len(jti) < 16:
		return "", "", errors.New("jti was used before or is short")
	case proof.Claims["htm"] != r.Method:
		return "", "", fmt.Errorf("htm is %v, not %s", proof.Claims["htm"], r.Method)
	case proof.Claims["htu"] != "https://"+r.Host+r.URL.EscapedPath():
		return "", "", fmt.Errorf("htu is %v, not https://%s%s", proof.Claims["htu"], r.Host, r.URL.EscapedPath())
	case iat < now-60 || iat > now+60:
		return "", "", errors.New("iat is not now")
	case accessToken != "" && ath != encode(hash[:]):
		return "", "", errors.New("ath is not the hash of the access token")
	case accessToken == "" && proof.Claims["ath"] != nil:
		return "", "", errors.New("ath without an access token")
	}
	thumbprint, err = verifyProof(raw.JWK, fmt.Sprint(proof.Header["alg"]), []byte(parts[0]+"."+parts[1]), signature)
	nonce, _ = proof.Claims["nonce"].(string)
	return thumbprint, nonce, err
}

// verifyProof knows the keys that clients make; the thumbprint is RFC 7638.
func verifyProof(jwk map[string]string, alg string, signed, signature []byte) (thumbprint string, err error) {
	number := func(name string) []byte {
		b, _ := base64.RawURLEncoding.DecodeString(jwk[name])
		return b
	}
	var members []string
	good := false
	switch jwk["kty"] {
	case "EC":
		members = []string{"crv", "kty", "x", "y"}
		curve := map[string]elliptic.Curve{"P-256": elliptic.P256(), "P-384": elliptic.P384(), "P-521": elliptic.P521()}[jwk["crv"]]
		if curve != nil && hashOf(alg) != 0 && len(signature)%2 == 0 {
			key, err := ecdsa.ParseUncompressedPublicKey(curve, slices.Concat([]byte{4}, number("x"), number("y")))
			if err != nil {
				return "", err
			}
			half := len(signature) / 2
			good = ecdsa.Verify(key, digest(hashOf(alg), signed), new(big.Int).SetBytes(signature[:half]), new(big.Int).SetBytes(signature[half:]))
		}
	case "OKP":
		members = []string{"crv", "kty", "x"}
		good = len(number("x")) == ed25519.PublicKeySize && ed25519.Verify(number("x"), signed, signature)
	case "RSA":
		members = []string{"e", "kty", "n"}
		key := &rsa.PublicKey{N: new(big.Int).SetBytes(number("n")), E: int(new(big.Int).SetBytes(number("e")).Int64())}
		if h := hashOf(alg); h != 0 && strings.HasPrefix(alg, "PS") {
			good = rsa.VerifyPSS(key, h, digest(h, signed), signature, nil) == nil
		} else if h != 0 {
			good = rsa.VerifyPKCS1v15(key, h, digest(h, signed), signature) == nil
		}
	}
	if !good || len(jwk) != len(members) {
		return "", errors.New("the signature or the embedded key is wrong")
	}
	canonical := "{"
	for i, name := range members {
		if i > 0 {
			canonical += ","
		}
		canonical += fmt.Sprintf("%q:%q", name, jwk[name])
	}
	sum := sha256.Sum256([]byte(canonical + "}"))
	return encode(sum[:]), nil
}

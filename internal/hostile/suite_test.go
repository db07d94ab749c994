package hostile_test

import (
	"fmt"
	"maps"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/openid-client/openid/internal/hostile"
)

// TestSuite: the certification suite's habits show, and the honest login goes on.
func TestSuite(t *testing.T) {
	p := hostile.New(t, hostile.Suite)
	if _, m := get(t, p, p.URL("discovery"), ""); m["issuer"] != p.Issuer || !strings.HasSuffix(p.Issuer, "/t/") {
		t.Errorf("the issuer is %v", m["issuer"])
	}
	if m := redeem(t, p); m["token_type"] != "bearer" || m["expires_in"] != nil {
		t.Errorf("token response: %v", m)
	}
	for _, c := range ":%+& " {
		if !strings.ContainsRune(p.ClientID, c) {
			t.Errorf("client_id has no %q", c)
		}
	}
	for _, c := range ":%+& =/?" {
		if !strings.ContainsRune(p.ClientSecret, c) {
			t.Errorf("the secret has no %q", c)
		}
	}
}

func TestDecoys(t *testing.T) {
	for _, alg := range []string{"ES256", "PS256", "RS256", "Ed25519"} {
		p := hostile.New(t, func(p *hostile.Provider) { p.Alg, p.JWKS = alg, p.Decoys })
		signing := p.SigningKey()
		_, set := get(t, p, p.URL("jwks"), "")
		kinds, sameName := map[string]bool{}, 0
		for _, entry := range set["keys"].([]any) {
			jwk := entry.(map[string]any)
			kinds[fmt.Sprint(jwk["use"], " ", jwk["kty"], " ", jwk["crv"])] = true
			if jwk["kid"] == signing.ID && jwk["alg"] != alg {
				sameName++
			}
			if jwk["alg"] == alg && jwk["kid"] != signing.ID {
				t.Errorf("%s: a second key for it", alg)
			}
			if jwk["crv"] == "secp256k1" && !onSecp256k1(bytesOf(t, jwk["x"]), bytesOf(t, jwk["y"])) {
				t.Error("a point beside secp256k1")
			}
		}
		for _, kind := range []string{"enc RSA <nil>", "enc EC P-256", "enc OKP X25519", "sig EC secp256k1", "sig EC P-384", "sig OKP Ed25519"} {
			if !kinds[kind] {
				t.Errorf("%s: no key for %s", alg, kind)
			}
		}
		if sameName < 3 {
			t.Errorf("%s: %d keys of the signing key's name", alg, sameName)
		}
	}
}

// onSecp256k1 is y² = x³ + 7 (SEC 2 §2.4.1).
func onSecp256k1(x, y []byte) bool {
	p := new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 256), big.NewInt(1<<32+977))
	left := new(big.Int).Exp(new(big.Int).SetBytes(y), big.NewInt(2), p)
	right := new(big.Int).Exp(new(big.Int).SetBytes(x), big.NewInt(3), p)
	return left.Cmp(right.Mod(right.Add(right, big.NewInt(7)), p)) == 0
}

// TestOneLie: a lie changes what it says it does, and the rest stays honest.
func TestOneLie(t *testing.T) {
	key, other := hostile.NewKey(t, "ES256", "k"), hostile.NewKey(t, "ES384", "other")
	now := time.Now().Unix()
	honest := map[string]any{"iss": "https://op.example", "aud": "client", "exp": now + 60, "iat": now}
	for name, l := range map[string]struct {
		tell   func(*hostile.Token)
		claims []string // that are others afterwards
		alg    string
	}{
		"a character more": {hostile.Longer("aud"), []string{"aud"}, "ES256"},
		"another time":     {hostile.At("nbf", time.Hour), []string{"nbf"}, "ES256"},
		"expired":          {hostile.Expired, []string{"exp"}, "ES256"},
		"a week old":       {hostile.WeekOld, []string{"iat"}, "ES256"},
		"unsigned":         {hostile.Unsigned, nil, "none"},
		"another key":      {hostile.SignedBy(other), nil, "ES384"},
	} {
		tok := hostile.NewToken(key, maps.Clone(honest))
		l.tell(tok)
		compact := tok.String()
		header, claims := claimsOf(t, compact)
		var changed []string
		for claim := range claims {
			if fmt.Sprint(tok.Claims[claim]) != fmt.Sprint(honest[claim]) {
				changed = append(changed, claim)
			}
		}
		if fmt.Sprint(changed) != fmt.Sprint(l.claims) || header["alg"] != l.alg {
			t.Errorf("%s: changed %v, signed by %v", name, changed, header["alg"])
		}
		if signed := !strings.HasSuffix(compact, "."); signed != (l.alg != "none") {
			t.Errorf("%s: signed: %v", name, signed)
		}
		if l.alg == "ES384" && !verify(t, "ES384", other.PublicJWK(), compact) {
			t.Errorf("%s: not its signature", name)
		}
	}
}

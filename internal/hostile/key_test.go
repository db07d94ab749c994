package hostile_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"math/big"
	"strings"
	"testing"

	"filippo.io/mldsa"

	"github.com/openid-client/openid/internal/hostile"
)

func bytesOf(t *testing.T, text any) []byte {
	t.Helper()
	s, _ := text.(string)
	b, err := base64.RawURLEncoding.DecodeString(s)
	if err != nil || len(b) == 0 {
		t.Fatalf("%v: %v", text, err)
	}
	return b
}

// verify checks a compact JWS with nothing but the JWK and the standard library.
func verify(t *testing.T, alg string, jwk map[string]any, compact string) bool {
	t.Helper()
	i := strings.LastIndexByte(compact, '.')
	input, signature := []byte(compact[:i]), bytesOf(t, compact[i+1:])
	hash := map[string]crypto.Hash{"256": crypto.SHA256, "384": crypto.SHA384, "512": crypto.SHA512}[alg[2:]]
	var digest []byte
	if hash != 0 {
		h := hash.New()
		h.Write(input)
		digest = h.Sum(nil)
	}
	switch jwk["kty"] {
	case "RSA":
		public := &rsa.PublicKey{
			N: new(big.Int).SetBytes(bytesOf(t, jwk["n"])),
			E: int(new(big.Int).SetBytes(bytesOf(t, jwk["e"])).Int64()),
		}
		if alg[:2] == "RS" {
			return rsa.VerifyPKCS1v15(public, hash, digest, signature) == nil
		}
		return rsa.VerifyPSS(public, hash, digest, signature, &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash}) == nil
	case "EC":
		curve := map[any]elliptic.Curve{"P-256": elliptic.P256(), "P-384": elliptic.P384(), "P-521": elliptic.P521()}[jwk["crv"]]
		public, err := ecdsa.ParseUncompressedPublicKey(curve, append(append([]byte{4}, bytesOf(t, jwk["x"])...), bytesOf(t, jwk["y"])...))
		if err != nil {
			t.Fatal(err)
		}
		half := (curve.Params().BitSize + 7) / 8
		r, s := new(big.Int).SetBytes(signature[:half]), new(big.Int).SetBytes(signature[half:])
		return len(signature) == 2*half && ecdsa.Verify(public, digest, r, s)
	case "OKP":
		return ed25519.Verify(bytesOf(t, jwk["x"]), input, signature)
	case "AKP":
		params := map[string]mldsa.Parameters{"ML-DSA-44": mldsa.MLDSA44(), "ML-DSA-65": mldsa.MLDSA65(), "ML-DSA-87": mldsa.MLDSA87()}[alg]
		public, err := mldsa.NewPublicKey(params, bytesOf(t, jwk["pub"]))
		if err != nil {
			t.Fatal(err)
		}
		return mldsa.Verify(public, input, signature, nil) == nil
	case "oct":
		mac := hmac.New(hash.New, bytesOf(t, jwk["k"]))
		mac.Write(input)
		return hmac.Equal(mac.Sum(nil), signature)
	}
	t.Fatalf("kty %v", jwk["kty"])
	return false
}

func TestKeys(t *testing.T) {
	for _, alg := range []string{
		"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "Ed25519", "EdDSA",
		"HS256", "HS384", "HS512", "ML-DSA-44", "ML-DSA-65", "ML-DSA-87",
	} {
		t.Run(alg, func(t *testing.T) {
			key, other := hostile.NewKey(t, alg, "k"), hostile.NewKey(t, alg, "k")
			compact := hostile.NewToken(key, map[string]any{"sub": "alice"}).String()
			header, claims := claimsOf(t, compact)
			if header["alg"] != alg || header["kid"] != "k" || claims["sub"] != "alice" {
				t.Errorf("header %v, claims %v", header, claims)
			}
			if !verify(t, alg, key.PublicJWK(), compact) {
				t.Error("its own key refuses the signature")
			}
			if verify(t, alg, other.PublicJWK(), compact) {
				t.Error("another key accepts the signature")
			}
			if verify(t, alg, key.PublicJWK(), hostile.BreakSignature(compact)) {
				t.Error("the broken signature is accepted")
			}
		})
	}
}

func TestRSAKeysAreDistinct(t *testing.T) {
	seen := map[string]bool{}
	for range 20 {
		key := hostile.NewKey(t, "RS256", "k")
		private := key.Private.(*rsa.PrivateKey)
		if err := private.Validate(); err != nil || private.N.BitLen() != 2048 {
			t.Fatalf("%d bits, %v", private.N.BitLen(), err)
		}
		if seen[private.N.String()] {
			t.Fatal("the same key twice")
		}
		seen[private.N.String()] = true
	}
}

func TestWrongSignatures(t *testing.T) {
	rsa2048, p256, p384 := hostile.NewKey(t, "RS256", "k"), hostile.NewKey(t, "ES256", "k"), hostile.NewKey(t, "ES384", "k")
	sign := func(k *hostile.Key) string { return k.Sign([]byte(`{}`), []byte(`{}`)) }
	tests := []struct {
		name   string
		key    *hostile.Key
		length int
	}{
		{"none", p256.As("none"), 0},
		{"none without a key", hostile.NewKey(t, "none", ""), 0},
		{"ES256 by P-384", p384.As("ES256"), 96},
		{"PS256 by the key of RS256", rsa2048.As("PS256"), 256},
		{"PSS with a salt of 20", rsa2048.As("PS256").Salt(20), 256},
		{"RSA 1024", hostile.NewRSAKey(t, "RS256", "k", 1024), 128},
		{"HS256 under a text", hostile.NewSecretKey("HS256", "k", []byte("-----BEGIN PUBLIC KEY-----")), 32},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			part := strings.Split(sign(tt.key), ".")
			if n := base64.RawURLEncoding.DecodedLen(len(part[2])); n != tt.length {
				t.Errorf("%d octets, want %d", n, tt.length)
			}
		})
	}
	der := sign(p256.DER())
	i := strings.LastIndexByte(der, '.')
	digest := sha256.Sum256([]byte(der[:i]))
	if !ecdsa.VerifyASN1(&p256.Private.(*ecdsa.PrivateKey).PublicKey, digest[:], bytesOf(t, der[i+1:])) {
		t.Error("DER: not an ASN.1 signature")
	}
}

func TestTwists(t *testing.T) {
	key := hostile.NewKey(t, "ES256", "k")
	compact := key.Sign([]byte(`{"alg":"ES256"}`), []byte(`{"sub":"alice"}`))
	i := strings.LastIndexByte(compact, '.')
	signature := bytesOf(t, compact[i+1:])
	if got := hostile.Compact([]byte(`{"alg":"ES256"}`), []byte(`{"sub":"alice"}`), signature); got != compact {
		t.Errorf("Compact: %s", got)
	}
	if got := hostile.DropSignature(compact); got != compact[:i+1] {
		t.Errorf("DropSignature: %s", got)
	}
	if got := hostile.DropPart(compact); got != compact[:i] {
		t.Errorf("DropPart: %s", got)
	}
	if got := hostile.Pad(compact); got != compact+"=" {
		t.Errorf("Pad: %s", got)
	}
	if got := hostile.NonCanonical(compact); got == compact || string(bytesOf(t, got[i+1:])) != string(signature) {
		t.Errorf("NonCanonical: %s", got)
	}
	if got := hostile.BreakLine(compact); got == compact || string(bytesOf(t, got[i+1:])) != string(signature) {
		t.Errorf("BreakLine: %s", got)
	}
	var flat map[string]string
	if err := json.Unmarshal([]byte(hostile.Flattened(compact)), &flat); err != nil || flat["signature"] != compact[i+1:] {
		t.Errorf("Flattened: %v %v", flat, err)
	}
	tok := hostile.NewToken(key, map[string]any{"sub": "alice"})
	tok.RawPayload = hostile.WithMember(tok.PayloadJSON(), "sub", `"mallory"`)
	tok.RawHeader = []byte(`{"alg":"ES256"}`)
	tok.Compact = hostile.DropPart
	if got := strings.Split(tok.String(), "."); len(got) != 2 || string(bytesOf(t, got[1])) != `{"sub":"mallory","sub":"alice"}` || string(bytesOf(t, got[0])) != `{"alg":"ES256"}` {
		t.Errorf("raw token: %s", got)
	}
}

package jose

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"strings"
	"testing"

	"github.com/openid-client/openid/internal/strict"
)

var benchmarked = []string{"RS256", "PS256", "ES256", "EdDSA", "HS256"}

// BenchmarkVerify splits, decodes and verifies a token of about 1 KB; floor is the bare check of decoded input.
func BenchmarkVerify(b *testing.B) {
	payload := []byte(`{"iss":"https://op.example","padding":"` + strings.Repeat("x", 480) + `"}`)
	for _, alg := range benchmarked {
		signer, key := pair(b, alg, SignerOptions{Algorithm: alg, KeyID: "2026-11", Type: "JWT"})
		token, err := signer.Sign(payload)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(alg+"/ours", func(b *testing.B) {
			b.ReportAllocs()
			var signature []byte
			for b.Loop() {
				jws, err := Split(token)
				if err != nil {
					b.Fatal(err)
				}
				h, err := ParseHeader(jws.Header)
				if err != nil {
					b.Fatal(err)
				}
				signature, err = strict.AppendBase64(signature[:0], jws.Signature)
				if err != nil || !key.Verify(h.Algorithm, jws.Signed, signature) {
					b.Fatal("not verified")
				}
			}
		})
		b.Run(alg+"/floor", func(b *testing.B) {
			jws, _ := Split(token)
			signed := []byte(jws.Signed)
			signature, _ := strict.AppendBase64(nil, jws.Signature)
			verify := bareVerify(alg, key, signed, signature)
			b.ReportAllocs()
			for b.Loop() {
				if !verify() {
					b.Fatal("not verified")
				}
			}
		})
	}
}

func bareVerify(alg string, key *Key, signed, signature []byte) func() bool {
	digest := func() []byte { d := sha256.Sum256(signed); return d[:] }
	switch alg {
	case "RS256":
		return func() bool {
			return rsa.VerifyPKCS1v15(key.public.(*rsa.PublicKey), crypto.SHA256, digest(), signature) == nil
		}
	case "PS256":
		return func() bool {
			return rsa.VerifyPSS(key.public.(*rsa.PublicKey), crypto.SHA256, digest(), signature, saltLikeHash) == nil
		}
	case "ES256":
		der := appendDER(nil, signature, 32)
		return func() bool { return ecdsa.VerifyASN1(key.public.(*ecdsa.PublicKey), digest(), der) }
	case "EdDSA":
		return func() bool { return ed25519.Verify(key.public.(ed25519.PublicKey), signed, signature) }
	}
	return func() bool {
		m := hmac.New(sha256.New, testSecret)
		m.Write(signed)
		return hmac.Equal(m.Sum(nil), signature)
	}
}

// BenchmarkSign makes a client assertion; floor is the bare signature over the same bytes.
func BenchmarkSign(b *testing.B) {
	payload := []byte(`{"iss":"client-1","sub":"client-1","aud":"https://op.example","jti":"Zk3pQ0b5rT1yXw8uJm2aVg","iat":1780000000,"exp":1780000060}`)
	for _, alg := range benchmarked {
		signer, _ := pair(b, alg, SignerOptions{Algorithm: alg, KeyID: "2026-11", Type: "JWT"})
		b.Run(alg+"/ours", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := signer.Sign(payload); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(alg+"/floor", func(b *testing.B) {
			token, _ := signer.Sign(payload)
			jws, _ := Split(token)
			sign := bareSign(alg, signer.key, []byte(jws.Signed))
			b.ReportAllocs()
			for b.Loop() {
				if err := sign(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func bareSign(alg string, key crypto.Signer, signed []byte) func() error {
	digest := func() []byte { d := sha256.Sum256(signed); return d[:] }
	switch alg {
	case "RS256":
		return func() error {
			_, err := rsa.SignPKCS1v15(rand.Reader, key.(*rsa.PrivateKey), crypto.SHA256, digest())
			return err
		}
	case "PS256":
		return func() error {
			_, err := rsa.SignPSS(rand.Reader, key.(*rsa.PrivateKey), crypto.SHA256, digest(), saltLikeHash)
			return err
		}
	case "ES256":
		return func() error {
			_, err := ecdsa.SignASN1(rand.Reader, key.(*ecdsa.PrivateKey), digest())
			return err
		}
	case "EdDSA":
		return func() error { ed25519.Sign(key.(ed25519.PrivateKey), signed); return nil }
	}
	return func() error {
		m := hmac.New(sha256.New, testSecret)
		m.Write(signed)
		m.Sum(nil)
		return nil
	}
}

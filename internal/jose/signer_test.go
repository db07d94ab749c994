package jose

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"io"
	"strings"
	"sync"
	"testing"
)

func TestEverySignatureVerifies(t *testing.T) {
	payload := []byte(`{"iss":"client"}`)
	for _, alg := range Algorithms() {
		o := SignerOptions{Algorithm: alg, KeyID: "k \" 1", Type: "dpop+jwt"}
		signer, key := pair(t, alg, o)
		if private := privateKey(alg); private != nil {
			signer = must(NewSigner(opaque{private}, o))
		}
		token, err := signer.Sign(payload)
		if err != nil {
			t.Errorf("%s: %v", alg, err)
			continue
		}
		jws := must(Split(token))
		if h, err := ParseHeader(jws.Header); err != nil || h != (Header{Algorithm: alg, KeyID: o.KeyID, HasKeyID: true, Type: o.Type}) {
			t.Errorf("%s: header %+v, %v", alg, h, err)
		}
		if string(decode(jws.Payload)) != string(payload) {
			t.Errorf("%s: payload %s", alg, jws.Payload)
		}
		if !key.Verify(alg, jws.Signed, decode(jws.Signature)) {
			t.Errorf("%s: does not verify", alg)
		}
		if signer.Algorithm() != alg {
			t.Errorf("%s: said to be %s", alg, signer.Algorithm())
		}
	}
}

func TestSignerChoosesAnAlgorithm(t *testing.T) {
	for want, key := range map[string]crypto.Signer{
		"RS256": rsaKey(), "ES256": p256Key(), "ES384": p384Key(), "ES512": p521Key(), "Ed25519": edKey(), "ML-DSA-44": privateKey("ML-DSA-44"), "ML-DSA-87": privateKey("ML-DSA-87"),
	} {
		s := must(NewSigner(opaque{key}, SignerOptions{}))
		if s.Algorithm() != want {
			t.Errorf("got %s, want %s", s.Algorithm(), want)
		}
		if h := must(ParseHeader(must(Split(must(s.Sign(nil)))).Header)); h != (Header{Algorithm: want}) {
			t.Errorf("%s: a header nobody asked for: %+v", want, h)
		}
	}
	if s := must(NewMAC(testSecret, SignerOptions{})); s.Algorithm() != "HS256" {
		t.Errorf("a secret: got %s", s.Algorithm())
	}
}

func TestSignerTakesTheLongestKeyID(t *testing.T) {
	kid := strings.Repeat("k", 256)
	if _, err := NewSigner(p256Key(), SignerOptions{KeyID: kid}); err != nil {
		t.Error(err)
	}
	if _, err := NewMAC(testSecret, SignerOptions{KeyID: kid}); err != nil {
		t.Error(err)
	}
}

func TestSignAs(t *testing.T) {
	signer, key := pair(t, "ES256", SignerOptions{Type: "JWT"})
	if got, want := string(signer.Header()), `{"alg":"ES256","typ":"JWT"}`; got != want {
		t.Fatalf("the header is %s, want %s", got, want)
	}
	header := `{"alg":"ES256","typ":"mine"}`
	jws := must(Split(must(signer.SignAs([]byte(header), []byte(`{}`)))))
	if string(decode(jws.Header)) != header || string(decode(jws.Payload)) != `{}` || !key.Verify("ES256", jws.Signed, decode(jws.Signature)) {
		t.Errorf("got %+v", jws)
	}
	down := errors.New("the HSM is down")
	if token, err := must(NewSigner(broken{opaque{p256Key()}, nil, down}, SignerOptions{})).SignAs([]byte(header), nil); err != down || token != "" {
		t.Errorf("got %q, %v", token, err)
	}
}

func TestSignerEmbedsThePublicKeyOnly(t *testing.T) {
	for _, alg := range []string{"RS256", "ES256", "ES512", "Ed25519", "ML-DSA-44"} {
		s := must(NewSigner(privateKey(alg), SignerOptions{Algorithm: alg, Type: "dpop+jwt", EmbedKey: true}))
		header := string(decode(must(Split(must(s.Sign(nil)))).Header))
		if want := `{"alg":"` + alg + `","typ":"dpop+jwt","jwk":` + string(s.PublicJWK()) + `}`; header != want {
			t.Errorf("%s: header %s", alg, header)
		}
		// ParseKey refuses private members.
		k, err := ParseKey(s.PublicJWK())
		if err != nil || k.Thumbprint() != s.Thumbprint() || len(s.Thumbprint()) != 43 {
			t.Errorf("%s: %v", alg, err)
		}
	}
	s := must(NewMAC(testSecret, SignerOptions{}))
	if s.PublicJWK() != nil || s.Thumbprint() != "" {
		t.Error("a secret was shown")
	}
}

func TestNewSignerRefuses(t *testing.T) {
	small := must(rsa.GenerateKey(rand.Reader, 1024))
	for _, tt := range []struct {
		lie    string
		key    crypto.Signer
		o      SignerOptions
		reason string
	}{
		{"no key", nil, SignerOptions{}, "no key"},
		{"an alg of another type", p256Key(), SignerOptions{Algorithm: "RS256"}, `cannot sign with "RS256"`},
		{"an alg of another curve", p256Key(), SignerOptions{Algorithm: "ES384"}, `cannot sign with "ES384"`},
		{"none", p256Key(), SignerOptions{Algorithm: "none"}, `cannot sign with "none"`},
		{"HS256 with a private key", rsaKey(), SignerOptions{Algorithm: "HS256"}, `cannot sign with "HS256"`},
		{"RSA of 1024 bits", small, SignerOptions{}, "1024 bits"},
		{"a key id of 257 bytes", p256Key(), SignerOptions{KeyID: strings.Repeat("k", 257)}, "256 bytes"},
		{"a key id that is not UTF-8", p256Key(), SignerOptions{KeyID: "\xff"}, "kid is not valid UTF-8"},
		{"a type that is not UTF-8", p256Key(), SignerOptions{Type: "\xff"}, "typ is not valid UTF-8"},
	} {
		if _, err := NewSigner(tt.key, tt.o); err == nil || !strings.Contains(err.Error(), tt.reason) {
			t.Errorf("%s: got %v, want %q", tt.lie, err, tt.reason)
		}
	}
	for _, tt := range []struct {
		lie    string
		secret []byte
		o      SignerOptions
		reason string
	}{
		{"no secret", nil, SignerOptions{}, "0 bytes"},
		{"a secret of 31 bytes", testSecret[:31], SignerOptions{}, "31 bytes"},
		{"a secret of 32 bytes for HS512", testSecret[:32], SignerOptions{Algorithm: "HS512"}, `cannot sign with "HS512"`},
		{"a secret to embed", testSecret, SignerOptions{EmbedKey: true}, "cannot be embedded"},
		{"a public key's algorithm", testSecret, SignerOptions{Algorithm: "ES256"}, `cannot sign with "ES256"`},
		{"a key id of 257 bytes", testSecret, SignerOptions{KeyID: strings.Repeat("k", 257)}, "at most 256 bytes"},
	} {
		if _, err := NewMAC(tt.secret, tt.o); err == nil || !strings.Contains(err.Error(), tt.reason) {
			t.Errorf("%s: got %v, want %q", tt.lie, err, tt.reason)
		}
	}
}

// broken answers every request to sign with the same.
type broken struct {
	opaque
	signature []byte
	err       error
}

func (b broken) Sign(io.Reader, []byte, crypto.SignerOpts) ([]byte, error) { return b.signature, b.err }

func TestSignDistrustsItsKey(t *testing.T) {
	down := errors.New("the HSM is down")
	for _, tt := range []struct {
		lie    string
		key    crypto.Signer
		reason string
	}{
		{"an error", broken{opaque{p256Key()}, nil, down}, "the HSM is down"},
		{"an error for RSA", broken{opaque{rsaKey()}, make([]byte, 256), down}, "the HSM is down"},
		{"a raw ECDSA signature", broken{opaque{p256Key()}, make([]byte, 64), nil}, "not ASN.1"},
		{"no ECDSA signature", broken{opaque{p256Key()}, nil, nil}, "not ASN.1"},
		{"a short RSA signature", broken{opaque{rsaKey()}, make([]byte, 128), nil}, "128 bytes"},
		{"a long Ed25519 signature", broken{opaque{edKey()}, make([]byte, 65), nil}, "65 bytes"},
		{"no ML-DSA signature", broken{opaque{privateKey("ML-DSA-44")}, nil, nil}, "0 bytes"},
	} {
		s := must(NewSigner(tt.key, SignerOptions{}))
		if token, err := s.Sign(nil); err == nil || token != "" || !strings.Contains(err.Error(), tt.reason) {
			t.Errorf("%s: got %q, %v; want %q", tt.lie, token, err, tt.reason)
		}
	}
}

func TestSignConcurrently(t *testing.T) {
	for _, alg := range []string{"ES256", "HS256", "Ed25519"} {
		signer, key := pair(t, alg, SignerOptions{Algorithm: alg})
		var wg sync.WaitGroup
		for i := range 8 {
			wg.Go(func() {
				payload := strings.Repeat("x", i*100)
				jws := must(Split(must(signer.Sign([]byte(payload)))))
				if !key.Verify(alg, jws.Signed, decode(jws.Signature)) || string(decode(jws.Payload)) != payload {
					t.Errorf("%s: a token does not verify", alg)
				}
			})
		}
		wg.Wait()
	}
}

func TestSignAllocatesLittle(t *testing.T) {
	countAllocations(t)
	s := must(NewMAC(testSecret, SignerOptions{})) // HMAC allocates nothing itself
	payload := make([]byte, 300)
	if got := testing.AllocsPerRun(100, func() { _, _ = s.Sign(payload) }); got > 2 {
		t.Errorf("%v allocations, want the buffer and the string", got)
	}
}

package jose

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/asn1"
	"math/big"
	"slices"
	"strings"
	"testing"

	"filippo.io/mldsa"
)

func TestKeysServeTheirKindOnly(t *testing.T) {
	for _, tt := range []struct {
		key  string
		k    *Key
		algs []string
	}{
		{"RSA", must(NewKey(rsaKey().Public(), "")), []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"}},
		{"P-256", must(NewKey(p256Key().Public(), "")), []string{"ES256"}},
		{"P-384", must(NewKey(p384Key().Public(), "")), []string{"ES384"}},
		{"P-521", must(NewKey(p521Key().Public(), "")), []string{"ES512"}},
		{"Ed25519", must(NewKey(edKey().Public(), "")), []string{"Ed25519", "EdDSA"}},
		{"ML-DSA-65", must(NewKey(privateKey("ML-DSA-65").Public(), "")), []string{"ML-DSA-65"}},
		{"a secret of 31 + 1 bytes", must(NewSecret(testSecret[:32])), []string{"HS256"}},
		{"a secret of 48 bytes", must(NewSecret(testSecret[:48])), []string{"HS256", "HS384"}},
		{"a secret of 64 bytes", must(NewSecret(testSecret)), []string{"HS256", "HS384", "HS512"}},
	} {
		for _, alg := range append(Algorithms(), "", "none", "None", "NONE", "nOnE", "rs256", "RS1", "ES256K", "HS1", "RS256 ") {
			if got, want := tt.k.Serves(alg), slices.Contains(tt.algs, alg); got != want {
				t.Errorf("%s serves %q: %v", tt.key, alg, got)
			}
		}
	}
}

func TestSupported(t *testing.T) {
	for _, alg := range Algorithms() {
		if !Supported(alg) {
			t.Errorf("%s is listed and not supported", alg)
		}
	}
	for _, alg := range []string{"", "none", "None", "NONE", "nonE", "rs256", "RSA1_5", "dir", "ES256K", "Ed448"} {
		if Supported(alg) {
			t.Errorf("%q is supported", alg)
		}
	}
}

func TestNewKeyRefuses(t *testing.T) {
	good := rsaKey().PublicKey
	beyond := int64(1)<<31 + 1 // negative, where an int has 32 bits
	withE := func(e int) *rsa.PublicKey { return &rsa.PublicKey{N: good.N, E: e} }
	offCurve := p256Key().PublicKey
	//lint:ignore SA1019 a wrong point has to be made by hand
	offCurve.Y = new(big.Int).Add(offCurve.Y, big.NewInt(1))
	for _, tt := range []struct {
		lie    string
		key    crypto.PublicKey
		reason string
	}{
		{"nil", nil, "not supported"},
		{"a nil RSA key", (*rsa.PublicKey)(nil), "no key"},
		{"an RSA key of nothing", &rsa.PublicKey{}, "no key"},
		{"RSA of 1024 bits", &rsa.PublicKey{N: oddOf(1024), E: 65537}, "1024 bits"},
		{"RSA of 2047 bits", &rsa.PublicKey{N: oddOf(2047), E: 65537}, "2047 bits"},
		{"RSA of 8193 bits", &rsa.PublicKey{N: oddOf(8193), E: 65537}, "8193 bits"},
		{"an even modulus", &rsa.PublicKey{N: new(big.Int).Lsh(big.NewInt(1), 2047), E: 65537}, "even"},
		{"a negative modulus", &rsa.PublicKey{N: new(big.Int).Neg(good.N), E: 65537}, "negative"},
		{"a small factor", &rsa.PublicKey{N: new(big.Int).Mul(good.N, big.NewInt(3)), E: 65537}, "divided by 3"},
		{"ROCA", &rsa.PublicKey{N: rocaModulus(2048), E: 65537}, "CVE-2017-15361"},
		{"e = 1", withE(1), "exponent"},
		{"e = -3", withE(-3), "exponent"},
		{"e = 65536", withE(65536), "exponent"},
		{"e = 2 to the 31, plus 1", withE(int(beyond)), "exponent"},
		//lint:ignore SA1019 a curve that nothing else makes keys of
		{"P-224", &ecdsa.PublicKey{Curve: elliptic.P224(), X: new(big.Int), Y: new(big.Int)}, "P-224"},
		{"no curve", &ecdsa.PublicKey{}, "no key"},
		{"a nil EC key", (*ecdsa.PublicKey)(nil), "no key"},
		{"a nil ML-DSA key", (*mldsa.PublicKey)(nil), "no key"},
		{"a point off its curve", &offCurve, "not on its curve"},
		//lint:ignore SA1019 a wrong point has to be made by hand
		{"the point at infinity", &ecdsa.PublicKey{Curve: elliptic.P256(), X: new(big.Int), Y: new(big.Int)}, "not on its curve"},
		{"an Ed25519 key of small order", ed25519.PublicKey(append([]byte{1}, make([]byte, 31)...)), "small order"},
		{"31 bytes of Ed25519", ed25519.PublicKey(make([]byte, 31)), "32 bytes"},
		{"a private key", rsaKey(), "not supported"},
		{"a secret", testSecret, "not supported"},
	} {
		if _, err := NewKey(tt.key, ""); err == nil || !strings.Contains(err.Error(), tt.reason) {
			t.Errorf("%s: got %v, want %q", tt.lie, err, tt.reason)
		}
	}
	if _, err := NewKey(&good, strings.Repeat("k", 257)); err == nil {
		t.Error("a key id of 257 bytes was accepted")
	}
	if _, err := NewKey(&good, strings.Repeat("k", 256)); err != nil {
		t.Errorf("a key id of 256 bytes: %v", err)
	}
	if _, err := NewSecret(testSecret[:31]); err == nil || !strings.Contains(err.Error(), "31 bytes") {
		t.Errorf("a secret of 31 bytes: got %v", err)
	}
	if _, err := NewSecret(nil); err == nil {
		t.Error("an empty secret was accepted")
	}
}

// oddOf is an odd number of so many bits.
func oddOf(bits uint) *big.Int {
	n := new(big.Int).Lsh(big.NewInt(1), bits-1)
	return n.SetBit(n, 0, 1)
}

func TestVerifyRefuses(t *testing.T) {
	const message = "header.payload"
	digest := sha256.Sum256([]byte(message))
	der := must(ecdsa.SignASN1(rand.Reader, p256Key(), digest[:]))
	raw := must(appendRaw(nil, der, 32))
	p384 := must(appendRaw(nil, must(ecdsa.SignASN1(rand.Reader, p384Key(), digest[:])), 48))
	zero, order := make([]byte, 32), elliptic.P256().Params().N.FillBytes(make([]byte, 32))
	rs := must(rsa.SignPKCS1v15(nil, rsaKey(), crypto.SHA256, digest[:]))
	pss := func(salt int) []byte {
		return must(rsa.SignPSS(rand.Reader, rsaKey(), crypto.SHA256, digest[:], &rsa.PSSOptions{SaltLength: salt}))
	}
	ed := ed25519.Sign(edKey(), []byte(message))
	secret := must(NewSecret(testSecret))
	mac := secret.mac(crypto.SHA256, nil, []byte(message))
	pq := must(NewKey(privateKey("ML-DSA-44").Public(), ""))
	pqSignature := must(privateKey("ML-DSA-44").Sign(rand.Reader, []byte(message), crypto.Hash(0)))
	rsaPub, ec, ed25519Pub := must(NewKey(rsaKey().Public(), "")), must(NewKey(p256Key().Public(), "")), must(NewKey(edKey().Public(), ""))
	pem := must(NewSecret(publicJWK(rsaKey().Public())))

	for _, tt := range []struct {
		honest    string
		k         *Key
		alg       string
		signature []byte
	}{
		{"RS256", rsaPub, "RS256", rs}, {"PS256", rsaPub, "PS256", pss(32)}, {"ES256", ec, "ES256", raw}, {"EdDSA", ed25519Pub, "EdDSA", ed},
		{"Ed25519", ed25519Pub, "Ed25519", ed}, {"HS256", secret, "HS256", mac},
		{"ML-DSA-44", pq, "ML-DSA-44", pqSignature},
	} {
		if !tt.k.Verify(tt.alg, message, tt.signature) {
			t.Fatalf("the honest %s was refused", tt.honest)
		}
	}
	for _, tt := range []struct {
		lie       string
		k         *Key
		alg       string
		signature []byte
	}{
		{"none", rsaPub, "none", nil},
		{"an unknown alg", rsaPub, "RS1", rs},
		{"an alg in small letters", rsaPub, "rs256", rs},
		{"no signature, RS256", rsaPub, "RS256", nil},
		{"no signature, ES256", ec, "ES256", nil},
		{"no signature, EdDSA", ed25519Pub, "EdDSA", nil},
		{"no signature, HS256", secret, "HS256", nil},
		{"RS256 said to be PS256", rsaPub, "PS256", rs},
		{"RS256 said to be RS512", rsaPub, "RS512", rs},
		{"RS256 cut by a byte", rsaPub, "RS256", rs[:len(rs)-1]},
		{"RS256 with a zero in front", rsaPub, "RS256", append([]byte{0}, rs...)},
		{"PSS with a salt of 20", rsaPub, "PS256", pss(20)},
		{"PSS with no salt", rsaPub, "PS256", pss(0)},
		{"PSS with the longest salt", rsaPub, "PS256", pss(rsa.PSSSaltLengthAuto)},
		{"HS256 with the public key as secret", rsaPub, "HS256", pem.mac(crypto.SHA256, nil, []byte(message))},
		{"RS256 under a secret", secret, "RS256", rs},
		{"DER for ES256", ec, "ES256", der},
		{"r = 0", ec, "ES256", slices.Concat(zero, raw[32:])},
		{"s = 0", ec, "ES256", slices.Concat(raw[:32], zero)},
		{"r = s = 0", ec, "ES256", make([]byte, 64)},
		{"r = the order", ec, "ES256", slices.Concat(order, raw[32:])},
		{"s = the order", ec, "ES256", slices.Concat(raw[:32], order)},
		{"ES256 cut by a byte", ec, "ES256", raw[:63]},
		{"ES256 with a byte more", ec, "ES256", append(slices.Clone(raw), 0)},
		{"s in 33 bytes", ec, "ES256", slices.Concat(raw[:32], []byte{0}, raw[32:])},
		{"r and s in 33 bytes each", ec, "ES256", slices.Concat([]byte{0}, raw[:32], []byte{0}, raw[32:])},
		{"P-384 with SHA-256 said to be ES256", must(NewKey(p384Key().Public(), "")), "ES256", p384},
		{"P-384 with SHA-256 said to be ES384", must(NewKey(p384Key().Public(), "")), "ES384", p384},
		{"EdDSA cut by a byte", ed25519Pub, "EdDSA", ed[:63]},
		{"EdDSA with a byte more", ed25519Pub, "EdDSA", append(slices.Clone(ed), 0)},
		{"no signature, ML-DSA-44", pq, "ML-DSA-44", nil},
		{"ML-DSA-44 cut by a byte", pq, "ML-DSA-44", pqSignature[:len(pqSignature)-1]},
		{"HS256 cut to its left half", secret, "HS256", mac[:16]},
		{"HS256 said to be HS512", secret, "HS512", mac},
		{"HS512 for a secret of 32 bytes", must(NewSecret(testSecret[:32])), "HS512", must(NewSecret(testSecret[:32])).mac(crypto.SHA512, nil, []byte(message))},
	} {
		if tt.k.Verify(tt.alg, message, tt.signature) {
			t.Errorf("%s: accepted", tt.lie)
		}
	}
	for _, tt := range []struct {
		alg       string
		k         *Key
		signature []byte
	}{{"RS256", rsaPub, rs}, {"PS256", rsaPub, pss(32)}, {"ES256", ec, raw}, {"EdDSA", ed25519Pub, ed}, {"ML-DSA-44", pq, pqSignature}, {"HS256", secret, mac}} {
		if tt.k.Verify(tt.alg, message+" ", tt.signature) {
			t.Errorf("%s: another message was accepted", tt.alg)
		}
		for _, i := range []int{0, len(tt.signature) / 2, len(tt.signature) - 1} {
			flipped := slices.Clone(tt.signature)
			flipped[i] ^= 1
			if tt.k.Verify(tt.alg, message, flipped) {
				t.Errorf("%s: a signature with byte %d flipped was accepted", tt.alg, i)
			}
		}
	}
}

func TestKeyIsACopy(t *testing.T) {
	secret := slices.Clone(testSecret)
	k := must(NewSecret(secret))
	clear(secret)
	if !k.Verify("HS256", "message", must(NewSecret(testSecret)).mac(crypto.SHA256, nil, []byte("message"))) {
		t.Error("the key follows its caller's slice")
	}
}

func TestVerifyDoesNotAllocateByItself(t *testing.T) {
	countAllocations(t)
	for _, alg := range []string{"EdDSA", "HS256"} { // the others' crypto allocates: see the benchmarks
		signer, key := pair(t, alg, SignerOptions{Algorithm: alg})
		token := must(Split(must(signer.Sign([]byte(`{}`)))))
		signature := decode(token.Signature)
		if got := testing.AllocsPerRun(100, func() { key.Verify(alg, token.Signed, signature) }); got > 0 {
			t.Errorf("%s: %v allocations", alg, got)
		}
	}
}

// The ASN.1 is judged by encoding/asn1.
func TestASN1(t *testing.T) {
	for _, size := range []int{32, 48, 66} {
		for _, r := range [][]byte{{1}, {0x7f}, {0x80}, {0xff, 0}, slices.Repeat([]byte{0xff}, size), slices.Repeat([]byte{1}, size), slices.Repeat([]byte{1}, size-9)} {
			for _, s := range [][]byte{{1}, slices.Repeat([]byte{0x80}, size-1)} { // with the last r of P-521 127 bytes, the most of a short length
				raw := make([]byte, 2*size)
				copy(raw[size-len(r):], r)
				copy(raw[2*size-len(s):], s)
				got := appendDER(nil, raw, size)
				want := must(asn1.Marshal(struct{ R, S *big.Int }{new(big.Int).SetBytes(r), new(big.Int).SetBytes(s)}))
				if !slices.Equal(got, want) {
					t.Errorf("%d bytes: got %x, want %x", size, got, want)
				}
				if back, err := appendRaw(nil, got, size); err != nil || !slices.Equal(back, raw) {
					t.Errorf("%d bytes: came back as %x, %v", size, back, err)
				}
			}
		}
	}
}

func TestAppendRawRefuses(t *testing.T) {
	// Two integers of 64 and of 65 bytes, tag and length included: 128 and 130, whose bytes mean something else as the first of a length.
	integers := func(r, s int) []byte {
		return slices.Concat([]byte{2, byte(r)}, slices.Repeat([]byte{1}, r), []byte{2, byte(s)}, slices.Repeat([]byte{1}, s))
	}
	for lie, der := range map[string][]byte{
		"nothing": {}, "a lone tag": {0x30}, "no sequence": {0x31, 6, 2, 1, 1, 2, 1, 1}, "r is no integer": {0x30, 6, 3, 1, 1, 2, 1, 1}, "s is no integer": {0x30, 6, 2, 1, 1, 4, 1, 1}, "an empty sequence": {0x30, 0}, "cut off": {0x30, 6, 2, 1, 1, 2, 1}, "one integer": {0x30, 3, 2, 1, 1},
		"three integers": {0x30, 9, 2, 1, 1, 2, 1, 1, 2, 1, 1}, "bytes behind": {0x30, 6, 2, 1, 1, 2, 1, 1, 0}, "a negative r": {0x30, 6, 2, 1, 0x80, 2, 1, 1},
		"r = 0": {0x30, 6, 2, 1, 0, 2, 1, 1}, "an empty r": {0x30, 5, 2, 0, 2, 1, 1}, "indefinite length, as long as it says": slices.Concat([]byte{0x30, 0x80}, integers(62, 62)),
		"a length of two bytes, as long as its first says": slices.Concat([]byte{0x30, 0x82}, integers(63, 63)), "indefinite length": {0x30, 0x80, 2, 1, 1, 2, 1, 1}, "a length of a length, cut off": {0x30, 0x81},
		"r longer than the curve": slices.Concat([]byte{0x30, 38, 2, 33}, slices.Repeat([]byte{1}, 33), []byte{2, 1, 1}),
	} {
		for _, size := range []int{32, 66} {
			if lie == "r longer than the curve" && size > 32 {
				continue
			}
			if got, err := appendRaw(nil, der, size); err == nil {
				t.Errorf("%s: got %x", lie, got)
			}
		}
	}
}

package jose

import (
	"encoding/base64"
	"fmt"
	"math/big"
	"strings"
	"testing"

	"github.com/openid-client/openid/internal/hostile"
)

func decode(s string) []byte { return must(base64.RawURLEncoding.DecodeString(s)) }

// jwkWith is a public key as JWK with more members in front.
func jwkWith(alg, more string) string {
	jwk := string(publicJWK(privateKey(alg).Public()))
	return strings.Replace(jwk, "{", "{"+more, 1)
}

func rsaJWK(n, e *big.Int) string {
	return fmt.Sprintf(`{"kty":"RSA","n":"%s","e":"%s"}`, base64.RawURLEncoding.EncodeToString(n.Bytes()), base64.RawURLEncoding.EncodeToString(e.Bytes()))
}

// TestKeyIssuer: what a key says of its issuer is kept for who asks; most keys say nothing.
func TestKeyIssuer(t *testing.T) {
	for more, want := range map[string]string{"": "", `"issuer":"https://op.example/{tenantid}",`: "https://op.example/{tenantid}"} {
		k, err := ParseKey([]byte(jwkWith("ES256", more)))
		if err != nil || k.Issuer() != want {
			t.Errorf("%s: %v, %v", more, k, err)
		}
	}
}

func TestSetSkipsKeysItCannotUse(t *testing.T) {
	good := jwkWith("ES256", `"kid":"good",`)
	n := rsaKey().N
	two := big.NewInt(2)
	x, y := strings.Repeat("A", 43), strings.Repeat("A", 43)
	for _, tt := range []struct{ lie, jwk, reason string }{
		{"no key at all", `"key"`, "JSON is not an object"},
		{"no kty", `{"kid":"a"}`, `the key type "" is not supported`},
		{"an unknown kty", `{"kty":"XYZ"}`, `the key type "XYZ" is not supported`},
		{"kty in small letters", strings.Replace(good, "EC", "ec", 1), `the key type "ec" is not supported`},
		{"kty is a number", `{"kty":1}`, "kty is not a string"},
		{"kid is a number", `{"kty":"EC","kid":1}`, "kid is not a string"},
		{"issuer is a number", jwkWith("ES256", `"issuer":1,`), "issuer is no name"},
		{"issuer is null", jwkWith("ES256", `"issuer":null,`), "issuer is no name"},
		{"issuer is empty", jwkWith("ES256", `"issuer":"",`), "issuer is no name"},
		{"a kid of 257 bytes", jwkWith("ES256", `"kid":"`+strings.Repeat("k", 257)+`",`), "kid has more than 256 bytes"},
		{"a member twice", jwkWith("ES256", `"kty":"EC",`), `JSON repeats the member "kty"`},
		{"a member twice, deep inside", jwkWith("ES256", `"ext":{"a":1,"a":2},`), `JSON repeats the member "a"`},
		{"a secret", `{"kty":"oct","k":"` + x + `"}`, "a secret is no public key"},
		{"a secret that says HS256", `{"kty":"oct","alg":"HS256","k":"` + x + `"}`, "a secret is no public key"},
		{"a private key", jwkWith("ES256", `"d":"`+x+`",`), "a private key is no public key"},
		{"a private ML-DSA key", jwkWith("ML-DSA-44", `"priv":"`+x+`",`), "a private key is no public key"},
		{"for encryption", jwkWith("ES256", `"use":"enc",`), "use is not sig"},
		{"use is null", jwkWith("ES256", `"use":null,`), "use is not sig"},
		{"key_ops without verify", jwkWith("ES256", `"key_ops":["sign","wrapKey"],`), "key_ops has no verify"},
		{"key_ops is a string", jwkWith("ES256", `"key_ops":"verify",`), "key_ops has no verify"},
		{"key_ops with a number in it", jwkWith("ES256", `"key_ops":["verify",1],`), "key_ops has no verify"},
		{"use sig, but key_ops without verify", jwkWith("ES256", `"use":"sig","key_ops":[],`), "key_ops has no verify"},
		{"alg of another curve", jwkWith("ES256", `"alg":"ES384",`), "alg is not one of the key's"},
		{"alg of another type", jwkWith("ES256", `"alg":"HS256",`), "alg is not one of the key's"},
		{"alg for encryption", jwkWith("RS256", `"alg":"RSA-OAEP",`), "alg is not one of the key's"},
		{"alg none", jwkWith("RS256", `"alg":"none",`), "alg is not one of the key's"},
		{"RSA of 1024 bits", rsaJWK(oddOf(1024), big.NewInt(65537)), "the RSA modulus has 1024 bits, not 2048 to 8192"},
		{"RSA of 16384 bits", rsaJWK(oddOf(16384), big.NewInt(65537)), "the RSA modulus has 16384 bits, not 2048 to 8192"},
		{"RSA of an even modulus", rsaJWK(new(big.Int).Lsh(n, 1), big.NewInt(65537)), "the RSA modulus is even or negative"},
		{"RSA of a modulus with a small factor", rsaJWK(new(big.Int).Mul(n, big.NewInt(751)), big.NewInt(65537)), "the RSA modulus can be divided by 751"},
		{"RSA of a chip", rsaJWK(rocaModulus(2048), big.NewInt(65537)), "the RSA modulus is of a chip whose keys can be factored (ROCA, CVE-2017-15361)"},
		{"RSA without modulus", `{"kty":"RSA","e":"AQAB"}`, "the RSA modulus has 0 bits, not 2048 to 8192"},
		{"RSA without exponent", strings.Replace(rsaJWK(n, two), `,"e":"Ag"`, "", 1), "the RSA exponent is even or below 3"},
		{"e = 1", rsaJWK(n, big.NewInt(1)), "the RSA exponent is even or below 3"},
		{"e = 2", rsaJWK(n, two), "the RSA exponent is even or below 3"},
		{"e = 2 to the 31, plus 1", rsaJWK(n, oddOf(32)), "the RSA exponent is too large"},
		{"e = 2 to the 64, plus 3", rsaJWK(n, new(big.Int).Add(new(big.Int).Lsh(two, 63), big.NewInt(3))), "the RSA exponent is too large"},
		{"n with padding", `{"kty":"RSA","e":"AQAB","n":"AQ=="}`, "n is not unpadded base64url"},
		{"n is a number", `{"kty":"RSA","e":"AQAB","n":5}`, "n is not a string"},
		{"a point off its curve", `{"kty":"EC","crv":"P-256","x":"` + x + `","y":"` + y + `"}`, "the point is not on its curve"},
		{"secp256k1", `{"kty":"EC","crv":"secp256k1","x":"` + x + `","y":"` + y + `"}`, `the curve "secp256k1" is not supported`},
		{"P-256 said to be P-384", strings.Replace(good, "P-256", "P-384", 1), "a coordinate has not the 48 bytes of its curve"},
		{"the point at zero", `{"kty":"EC","crv":"P-256","x":"` + x + `","y":"` + y + `"}`, "the point is not on its curve"},
		{"a point at infinity, as SEC 1 writes it", `{"kty":"EC","crv":"P-256","x":"AA","y":""}`, "a coordinate has not the 32 bytes of its curve"},
		{"a coordinate as large as the field", `{"kty":"EC","crv":"P-256","x":"_____wAAAAEAAAAAAAAAAAAAAAD_______________8","y":"` + y + `"}`, "the point is not on its curve"},
		{"a coordinate with a zero in front", strings.Replace(good, `"x":"`, `"x":"AAAA`, 1), "a coordinate has not the 32 bytes of its curve"},
		{"no y", `{"kty":"EC","crv":"P-256","x":"` + x + `"}`, "a coordinate has not the 32 bytes of its curve"},
		{"Ed448", `{"kty":"OKP","crv":"Ed448","x":"` + x + `"}`, `the curve "Ed448" is not supported`},
		{"X25519", `{"kty":"OKP","crv":"X25519","x":"` + x + `"}`, `the curve "X25519" is not supported`},
		{"Ed25519 of 31 bytes", `{"kty":"OKP","crv":"Ed25519","x":"` + x[:42] + `"}`, "an Ed25519 key has 32 bytes"},
		{"Ed25519 of no order", `{"kty":"OKP","crv":"Ed25519","x":"AQ` + x[:41] + `"}`, "an Ed25519 point of small order is nobody's key"},
		{"Ed25519 of order 4", `{"kty":"OKP","crv":"Ed25519","x":"` + x + `"}`, "an Ed25519 point of small order is nobody's key"},
		{"AKP without alg", `{"kty":"AKP","pub":"` + x + `"}`, "alg of an AKP key is missing or not supported"},
		{"AKP of another alg", `{"kty":"AKP","alg":"ES256","pub":"` + x + `"}`, "alg of an AKP key is missing or not supported"},
		{"ML-DSA-44 of 32 bytes", `{"kty":"AKP","alg":"ML-DSA-44","pub":"` + x + `"}`, "an ML-DSA-44 key has 1312 bytes"},
	} {
		s, err := ParseSet([]byte(`{"keys":[` + tt.jwk + `,` + good + `]}`))
		if err != nil {
			t.Errorf("%s: the set was refused: %v", tt.lie, err)
			continue
		}
		if len(s.Skipped()) != 1 || s.Skipped()[0] != "keys[0]: "+tt.reason {
			t.Errorf("%s: skipped %q, want %q", tt.lie, s.Skipped(), tt.reason)
		}
		if got := s.Candidates(nil, "ES256", "good", true); s.Len() != 1 || len(got) != 1 || got[0].ID() != "good" {
			t.Errorf("%s: the good key was lost", tt.lie)
		}
	}
}

func TestHostileSet(t *testing.T) {
	good := jwkWith("Ed25519", "")
	for _, tt := range []struct{ lie, doc, got string }{
		{"nothing", ``, "JSON is not an object"},
		{"a bare array", `[` + good + `]`, "JSON is not an object"},
		{"no keys", `{}`, "no keys member"},
		{"KEYS", `{"KEYS":[]}`, "no keys member"},
		{"keys is an object", `{"keys":{}}`, "JSON is not an array"},
		{"keys is null", `{"keys":null}`, "JSON is not an array"},
		{"keys twice", `{"keys":[` + good + `],"keys":[]}`, `JSON repeats the member "keys"`},
		{"cut off", `{"keys":[` + good, "JSON is not well-formed at byte 88"},
		{"trailing bytes", `{"keys":[]}x`, "JSON object is followed by something else"},
		{"101 keys", `{"keys":[` + strings.Repeat(good+",", 100) + good + `]}`, "more"},
		{"101 keys that cannot be used", `{"keys":[` + strings.Repeat("{},", 100) + `{}]}`, "more"},
		{"J24 10,000 keys", `{"keys":[` + strings.Repeat(good+",", 9999) + good + `]}`, "JSON has more than 1000 members"},
	} {
		t.Run(tt.lie, func(t *testing.T) {
			hostile.Watch(t, "")
			_, err := ParseSet([]byte(tt.doc))
			hostile.Hear(err)
			if r, ok := err.(*Refusal); !ok || r.Check != "keys" || r.Got != tt.got {
				t.Errorf("got %v, want %s", err, tt.got)
			}
		})
	}
}

func TestSetAccepts(t *testing.T) {
	n := rsaKey().N
	leadingZero := base64.RawURLEncoding.EncodeToString(append([]byte{0}, n.Bytes()...))
	for what, doc := range map[string]string{
		"100 keys":                      strings.Repeat(jwkWith("Ed25519", "")+",", 99) + jwkWith("Ed25519", ""),
		"use sig and key_ops verify":    jwkWith("ES256", `"use":"sig","key_ops":["verify"],`),
		"a zero in front of n":          `{"kty":"RSA","e":"AAAAAQAB","n":"` + leadingZero + `"}`,
		"e = 3":                         rsaJWK(n, big.NewInt(3)),
		"e = 2 to the 31, less 1":       rsaJWK(n, big.NewInt(1<<31-1)),
		"a kid of 256 bytes":            jwkWith("ES256", `"kid":"`+strings.Repeat("k", 256)+`",`),
		"members it does not know":      jwkWith("ES256", `"x5c":["a"],"x5t#S256":"b","ext":true,`),
		"RSA of 8192 bits":              rsaJWK(roughOf(8192), big.NewInt(65537)),
		"a kid with escapes":            jwkWith("ES256", `"kid":"\u0061\/",`),
		"ML-DSA, where alg is required": jwkWith("ML-DSA-87", ""),
	} {
		s, err := ParseSet([]byte(`{"keys":[` + doc + `],"more":1}`))
		if err != nil || len(s.Skipped()) != 0 || s.Len() == 0 {
			t.Errorf("%s: got %v, %+v", what, err, s)
		}
	}
	if s, err := ParseSet([]byte(`{"keys":[]}`)); err != nil || s.Len() != 0 {
		t.Errorf("an empty set: got %v", err)
	}
}

func TestCandidates(t *testing.T) {
	set := must(ParseSet([]byte(`{"keys":[` + strings.Join([]string{
		jwkWith("RS256", `"kid":"a",`),
		jwkWith("RS256", `"kid":"a","alg":"RS512",`),
		jwkWith("ES256", `"kid":"a",`),
		jwkWith("ES256", ``),
		jwkWith("ES384", `"kid":"b",`),
		jwkWith("Ed25519", `"kid":"old","alg":"EdDSA",`),
		jwkWith("Ed25519", `"kid":"new","alg":"Ed25519",`),
		jwkWith("ML-DSA-44", ``),
	}, ",") + `]}`)))
	for _, tt := range []struct {
		what, alg, kid string
		hasKeyID       bool
		want           int
	}{
		{"a kid on RSA and EC, asked for RSA: the RS512 key does not count", "RS256", "a", true, 1},
		{"a key that says RS512 serves it, and so does one that says nothing", "RS512", "a", true, 2},
		{"a kid on RSA and EC, asked for EC", "ES256", "a", true, 1},
		{"a kid that nobody has", "ES256", "nobody", true, 0},
		{"a kid in other letters", "ES256", "A", true, 0},
		{"the empty kid fits the keys without one", "ES256", "", true, 1},
		{"without a kid every key that serves", "ES256", "", false, 2},
		{"a kid of another curve", "ES256", "b", true, 0},
		{"EdDSA and Ed25519 are one", "EdDSA", "", false, 2},
		{"Ed25519 and EdDSA are one", "Ed25519", "", false, 2},
		{"ML-DSA of another size", "ML-DSA-65", "", false, 0},
		{"HS256 with a published key", "HS256", "", false, 0},
		{"none", "none", "", false, 0},
	} {
		got := set.Candidates(nil, tt.alg, tt.kid, tt.hasKeyID)
		if len(got) != tt.want {
			t.Errorf("%s: %d keys, want %d", tt.what, len(got), tt.want)
		}
		for _, k := range got {
			if !k.Serves(tt.alg) {
				t.Errorf("%s: a candidate does not serve", tt.what)
			}
		}
	}

	many := must(ParseSet([]byte(`{"keys":[` + strings.Repeat(jwkWith("ES256", "")+",", 49) + jwkWith("ES256", "") + `]}`)))
	before := make([]*Key, 1, 8)
	if got := many.Candidates(before, "ES256", "", false); len(got) != 1+MaxCandidates || got[0] != nil || got[1] != many.keys[0] {
		t.Errorf("50 keys without kid: %d candidates", len(got)-1)
	}
	if got := many.Candidates(before, "none", "", false); len(got) != 1 {
		t.Errorf("none: %d keys, with one that was there before", len(got))
	}
	if got := testing.AllocsPerRun(10, func() { many.Candidates(before[:0], "ES256", "", false) }); got != 0 {
		t.Errorf("%v allocations", got)
	}
}

func FuzzSet(f *testing.F) {
	f.Add([]byte(`{"keys":[` + rfc7515A2Key + `,` + rfc7515A3Key + `,` + rfc8037Key + `]}`))
	f.Add([]byte(`{"keys":[{"kty":"oct","k":"AAAA"},{"kty":"EC","kty":"RSA"},1,null,[]]}`))
	f.Add([]byte(`{"keys":[{"kty":"RSA","n":"AQ","e":"AQAB","use":"enc","key_ops":["verify"],"alg":"RS256","kid":"1"}],"keys":[]}`))
	f.Add([]byte(`{"keys":[{"kty":"AKP","alg":"ML-DSA-44","pub":"AAAA"}]}`))
	f.Fuzz(func(t *testing.T, doc []byte) {
		s, err := ParseSet(doc)
		if err != nil {
			if check(err) != "keys" {
				t.Fatal(err)
			}
			return
		}
		if s.Len()+len(s.Skipped()) > MaxKeys {
			t.Fatal("too many keys")
		}
		for _, k := range s.keys {
			again, err := ParseKey(publicJWK(k.public))
			if err != nil || again.Thumbprint() != k.Thumbprint() {
				t.Fatalf("a key does not come back: %v", err)
			}
			k.Verify("ES256", "a.b", make([]byte, 64))
			if k.Serves("HS256") || k.Serves("none") {
				t.Fatal("a published key serves what it must not")
			}
		}
	})
}

// TestHostilePrivateMembers: a set that publishes any part of a private key has given that key away.
func TestHostilePrivateMembers(t *testing.T) {
	t.Run("J23 a private key", func(t *testing.T) {
		hostile.Watch(t, "")
		for _, name := range []string{"d", "p", "q", "dp", "dq", "qi", "oth", "priv"} {
			_, err := ParseKey([]byte(jwkWith("ES256", `"`+name+`":"AAAA",`)))
			hostile.Hear(err)
			if err == nil {
				t.Errorf("a key with %s was taken", name)
			}
		}
	})
}

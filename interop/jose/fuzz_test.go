package jose

import (
	"bytes"
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
	"os"
	"slices"
	"strings"
	"testing"

	gojose "github.com/go-jose/go-jose/v4"
	"github.com/lestrrat-go/jwx/v3/jwa"
	jwxjwk "github.com/lestrrat-go/jwx/v3/jwk"
	"github.com/lestrrat-go/jwx/v3/jws"

	ours "github.com/openid-client/openid/internal/jose"
)

// A judged key is one key in the three forms that the three libraries take.
type judged struct {
	alg string
	raw any // *rsa.PublicKey, *ecdsa.PublicKey, ed25519.PublicKey or []byte
	key *ours.Key
}

var judgedKeys = func() (keys []judged) {
	add := func(alg string, raw any) {
		var k *ours.Key
		var err error
		if secret, ok := raw.([]byte); ok {
			k, err = ours.NewSecret(secret)
		} else {
			k, err = ours.NewKey(raw, "")
		}
		if err != nil {
			panic(err)
		}
		keys = append(keys, judged{alg, raw, k})
	}
	octets := func(s string) []byte {
		b, err := decode(s)
		if err != nil {
			panic(err)
		}
		return b
	}
	// The keys of RFC 7515 appendix A.1 to A.3 and of RFC 8037 appendix A.2.
	add("HS256", octets("AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow"))
	add("RS256", &rsa.PublicKey{E: 65537, N: new(big.Int).SetBytes(octets("ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ"))})
	point, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), slices.Concat([]byte{4}, octets("f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU"), octets("x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0")))
	if err != nil {
		panic(err)
	}
	add("ES256", point)
	add("EdDSA", ed25519.PublicKey(octets("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo")))
	return keys
}()

// accepted is what our library takes a token for, under a key for an algorithm; false where it refuses.
func accepted(k judged, token string) (payload []byte, ok bool) {
	t, err := ours.Split(token)
	if err != nil {
		return nil, false
	}
	h, err := ours.ParseHeader(t.Header)
	if err != nil || h.Algorithm != k.alg || h.Critical || h.B64 || h.Embedded != "" {
		return nil, false
	}
	signature, err := decode(t.Signature)
	if err != nil || !k.key.Verify(h.Algorithm, t.Signed, signature) {
		return nil, false
	}
	payload, err = decode(t.Payload)
	return payload, err == nil
}

// others asks go-jose and jwx, and returns the payloads of those that accept.
func others(k judged, token string) (payloads [][]byte) {
	if parsed, err := gojose.ParseSignedCompact(token, []gojose.SignatureAlgorithm{gojose.SignatureAlgorithm(k.alg)}); err == nil {
		if payload, err := parsed.Verify(k.raw); err == nil {
			payloads = append(payloads, payload)
		}
	}
	if alg, ok := jwa.LookupSignatureAlgorithm(k.alg); ok {
		if payload, err := jws.Verify([]byte(token), jws.WithKey(alg, k.raw)); err == nil {
			payloads = append(payloads, payload)
		}
	}
	return payloads
}

// agree: we never accept what both others refuse, or read something else in it than they do.
func agree(t *testing.T, token string) {
	t.Helper()
	for _, k := range judgedKeys {
		payload, ok := accepted(k, token)
		if !ok {
			continue
		}
		theirs := others(k, token)
		if len(theirs) == 0 {
			t.Fatalf("%s: accepted, but go-jose and jwx refuse %q", k.alg, token)
		}
		for _, p := range theirs {
			if !bytes.Equal(p, payload) {
				t.Fatalf("%s: %q, others read %q", k.alg, payload, p)
			}
		}
	}
}

const (
	payloadOfRFC7515 = "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ"
	hs256OfRFC7515   = "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9." + payloadOfRFC7515 + ".dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
	es256OfRFC7515   = "eyJhbGciOiJFUzI1NiJ9." + payloadOfRFC7515 + ".DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q"
	ed25519OfRFC8037 = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg"
)

// TestOthersAccept: a judge that refuses everything would be none.
func TestOthersAccept(t *testing.T) {
	for alg, token := range map[string]string{"HS256": hs256OfRFC7515, "ES256": es256OfRFC7515, "EdDSA": ed25519OfRFC8037} {
		for _, k := range judgedKeys {
			if k.alg != alg {
				continue
			}
			if _, ok := accepted(k, token); !ok || len(others(k, token)) != 2 {
				t.Errorf("%s: %v, and %d others", alg, ok, len(others(k, token)))
			}
		}
	}
}

// FuzzToken changes signed tokens: forms in which a token stays good although somebody changed it are what it looks for.
func FuzzToken(f *testing.F) {
	for _, seed := range []string{hs256OfRFC7515, es256OfRFC7515, ed25519OfRFC8037, "eyJhbGciOiJub25lIn0." + payloadOfRFC7515 + "."} {
		f.Add(seed)
	}
	for _, token := range wycheproofTokens(f) {
		f.Add(token)
	}
	f.Fuzz(agree)
}

// FuzzHeader signs whatever header and payload: what a token means is then for the reader of its header to say.
func FuzzHeader(f *testing.F) {
	for _, header := range []string{
		`{"alg":"HS256"}`, `{"alg":"HS256","crit":["exp"],"exp":1}`, `{"alg":"HS256","b64":false,"crit":["b64"]}`, `{"alg":"HS256","b64":true}`, `{"alg":"none"}`,
		`{"alg":"HS256","alg":"none"}`, `{"alg":"hs256"}`, `{"ALG":"HS256"}`, `{"\u0061lg":"HS256"}`, `{"alg":"HS256","kid":""}`, `{"alg":"HS256","jwk":{"kty":"oct","k":"AAAA"}}`,
		`{"alg":"HS256","typ":"JWT","cty":"JWT"}`, `{"alg":"HS256"} `, `{"alg":"HS256","x":"\ud800"}`, "{\"alg\":\"HS256\",\"x\":\"\xff\"}", `{"alg":["HS256"]}`,
	} {
		f.Add([]byte(header), []byte(`{"sub":"joe"}`))
	}
	f.Fuzz(func(t *testing.T, header, payload []byte) {
		signed := base64.RawURLEncoding.EncodeToString(header) + "." + base64.RawURLEncoding.EncodeToString(payload)
		mac := hmac.New(sha256.New, judgedKeys[0].raw.([]byte))
		mac.Write([]byte(signed))
		agree(t, signed+"."+base64.RawURLEncoding.EncodeToString(mac.Sum(nil)))
	})
}

// FuzzKey: a JWK that we import is one that another imports, and has the same thumbprint there.
func FuzzKey(f *testing.F) {
	for _, seed := range wycheproofKeys(f) {
		f.Add(seed)
	}
	f.Add([]byte(`{"kty":"EC","crv":"P-256","x":"l8tFrhx-34tV3hRICRDY9zCkDlpBhF42UQUfWVAWBFs","y":"9VE4jf_Ok_o64zbTTlcuNJajHmt6v9TDVrU0CdvGRDA"}`))
	f.Add([]byte(`{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}`))
	f.Add([]byte(`{"kty":"OKP","crv":"X25519","x":"3p7bfXt9wbTTW2HC7OQ1Nz-DQ8hbeGdNrfx-FG-IK08"}`))
	f.Fuzz(func(t *testing.T, doc []byte) {
		k, err := ours.ParseKey(doc)
		if err != nil || k.Serves("ML-DSA-44") || k.Serves("ML-DSA-65") || k.Serves("ML-DSA-87") { // which the others do not know
			return
		}
		var prints []string
		var theirs gojose.JSONWebKey
		if theirs.UnmarshalJSON(doc) == nil {
			if p, err := theirs.Thumbprint(crypto.SHA256); err == nil {
				prints = append(prints, base64.RawURLEncoding.EncodeToString(p))
			}
		}
		if parsed, err := jwxjwk.ParseKey(doc); err == nil {
			// Through the key itself: jwx hashes leading zeros of a modulus as they came.
			var raw any
			if jwxjwk.Export(parsed, &raw) == nil {
				if again, err := jwxjwk.Import(raw); err == nil {
					if p, err := again.Thumbprint(crypto.SHA256); err == nil {
						prints = append(prints, base64.RawURLEncoding.EncodeToString(p))
					}
				}
			}
		}
		if len(prints) == 0 {
			t.Fatalf("imported, but go-jose and jwx refuse %s", doc)
		}
		for _, p := range prints {
			if p != k.Thumbprint() {
				t.Fatalf("thumbprint %s, others say %s, of %s", k.Thumbprint(), p, doc)
			}
		}
	})
}

// wycheproofTokens are some of the corpus as seeds: every eighth keeps the run short.
func wycheproofTokens(f *testing.F) (tokens []string) {
	n := 0
	for _, g := range corpus(f, "json_web_signature_test.json").TestGroups {
		for _, v := range g.Tests {
			if n++; n%8 == 0 && !strings.HasPrefix(string(v.JWS), "{") {
				tokens = append(tokens, string(v.JWS))
			}
		}
	}
	return tokens
}

func wycheproofKeys(f *testing.F) (keys [][]byte) {
	for _, g := range corpus(f, "json_web_key_test.json").TestGroups {
		var set struct{ Keys []json.RawMessage }
		if json.Unmarshal(g.Public, &set) == nil {
			for _, k := range set.Keys {
				keys = append(keys, k)
			}
		}
	}
	return keys
}

func corpus(f *testing.F, name string) (w wycheproof) {
	b, err := os.ReadFile("testdata/wycheproof/" + name)
	if err == nil {
		err = json.Unmarshal(b, &w)
	}
	if err != nil {
		f.Fatal(err)
	}
	return w
}

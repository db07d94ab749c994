package jose

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"math/big"
	"os"
	"slices"
	"strings"
	"testing"

	josecipher "github.com/go-jose/go-jose/v4/cipher"

	ours "github.com/openid-client/openid/internal/jose"
	"github.com/openid-client/openid/jwe"
)

// wycheproof is one file of the corpus, as far as these tests read it.
type wycheproof struct {
	NumberOfTests int
	TestGroups    []struct {
		Comment         string
		Public, Private json.RawMessage
		Tests           []vector
	}
}

type vector struct {
	TCID            int
	Comment, Result string
	Flags           []string
	JWS, JWE        token
	PT              string
	Public, Private jwk
	Shared          string
}

// token is a compact token, or the text of what stands in its place.
type token string

func (t *token) UnmarshalJSON(b []byte) error {
	if b[0] == '{' {
		*t = token(b)
		return nil
	}
	return json.Unmarshal(b, (*string)(t))
}

type jwk struct {
	Kty, Kid, Alg, Use, Crv, K, X, Y, D, N, E, P, Q string
}

func read(t *testing.T, name string, want int) (w wycheproof) {
	t.Helper()
	b, err := os.ReadFile("testdata/wycheproof/" + name)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &w); err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, g := range w.TestGroups {
		n += len(g.Tests)
	}
	if n != want || w.NumberOfTests != want {
		t.Fatalf("%d vectors, not %d", n, want)
	}
	return w
}

// deviation is a vector whose result is not ours, with the reason.
type deviation map[int]string

// judge compares what was accepted with what the vector says, and lets nothing differ that is not pinned.
func (d deviation) judge(t *testing.T, v vector, accepted bool) {
	t.Helper()
	_, pinned := d[v.TCID]
	switch agrees := accepted == (v.Result == "valid"); {
	case agrees && pinned:
		t.Errorf("%d (%s): agrees, although a deviation is pinned", v.TCID, v.Comment)
	case !agrees && !pinned:
		t.Errorf("%d (%s): accepted: %v, but the vector is %s", v.TCID, v.Comment, accepted, v.Result)
	}
}

const (
	sameToken     = "is byte for byte the token of 357, which is valid"
	questionMark  = "holds a question mark, which is no base64url"
	anotherAlg    = "its key names another alg in its JWK, which binds it (RFC 7517 section 4.4)"
	twoOfOneName  = "servers do publish two keys of one kid, and both are tried"
	notForClients = "encrypted under a shared secret, which jwe refuses"
	noRSA15       = "RSA1_5 is refused for its padding oracle (RFC 8725bis section 3.2)"
)

func TestWycheproofSignatures(t *testing.T) {
	deviations := deviation{
		346: anotherAlg, 347: anotherAlg, 350: anotherAlg, 351: anotherAlg,
		367: sameToken, 370: sameToken, 372: questionMark, 373: questionMark,
	}
	for _, g := range read(t, "json_web_signature_test.json", 401).TestGroups {
		for _, v := range g.Tests {
			deviations.judge(t, v, verifies(t, g.Public, g.Private, string(v.JWS)))
		}
	}
}

func TestWycheproofKeys(t *testing.T) {
	deviations := deviation{4: twoOfOneName}
	for _, g := range read(t, "json_web_key_test.json", 26).TestGroups {
		for _, v := range g.Tests {
			deviations.judge(t, v, verifies(t, g.Public, g.Private, string(v.JWS)))
		}
	}
}

func TestWycheproofCrypto(t *testing.T) {
	deviations := deviation{50: notForClients}
	for _, g := range read(t, "json_web_crypto_test.json", 83).TestGroups {
		for _, v := range g.Tests {
			if strings.HasPrefix(g.Comment, "jwe") {
				_, err := decrypts(t, g.Private, string(v.JWE))
				deviations.judge(t, v, err == nil)
				continue
			}
			deviations.judge(t, v, verifies(t, g.Public, g.Private, string(v.JWS)))
		}
	}
}

func TestWycheproofEncryption(t *testing.T) {
	deviations := deviation{}
	for _, n := range []int{100, 101, 102, 103, 104, 105, 112, 128} {
		deviations[n] = noRSA15
	}
	for _, n := range []int{1, 23, 28, 29, 30, 31, 32, 69, 70, 71, 72, 73, 74, 75, 132, 133, 134, 135} {
		deviations[n] = notForClients
	}
	for _, g := range read(t, "json_web_encryption_test.json", 139).TestGroups {
		for _, v := range g.Tests {
			plain, err := decrypts(t, g.Private, string(v.JWE))
			if err == nil && v.Result == "valid" && hex.EncodeToString([]byte(plain)) != v.PT {
				t.Errorf("%d: decrypted to something else", v.TCID)
			}
			deviations.judge(t, v, err == nil)
		}
	}
}

// verifies does what package openid does with a token, up to its claims. Public keys come as a set from a provider. Secrets come one by one from a
// configuration that says the algorithm: in a set beside public keys they are none.
func verifies(t *testing.T, public, private json.RawMessage, compact string) bool {
	t.Helper()
	if len(public) == 0 {
		public = private
	}
	var set struct{ Keys []json.RawMessage }
	if err := json.Unmarshal(public, &set); err != nil {
		t.Fatal(err)
	}
	if set.Keys == nil {
		set.Keys = []json.RawMessage{public}
	}
	jws, err := ours.Split(compact)
	if err != nil {
		return false
	}
	h, err := ours.ParseHeader(jws.Header)
	if err != nil || h.Critical || h.B64 || h.Embedded != "" {
		return false
	}
	signature, err := decode(jws.Signature)
	if err != nil {
		return false
	}
	if _, err := decode(jws.Payload); err != nil {
		return false
	}
	var candidates []*ours.Key
	if secrets := secretsOf(t, set.Keys); secrets != nil {
		for _, s := range secrets {
			k, err := decode(s.K)
			if err != nil || s.Alg != h.Algorithm || s.Use == "enc" || h.HasKeyID && s.Kid != h.KeyID {
				continue
			}
			if key, err := ours.NewSecret(k); err == nil {
				candidates = append(candidates, key)
			}
		}
	} else {
		doc, err := json.Marshal(map[string]any{"keys": set.Keys})
		if err != nil {
			t.Fatal(err)
		}
		parsed, err := ours.ParseSet(doc)
		if err != nil {
			return false
		}
		candidates = parsed.Candidates(nil, h.Algorithm, h.KeyID, h.HasKeyID)
	}
	return slices.ContainsFunc(candidates, func(k *ours.Key) bool { return k.Verify(h.Algorithm, jws.Signed, signature) })
}

// secretsOf returns the keys if all of them are secrets.
func secretsOf(t *testing.T, keys []json.RawMessage) (secrets []jwk) {
	t.Helper()
	for _, raw := range keys {
		k := parse(t, raw)
		if k.Kty != "oct" {
			return nil
		}
		secrets = append(secrets, k)
	}
	return secrets
}

func parse(t *testing.T, raw json.RawMessage) (k jwk) {
	t.Helper()
	if err := json.Unmarshal(raw, &k); err != nil {
		t.Fatal(err)
	}
	return k
}

var errNoKey = errors.New("no client has such a key")

// decrypts takes the key as a client holds it: its own, with the algorithm that it was registered for.
func decrypts(t *testing.T, private json.RawMessage, compact string) (string, error) {
	t.Helper()
	k := parse(t, private)
	var key any
	switch k.Kty {
	case "EC":
		curve := map[string]elliptic.Curve{"P-256": elliptic.P256(), "P-384": elliptic.P384(), "P-521": elliptic.P521()}[k.Crv]
		ec, err := ecdsa.ParseRawPrivateKey(curve, bytesOf(t, k.D))
		if err != nil {
			t.Fatal(err)
		}
		key = ec
	case "RSA":
		n := func(s string) *big.Int { return new(big.Int).SetBytes(bytesOf(t, s)) }
		r := &rsa.PrivateKey{PublicKey: rsa.PublicKey{N: n(k.N), E: int(n(k.E).Int64())}, D: n(k.D), Primes: []*big.Int{n(k.P), n(k.Q)}}
		r.Precompute()
		key = r
	default:
		return "", errNoKey
	}
	d := jwe.Keys(jwe.Key{Private: key, KeyID: k.Kid, Algorithm: k.Alg})
	plain, err := d.Decrypt(t.Context(), compact)
	return string(plain), err
}

// TestWycheproofX25519 puts each agreed secret into a token that jwe decrypts: what the other side sends as its key is the vector's. "Acceptable" are
// points on the twist and in a spelling of their own, which RFC 7748 section 5 accepts; secrets of zeros are refused (RFC 8037 section 3.2).
func TestWycheproofX25519(t *testing.T) {
	for _, v := range read(t, "x25519_jwk_test.json", 531).TestGroups[0].Tests {
		private, err := ecdh.X25519().NewPrivateKey(bytesOf(t, v.Private.D))
		if err != nil {
			t.Fatal(err)
		}
		want := v.Result != "invalid" && !slices.Contains(v.Flags, "ZeroSharedSecret")
		if got := agrees(t, private, v); got != want {
			t.Errorf("%d (%s, %s): accepted: %v", v.TCID, v.Comment, v.Result, got)
		}
	}
}

func TestWycheproofECDH(t *testing.T) {
	for _, v := range read(t, "ecdh_secp256r1_webcrypto_test.json", 353).TestGroups[0].Tests {
		private, err := ecdh.P256().NewPrivateKey(bytesOf(t, v.Private.D))
		if err != nil {
			if v.Result == "valid" {
				t.Errorf("%d (%s): %v", v.TCID, v.Comment, err)
			}
			continue
		}
		if got := agrees(t, private, v); got != (v.Result == "valid") {
			t.Errorf("%d (%s, %s): accepted: %v", v.TCID, v.Comment, v.Result, got)
		}
	}
}

// agrees tells whether jwe decrypts what was encrypted under the vector's shared secret, and that with another secret it does not.
func agrees(t *testing.T, private *ecdh.PrivateKey, v vector) bool {
	t.Helper()
	epk := map[string]string{}
	for name, value := range map[string]string{"kty": v.Public.Kty, "crv": v.Public.Crv, "x": v.Public.X, "y": v.Public.Y} {
		if value != "" {
			epk[name] = value
		}
	}
	shared, err := hex.DecodeString(v.Shared)
	if err != nil {
		t.Fatal(err)
	}
	d := jwe.Keys(private)
	if _, err := d.Decrypt(t.Context(), agreed(t, epk, append(slices.Clone(shared), 0))); err == nil {
		t.Errorf("%d: decrypted under another secret", v.TCID)
	}
	plain, err := d.Decrypt(t.Context(), agreed(t, epk, shared))
	return err == nil && string(plain) == "agreed"
}

// agreed encrypts by ECDH-ES and A128GCM, without the code that is tested (RFC 7518 section 4.6.2).
func agreed(t *testing.T, epk map[string]string, shared []byte) string {
	t.Helper()
	header, err := json.Marshal(map[string]any{"alg": "ECDH-ES", "enc": "A128GCM", "epk": epk})
	if err != nil {
		t.Fatal(err)
	}
	lengthy := func(s string) []byte { return append(binary.BigEndian.AppendUint32(nil, uint32(len(s))), s...) }
	key := make([]byte, 16)
	kdf := josecipher.NewConcatKDF(5, shared, lengthy("A128GCM"), lengthy(""), lengthy(""), binary.BigEndian.AppendUint32(nil, 128), nil)
	if _, err := kdf.Read(key); err != nil {
		t.Fatal(err)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		t.Fatal(err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		t.Fatal(err)
	}
	iv := make([]byte, 12)
	rand.Read(iv)
	protected := base64.RawURLEncoding.EncodeToString(header)
	sealed := aead.Seal(nil, iv, []byte("agreed"), []byte(protected))
	encode := base64.RawURLEncoding.EncodeToString
	return strings.Join([]string{protected, "", encode(iv), encode(sealed[:6]), encode(sealed[6:])}, ".")
}

func decode(s string) ([]byte, error) {
	b, err := base64.RawURLEncoding.Strict().DecodeString(s)
	if strings.ContainsAny(s, "\r\n") {
		err = base64.CorruptInputError(0)
	}
	return b, err
}

func bytesOf(t *testing.T, s string) []byte {
	t.Helper()
	b, err := decode(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

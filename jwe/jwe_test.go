package jwe

import (
	"bytes"
	"crypto"
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha512"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/big"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"github.com/openid-client/openid/internal/hostile"
)

var rsaKey = sync.OnceValue(func() *rsa.PrivateKey { return must(rsa.GenerateKey(rand.Reader, 2048)) })

var curveKeys = sync.OnceValue(func() map[string]*ecdh.PrivateKey {
	keys := map[string]*ecdh.PrivateKey{}
	for name, curve := range curves {
		keys[name] = must(curve.GenerateKey(rand.Reader))
	}
	return keys
})

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// set is a published key set with one key, and members that say more of it.
func set(public crypto.PublicKey, more map[string]any) []byte {
	jwk := map[string]any{}
	switch k := public.(type) {
	case *rsa.PublicKey:
		jwk["kty"], jwk["n"] = "RSA", encode(k.N.Bytes())
		jwk["e"] = encode(big.NewInt(int64(k.E)).Bytes())
	case *ecdh.PublicKey:
		json.Unmarshal([]byte(publicJWK(k)), &jwk)
	}
	for name, v := range more {
		jwk[name] = v
	}
	return must(json.Marshal(map[string]any{"keys": []any{jwk}}))
}

func encode(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// pairs are every algorithm with every key that it is for.
func pairs(each func(alg, enc string, private crypto.PrivateKey, public crypto.PublicKey)) {
	for _, alg := range names(keyManagements) {
		for _, enc := range names(encodings) {
			if keyManagements[alg].hash != 0 {
				each(alg, enc, rsaKey(), rsaKey().Public())
				continue
			}
			for _, k := range curveKeys() {
				each(alg, enc, k, k.PublicKey())
			}
		}
	}
}

const payload = "a.signed.token"

func TestEveryAlgorithm(t *testing.T) {
	pairs(func(alg, enc string, private crypto.PrivateKey, public crypto.PublicKey) {
		compact, err := Encrypt(alg, enc).Encrypt(t.Context(), []byte(payload), set(public, map[string]any{"use": "enc", "kid": "e1"}))
		if err != nil {
			t.Fatalf("%s %s: %v", alg, enc, err)
		}
		for name, d := range map[string]*Decrypter{
			"nameless": Keys(private), "named": Keys(Key{private, "e1", alg}), "among others": Keys(must(ecdh.P384().GenerateKey(rand.Reader)), private).Encodings(enc),
		} {
			if plain, err := d.Decrypt(t.Context(), compact); err != nil || string(plain) != payload {
				t.Errorf("%s %s, %s: %q, %v", alg, enc, name, plain, err)
			}
		}
		for name, d := range map[string]*Decrypter{
			"another name":      Keys(Key{private, "e2", ""}),
			"another algorithm": Keys(Key{private, "e1", map[bool]string{true: "RSA-OAEP", false: "ECDH-ES"}[strings.HasPrefix(alg, "RSA")]}),
		} {
			if name == "another algorithm" && (alg == "RSA-OAEP" || alg == "ECDH-ES") {
				continue
			}
			if _, err := d.Decrypt(t.Context(), compact); err != errDecryption {
				t.Errorf("%s %s, %s: %v", alg, enc, name, err)
			}
		}
	})
}

// TestGoJoseAgrees: an implementation that shares nothing of ours but the ciphers, in both directions, as far as it goes.
func TestGoJoseAgrees(t *testing.T) {
	pairs(func(alg, enc string, private crypto.PrivateKey, public crypto.PublicKey) {
		if alg == "RSA-OAEP-384" || alg == "RSA-OAEP-512" {
			return
		}
		if k, ok := private.(*ecdh.PrivateKey); ok {
			name := curveName(k.Curve())
			if name == "X25519" {
				return
			}
			curve := map[string]elliptic.Curve{"P-256": elliptic.P256(), "P-384": elliptic.P384(), "P-521": elliptic.P521()}[name]
			converted := must(ecdsa.ParseRawPrivateKey(curve, k.Bytes()))
			private, public = converted, converted.Public()
		}
		theirs, err := jose.NewEncrypter(jose.ContentEncryption(enc), jose.Recipient{Algorithm: jose.KeyAlgorithm(alg), Key: public}, nil)
		if err != nil {
			t.Fatal(err)
		}
		compact := must(must(theirs.Encrypt([]byte(payload))).CompactSerialize())
		if plain, err := Keys(private).Decrypt(t.Context(), compact); err != nil || string(plain) != payload {
			t.Errorf("theirs, %s %s: %v", alg, enc, err)
		}
		if k, ok := public.(*ecdsa.PublicKey); ok {
			public = must(k.ECDH())
		}
		ours := must(Encrypt(alg, enc).Encrypt(t.Context(), []byte(payload), set(public, nil)))
		parsed, err := jose.ParseEncryptedCompact(ours, []jose.KeyAlgorithm{jose.KeyAlgorithm(alg)}, []jose.ContentEncryption{jose.ContentEncryption(enc)})
		if err != nil {
			t.Fatal(err)
		}
		if plain, err := parsed.Decrypt(private); err != nil || string(plain) != payload {
			t.Errorf("ours, %s %s: %v", alg, enc, err)
		}
	})
}

// TestRFC7516: appendix A.1, RSA-OAEP with A256GCM.
func TestRFC7516(t *testing.T) {
	var private jose.JSONWebKey
	if err := private.UnmarshalJSON([]byte(`{"kty":"RSA",
		"n":"oahUIoWw0K0usKNuOR6H4wkf4oBUXHTxRvgb48E-BVvxkeDNjbC4he8rUWcJoZmds2h7M70imEVhRU5djINXtqllXI4DFqcI1DgjT9LewND8MW2Krf3Spsk_ZkoFnilakGygTwpZ3uesH-PFABNIUYpOiN15dsQRkgr0vEhxN92i2asbOenSZeyaxziK72UwxrrKoExv6kc5twXTq4h-QChLOln0_mtUZwfsRaMStPs6mS6XrgxnxbWhojf663tuEQueGC-FCMfra36C9knDFGzKsNa7LZK2djYgyD3JR_MB_4NUJW_TqOQtwHYbxevoJArm-L5StowjzGy-_bq6Gw",
		"e":"AQAB",
		"d":"kLdtIj6GbDks_ApCSTYQtelcNttlKiOyPzMrXHeI-yk1F7-kpDxY4-WY5NWV5KntaEeXS1j82E375xxhWMHXyvjYecPT9fpwR_M9gV8n9Hrh2anTpTD93Dt62ypW3yDsJzBnTnrYu1iwWRgBKrEYY46qAZIrA2xAwnm2X7uGR1hghkqDp0Vqj3kbSCz1XyfCs6_LehBwtxHIyh8Ripy40p24moOAbgxVw3rxT_vlt3UVe4WO3JkJOzlpUf-KTVI2Ptgm-dARxTEtE-id-4OJr0h-K-VFs3VSndVTIznSxfyrj8ILL6MG_Uv8YAu7VILSB3lOW085-4qE3DzgrTjgyQ",
		"p":"1r52Xk46c-LsfB5P442p7atdPUrxQSy4mti_tZI3Mgf2EuFVbUoDBvaRQ-SWxkbkmoEzL7JXroSBjSrK3YIQgYdMgyAEPTPjXv_hI2_1eTSPVZfzL0lffNn03IXqWF5MDFuoUYE0hzb2vhrlN_rKrbfDIwUbTrjjgieRbwC6Cl0",
		"q":"wLb35x7hmQWZsWJmB_vle87ihgZ19S8lBEROLIsZG4ayZVe9Hi9gDVCOBmUDdaDYVTSNx_8Fyw1YYa9XGrGnDew00J28cRUoeBB_jKI1oma0Orv1T9aXIWxKwd4gvxFImOWr3QRL9KEBRzk2RatUBnmDZJTIAfwTs0g68UZHvtc"}`)); err != nil {
		t.Fatal(err)
	}
	const compact = "eyJhbGciOiJSU0EtT0FFUCIsImVuYyI6IkEyNTZHQ00ifQ.OKOawDo13gRp2ojaHV7LFpZcgV7T6DVZKTyKOMTYUmKoTCVJRgckCL9kiMT03JGe" +
		"ipsEdY3mx_etLbbWSrFr05kLzcSr4qKAq7YN7e9jwQRb23nfa6c9d-StnImGyFDbSv04uVuxIp5Zms1gNxKKK2Da14B8S4rzVRltdYwam_lDp5XnZAYpQdb76FdIKLaV" +
		"mqgfwX7XWRxv2322i-vDxRfqNzo_tETKzpVLzfiwQyeyPGLBIO56YJ7eObdv0je81860ppamavo35UgoRdbYaBcoh9QcfylQr66oc6vFWXRcZ_ZT2LawVCWTIy3brGPi" +
		"6UklfCpIMfIjf7iGdXKHzg.48V1_ALb6US04U3b.5eym8TW_c8SuK0ltJ3rpYIzOeDQz7TALvtu6UG9oMo4vpzs9tX_EFShS8iB7j6jiSdiwkIr3ajwQzaBtQD_A.XFBoMYUZodetZdvTiFvSkQ"
	plain, err := Keys(private.Key).Decrypt(t.Context(), compact)
	if err != nil || string(plain) != "The true sign of intelligence is not knowledge but imagination." {
		t.Errorf("%q, %v", plain, err)
	}
}

// TestRFC7518: appendix C, the key that Alice and Bob agree on.
func TestRFC7518(t *testing.T) {
	bob := must(ecdh.P256().NewPrivateKey(must(decode("VEmDZpDXXK8p8N0Cndsxs924q6nS1RXFASRl6BfUqdw"))))
	alice := must(point("P-256", "gI0GAILBdu7T53akrFmMyGcsF3n5dO7MmwNBHKW5SV0", "SLW_xSffzlPWrHEVI30DHM_4egVwt3NQqeUD7nMFpps"))
	key := agreedKey(must(bob.ECDH(alice)), &header{alg: "ECDH-ES", enc: "A128GCM", apu: []byte("Alice"), apv: []byte("Bob")})
	if got := encode(key); got != "VqqN6vgjbSBcIijNcacQGg" {
		t.Errorf("agreed on %s", got)
	}
}

// hsm has a key that never leaves it.
type hsm struct{ key *rsa.PrivateKey }

func (h hsm) Public() crypto.PublicKey { return h.key.Public() }
func (h hsm) Decrypt(_ io.Reader, msg []byte, opts crypto.DecrypterOpts) ([]byte, error) {
	return h.key.Decrypt(nil, msg, opts)
}

func TestKeyInHSM(t *testing.T) {
	compact := must(Encrypt("RSA-OAEP-512", "A256GCM").Encrypt(t.Context(), []byte(payload), set(rsaKey().Public(), nil)))
	if plain, err := Keys(hsm{rsaKey()}).Decrypt(t.Context(), compact); err != nil || string(plain) != payload {
		t.Error(err)
	}
}

func TestHostileDecryptionKeys(t *testing.T) {
	short := must(rsa.GenerateKey(rand.Reader, 1024))
	chip := hostile.NewROCAKey("").Private
	for name, d := range map[string]*Decrypter{
		"J27 one of a chip": Keys(chip),
		"none":              Keys(), "nil": Keys(nil), "a short one": Keys(short), "a public one": Keys(rsaKey().Public()), "a secret": Keys([]byte("secret")),
		"P-224": Keys(must(ecdsa.GenerateKey(elliptic.P224(), rand.Reader))), "an algorithm for another": Keys(Key{rsaKey(), "", "ECDH-ES"}),
		"RSA1_5": Keys(Key{rsaKey(), "", "RSA1_5"}), "one good, one bad": Keys(rsaKey(), nil), "an encoding of nobody": Keys(rsaKey()).Encodings("A256CTR"),
	} {
		t.Run(name, func(t *testing.T) {
			hostile.Watch(t, "")
			if d.Err() == nil {
				t.Error("it is taken")
			}
			_, err := d.Decrypt(t.Context(), "a.b.c.d.e")
			if hostile.Hear(err, d.Err(), d); err == nil {
				t.Error("it decrypts")
			}
			if s := fmt.Sprintf("%v %+v", d, d); strings.Contains(s, "0x") || len(s) > 100 {
				t.Errorf("it prints %s", s)
			}
		})
	}
	for _, e := range []*Encrypter{Encrypt("RSA1_5", "A128GCM"), Encrypt("dir", "A128GCM"), Encrypt("RSA-OAEP", "none")} {
		if e.Err() == nil {
			t.Error("an algorithm of nobody")
		}
		if _, err := e.Encrypt(t.Context(), nil, nil); err == nil {
			t.Error("it encrypts")
		}
	}
}

// decrypts counts what reaches a key.
type decrypts struct {
	hsm
	n *int
}

func (d decrypts) Decrypt(r io.Reader, msg []byte, opts crypto.DecrypterOpts) ([]byte, error) {
	*d.n++
	return d.hsm.Decrypt(r, msg, opts)
}

func parts(compact string) []string { return strings.Split(compact, ".") }

func withHeader(compact, header string) string {
	p := parts(compact)
	p[0] = encode([]byte(header))
	return strings.Join(p, ".")
}

// TestHostileRefusedBeforeAnyWork: the header alone is enough to say no.
func TestHostileRefusedBeforeAnyWork(t *testing.T) {
	good := must(Encrypt("RSA-OAEP-256", "A256GCM").Encrypt(t.Context(), []byte(payload), set(rsaKey().Public(), nil)))
	n := 0
	d := Keys(decrypts{hsm{rsaKey()}, &n}).Encodings("A256GCM", "A128CBC-HS256")
	for name, row := range map[string]struct{ compact, says string }{
		"I53 RSA1_5":             {withHeader(good, `{"alg":"RSA1_5","enc":"A256GCM"}`), "alg"},
		"I52 a password":         {withHeader(good, `{"alg":"PBES2-HS256+A128KW","enc":"A256GCM","p2c":2147483647,"p2s":"AAAA"}`), "alg"},
		"a shared key":           {withHeader(good, `{"alg":"dir","enc":"A256GCM"}`), "alg"},
		"A256KW":                 {withHeader(good, `{"alg":"A256KW","enc":"A256GCM"}`), "alg"},
		"A256GCMKW":              {withHeader(good, `{"alg":"A256GCMKW","enc":"A256GCM"}`), "alg"},
		"none":                   {withHeader(good, `{"alg":"none","enc":"A256GCM"}`), "alg"},
		"an alg in lower case":   {withHeader(good, `{"alg":"rsa-oaep-256","enc":"A256GCM"}`), "alg"},
		"no alg":                 {withHeader(good, `{"enc":"A256GCM"}`), "alg"},
		"alg a number":           {withHeader(good, `{"alg":1,"enc":"A256GCM"}`), "alg"},
		"no enc":                 {withHeader(good, `{"alg":"RSA-OAEP-256"}`), "enc"},
		"an enc not allowed":     {withHeader(good, `{"alg":"RSA-OAEP-256","enc":"A128GCM"}`), "enc"},
		"I52 compression":        {withHeader(good, `{"alg":"RSA-OAEP-256","enc":"A256GCM","zip":"DEF"}`), "zip"},
		"an extension":           {withHeader(good, `{"alg":"RSA-OAEP-256","enc":"A256GCM","crit":["x"]}`), "extension"},
		"alg twice":              {withHeader(good, `{"alg":"RSA-OAEP-256","enc":"A256GCM","alg":"RSA-OAEP-256"}`), "duplicate"},
		"an array":               {withHeader(good, `[]`), "object"},
		"two objects":            {withHeader(good, `{"alg":"RSA-OAEP-256","enc":"A256GCM"}{}`), "after"},
		"half an object":         {withHeader(good, `{"alg":"RSA-OAEP-256","enc":"A256GCM"`), "object"},
		"bytes that are no text": {withHeader(good, "{\"alg\":\"RSA-OAEP-256\",\"enc\":\"A256GCM\",\"x\":\"\xff\"}"), "object"},
		"a header of 9 KiB":      {withHeader(good, `{"x":"`+strings.Repeat("x", 9<<10)+`"}`), "bytes"},
		"2 MiB":                  {good + strings.Repeat("A", 2<<20), "bytes"},
		"four parts":             {strings.Join(parts(good)[:4], "."), "5 parts"},
		"six parts":              {good + ".", "5 parts"},
		"padding":                {good + "==", "base64url"},
		"a line break":           {good[:len(good)-2] + "\n" + good[len(good)-2:], "base64url"},
		"unused bits":            {nonCanonical(good), "base64url"},
		"apu a number":           {withHeader(good, `{"alg":"ECDH-ES","enc":"A256GCM","apu":1}`), "apu"},
		"epk a string":           {withHeader(good, `{"alg":"ECDH-ES","enc":"A256GCM","epk":"x"}`), "object"},
	} {
		t.Run(name, func(t *testing.T) {
			hostile.Watch(t, "")
			_, err := d.Decrypt(t.Context(), row.compact)
			hostile.Hear(err)
			if err == nil || !strings.Contains(err.Error(), row.says) || errors.Is(err, errDecryption) {
				t.Errorf("got %v, want %s", err, row.says)
			}
		})
	}
	if n != 0 {
		t.Errorf("the key was used %d times", n)
	}
}

// nonCanonical sets the unused bits of the tag's last character.
func nonCanonical(compact string) string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	last := len(compact) - 1
	return compact[:last] + string(alphabet[strings.IndexByte(alphabet, compact[last])^1])
}

// TestHostileOneError: past the header every failure is the same, so that nobody learns which step it was.
func TestHostileOneError(t *testing.T) {
	flip := func(compact string, part int) string {
		p := parts(compact)
		b := must(decode(p[part]))
		if len(b) == 0 {
			b = []byte{1}
		}
		b[len(b)/2] ^= 1
		p[part] = encode(b)
		return strings.Join(p, ".")
	}
	replace := func(compact string, part int, by []byte) string {
		p := parts(compact)
		p[part] = encode(by)
		return strings.Join(p, ".")
	}
	other := must(rsa.GenerateKey(rand.Reader, 2048))
	pairs(func(alg, enc string, private crypto.PrivateKey, public crypto.PublicKey) {
		if enc != "A128GCM" && enc != "A256CBC-HS512" {
			return
		}
		good := must(Encrypt(alg, enc).Encrypt(t.Context(), []byte(payload), set(public, nil)))
		lies := map[string]string{"the key": flip(good, 1), "the iv": flip(good, 2), "I53 the content": flip(good, 3), "I53 the tag": flip(good, 4),
			"no tag": replace(good, 4, nil), "a short tag": replace(good, 4, make([]byte, 8)), "no iv": replace(good, 2, nil), "a long iv": replace(good, 2, make([]byte, 64)),
			"a key of one byte": replace(good, 1, []byte{1}), "another header": withHeader(good, strings.Replace(string(must(decode(parts(good)[0]))), `"JWT"`, `"JWS"`, 1))}
		if keyManagements[alg].hash == 0 {
			raw := string(must(decode(parts(good)[0])))
			var h struct{ EPK map[string]string }
			json.Unmarshal([]byte(raw), &h)
			lies["no epk"] = withHeader(good, fmt.Sprintf(`{"alg":%q,"enc":%q}`, alg, enc))
			lies["the epk of another type"] = withHeader(good, strings.Replace(strings.Replace(raw, `"kty":"EC"`, `"kty":"RSA"`, 1), `"kty":"OKP"`, `"kty":"EC"`, 1))
			x := must(decode(h.EPK["x"]))
			lies["a short epk"] = withHeader(good, strings.Replace(raw, h.EPK["x"], encode(x[1:]), 1))
			lies["zero as epk"] = withHeader(good, strings.Replace(raw, h.EPK["x"], encode(make([]byte, len(x))), 1))
			if y := h.EPK["y"]; y != "" {
				lies["I54 a point beside the curve"] = withHeader(good, strings.Replace(raw, y, encode(append([]byte{must(decode(y))[0] ^ 1}, must(decode(y))[1:]...)), 1))
				lies["no y"] = withHeader(good, strings.Replace(raw, fmt.Sprintf(`,"y":%q`, y), "", 1))
			}
		} else {
			// A content key of another length, encrypted as it should be.
			lies["a short content key"] = replace(good, 1, must(rsa.EncryptOAEP(keyManagements[alg].hash.New(), rand.Reader, &rsaKey().PublicKey, []byte("short"), nil)))
			if enc == "A256CBC-HS512" {
				lies["I53 padding under a good tag"] = badPadding(parts(good)[0], alg)
			}
			lies["for somebody else"] = must(Encrypt(alg, enc).Encrypt(t.Context(), []byte(payload), set(other.Public(), nil)))
		}
		for name, lie := range lies {
			t.Run(name+"/"+alg+" "+enc, func(t *testing.T) {
				hostile.Watch(t, "")
				plain, err := Keys(private).Decrypt(t.Context(), lie)
				hostile.Hear(err)
				if err != errDecryption || plain != nil {
					t.Errorf("got %v", err)
				}
			})
		}
	})
}

// badPadding is what only the holder of the content key can make: its tag is right, the padding below is not (RFC 7518 section 5.2.2.1).
func badPadding(protected, alg string) string {
	key, iv, content := randomBytes(64), randomBytes(16), bytes.Repeat([]byte{0xff}, 16)
	cipher.NewCBCEncrypter(must(aes.NewCipher(key[32:])), iv).CryptBlocks(content, content)
	mac := hmac.New(sha512.New, key[:32])
	mac.Write([]byte(protected))
	mac.Write(iv)
	mac.Write(content)
	mac.Write(binary.BigEndian.AppendUint64(nil, 8*uint64(len(protected))))
	wrapped := must(rsa.EncryptOAEP(keyManagements[alg].hash.New(), rand.Reader, &rsaKey().PublicKey, key, nil))
	return strings.Join([]string{protected, encode(wrapped), encode(iv), encode(content), encode(mac.Sum(nil)[:32])}, ".")
}

// TestLowOrderPoints: RFC 7748 §6.1, a secret that everybody knows.
func TestLowOrderPoints(t *testing.T) {
	for _, x := range [][]byte{make([]byte, 32), append([]byte{1}, make([]byte, 31)...)} {
		h := &header{alg: "ECDH-ES", enc: "A128GCM"}
		protected := encode(h.append(fmt.Sprintf(`{"crv":"X25519","kty":"OKP","x":%q}`, encode(x))))
		aead := must(gcm(agreedKey(make([]byte, 32), h)))
		iv := make([]byte, 12)
		sealed := aead.Seal(nil, iv, []byte(payload), []byte(protected))
		compact := strings.Join([]string{protected, "", encode(iv), encode(sealed[:len(payload)]), encode(sealed[len(payload):])}, ".")
		if plain, err := Keys(curveKeys()["X25519"]).Decrypt(t.Context(), compact); err != errDecryption {
			t.Errorf("%q, %v", plain, err)
		}
	}
}

// TestHostileRecipient: which of a server's keys a request object is encrypted for.
func TestHostileRecipient(t *testing.T) {
	enc := Encrypt("RSA-OAEP-256", "A256GCM")
	short := must(rsa.GenerateKey(rand.Reader, 1024))
	good := set(rsaKey().Public(), map[string]any{"use": "enc", "kid": "right", "alg": "RSA-OAEP-256"})
	for name, jwks := range map[string][]byte{
		"for signatures":            set(rsaKey().Public(), map[string]any{"use": "sig"}),
		"another algorithm":         set(rsaKey().Public(), map[string]any{"alg": "RSA-OAEP"}),
		"another type":              set(curveKeys()["P-256"].PublicKey(), nil),
		"a short key":               set(short.Public(), nil),
		"e = 1":                     set(rsaKey().Public(), map[string]any{"e": "AQ"}),
		"e = 2":                     set(rsaKey().Public(), map[string]any{"e": "Ag"}),
		"no exponent":               set(rsaKey().Public(), map[string]any{"e": ""}),
		"an even modulus":           set(&rsa.PublicKey{N: new(big.Int).Lsh(rsaKey().N, 1), E: 65537}, nil),
		"a small factor":            set(&rsa.PublicKey{N: new(big.Int).Mul(rsaKey().N, big.NewInt(5)), E: 65537}, nil),
		"J27 a key of a chip":       set(hostile.NewROCAKey("").Private.(*rsa.PrivateKey).Public(), nil),
		"no number":                 set(rsaKey().Public(), map[string]any{"n": "?"}),
		"an even more wrong number": set(rsaKey().Public(), map[string]any{"n": 1}),
		"no key":                    []byte(`{"keys":[]}`), "no set": []byte(`{}`), "no JSON": []byte(`x`), "keys twice": []byte(`{"keys":[],"keys":[]}`), "half a set": []byte(`{"keys":[{]}`),
	} {
		t.Run(name, func(t *testing.T) {
			hostile.Watch(t, "")
			_, err := enc.Encrypt(t.Context(), nil, jwks)
			if hostile.Hear(err); err == nil || !strings.Contains(err.Error(), "expected a key") {
				t.Error(err)
			}
			// The right one is found behind it.
			both := bytes.Replace(good, []byte(`[`), append([]byte(`[`), append(bytes.TrimSuffix(bytes.TrimPrefix(jwks, []byte(`{"keys":[`)), []byte(`]}`)), ',')...), 1)
			if !json.Valid(both) {
				return
			}
			compact, err := enc.Encrypt(t.Context(), []byte(payload), both)
			if err != nil || !strings.Contains(string(must(decode(parts(compact)[0]))), `"kid":"right"`) {
				t.Errorf("behind it: %v", err)
			}
		})
	}
}

// TestRecipientOfSmallOrder: what is agreed on with such a point everybody knows (RFC 7748 section 6.1).
func TestRecipientOfSmallOrder(t *testing.T) {
	for _, alg := range []string{"ECDH-ES", "ECDH-ES+A256KW"} {
		jwks := fmt.Sprintf(`{"keys":[{"kty":"OKP","crv":"X25519","x":%q}]}`, encode(append([]byte{1}, make([]byte, 31)...)))
		if compact, err := Encrypt(alg, "A256GCM").Encrypt(t.Context(), []byte(payload), []byte(jwks)); err == nil {
			t.Errorf("%s encrypted %s", alg, compact)
		}
	}
}

// FuzzDecrypt changes one byte of a token of each kind, and tries what nobody encrypted: only the token as it was is decrypted. Each process
// has keys of its own, so that the change is the input and not what came of it.
func FuzzDecrypt(f *testing.F) {
	private := curveKeys()["X25519"]
	d := Keys(private, rsaKey())
	var tokens []string
	pairs(func(alg, enc string, key crypto.PrivateKey, public crypto.PublicKey) {
		if key == crypto.PrivateKey(private) || key == crypto.PrivateKey(rsaKey()) {
			tokens = append(tokens, must(Encrypt(alg, enc).Encrypt(f.Context(), []byte(payload), set(public, nil))))
		}
	})
	for i, token := range tokens {
		f.Add(token, uint(i), uint(i*40), byte(1))
	}
	f.Add(rfc7520s52, uint(0), uint(0), byte(0))
	f.Add(rfc7520s55, uint(1), uint(3), byte('.'))
	f.Fuzz(func(t *testing.T, stranger string, which, at uint, flip byte) {
		if _, err := d.Decrypt(t.Context(), stranger); err == nil && !slices.Contains(tokens, stranger) {
			t.Errorf("decrypted what nobody encrypted: %q", stranger)
		}
		token := tokens[which%uint(len(tokens))]
		changed := []byte(token)
		changed[at%uint(len(token))] ^= flip
		if plain, err := d.Decrypt(t.Context(), string(changed)); (err == nil) != (flip == 0) || err == nil && string(plain) != payload {
			t.Errorf("byte %d by %d: %v, of %q", at%uint(len(token)), flip, err, token)
		}
	})
}

func BenchmarkDecrypt(b *testing.B) {
	for _, row := range []struct {
		alg, enc string
		private  crypto.PrivateKey
		public   crypto.PublicKey
	}{
		{"RSA-OAEP-256", "A256GCM", rsaKey(), rsaKey().Public()},
		{"ECDH-ES+A256KW", "A256GCM", curveKeys()["P-256"], curveKeys()["P-256"].PublicKey()},
	} {
		compact := must(Encrypt(row.alg, row.enc).Encrypt(b.Context(), bytes.Repeat([]byte("x"), 1200), set(row.public, nil)))
		d := Keys(row.private)
		b.Run(row.alg, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				must(d.Decrypt(b.Context(), compact))
			}
		})
		// The floor: the private key's own operation and nothing else.
		b.Run(row.alg+"/floor", func(b *testing.B) {
			m := must(split(compact))
			b.ReportAllocs()
			for b.Loop() {
				if k, ok := row.private.(*rsa.PrivateKey); ok {
					must(k.Decrypt(nil, m.key, &rsa.OAEPOptions{Hash: crypto.SHA256}))
				} else {
					must(row.private.(*ecdh.PrivateKey).ECDH(must(point(m.epk.crv, m.epk.x, m.epk.y))))
				}
			}
		})
	}
}

// TestKeysOfOthersAreNotUsed: a key that is named otherwise, registered for another algorithm or of another kind does no work at all.
func TestKeysOfOthersAreNotUsed(t *testing.T) {
	n := 0
	private := decrypts{hsm{rsaKey()}, &n}
	named := must(Encrypt("RSA-OAEP-256", "A256GCM").Encrypt(t.Context(), []byte(payload), set(rsaKey().Public(), map[string]any{"kid": "e1"})))
	agreed := must(Encrypt("ECDH-ES", "A256GCM").Encrypt(t.Context(), []byte(payload), set(curveKeys()["P-256"].PublicKey(), map[string]any{"kid": "e1"})))
	for name, row := range map[string]struct {
		key     Key
		compact string
	}{
		"another name":      {Key{private, "e2", ""}, named},
		"another case":      {Key{private, "E1", ""}, named},
		"another algorithm": {Key{private, "e1", "RSA-OAEP"}, named},
		"another kind":      {Key{private, "e1", ""}, agreed},
		"an empty name":     {Key{private, "e2", ""}, withHeader(named, `{"alg":"RSA-OAEP-256","enc":"A256GCM","kid":""}`)},
	} {
		if _, err := Keys(row.key).Decrypt(t.Context(), row.compact); err != errDecryption || n != 0 {
			t.Errorf("%s: %v, after %d uses", name, err, n)
		}
	}
	if _, err := Keys(Key{private, "e1", "RSA-OAEP-256"}).Decrypt(t.Context(), named); err != nil || n != 1 {
		t.Errorf("the right one: %v, after %d uses", err, n)
	}
}

package dpop

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/openid-client/openid/internal/hostile"
	"github.com/openid-client/openid/internal/jose"
)

func parse(t testing.TB, raw string) *url.URL {
	t.Helper()
	u, err := url.Parse(raw)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func part(t testing.TB, compact string, i int) string {
	t.Helper()
	b, err := base64.RawURLEncoding.DecodeString(strings.Split(compact, ".")[i])
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// rfc9449Key is the key of RFC 9449 §4.1, whose thumbprint stands in §6.1.
func rfc9449Key(t testing.TB) crypto.Signer {
	point := []byte{4}
	for _, coordinate := range []string{"l8tFrhx-34tV3hRICRDY9zCkDlpBhF42UQUfWVAWBFs", "9VE4jf_Ok_o64zbTTlcuNJajHmt6v9TDVrU0CdvGRDA"} {
		b, err := base64.RawURLEncoding.DecodeString(coordinate)
		if err != nil {
			t.Fatal(err)
		}
		point = append(point, b...)
	}
	return public{must(ecdsa.ParseUncompressedPublicKey(elliptic.P256(), point))}
}

// public is the half of a key that a specification prints.
type public struct{ key crypto.PublicKey }

func (p public) Public() crypto.PublicKey { return p.key }
func (p public) Sign(r io.Reader, digest []byte, _ crypto.SignerOpts) ([]byte, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), r)
	if err != nil {
		return nil, err
	}
	return ecdsa.SignASN1(r, key, digest)
}

// TestSpecificationsExample: header, claims, thumbprint and ath of RFC 9449 §4.1, §6.1 and §7.1.
func TestSpecificationsExample(t *testing.T) {
	p, err := NewProver(rfc9449Key(t), "")
	if err != nil {
		t.Fatal(err)
	}
	if got := p.Thumbprint(); got != "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I" {
		t.Errorf("thumbprint %s", got)
	}
	proof, err := p.Proof(Claims{Method: "GET", URL: parse(t, "https://resource.example.org/protectedresource?a=b#c"), Now: time.Unix(1562262618, 0),
		AccessToken: "Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU", Nonce: "eyJ7S_zG.eyJH0-Z.HX4w-7v"})
	if err != nil {
		t.Fatal(err)
	}
	if got := part(t, proof, 0); got != `{"alg":"ES256","typ":"dpop+jwt","jwk":{"crv":"P-256","kty":"EC","x":"l8tFrhx-34tV3hRICRDY9zCkDlpBhF42UQUfWVAWBFs","y":"9VE4jf_Ok_o64zbTTlcuNJajHmt6v9TDVrU0CdvGRDA"}}` {
		t.Errorf("header %s", got)
	}
	claims := regexp.MustCompile(`^\{"jti":"([\w-]{22})",`).ReplaceAllString(part(t, proof, 1), "{")
	if claims != `{"htm":"GET","htu":"https://resource.example.org/protectedresource","iat":1562262618,"ath":"fUHyO2r2Z3DZ53EsNrWBb0xWXoaNy59IiKCAqksmQEo","nonce":"eyJ7S_zG.eyJH0-Z.HX4w-7v"}` {
		t.Errorf("claims %s", claims)
	}
}

func TestProofsAreNeverTheSame(t *testing.T) {
	_, key, _ := ed25519.GenerateKey(rand.Reader)
	p, err := NewProver(key, "")
	if err != nil {
		t.Fatal(err)
	}
	c := Claims{Method: "POST", URL: parse(t, "https://op.example/token"), Now: time.Unix(0, 0)}
	one, _ := p.Proof(c)
	two, _ := p.Proof(c)
	if one == two || p.Algorithm() != "Ed25519" {
		t.Error("one jti for two proofs")
	}
}

func TestHostileTarget(t *testing.T) {
	t.Run("P06 addresses as they are signed", func(t *testing.T) {
		hostile.Watch(t, "")
		for raw, want := range map[string]string{
			"https://rs.example":              "https://rs.example/",
			"https://rs.example/?q=1#f":       "https://rs.example/",
			"https://rs.example:443/a":        "https://rs.example/a",
			"https://rs.example:8443/a":       "https://rs.example:8443/a",
			"https://rs.example:/a":           "https://rs.example/a",
			"HTTPS://RS.Example:443/A":        "https://rs.example/A",
			"http://127.0.0.1:80/a":           "http://127.0.0.1/a",
			"https://[::1]:443/a":             "https://[::1]/a",
			"https://rs.example/a%2Fb%20c":    "https://rs.example/a%2Fb%20c",
			"https://user:pw@rs.example/a?b=": "https://rs.example/a",
		} {
			p := must(NewProver(must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader)), ""))
			proof := must(p.Proof(Claims{Method: "GET", URL: parse(t, raw)}))
			hostile.Hear(p)
			if got := part(t, proof, 1); !strings.Contains(got, `"htu":"`+want+`"`) {
				t.Errorf("%s: got %s, want %s", raw, got, want)
			}
		}
	})
}

func TestEdit(t *testing.T) {
	p, _ := NewProver(must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader)), "")
	proof, err := p.Proof(Claims{Method: "GET", URL: parse(t, "https://rs.example/"), Edit: func(h, c []byte) ([]byte, []byte, error) {
		return []byte(`{"alg":"ES256","x":1}`), []byte(`{}`), nil
	}})
	if err != nil || part(t, proof, 0) != `{"alg":"ES256","x":1}` || part(t, proof, 1) != `{}` {
		t.Errorf("%s, %v", proof, err)
	}
	if _, err := p.Proof(Claims{Method: "GET", URL: parse(t, "https://rs.example/"), Edit: func(h, c []byte) ([]byte, []byte, error) {
		return nil, nil, fmt.Errorf("no")
	}}); err == nil {
		t.Error("the edit's error is lost")
	}
	if _, err := p.Proof(Claims{Method: "\xff", URL: parse(t, "https://rs.example/")}); err == nil {
		t.Error("a method that is no text")
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func nonce(values ...string) http.Header { return http.Header{"Dpop-Nonce": values} }

func TestHostileNonces(t *testing.T) {
	var n Nonces
	op, rs := parse(t, "https://op.example/token"), parse(t, "https://rs.example/")
	if n.Get(AuthorizationServer, op) != "" || !n.Learn(AuthorizationServer, op, nonce("one")) {
		t.Fatal("a nonce is not learnt")
	}
	for _, row := range []struct {
		who  string
		role Role
		u    string
		want string
	}{
		{"the same", AuthorizationServer, "https://op.example/par?x", "one"},
		{"the same with its port", AuthorizationServer, "https://OP.example:443/", "one"},
		{"its resource", ResourceServer, "https://op.example/token", ""},
		{"another port", AuthorizationServer, "https://op.example:8443/token", ""},
		{"another scheme", AuthorizationServer, "http://op.example/token", ""},
		{"another host", AuthorizationServer, "https://rs.example/", ""},
	} {
		if got := n.Get(row.role, parse(t, row.u)); got != row.want {
			t.Errorf("%s: got %q", row.who, got)
		}
	}
	for lie, h := range map[string]http.Header{
		"none": {}, "empty": nonce(""), "two": nonce("a", "b"), "a quote": nonce(`a"b`), "a backslash": nonce(`a\b`), "a space": nonce("a b"), "P16 a line": nonce("a\nb"), "P16 a line of Windows": nonce("a\r\nX-Evil: b"),
		"beyond ASCII": nonce("ä"), "P16 1 MB": nonce(strings.Repeat("x", 1<<20)), "too long": nonce(strings.Repeat("x", maxNonce+1)),
	} {
		t.Run(lie, func(t *testing.T) {
			hostile.Watch(t, "")
			hostile.Hear(&n)
			if n.Learn(AuthorizationServer, op, h) || n.Get(AuthorizationServer, op) != "one" {
				t.Error("it was learnt")
			}
		})
	}
	if !n.Learn(AuthorizationServer, op, nonce("two")) || n.Get(AuthorizationServer, op) != "two" || n.Get(ResourceServer, rs) != "" {
		t.Error("the next nonce is not learnt")
	}
}

// TestNoncesAreBounded: the one that was of no use for the longest time is forgotten.
func TestNoncesAreBounded(t *testing.T) {
	var n Nonces
	at := func(i int) *url.URL { return parse(t, fmt.Sprintf("https://rs%d.example/", i)) }
	for i := range maxOrigins {
		n.Learn(ResourceServer, at(i), nonce("x"))
	}
	n.Get(ResourceServer, at(0))
	n.Learn(ResourceServer, at(1), nonce("y"))
	n.Learn(ResourceServer, at(maxOrigins), nonce("x"))
	if n.Get(ResourceServer, at(0)) != "x" || n.Get(ResourceServer, at(1)) != "y" || n.Get(ResourceServer, at(2)) != "" || n.recent.Len() != maxOrigins {
		t.Errorf("%d origins, or the wrong one is gone", n.recent.Len())
	}
}

func BenchmarkProof(b *testing.B) {
	key := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	p := must(NewProver(key, ""))
	u := parse(b, "https://rs.example/protected")
	b.Run("floor", func(b *testing.B) {
		digest := make([]byte, 32)
		b.ReportAllocs()
		for b.Loop() {
			must(key.Sign(rand.Reader, digest, crypto.SHA256))
		}
	})
	b.Run("proof", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			must(p.Proof(Claims{Method: "GET", URL: u, AccessToken: "Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU", Nonce: "n", Now: time.Unix(1562262618, 0)}))
		}
	})
}

// FuzzProof: a proof is a JWS that verifies with the key in its header, and encoding/json reads of it what was asked for.
func FuzzProof(f *testing.F) {
	// RFC 9449 sections 4.2 and 7.1, and addresses that need care.
	f.Add("POST", "https://server.example.com/token", "", "")
	f.Add("GET", "https://resource.example.org/protectedresource?a=b#c", "Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU", "eyJ7S_zG.eyJH0-Z.HX4w-7v")
	f.Add("get", "HTTPS://RS.example:443", "\xff", "n")
	f.Add("\"", "https://[::1]:8443/a%2Fb/\u00e9", "a", "")
	p := must(NewProver(ed25519.NewKeyFromSeed(make([]byte, 32)), ""))
	f.Fuzz(func(t *testing.T, method, address, token, nonce string) {
		u, err := url.Parse(address)
		if err != nil || nonce != "" && !usable(nonce) {
			return
		}
		compact, err := p.Proof(Claims{Method: method, URL: u, AccessToken: token, Nonce: nonce, Now: time.Unix(1562262616, 0)})
		if err != nil {
			if utf8.ValidString(method) && utf8.ValidString(u.Scheme+u.Host+u.EscapedPath()) {
				t.Error(err)
			}
			return
		}
		jws := must(jose.Split(compact))
		var header struct{ JWK json.RawMessage }
		if err := json.Unmarshal([]byte(part(t, compact, 0)), &header); err != nil {
			t.Fatal(err)
		}
		key := must(jose.ParseKey(header.JWK))
		if key.Thumbprint() != p.Thumbprint() || !key.Verify("Ed25519", jws.Signed, must(base64.RawURLEncoding.Strict().DecodeString(jws.Signature))) {
			t.Error("it does not verify with its own key")
		}
		var got struct {
			JTI, HTM, HTU, ATH, Nonce string
			IAT                       int64
		}
		d := json.NewDecoder(strings.NewReader(part(t, compact, 1)))
		d.DisallowUnknownFields()
		if err := d.Decode(&got); err != nil {
			t.Fatal(err)
		}
		if len(got.JTI) < 22 || got.HTM != method || got.IAT != 1562262616 || got.Nonce != nonce || (got.ATH != "") != (token != "") || strings.ContainsAny(got.HTU, "?#") {
			t.Errorf("%s %s: %+v", method, address, got)
		}
	})
}

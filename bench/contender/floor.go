package contender

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/asn1"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"math/big"
	"net/http"
	"net/url"
	"strings"

	"github.com/openid-client/openid/bench/fixture"
)

// The floor is what no library can go below: the bare hash and signature of the standard library on bytes that are already split and
// decoded, and a bare POST with one JSON decode.

// FloorVerify returns the signature check of token alone.
func FloorVerify(s *fixture.Set, alg, token string) (func() bool, error) {
	dot := strings.LastIndexByte(token, '.')
	input := []byte(token[:dot])
	signature, err := base64.RawURLEncoding.DecodeString(token[dot+1:])
	if err != nil {
		return nil, err
	}
	switch alg {
	case "RS256":
		key := s.Keys[alg].Private.Public().(*rsa.PublicKey)
		return func() bool {
			digest := sha256.Sum256(input)
			return rsa.VerifyPKCS1v15(key, crypto.SHA256, digest[:], signature) == nil
		}, nil
	case "PS256":
		key := s.Keys[alg].Private.Public().(*rsa.PublicKey)
		options := &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash}
		return func() bool {
			digest := sha256.Sum256(input)
			return rsa.VerifyPSS(key, crypto.SHA256, digest[:], signature, options) == nil
		}, nil
	case "ES256":
		key := s.Keys[alg].Private.Public().(*ecdsa.PublicKey)
		n := len(signature) / 2
		der, err := asn1.Marshal(struct{ R, S *big.Int }{new(big.Int).SetBytes(signature[:n]), new(big.Int).SetBytes(signature[n:])})
		return func() bool {
			digest := sha256.Sum256(input)
			return ecdsa.VerifyASN1(key, digest[:], der)
		}, err
	case "EdDSA":
		key := s.Keys[alg].Private.Public().(ed25519.PublicKey)
		return func() bool { return ed25519.Verify(key, input, signature) }, nil
	case "HS256":
		return func() bool {
			m := hmac.New(sha256.New, []byte(fixture.ClientSecret))
			m.Write(input)
			return hmac.Equal(m.Sum(nil), signature)
		}, nil
	}
	return nil, errors.ErrUnsupported
}

// FloorSign returns the signature alone over an input of an assertion's length.
func FloorSign(alg string, key fixture.Key) func() error {
	input := []byte(strings.Repeat("x", 350))
	if alg == "EdDSA" {
		return func() error { _, err := key.Private.Sign(rand.Reader, input, crypto.Hash(0)); return err }
	}
	return func() error {
		digest := sha256.Sum256(input)
		_, err := key.Private.Sign(rand.Reader, digest[:], crypto.SHA256)
		return err
	}
}

// FloorPost is a POST with a ready body, and one decode into a struct.
func FloorPost(tokenURL string, hc *http.Client) Obtain {
	body := url.Values{"grant_type": {"client_credentials"}, "scope": {strings.Join(scopes, " ")}}.Encode()
	return func(ctx context.Context) (string, error) {
		answer, err := floorPost(ctx, hc, tokenURL, body)
		return answer.AccessToken, err
	}
}

type floorAnswer struct {
	AccessToken string `json:"access_token"`
	TokenType   string `json:"token_type"`
	ExpiresIn   int64  `json:"expires_in"`
	Scope       string `json:"scope"`
	IDToken     string `json:"id_token"`
}

func floorPost(ctx context.Context, hc *http.Client, tokenURL, body string) (answer floorAnswer, err error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, tokenURL, strings.NewReader(body))
	if err != nil {
		return answer, err
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.SetBasicAuth(url.QueryEscape(fixture.ClientID), url.QueryEscape(fixture.ClientSecret))
	res, err := hc.Do(r)
	if err != nil {
		return answer, err
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		return answer, err
	}
	err = json.Unmarshal(b, &answer)
	return answer, err
}

package openid

import (
	"crypto"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/openid-client/openid/internal/jose"
	"github.com/openid-client/openid/internal/strict"
)

// Signing says how this client makes a JWT (an assertion, a request object, a DPoP proof) where what it does by itself does not fit the
// server. The zero value is right for a server that follows the specifications.
type Signing struct {
	// Algorithm, such as "PS256" or "HS512". Empty: RS256, ES256, ES384, ES512, Ed25519 or ML-DSA, by the key; HS256 for a secret.
	Algorithm string
	// Audience of an assertion or a request object. Empty: the issuer, which cannot be mistaken for another server's
	// (draft-ietf-oauth-rfc7523bis). Old servers want the address of their token endpoint. A DPoP proof has none.
	Audience string
	// Modify edits header and claims before they are signed, for a server that wants something else in them. The algorithm stays. It
	// may be called from several goroutines.
	Modify func(header, claims map[string]json.RawMessage)
}

// sign makes the JWS of claims, edited first where the caller wants that.
func (how Signing) sign(s *jose.Signer, claims []byte) (string, error) {
	if how.Modify == nil {
		return s.Sign(claims)
	}
	header, claims, err := how.edit(s.Header(), slices.Clone(claims)) // a copy: what may be kept cannot lie on the caller's stack
	if err != nil {
		return "", err
	}
	return s.SignAs(header, claims)
}

func (how Signing) edit(header, claims []byte) (h, c []byte, err error) {
	head, err := rawMembers(header)
	if err != nil {
		return nil, nil, err
	}
	body, err := rawMembers(claims)
	if err != nil {
		return nil, nil, err
	}
	alg := head["alg"]
	how.Modify(head, body)
	head["alg"] = alg
	if h, err = appendMembers(nil, head); err != nil {
		return nil, nil, fmt.Errorf("openid: Signing.Modify: header: %w", err)
	}
	if c, err = appendMembers(nil, body); err != nil {
		return nil, nil, fmt.Errorf("openid: Signing.Modify: claims: %w", err)
	}
	return h, c, nil
}

func rawMembers(object []byte) (map[string]json.RawMessage, error) {
	members := make(map[string]json.RawMessage)
	err := strict.Object(object, func(name []byte, v strict.Value) error {
		members[string(name)] = json.RawMessage(slices.Clone(v))
		return nil
	})
	return members, err
}

var errNotJSON = errors.New("not JSON")

// appendMembers writes an object with its members in the order of their names, so that the same members give the same bytes.
func appendMembers(b []byte, members map[string]json.RawMessage) ([]byte, error) {
	b = append(b, '{')
	for i, name := range slices.Sorted(maps.Keys(members)) {
		if i > 0 {
			b = append(b, ',')
		}
		if !isJSON(string(members[name])) {
			return nil, fmt.Errorf("member %s: %w", quoted(name), errNotJSON)
		}
		b = append(append(appendText(b, name), ':'), members[name]...)
	}
	return append(b, '}'), nil
}

func isJSON(s string) bool { return jsontext.Value(s).IsValid() }

// appendText appends s as a JSON string; what is not UTF-8 is replaced, and the server will not know it.
func appendText(b []byte, s string) []byte {
	b, _ = jsontext.AppendQuote(b, s)
	return b
}

// appendTexts appends a list as an array of JSON strings.
func appendTexts(b []byte, list []string) []byte {
	b = append(b, '[')
	for i, s := range list {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendText(b, s)
	}
	return append(b, ']')
}

// signing is the one value of an optional argument.
func signing(how []Signing) (Signing, error) {
	switch len(how) {
	case 0:
		return Signing{}, nil
	case 1:
		return how[0], nil
	}
	return Signing{}, errors.New("openid: one Signing at most")
}

func isRSA(signer crypto.Signer) bool {
	if signer == nil {
		return false
	}
	_, is := signer.Public().(*rsa.PublicKey)
	return is
}

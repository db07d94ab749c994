package jose

import (
	"strconv"

	"github.com/openid-client/openid/internal/strict"
)

// Set is a JWK Set (RFC 7517 section 5): the keys that can be used, in the order of the document. Keys that share a kid
// are all kept.
type Set struct {
	keys    []*Key
	skipped []string
}

// ParseSet reads a JWK Set. A key that cannot be used, even one that repeats a member name, is skipped and says so in
// [Set.Skipped]: one bad key must not lock everybody out. The set itself is refused, by a *[Refusal] with the check
// "keys", when it is not strict JSON with an array "keys", or has more than [MaxKeys].
func ParseSet(doc []byte) (*Set, error) {
	s := new(Set)
	found, count := false, 0
	err := strict.Outer(doc, func(name []byte, v strict.Value) error {
		if string(name) != "keys" {
			return nil
		}
		found = true
		return v.Elements(func(jwk strict.Value) error {
			if count++; count > MaxKeys {
				return errTooManyKeys
			}
			k, err := ParseKey(jwk)
			if err != nil {
				s.skipped = append(s.skipped, "keys["+strconv.Itoa(count-1)+"]: "+err.Error())
				return nil
			}
			s.keys = append(s.keys, k)
			return nil
		})
	})
	switch err := err.(type) {
	case nil:
	case *strict.Error:
		return nil, badSet("a JWK Set", err.Reason)
	default:
		return nil, err
	}
	if !found {
		return nil, badSet("a JWK Set", "no keys member")
	}
	return s, nil
}

// badSet refuses a whole JWK Set.
func badSet(expected, got string) *Refusal {
	return &Refusal{Check: "keys", Expected: expected, Got: got, Spec: "RFC 7517 section 5"}
}

var errTooManyKeys = badSet("at most "+strconv.Itoa(MaxKeys)+" keys", "more")

// Candidates appends to dst the keys that may have signed a token with this header, at most [MaxCandidates]: keys that
// serve alg, and with a kid only those with exactly that kid.
func (s *Set) Candidates(dst []*Key, alg, kid string, hasKeyID bool) []*Key {
	a := lookup(alg)
	if a == nil {
		return dst
	}
	left := MaxCandidates
	for _, k := range s.keys {
		if left > 0 && k.serves.has(a) && (!hasKeyID || k.id == kid) {
			dst = append(dst, k)
			left--
		}
	}
	return dst
}

// Len is the number of keys that can be used.
func (s *Set) Len() int { return len(s.keys) }

// Skipped says for each key that cannot be used why.
func (s *Set) Skipped() []string { return s.skipped }

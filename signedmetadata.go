package openid

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strings"

	"github.com/openid-client/openid/internal/endpoint"
	"github.com/openid-client/openid/internal/jose"
	"github.com/openid-client/openid/internal/jwks"
	"github.com/openid-client/openid/internal/strict"
)

// SignedMetadata says who vouches for the metadata of a server, or of a protected resource, by a signature (signed_metadata, RFC 8414 section 2.1,
// RFC 9728 section 2.2). A document without it is then refused. What is signed replaces what stands beside it; a member that is not signed counts
// as it stands.
type SignedMetadata struct {
	// Issuer is who signs: the iss of the signed metadata. It need not be the server itself. Required.
	Issuer string
	// JWKS is a JWK Set of the signer's public keys, had on a way that is trusted: who could forge the document could forge keys that it names.
	// With the signer's next key in it as well, the signer can change keys. Required.
	JWKS json.RawMessage
	// Algorithms are those that are accepted. Empty: every one that the keys serve.
	Algorithms []string
}

// A MetadataSignature is what [Config].SignedMetadata demands. *[SignedMetadata] is the one there is; it is an interface so that it is linked by
// those programs only that use it.
type MetadataSignature interface {
	verifier() (v metadataVerifier, expected, got string)
}

// A metadataVerifier is a [MetadataSignature] that was checked.
type metadataVerifier interface {
	overlay(ctx context.Context, c *Client, doc attested) error
}

// attested is a document that somebody vouches for.
type attested struct {
	member string   // what it has to be about: its issuer, or its resource
	about  []string // by one of these names
	table  []member
	extra  *map[string]json.RawMessage
}

// metadataVerification is the verifier of a [SignedMetadata].
type metadataVerification struct {
	SignedMetadata
	server *server // knows the keys
	rows   []check[*jwt]
}

func (s *SignedMetadata) verifier() (v metadataVerifier, expected, got string) {
	if s == nil {
		return nil, "a SignedMetadata, or nil as it stands", "a nil *SignedMetadata"
	}
	if s.Issuer == "" {
		return nil, "the Issuer who signs", "nothing"
	}
	set, err := jose.ParseSet(s.JWKS)
	if err != nil || set.Len() == 0 {
		return nil, "a JWKS with public keys that can verify", "none"
	}
	if got := notPublicKeys(s.JWKS); got != "" {
		return nil, "a JWKS of public keys", got
	}
	for _, alg := range s.Algorithms {
		if !jose.Supported(alg) || strings.HasPrefix(alg, "HS") {
			return nil, "Algorithms with keys that only the signer has", quoted(alg)
		}
	}
	own := &metadataVerification{SignedMetadata: *s, rows: signedMetadataChecks()}
	if own.Algorithms = slices.Clone(s.Algorithms); len(s.Algorithms) == 0 {
		own.Algorithms = asymmetric(jose.Algorithms())
	}
	answer := &endpoint.Response{Status: http.StatusOK, Body: slices.Clone(s.JWKS)}
	own.server = &server{keys: jwks.New(func(context.Context) (*endpoint.Response, error) { return answer, nil })}
	return own, "", ""
}

// signedExpectation is what signed metadata has to agree with.
type signedExpectation struct {
	signer string
	doc    attested

	value           strict.Value // of doc.member
	wrong, expected string       // the first claim of another kind than its specification says
}

// overlay verifies the signature and puts what was signed into the document.
func (v *metadataVerification) overlay(ctx context.Context, c *Client, doc attested) error {
	raw, _ := strict.Value((*doc.extra)["signed_metadata"]).Text()
	j := c.newJWT("signed metadata", v.server, v.Algorithms, raw, expectation{signed: &signedExpectation{signer: v.Issuer, doc: doc}})
	defer j.release()
	return judge(ctx, c, v.rows, j)
}

// jwtClaims say something of the JWT and not of the server.
var jwtClaims = []string{"iss", "sub", "aud", "exp", "nbf", "iat", "jti", "signed_metadata"}

// take puts what was signed into the document; what it is about is for the next row.
func (s *signedExpectation) take(payload []byte) bool {
	return strict.Object(payload, func(name []byte, v strict.Value) error {
		if slices.Contains(jwtClaims, string(name)) || v.Kind() == 'n' {
			return nil
		}
		if string(name) == s.doc.member {
			s.value = v
		}
		i := slices.IndexFunc(s.doc.table, func(r member) bool { return r.name == string(name) })
		if i < 0 {
			(*s.doc.extra)[string(name)] = json.RawMessage(slices.Clone(v)) // there is one, with the signed metadata
		} else if expected := s.doc.table[i].take(v); expected != "" {
			s.wrong, s.expected = string(name), expected
			return errRecord
		}
		return nil
	}) == nil
}

// signedMetadataChecks are the rules for signed metadata. They lie with the verifier and not with every client, and in a function, since a variable
// that is put together at the start would be linked by everybody.
func signedMetadataChecks() []check[*jwt] {
	return slices.Concat([]check[*jwt]{
		{"signed_metadata", "RFC 8414 §2.1, RFC 9728 §2.2",
			func(_ context.Context, j *jwt) bool { return j.raw != "" },
			func(j *jwt) (string, string) {
				return "a JWT, which Config.SignedMetadata demands", presence(j.raw != "")
			}},
	}, slices.DeleteFunc(slices.Clone(signedChecks), func(row check[*jwt]) bool { return row.name == "key issuer" }), []check[*jwt]{
		{"iss", "RFC 8414 §2.1, RFC 9728 §2.2",
			func(_ context.Context, j *jwt) bool { return j.claims.iss.Equal(j.expect.signed.signer) },
			func(j *jwt) (string, string) { return quoted(j.expect.signed.signer), shown(j.claims.iss) }},
		{"key issuer", "RFC 8725 §3.8",
			func(_ context.Context, j *jwt) bool {
				return j.key == nil || j.key.Issuer() == "" || j.key.Issuer() == j.expect.signed.signer
			},
			func(j *jwt) (string, string) { return j.keyStory() }},
		{"exp", "RFC 7519 §4.1.4", expIfAny, saysExpIfAny},
		{"nbf", "RFC 7519 §4.1.5", nbfIfAny, saysNbfIfAny},
		{"iat", "RFC 7519 §4.1.6", iatIfAny, saysIatIfAny},
		{"metadata", "RFC 8414 §2, RFC 9728 §2",
			func(_ context.Context, j *jwt) bool { return j.expect.signed.take(j.payload) },
			func(j *jwt) (string, string) {
				if s := j.expect.signed; s.wrong != "" {
					return s.expected + " as " + s.wrong, "something else"
				}
				return "members of their kinds", "such members"
			}},
		// The signer vouches for many: what was signed for another server must not do for this one.
		{"about", "RFC 8414 §2.1, §3.3, RFC 9728 §2.2, §3.3",
			func(_ context.Context, j *jwt) bool {
				return slices.ContainsFunc(j.expect.signed.doc.about, j.expect.signed.value.Equal)
			},
			func(j *jwt) (string, string) {
				s := j.expect.signed
				return quoted(strings.Join(s.doc.about, " ")) + " as " + s.doc.member, shown(s.value)
			}},
	})
}

package openid

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/openid-client/openid/internal/jose"
	"github.com/openid-client/openid/internal/strict"
)

// issuedMembers are what only the server says (RFC 7591 section 3.2.1, RFC 7592 section 3).
var issuedMembers = []string{"client_id", "client_secret", "client_id_issued_at", "client_secret_expires_at", "registration_access_token", "registration_client_uri"}

// mistakes are all that no server would take, or none should.
func (m *ClientMetadata) mistakes() error {
	var found []error
	mistake := func(field, expected, got string) {
		found = append(found, fmt.Errorf("openid: ClientMetadata.%s: expected %s, got %s", field, expected, got))
	}
	for i, uri := range m.RedirectURIs {
		if expected := badRedirectURI(uri); expected != "" {
			mistake(fmt.Sprintf("RedirectURIs[%d]", i), expected, quoted(uri))
		}
	}
	for i, name := range m.Scope {
		if !isScope(name) {
			mistake(fmt.Sprintf("Scope[%d]", i), "one scope (RFC 6749 §3.3)", quoted(name))
		}
	}
	if len(m.JWKS) > 0 {
		if m.JWKSURI != "" {
			mistake("JWKS", "either JWKS or JWKSURI (RFC 7591 §2)", "both")
		}
		if got := notPublicKeys(m.JWKS); got != "" {
			mistake("JWKS", "a JWK Set of public keys", got)
		}
	}
	for _, r := range m.responseAlgs() {
		if *r.alg != "" && !jose.Supported(*r.alg) {
			mistake(r.field, "an algorithm of "+fmt.Sprint(jose.Algorithms()), quoted(*r.alg))
		}
	}
	if age := m.DefaultMaxAge; age != nil && (*age < 0 || *age%time.Second != 0) {
		mistake("DefaultMaxAge", "whole seconds", age.String())
	}
	subjects := 0
	for _, s := range []string{m.TLSClientAuthSubjectDN, m.TLSClientAuthSANDNS, m.TLSClientAuthSANURI, m.TLSClientAuthSANIP, m.TLSClientAuthSANEmail} {
		if s != "" {
			subjects++
		}
	}
	if subjects > 1 {
		mistake("TLSClientAuth…", "one name of the certificate at most (RFC 8705 §2.1.2)", strconv.Itoa(subjects))
	}
	for _, name := range slices.Sorted(maps.Keys(m.Extra)) {
		switch {
		case slices.ContainsFunc(m.members(), func(r member) bool { return r.name == name }):
			mistake("Extra", "members without a field of their own", quoted(name))
		case slices.Contains(issuedMembers, name):
			mistake("Extra", "nothing that the server issues", quoted(name))
		}
	}
	if expected, got := m.notJSON(); expected != "" {
		mistake("Extra", expected, got)
	}
	return errors.Join(found...)
}

// notJSON finds what would spoil the document.
func (m *ClientMetadata) notJSON() (expected, got string) {
	for _, name := range slices.Sorted(maps.Keys(m.Extra)) {
		if !isJSON(string(m.Extra[name])) {
			return "JSON as " + quoted(name), "something else"
		}
	}
	if len(m.JWKS) > 0 && !isJSON(string(m.JWKS)) {
		return "JSON as \"jwks\"", "something else"
	}
	return "", ""
}

// responseAlgs are what the server signs with for this client.
func (m *ClientMetadata) responseAlgs() []responseAlg {
	return []responseAlg{
		{"IDTokenSignedResponseAlg", "id_token_signed_response_alg", &m.IDTokenSignedResponseAlg},
		{"UserInfoSignedResponseAlg", "userinfo_signed_response_alg", &m.UserInfoSignedResponseAlg},
		{"AuthorizationSignedResponseAlg", "authorization_signed_response_alg", &m.AuthorizationSignedResponseAlg},
		{"IntrospectionSignedResponseAlg", "introspection_signed_response_alg", &m.IntrospectionSignedResponseAlg},
	}
}

type responseAlg struct {
	field, name string
	alg         *string
}

// privateMembers of a JWK are nobody else's business (RFC 7518 sections 6.2.2, 6.3.2 and 6.4, RFC 8037 section 2, ML-DSA's priv).
var privateMembers = []string{"d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv"}

// notPublicKeys says why set is no JWK Set that may be shown; empty where it is one.
func notPublicKeys(set json.RawMessage) string {
	list, private := false, false
	err := strict.Object(set, func(name []byte, v strict.Value) error {
		if string(name) != "keys" {
			return nil
		}
		list = true
		return v.Elements(func(key strict.Value) error {
			return key.Members(func(name []byte, _ strict.Value) error {
				private = private || slices.Contains(privateMembers, string(name))
				return nil
			})
		})
	})
	switch {
	case err != nil || !list:
		return "something else"
	case private:
		return "a private key"
	}
	return ""
}

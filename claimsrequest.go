package openid

import (
	"maps"
	"slices"
)

// A ClaimsRequest asks for single claims, beside those that scopes stand for (OpenID Connect Core 1.0 section 5.5).
type ClaimsRequest struct {
	IDToken  map[string]ClaimRequest // to be in the ID Token, by the claim's name
	UserInfo map[string]ClaimRequest // to be in UserInfo
}

// A ClaimRequest says how one claim is wanted; the zero value asks for it as a nicety.
type ClaimRequest struct {
	Essential bool     // the login makes no sense without it; the server may still leave it out
	Values    []string // one: the value wanted; several: any of them, the best first
}

func (r *ClaimsRequest) append(b []byte) []byte {
	b = append(b, '{')
	for _, part := range []struct {
		name   string
		claims map[string]ClaimRequest
	}{{"id_token", r.IDToken}, {"userinfo", r.UserInfo}} {
		if part.claims == nil {
			continue
		}
		if b[len(b)-1] == '}' {
			b = append(b, ',')
		}
		b = append(appendText(b, part.name), ":{"...)
		for i, name := range slices.Sorted(maps.Keys(part.claims)) {
			if i > 0 {
				b = append(b, ',')
			}
			b = part.claims[name].append(append(appendText(b, name), ':'))
		}
		b = append(b, '}')
	}
	return append(b, '}')
}

func (r ClaimRequest) append(b []byte) []byte {
	if !r.Essential && len(r.Values) == 0 {
		return append(b, "null"...)
	}
	b = append(b, '{')
	if r.Essential {
		b = append(b, `"essential":true`...)
		if len(r.Values) > 0 {
			b = append(b, ',')
		}
	}
	switch len(r.Values) {
	case 0:
	case 1:
		b = appendText(append(b, `"value":`...), r.Values[0])
	default:
		b = appendTexts(append(b, `"values":`...), r.Values)
	}
	return append(b, '}')
}

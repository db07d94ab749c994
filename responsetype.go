package openid

import "slices"

// A responseType says what the authorization endpoint itself hands out (OAuth 2.0 Multiple Response Types section 3 and 5).
type responseType struct {
	name                 string
	code, idToken, token bool
}

var responseTypes = []responseType{
	{name: "code", code: true},
	{name: "code id_token", code: true, idToken: true},
	{name: "id_token", idToken: true},
	{name: "code token", code: true, token: true},
	{name: "id_token token", idToken: true, token: true},
	{name: "code id_token token", code: true, idToken: true, token: true},
	{name: "token", token: true},
}

func findResponseType(name string) (responseType, bool) {
	i := slices.IndexFunc(responseTypes, func(t responseType) bool { return t.name == name })
	if i < 0 {
		return responseType{}, false
	}
	return responseTypes[i], true
}

// inFront: something that nobody may see in a query, where logs and Referer headers keep it.
func (t responseType) inFront() bool { return t.idToken || t.token }

// defaultMode is query for a code. What may not stand in a query comes in a POST, because a fragment never reaches a server.
func (t responseType) defaultMode() string {
	if t.inFront() {
		return "form_post"
	}
	return "query"
}

// A responseMode says how the browser brings the response.
type responseMode struct {
	carrier string // "query", "form_post" or "fragment"; empty: query for a code, else fragment (JARM section 2.3.4)
	jwt     bool   // as one signed parameter
}

var responseModes = map[string]responseMode{
	"query": {"query", false}, "form_post": {"form_post", false}, "fragment": {"fragment", false},
	"jwt": {"", true}, "query.jwt": {"query", true}, "form_post.jwt": {"form_post", true}, "fragment.jwt": {"fragment", true},
}

// carrier is where a response of mode to t stands.
func (t responseType) carrier(mode responseMode) string {
	switch {
	case mode.carrier != "":
		return mode.carrier
	case t.inFront():
		return "fragment"
	}
	return "query"
}

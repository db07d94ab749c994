package openid

import (
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/openid-client/openid/internal/hostile"
	"github.com/openid-client/openid/internal/strict"
)

// exampleClient are the names that the RFCs give their client.
func exampleClient(p *hostile.Provider) {
	p.ClientID, p.ClientSecret, p.RedirectURI = "s6BhdRkqt3", "7Fjfp0ZBr1KtDRbnfVdmIw", "https://client.example.org/cb"
}

// TestPushedRequestOfTheRFC: RFC 9126 §2.1, with its random parts in the place of ours.
func TestPushedRequestOfTheRFC(t *testing.T) {
	p := hostile.New(t, exampleClient)
	c := newTestClient(t, p, push)
	if _, _, err := c.Authorize(t.Context(), AuthorizationRequest{Scope: []string{"account-information"}}); err != nil {
		t.Fatal(err)
	}
	sent := p.Requests("pushed_authorization_request")[0]
	if sent.Method != "POST" || sent.Header.Get("Content-Type") != "application/x-www-form-urlencoded" ||
		sent.Header.Get("Authorization") != "Basic czZCaGRSa3F0Mzo3RmpmcDBaQnIxS3REUmJuZlZkbUl3" {
		t.Errorf("%s %s, %s", sent.Method, sent.Header.Get("Content-Type"), sent.Header.Get("Authorization"))
	}
	body := string(sent.Body)
	for name, theirs := range map[string]string{"state": "af0ifjsldkj", "code_challenge": "K2-ltc83acc4h0c9w6ESC_rEMTJ3bww-uCHaoeK1t8U"} {
		body = regexp.MustCompile(`\b`+name+`=[\w-]{43}\b`).ReplaceAllString(body, name+"="+theirs)
	}
	want := strings.Split("response_type=code&state=af0ifjsldkj&client_id=s6BhdRkqt3&redirect_uri=https%3A%2F%2Fclient.example.org%2Fcb"+
		"&code_challenge=K2-ltc83acc4h0c9w6ESC_rEMTJ3bww-uCHaoeK1t8U&code_challenge_method=S256&scope=account-information", "&")
	got := strings.Split(body, "&")
	slices.Sort(want)
	if slices.Sort(got); !slices.Equal(got, want) {
		t.Errorf("pushed %q", got)
	}
}

// parts are header and payload of a JWS as they were signed.
func parts(t *testing.T, compact string) (header, payload string) {
	t.Helper()
	list := strings.Split(compact, ".")
	if len(list) != 3 {
		t.Fatalf("%d parts", len(list))
	}
	h, err1 := base64Text(list[0])
	c, err2 := base64Text(list[1])
	if err1 != nil || err2 != nil {
		t.Fatal(err1, err2)
	}
	return string(h), string(c)
}

var randomID = regexp.MustCompile(`"jti":"([\w-]{22,43})"`)

// TestAssertionBytes: header and claims of RFC 9126 §2.1, which wants no more than RFC 7523 §3 asks for; and RFC 7523 §2.2 around them.
func TestAssertionBytes(t *testing.T) {
	now := time.Unix(1625868818, 0)
	const claims = `{"iss":"CLIENT1234","sub":"CLIENT1234","aud":"https://server.example.com","jti":"…","iat":1625868818,"exp":1625868878}`
	secret := NewSecret(strings.Repeat("s", 64))
	for _, row := range []struct {
		auth         ClientAuth
		name, header string
	}{
		{PrivateKeyJWT(newKey(t), "42"), "a named key", `{"alg":"ES256","kid":"42"}`},
		{PrivateKeyJWT(newKey(t), ""), "a key without a name", `{"alg":"ES256"}`},
		{ClientSecretJWT(secret), "a secret", `{"alg":"HS256"}`},
		{ClientSecretJWT(secret, Signing{Algorithm: "HS512"}), "a secret and a longer hash", `{"alg":"HS512"}`},
	} {
		r := &AuthRequest{Header: http.Header{}, Form: url.Values{"grant_type": {"client_credentials"}}, ClientID: "CLIENT1234", Audience: "https://server.example.com",
			Endpoint: "https://server.example.com/token", Now: now}
		if err := row.auth.Authenticate(t.Context(), r); err != nil {
			t.Fatal(err)
		}
		header, payload := parts(t, r.Form.Get("client_assertion"))
		if payload = randomID.ReplaceAllString(payload, `"jti":"…"`); header != row.header || payload != claims {
			t.Errorf("%s: %s %s", row.name, header, payload)
		}
		r.Form.Del("client_assertion")
		const rest = "client_assertion_type=urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer&client_id=CLIENT1234&grant_type=client_credentials"
		if r.Form.Encode() != rest || len(r.Header) != 0 {
			t.Errorf("%s: beside it %s, %v", row.name, r.Form.Encode(), r.Header)
		}
	}
}

// exampleRequest is what RFC 9101 §4 and, with claims, OpenID Connect Core 1.0 §6.1 ask.
var exampleRequest = url.Values{"response_type": {"code id_token"}, "client_id": {"s6BhdRkqt3"}, "redirect_uri": {"https://client.example.org/cb"}, "scope": {"openid"},
	"state": {"af0ifjsldkj"}, "nonce": {"n-0S6_WzA2Mj"}, "max_age": {"86400"}}

// TestRequestObjectOfTheRFC: its claims are those of RFC 9101 §4 and those that bound its use.
func TestRequestObjectOfTheRFC(t *testing.T) {
	c, err := New(Config{Issuer: "https://server.example.com", ClientID: "s6BhdRkqt3", Auth: None(), RedirectURI: "https://client.example.org/cb",
		RequestObject: &RequestObject{Key: newKey(t), KeyID: "k2bdc"}})
	if err != nil {
		t.Fatal(err)
	}
	params := maps.Clone(exampleRequest)
	params.Set("claims", string((&ClaimsRequest{UserInfo: map[string]ClaimRequest{"given_name": {Essential: true}, "nickname": {}, "email": {Essential: true}, "email_verified": {Essential: true}, "picture": {}},
		IDToken: map[string]ClaimRequest{"gender": {}, "birthdate": {Essential: true}, "acr": {Values: []string{"urn:mace:incommon:iap:silver"}}}}).append(nil)))
	object, err := c.requests.sign(t.Context(), c, params)
	if err != nil {
		t.Fatal(err)
	}
	header, payload := parts(t, object)
	payload = randomID.ReplaceAllString(payload, `"jti":"…"`)
	payload = regexp.MustCompile(`"(iat|nbf|exp)":\d{10}\b`).ReplaceAllString(payload, `"$1":0`)
	const claims = `{"iss":"s6BhdRkqt3","aud":"https://server.example.com","jti":"…","iat":0,"nbf":0,"exp":0,` +
		`"claims":{"id_token":{"acr":{"value":"urn:mace:incommon:iap:silver"},"birthdate":{"essential":true},"gender":null},` +
		`"userinfo":{"email":{"essential":true},"email_verified":{"essential":true},"given_name":{"essential":true},"nickname":null,"picture":null}},` +
		`"client_id":"s6BhdRkqt3","max_age":86400,"nonce":"n-0S6_WzA2Mj","redirect_uri":"https://client.example.org/cb","response_type":"code id_token",` +
		`"scope":"openid","state":"af0ifjsldkj"}`
	if header != `{"alg":"ES256","typ":"oauth-authz-req+jwt","kid":"k2bdc"}` || payload != claims {
		t.Errorf("%s %s", header, payload)
	}
}

// rfc9396Details are those of RFC 9396 §2, two kinds in one request.
const rfc9396Details = `[
   {
      "type": "account_information",
      "actions": ["list_accounts", "read_balances", "read_transactions"],
      "locations": ["https://example.com/accounts"]
   },
   {
      "type": "payment_initiation",
      "actions": ["initiate", "status", "cancel"],
      "locations": ["https://example.com/payments"],
      "instructedAmount": {"currency": "EUR", "amount": "123.50"},
      "creditorName": "Merchant A",
      "creditorAccount": {"iban": "DE02100100109307118603"},
      "remittanceInformationUnstructured": "Ref Number Merchant"
   }
]`

// TestAuthorizationDetailsOfTheRFC: they go out as the RFC writes them, and come in again as they were.
func TestAuthorizationDetailsOfTheRFC(t *testing.T) {
	raw := func(s string) json.RawMessage { return json.RawMessage(s) }
	details := []AuthorizationDetail{
		{Type: "account_information", Actions: []string{"list_accounts", "read_balances", "read_transactions"}, Locations: []string{"https://example.com/accounts"}},
		{Type: "payment_initiation", Actions: []string{"initiate", "status", "cancel"}, Locations: []string{"https://example.com/payments"}, Extra: map[string]json.RawMessage{
			"instructedAmount": raw(`{"currency":"EUR","amount":"123.50"}`), "creditorName": raw(`"Merchant A"`),
			"creditorAccount": raw(`{"iban":"DE02100100109307118603"}`), "remittanceInformationUnstructured": raw(`"Ref Number Merchant"`)}},
	}
	p := hostile.New(t, exampleClient)
	c := newTestClient(t, p)
	rawURL, tx, err := c.Authorize(t.Context(), AuthorizationRequest{Scope: []string{"openid"}, AuthorizationDetails: details})
	if err != nil {
		t.Fatal(err)
	}
	u, _ := url.Parse(rawURL)
	var got, want any
	if err := json.Unmarshal([]byte(u.Query().Get("authorization_details")), &got); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(rfc9396Details), &want); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("asked for %v", got)
	}
	p.TokenResponse = func(m map[string]any) { m["authorization_details"] = json.RawMessage(rfc9396Details) }
	tokens, err := c.Callback(t.Context(), p.Authorize(rawURL), tx)
	if err != nil {
		t.Fatal(err)
	}
	if !sameDetails(t, tokens.AuthorizationDetails, want) {
		t.Errorf("granted %s", appendDetails(nil, tokens.AuthorizationDetails))
	}
	again, err := readDetails(strict.Value(appendDetails(nil, tokens.AuthorizationDetails)))
	if err != nil || !sameDetails(t, again, want) {
		t.Errorf("read again: %v, %v", again, err)
	}
}

func sameDetails(t *testing.T, details []AuthorizationDetail, want any) bool {
	t.Helper()
	var got any
	if err := json.Unmarshal(appendDetails(nil, details), &got); err != nil {
		t.Fatal(err)
	}
	return reflect.DeepEqual(got, want)
}

// TestHostileProofBytes: a proof at the token endpoint says nothing but RFC 9449 §4.2; one at a resource says ath, and the nonce that was asked for.
func TestHostileProofBytes(t *testing.T) {
	t.Run("P01 an honest proof", func(t *testing.T) {
		hostile.Watch(t, "discovery token jwks resource resource")
		p := hostile.New(t)
		key := newKey(t)
		c := newTestClient(t, p, func(cfg *Config) { cfg.DPoP = DPoPKey(key) })
		tokens, err := logIn(t, c, p)
		if err != nil {
			t.Fatal(err)
		}
		p.DPoP.Nonce = true
		r, _ := http.NewRequestWithContext(t.Context(), "GET", p.URL("resource")+"?a=b", nil)
		res, err := c.Do(r, tokens)
		if err != nil || res.StatusCode != 200 {
			t.Fatal(res, err)
		}
		res.Body.Close()
		proofs := p.Proofs()
		if len(proofs) != 3 {
			t.Fatalf("%d proofs", len(proofs))
		}
		for i, want := range []string{
			`{"jti":"…","htm":"POST","htu":"` + p.URL("token") + `","iat":0}`,
			`{"jti":"…","htm":"GET","htu":"` + p.URL("resource") + `","iat":0,"ath":"…"}`,
			`{"jti":"…","htm":"GET","htu":"` + p.URL("resource") + `","iat":0,"ath":"…","nonce":"…"}`,
		} {
			header, payload := parts(t, proofs[i].Compact)
			payload = regexp.MustCompile(`"(jti|ath|nonce)":"[\w-]{22,43}"`).ReplaceAllString(payload, `"$1":"…"`)
			payload = regexp.MustCompile(`"iat":\d{10}\b`).ReplaceAllString(payload, `"iat":0`)
			if payload != want {
				t.Errorf("%s", payload)
			}
			if !regexp.MustCompile(`^\{"alg":"ES256","typ":"dpop\+jwt","jwk":\{"crv":"P-256","kty":"EC","x":"[\w-]{43}","y":"[\w-]{43}"\}\}$`).MatchString(header) {
				t.Errorf("%s", header)
			}
		}
	})
}

package openid

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/openid-client/openid/internal/hostile"
)

// score is what the bank of the tests knows.
var score = []string{"credit_score", "limit"}

// newBank is a source of claims.
func newBank(t *testing.T) *hostile.Provider {
	return hostile.New(t, func(p *hostile.Provider) {
		p.Claims = map[string]any{"credit_score": 650, "limit": map[string]any{"EUR": 1000}}
	})
}

// banking is a source as a program names it.
func banking(t *testing.T, bank *hostile.Provider, tune ...func(*Config)) ClaimSource {
	return ClaimSource{Client: newTestClient(t, bank, tune...), Origins: []string{strings.TrimSuffix(bank.URL(""), "/t/")}}
}

// refer lets the UserInfo of op refer to sources.
func refer(op *hostile.Provider, has map[string][]string, sources map[string]any) {
	op.UserInfo = func(m map[string]any) { hostile.Refer(m, has, sources) }
}

// informed logs in at op and asks for UserInfo.
func informed(t *testing.T, c *Client, op *hostile.Provider) *UserInfo {
	t.Helper()
	tokens, err := logIn(t, c, op)
	if err != nil {
		t.Fatal(err)
	}
	info, err := c.UserInfo(t.Context(), tokens)
	if err != nil {
		t.Fatal(err)
	}
	return info
}

// TestResolveClaims: aggregated and distributed claims of two sources, of which one is down; the others are not spoiled.
func TestResolveClaims(t *testing.T) {
	op, bank, clinic := hostile.New(t), newBank(t), hostile.New(t)
	clinic.Claims = map[string]any{"blood_group": "AB", "email": "evil@clinic.example", "iss_note": "x"}
	c := newTestClient(t, op)
	refer(op, map[string][]string{"src1": score, "src2": {"blood_group"}, "src3": {"shoe_size"}, "src4": {"hat"}}, map[string]any{
		"src1": hostile.Aggregated(bank.Vouch()), "src2": hostile.Distributed(clinic.URL("claims"), hostile.ClaimsToken),
		"src3": hostile.Distributed(clinic.URL("down"), ""), "src4": hostile.Distributed("https://evil.example/hat", ""),
		"unused": hostile.Distributed("https://evil.example/", ""),
	})
	clinic.Serve("down", hostile.Status(500, "text/plain", "down"))
	info := informed(t, c, op)
	if n := bank.Count("") + clinic.Count(""); n != 0 {
		t.Fatalf("%d requests to sources before anybody wanted them", n)
	}
	results, err := c.ResolveClaims(t.Context(), info, banking(t, bank), banking(t, clinic))
	if err != nil || len(results) != 4 {
		t.Fatalf("got %v, %v", results, err)
	}
	for i, want := range []struct{ source, names, payload, issuer string }{
		{"src1", "credit_score limit", `{"credit_score":650,"limit":{"EUR":1000}}`, bank.Issuer},
		{"src2", "blood_group", `{"blood_group":"AB"}`, clinic.Issuer},
		{"src3", "shoe_size", "", ""},
		{"src4", "hat", "", ""},
	} {
		r := results[i]
		if r.Source != want.source || strings.Join(r.Names, " ") != want.names || string(r.Claims.Payload()) != want.payload || r.Claims.Issuer() != want.issuer ||
			(r.Err == nil) != (want.payload != "") || (r.Claims == nil) != (r.Err != nil) {
			t.Errorf("%+v with %s of %s, want %v", r, r.Claims.Payload(), r.Claims.Issuer(), want)
		}
	}
	var failed *ExchangeError
	if !errors.As(results[2].Err, &failed) || failed.Endpoint != "claims" || failed.Status != 500 {
		t.Errorf("a source that is down: %v", results[2].Err)
	}
	if refusedBy(results[3].Err) != "endpoint" {
		t.Errorf("an address that nobody allowed: %v", results[3].Err)
	}
	type credit struct {
		Score int `json:"credit_score"`
	}
	if got, err := Claims[credit](results[0].Claims); err != nil || got.Score != 650 {
		t.Errorf("got %v, %v", got, err)
	}
	results[0].Claims.Payload()[0] = 'x'
	if results[0].Claims.Payload()[0] != '{' {
		t.Error("the caller can change what was verified")
	}
	for _, text := range []string{fmt.Sprintf("%v %+v %#v", results[0], results[0], results[0]), fmt.Sprintf("%v %+v %#v", *results[0].Claims, results[0].Claims, *results[0].Claims)} {
		if strings.Contains(text, "650") {
			t.Errorf("a claim is printed: %s", text)
		}
	}
	if b, err := json.Marshal(results[0].Claims); err != nil || string(b) != fmt.Sprintf("%q", "claims of "+quoted(bank.Issuer)) && strings.Contains(string(b), "650") {
		t.Errorf("as JSON: %s, %v", b, err)
	}
	if n := clinic.Count("claims"); n != 1 {
		t.Errorf("%d requests", n)
	}
	var none SourcedClaims
	if none.Issuer() != "" || none.Subject() != "" || len(none.Payload()) != 0 || none.String() != "no claims" {
		t.Errorf("the zero value says %v", none)
	}
}

// TestResolveClaimsOfIDToken: an ID Token may refer to sources too, and to none.
func TestResolveClaimsOfIDToken(t *testing.T) {
	op, bank := hostile.New(t), newBank(t)
	c := newTestClient(t, op)
	plain, err := logIn(t, c, op)
	if err != nil {
		t.Fatal(err)
	}
	if results, err := c.ResolveClaims(t.Context(), plain.IDToken, banking(t, bank)); results != nil || err != nil {
		t.Errorf("without references: %v, %v", results, err)
	}
	op.IDToken = func(tok *hostile.Token) {
		hostile.Refer(tok.Claims, map[string][]string{"b": {"limit"}}, map[string]any{"b": hostile.Aggregated(bank.Vouch())})
	}
	tokens, err := logIn(t, c, op)
	if err != nil {
		t.Fatal(err)
	}
	results, err := c.ResolveClaims(t.Context(), tokens.IDToken, banking(t, bank))
	if err != nil || len(results) != 1 || string(results[0].Claims.Payload()) != `{"limit":{"EUR":1000}}` {
		t.Errorf("got %v, %v", results, err)
	}
	// Its own source: then sub is the user's own, or is not there.
	op.Claims = map[string]any{"limit": 5, "sub": op.Subject}
	op.IDToken = func(tok *hostile.Token) {
		hostile.Refer(tok.Claims, map[string][]string{"b": {"limit"}}, map[string]any{"b": hostile.Aggregated(op.Vouch())})
	}
	if tokens, err = logIn(t, c, op); err != nil {
		t.Fatal(err)
	}
	results, err = c.ResolveClaims(t.Context(), tokens.IDToken, ClaimSource{Client: c})
	if err != nil || results[0].Err != nil || results[0].Claims.Subject() != op.Subject || string(results[0].Claims.Payload()) != `{"limit":5}` {
		t.Errorf("got %v, %v", results, err)
	}
}

// TestSourceTokens: which token a source gets to see.
func TestSourceTokens(t *testing.T) {
	for _, l := range []struct{ name, brought, agreed, want string }{
		{"the document's", hostile.ClaimsToken, "other", "Bearer " + hostile.ClaimsToken},
		{"the one agreed upon", "", hostile.ClaimsToken, "Bearer " + hostile.ClaimsToken},
		{"none", "", "", ""},
	} {
		t.Run(l.name, func(t *testing.T) {
			op, bank := hostile.New(t), newBank(t)
			c := newTestClient(t, op)
			refer(op, map[string][]string{"b": score}, map[string]any{"b": hostile.Distributed(bank.URL("claims"), l.brought)})
			source := banking(t, bank)
			source.AccessToken = NewSecret(l.agreed)
			results, err := c.ResolveClaims(t.Context(), informed(t, c, op), source)
			if err != nil || (results[0].Err == nil) != (l.want != "") {
				t.Fatalf("got %v, %v", results, err)
			}
			asked := bank.Requests("claims")
			if len(asked) != 1 || asked[0].Header.Get("Authorization") != l.want || asked[0].Method != http.MethodGet {
				t.Errorf("the source sees %v", asked)
			}
			var refused *ResponseError
			if l.want == "" && (!errors.As(results[0].Err, &refused) || refused.Endpoint != "claims" || refused.Code != ErrInvalidToken) {
				t.Errorf("got %v", results[0].Err)
			}
		})
	}
}

// TestSourceTroubles: a source that answers badly is an error of its own entry, which shows no token, and is not asked again.
func TestSourceTroubles(t *testing.T) {
	for name, serve := range map[string]http.HandlerFunc{
		"a redirect": hostile.Redirect("https://evil.example/"), "JSON": hostile.JSON(`{"credit_score":800,"limit":1}`), "a page": hostile.HTML(), "a dead connection": hostile.Reset(),
		"2 MiB": hostile.Status(200, "application/jwt", strings.Repeat("x", 2<<20)), "503": hostile.Status(503, "text/plain", hostile.ClaimsToken),
		"204": hostile.Status(204, "", ""),
	} {
		t.Run(name, func(t *testing.T) {
			op, bank := hostile.New(t), newBank(t)
			c := newTestClient(t, op)
			bank.Serve("claims", serve)
			refer(op, map[string][]string{"b": score}, map[string]any{"b": hostile.Distributed(bank.URL("claims"), hostile.ClaimsToken)})
			results, err := c.ResolveClaims(t.Context(), informed(t, c, op), banking(t, bank))
			if err != nil {
				t.Fatal(err)
			}
			var failed *ExchangeError
			if !errors.As(results[0].Err, &failed) || failed.Endpoint != "claims" || strings.Contains(results[0].Err.Error(), hostile.Canary) || results[0].Claims != nil {
				t.Errorf("got %v", results[0].Err)
			}
			if n := bank.Count("claims"); n != 1 {
				t.Errorf("%d requests", n)
			}
		})
	}
}

func TestResolveClaimsRefusesItsCaller(t *testing.T) {
	op, bank := hostile.New(t), newBank(t)
	c, other := newTestClient(t, op), newTestClient(t, bank)
	refer(op, map[string][]string{"b": score}, map[string]any{"b": hostile.Distributed(bank.URL("claims"), hostile.ClaimsToken)})
	info := informed(t, c, op)
	good := banking(t, bank)
	for _, l := range []struct {
		name     string
		client   *Client
		document Verified
		sources  []ClaimSource
		says     string
	}{
		{"UserInfo of another issuer", other, info, []ClaimSource{good}, "issuer"},
		{"an ID Token of nobody", c, new(IDToken), []ClaimSource{good}, "issuer"},
		{"UserInfo of nobody", c, new(UserInfo), []ClaimSource{good}, "issuer"},
		{"claims of a source", c, new(SourcedClaims), []ClaimSource{good}, "an ID Token or UserInfo"},
		{"nothing", c, nil, []ClaimSource{good}, "an ID Token or UserInfo"},
		{"a source without a client", c, info, []ClaimSource{{}}, "source 0: Client"},
		{"a path in an origin", c, info, []ClaimSource{{Client: other, Origins: []string{"https://a.example/x"}}}, "source 0: Origins"},
		{"plain http", c, info, []ClaimSource{{Client: other, Origins: []string{"http://a.example"}}}, "source 0: Origins"},
		{"an issuer twice", c, info, []ClaimSource{good, {Client: other}}, "source 1: Client"},
		{"an issuer under another name", c, info, []ClaimSource{good, {Client: newTestClient(t, op, func(cfg *Config) { cfg.IssuerAliases = []string{bank.Issuer} })}}, "source 1: Client"},
		{"an origin twice", c, info, []ClaimSource{good, {Client: c, Origins: good.Origins}}, "source 1: Origins"},
	} {
		if results, err := l.client.ResolveClaims(t.Context(), l.document, l.sources...); err == nil || results != nil || !strings.Contains(err.Error(), l.says) {
			t.Errorf("%s: %v, %v", l.name, results, err)
		}
	}
	if bank.Count("") != 0 {
		t.Error("the source was asked")
	}
}

// A claimLie is something false about sources of claims, or in what one has signed, and the one check that must refuse it.
type claimLie struct {
	name        string
	distributed bool
	own         bool                                           // the server is its own source
	document    func(m map[string]any, bank *hostile.Provider) // twists the references
	jwt         func(*hostile.Token)
	tune        func(t *testing.T, op, bank *hostile.Provider, s *ClaimSource)
	check       string
}

// described twists how the source is described.
func described(name string, value any) func(map[string]any, *hostile.Provider) {
	return func(m map[string]any, _ *hostile.Provider) {
		source := m["_claim_sources"].(map[string]any)["b"].(map[string]any)
		if source[name] = value; value == nil {
			delete(source, name)
		}
	}
}

func referring(name string, value any) func(map[string]any, *hostile.Provider) {
	return func(m map[string]any, _ *hostile.Provider) {
		if m[name] = value; value == nil {
			delete(m, name)
		}
	}
}

// elsewhere is another address than the bank's own.
func elsewhere(twist func(string) string) func(map[string]any, *hostile.Provider) {
	return func(m map[string]any, bank *hostile.Provider) {
		described("endpoint", twist(bank.URL("claims")))(m, bank)
	}
}

// banksWithTenants: the bank is one of many with one metadata document.
func banksWithTenants(t *testing.T, _, bank *hostile.Provider, s *ClaimSource) {
	bank.Issuer = issuerOf(contoso)
	bank.Metadata = func(m map[string]any) { m["issuer"] = template }
	s.Client = newTestClient(t, bank, tenants(bank))
}

// claimLies are by the table that refuses them.
var claimLies = map[string][]claimLie{
	"claim sources": {
		{name: "names that are an array", document: referring("_claim_names", []string{"credit_score"}), check: "_claim_names"},
		{name: "a name that refers to a number", document: referring("_claim_names", map[string]any{"credit_score": 1}), check: "_claim_names"},
		{name: "names that are null", document: referring("_claim_names", json.RawMessage("null")), check: "_claim_names"},
		{name: "sources that are an array", document: referring("_claim_sources", []string{"b"}), check: "_claim_sources"},
		{name: "17 sources", document: func(m map[string]any, _ *hostile.Provider) {
			names := map[string]any{}
			for i := range maxClaimSources + 1 {
				names[fmt.Sprint("claim", i)] = fmt.Sprint("source", i)
			}
			m["_claim_names"] = names
		}, check: "number"},
	},
	"claim source": {
		{name: "a source that is not described", document: referring("_claim_sources", map[string]any{"other": map[string]any{}}), check: "source"},
		{name: "no sources at all", document: referring("_claim_sources", nil), check: "source"},
		{name: "a source that is a string", document: referring("_claim_sources", map[string]any{"b": "https://evil.example"}), check: "source"},
		{name: "neither a JWT nor an endpoint", document: described("JWT", nil), check: "kind"},
		{name: "a JWT and an endpoint", document: described("endpoint", "https://evil.example"), check: "kind"},
		{name: "a JWT that is an object", document: described("JWT", map[string]any{}), check: "kind"},
		{name: "an endpoint that is null", distributed: true, document: described("endpoint", json.RawMessage("null")), check: "kind"},
		{name: "the subject from elsewhere", document: referring("_claim_names", map[string]any{"sub": "b", "limit": "b"}), check: "names"},
		{name: "the audience from elsewhere", document: referring("_claim_names", map[string]any{"aud": "b"}), check: "names"},
		{name: "sources of sources", document: referring("_claim_names", map[string]any{"_claim_sources": "b"}), check: "names"},
		{name: "not a JWT", document: described("JWT", "x"), check: "JWT"},
		{name: "64 KiB and more, aggregated", jwt: func(tok *hostile.Token) { tok.Claims["filler"] = strings.Repeat("x", 64<<10) }, check: "JWT"},
		{name: "iss twice", jwt: func(tok *hostile.Token) {
			tok.RawPayload = hostile.WithMember(tok.PayloadJSON(), "iss", `"https://evil.example"`)
		}, check: "JWT"},
		{name: "encrypted for nobody", document: func(m map[string]any, bank *hostile.Provider) {
			described("JWT", "a.b.c.d.e")(m, bank)
		}, check: "JWT"},
		{name: "I01 alg none", jwt: hostile.Unsigned, check: "alg"},
		{name: "alg nOnE", jwt: func(tok *hostile.Token) { tok.Header["alg"], tok.Compact = "nOnE", hostile.DropSignature }, check: "alg"},
		{name: "signed by a stranger", jwt: claim("iss", `"https://stranger.example"`), check: "iss"},
		{name: "without iss", jwt: claim("iss", ""), check: "iss"},
		{name: "iss a number", jwt: claim("iss", "1"), check: "iss"},
		{name: "by the server itself, which is not named", tune: func(_ *testing.T, op, _ *hostile.Provider, _ *ClaimSource) {
			op.Claims = map[string]any{"credit_score": 800, "limit": 1}
		}, document: func(m map[string]any, bank *hostile.Provider) { described("JWT", m["own"])(m, bank) }, check: "iss"},
		{name: "an origin that is not allowed", distributed: true, document: described("endpoint", "https://169.254.169.254/latest"), check: "endpoint"},
		{name: "no origin is allowed", distributed: true, tune: func(_ *testing.T, _, _ *hostile.Provider, s *ClaimSource) { s.Origins = nil }, check: "endpoint"},
		{name: "another port", distributed: true, document: elsewhere(func(string) string { return "https://127.0.0.1:1/t/claims" }), check: "endpoint"},
		{name: "plain http", distributed: true, document: elsewhere(func(s string) string { return "http" + strings.TrimPrefix(s, "https") }), check: "endpoint"},
		{name: "a fragment", distributed: true, document: elsewhere(func(s string) string { return s + "#x" }), check: "endpoint"},
		{name: "a user in the address", distributed: true, document: elsewhere(func(s string) string { return strings.Replace(s, "https://", "https://evil@", 1) }), check: "endpoint"},
		{name: "an allowed origin as the user", distributed: true, document: elsewhere(func(s string) string { return s[:strings.LastIndex(s, "/t/")] + "@evil.example/" }), check: "endpoint"},
		{name: "a relative address", distributed: true, document: described("endpoint", "/t/claims"), check: "endpoint"},
		{name: "a token that is null", distributed: true, document: described("access_token", json.RawMessage("null")), check: "access_token"},
		{name: "a token that is empty", distributed: true, document: described("access_token", ""), check: "access_token"},
		{name: "a line break in the token", distributed: true, document: described("access_token", "a\r\nX-Evil: 1"), check: "access_token"},
		{name: "a space in the token", distributed: true, document: described("access_token", "a b"), check: "access_token"},
		{name: "a token of 9 KB", distributed: true, document: described("access_token", strings.Repeat("a", 9<<10)), check: "access_token"},
	},
	"sourced claims": {
		{name: "encrypted, and nobody can read it", distributed: true, tune: func(_ *testing.T, _, bank *hostile.Provider, _ *ClaimSource) {
			bank.Encrypt = func(string) string { return "a.b.c.d.e" }
		}, check: "encryption"},
		{name: "two parts", distributed: true, jwt: compact(hostile.DropPart), check: "compact"},
		{name: "64 KiB and more", distributed: true, jwt: func(tok *hostile.Token) { tok.Claims["filler"] = strings.Repeat("x", 64<<10) }, check: "compact"},
		{name: "I40 a header that is an array", distributed: true, jwt: func(tok *hostile.Token) { tok.RawHeader = []byte("[]") }, check: "header"},
		{name: "alg none, distributed", distributed: true, jwt: hostile.Unsigned, check: "alg"},
		{name: "an algorithm that was not agreed", jwt: header("alg", `"RS256"`), check: "alg"},
		{name: "I36 an extension that must be understood", jwt: header("crit", `["x"]`), check: "crit"},
		{name: "I38 b64", jwt: header("b64", "true"), check: "b64"},
		{name: "a key of its own", jwt: header("jwk", `{"kty":"EC"}`), check: "embedded key"},
		{name: "I34 an access token", jwt: header("typ", `"at+jwt"`), check: "typ"},
		{name: "I34 a logout token", jwt: header("typ", `"logout+jwt"`), check: "typ"},
		{name: "an unknown key", jwt: header("kid", `"nobody's"`), check: "key"},
		{name: "a broken signature", jwt: compact(hostile.BreakSignature), check: "signature"},
		{name: "claims twice", distributed: true, jwt: func(tok *hostile.Token) {
			tok.RawPayload = hostile.WithMember(tok.PayloadJSON(), "limit", "9")
		}, check: "payload"},
		{name: "I07 the key of another issuer", tune: func(t *testing.T, _, bank *hostile.Provider, _ *ClaimSource) {
			bank.ClaimsJWT = keyOf(t, bank, "https://evil.example")
		}, check: "key issuer"},
		{name: "a tenant that it is not of", jwt: claim("tid", `"`+fabrikam+`"`), tune: banksWithTenants, check: "tid"},
		{name: "of another issuer, at this one's address", distributed: true, jwt: claim("iss", `"https://stranger.example"`), check: "iss"},
		{name: "of nobody, at this one's address", distributed: true, jwt: claim("iss", ""), check: "iss"},
		{name: "I21 for another client", jwt: claim("aud", `"another client"`), check: "aud"},
		{name: "for another client too", jwt: claim("aud", `["client","another"]`), check: "aud"},
		{name: "aud null", jwt: claim("aud", "null"), check: "aud"},
		{name: "expired", jwt: func(tok *hostile.Token) { tok.Claims["exp"] = time.Now().Add(-time.Hour).Unix() }, check: "exp"},
		{name: "exp a word", jwt: claim("exp", `"never"`), check: "exp"},
		{name: "I20 not yet good", jwt: func(tok *hostile.Token) { tok.Claims["nbf"] = time.Now().Add(time.Hour).Unix() }, check: "nbf"},
		{name: "I20 made tomorrow", jwt: func(tok *hostile.Token) { tok.Claims["iat"] = time.Now().Add(24 * time.Hour).Unix() }, check: "iat"},
		{name: "a logout token without its type", jwt: claim("events", `{"http://schemas.openid.net/event/backchannel-logout":{}}`), check: "events"},
		{name: "an ID Token of somebody else", jwt: claim("nonce", `"n"`), check: "nonce"},
		{name: "I24 sub a number", jwt: claim("sub", "1"), check: "sub"},
		{name: "I24 sub empty", jwt: claim("sub", `""`), check: "sub"},
		{name: "about another user than the one known", jwt: claim("sub", `"mallory"`), tune: func(_ *testing.T, _, _ *hostile.Provider, s *ClaimSource) { s.Subject = "alice at the bank" }, check: "sub"},
		{name: "about nobody, where one is known", tune: func(_ *testing.T, _, _ *hostile.Provider, s *ClaimSource) { s.Subject = "alice at the bank" }, check: "sub"},
		{name: "about another user of the server", own: true, jwt: claim("sub", `"mallory"`), check: "sub"},
		{name: "a claim is missing", jwt: claim("limit", ""), check: "claims"},
	},
}

// tell tells the lie to somebody who resolves without the row drop.
func (l claimLie) tell(t *testing.T, drop string) error {
	t.Helper()
	op, bank := hostile.New(t), newBank(t)
	bank.ClaimsJWT = l.jwt
	c := newTestClient(t, op)
	source := banking(t, bank)
	if l.own {
		op.Claims, op.ClaimsJWT = bank.Claims, l.jwt
		bank, source = op, ClaimSource{Client: c}
	}
	if l.tune != nil {
		l.tune(t, op, bank, &source)
	}
	described := map[string]any{"b": hostile.Aggregated(bank.Vouch())}
	if l.distributed {
		described = map[string]any{"b": hostile.Distributed(bank.URL("claims"), hostile.ClaimsToken)}
	}
	op.UserInfo = func(m map[string]any) {
		m["own"] = op.Vouch()
		hostile.Refer(m, map[string][]string{"b": score}, described)
		if l.document != nil {
			l.document(m, bank)
		}
	}
	r := newClaimResolver(c)
	r.references, r.reference, r.jwt = dropRow(r.references, drop), dropRow(r.reference, drop), dropRow(r.jwt, drop)
	results, err := r.resolve(t.Context(), informed(t, c, op), []ClaimSource{source})
	for _, result := range results {
		if (result.Err == nil) == (result.Claims == nil) {
			t.Errorf("%s: claims and an error, or neither: %v", l.name, result)
		}
		err = errors.Join(err, result.Err)
	}
	return err
}

// TestHostileClaimSource: each lie is refused by its row, in the entry of its source or as a whole. That no other row would have refused it,
// TestEveryRowBites shows.
func TestHostileClaimSource(t *testing.T) {
	for document, lies := range claimLies {
		for _, l := range lies {
			t.Run(l.name+"/"+document, func(t *testing.T) {
				hostile.Watch(t, "discovery token jwks userinfo claims? discovery? jwks?")
				err := l.tell(t, "")
				hostile.Hear(err)
				var v *VerificationError
				if !errors.As(err, &v) || v.Document != document || v.Check != l.check {
					t.Errorf("refused by %v, want %s: %s", err, document, l.check)
				}
				if err != nil && (strings.Contains(err.Error(), hostile.Canary) || strings.Contains(err.Error(), "650")) {
					t.Errorf("the error shows too much: %v", err)
				}
			})
		}
	}
}

// TestClaimTruths: what only looks odd is taken.
func TestClaimTruths(t *testing.T) {
	for _, l := range []claimLie{
		{name: "for this client", jwt: claim("aud", `["client"]`)},
		{name: "of a tenant", jwt: claim("tid", `"`+contoso+`"`), tune: banksWithTenants},
		{name: "with times", jwt: func(tok *hostile.Token) {
			now := time.Now()
			tok.Claims["iat"], tok.Claims["nbf"], tok.Claims["exp"] = now.Unix(), now.Unix(), now.Add(time.Minute).Unix()
		}},
		{name: "a subject of the source's own", jwt: claim("sub", `"alice at the bank"`)},
		{name: "the subject that is known", jwt: claim("sub", `"alice at the bank"`), tune: func(_ *testing.T, _, _ *hostile.Provider, s *ClaimSource) { s.Subject = "alice at the bank" }},
		{name: "members that nobody knows", document: described("valid_until", 5)},
		{name: "a token beside a JWT", document: described("access_token", "x y")},
		{name: "less than was promised, from the source itself", distributed: true, jwt: claim("limit", "")},
		{name: "another path of an allowed origin", distributed: true, document: elsewhere(func(s string) string { return s + "?user=1" })},
	} {
		t.Run(l.name, func(t *testing.T) {
			if err := l.tell(t, ""); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestHostileClaimSourcesAreNotFetched: No login and no UserInfo asks an address that a document names.
func TestHostileClaimSourcesAreNotFetched(t *testing.T) {
	t.Run("U07 sources of claims", func(t *testing.T) {
		hostile.Watch(t, "discovery token jwks userinfo")
		op, bank := hostile.New(t), newBank(t)
		sources := map[string]any{"b": hostile.Distributed(bank.URL("claims"), hostile.ClaimsToken), "c": hostile.Aggregated("e30.e30.")}
		has := map[string][]string{"b": score, "c": {"none"}}
		op.IDToken = func(tok *hostile.Token) {
			hostile.Refer(tok.Claims, has, sources)
			tok.Claims["picture"] = "https://169.254.169.254/latest"
		}
		refer(op, has, sources)
		info := informed(t, newTestClient(t, op), op)
		if bank.Count("") != 0 || !slices.Contains(strings.Split(string(info.Payload()), `"`), "_claim_sources") {
			t.Errorf("%d requests; UserInfo is %s", bank.Count(""), info.Payload())
		}
	})
}

package openid

import (
	"bytes"
	"context"
	"encoding"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/openid-client/openid/internal/jose"
)

// The targets here hold what a parser accepts against encoding/json and net/url, which share nothing with it.

// fuzzSecret signs what a target makes up, so that the rows behind the signature see it.
const fuzzSecret = "a client secret of 32 bytes or so"

func fuzzClient(f *testing.F) *Client {
	f.Helper()
	c, err := New(Config{Issuer: "https://op.example", ClientID: "c", Auth: ClientSecret(NewSecret(fuzzSecret)), RedirectURI: "https://app.example/cb",
		IDTokenSigningAlgs: []string{"HS256"}})
	if err != nil {
		f.Fatal(err)
	}
	return c
}

// loose is the document as encoding/json reads it.
func loose(t testing.TB, doc []byte) map[string]any {
	t.Helper()
	var m map[string]any
	if err := json.Unmarshal(doc, &m); err != nil {
		t.Fatalf("accepted, but encoding/json says %v: %q", err, doc)
	}
	return m
}

type recorded interface {
	encoding.BinaryMarshaler
	encoding.BinaryUnmarshaler
}

// writtenAgain: what was read is written, and what is written is read as the same: there is one way to write it.
func writtenAgain(t *testing.T, read, again recorded) {
	t.Helper()
	once, err := read.MarshalBinary()
	if err != nil {
		t.Fatalf("read, but cannot be written: %v", err)
	}
	if err := again.UnmarshalBinary(once); err != nil {
		t.Fatalf("written, but cannot be read: %v", err)
	}
	if twice, err := again.MarshalBinary(); err != nil || !bytes.Equal(once, twice) {
		t.Fatalf("written in two ways: %q, %q, %v", once, twice, err)
	}
}

func FuzzMetadata(f *testing.F) {
	for _, doc := range []string{
		// RFC 8414 section 3.2, shortened.
		`{"issuer":"https://server.example.com","authorization_endpoint":"https://server.example.com/authorize","token_endpoint":"https://server.example.com/token",` +
			`"token_endpoint_auth_methods_supported":["client_secret_basic","private_key_jwt"],"jwks_uri":"https://server.example.com/jwks.json","ui_locales_supported":["en-US"]}`,
		`{"issuer":"https://evil.example","issuer":"https://op.example"}`, `{"ISSUER":"https://evil.example"}`, `{"issuer":null,"mtls_endpoint_aliases":{"token_endpoint":"https://m.example"}}`,
		`{"issuer":["https://op.example"]}`, `{"require_pushed_authorization_requests":"true"}`, `{"x":[[[{"y":1e400}]]]}`,
	} {
		f.Add([]byte(doc))
	}
	f.Fuzz(func(t *testing.T, doc []byte) {
		m, err := ParseServerMetadata(doc)
		if err != nil {
			return
		}
		var want map[string]json.RawMessage
		if err := json.Unmarshal(doc, &want); err != nil {
			t.Fatalf("accepted, but encoding/json says %v", err)
		}
		left := len(want)
		for _, r := range m.members() {
			value, ok := want[r.name]
			if !ok {
				continue
			}
			left--
			target := reflect.New(reflect.TypeOf(r.field).Elem())
			if err := json.Unmarshal(value, target.Interface()); err != nil {
				t.Errorf("%s: encoding/json says %v", r.name, err)
			}
			got := reflect.ValueOf(r.field).Elem()
			if string(value) != "null" && !sameMember(got.Interface(), target.Elem().Interface()) {
				t.Errorf("%s is %v, encoding/json finds %v", r.name, got, target.Elem())
			}
		}
		if len(m.Extra) != left {
			t.Errorf("%d other members, encoding/json finds %d", len(m.Extra), left)
		}
		for name, v := range m.Extra {
			if !bytes.Equal(v, want[name]) {
				t.Errorf("%q is %s, encoding/json finds %s", name, v, want[name])
			}
		}
	})
}

// sameMember: an empty list or map is like none.
func sameMember(a, b any) bool {
	v, w := reflect.ValueOf(a), reflect.ValueOf(b)
	if k := v.Kind(); (k == reflect.Slice || k == reflect.Map) && v.Len() == 0 && w.Len() == 0 {
		return true
	}
	return reflect.DeepEqual(a, b)
}

func FuzzTokenResponse(f *testing.F) {
	for _, doc := range []string{
		// RFC 6749 section 5.1, OpenID Connect Core section 3.1.3.3, and the corpus.
		`{"access_token":"2YotnFZFEjr1zCsicMWpAA","token_type":"example","expires_in":3600,"refresh_token":"tGzv3JOkF0XG5Qx2TlKWIA","example_parameter":"example_value"}`,
		`{"access_token":"SlAV32hkKG","token_type":"Bearer","refresh_token":"8xLOxBtZp8","expires_in":3600,"id_token":"a.b.c"}`,
		`{"access_token":"a\r\nSet-Cookie: x","token_type":"Bearer"}`, `{"access_token":["a"],"token_type":"Bearer"}`, `{"access_token":"a","token_type":"bearer","expires_in":-4294967000}`,
		`{"access_token":"a","access_token":"b","token_type":"Bearer"}`, `{"ACCESS_TOKEN":"a","token_type":"Bearer"}`, `{"access_token":"a","token_type":"Bearer","expires_in":"3600"}`,
		`{"access_token":"a","token_type":"Bearer","expires_in":1e3,"scope":"a b","authorization_details":[{"type":"x"}]}`, `{"error":"invalid_grant","error_description":"x"}`,
	} {
		f.Add([]byte(doc))
	}
	c := fuzzClient(f)
	f.Fuzz(func(t *testing.T, doc []byte) {
		d := &tokenResponse{c: c, sent: nothing}
		if d.read(doc) != nil || d.err != nil || judge(t.Context(), c, c.rows.token, d) != nil {
			return
		}
		m := loose(t, doc)
		access, _ := m["access_token"].(string)
		kind, _ := m["token_type"].(string)
		if access == "" || access != d.accessToken || strings.ContainsAny(access, "\r\n\x00") || !strings.EqualFold(kind, "Bearer") {
			t.Errorf("accepted %q", doc)
		}
		if n, ok := d.lifetime(); !ok || n < 0 || time.Duration(n)*time.Second < 0 {
			t.Errorf("a lifetime of %d", n)
		}
		if number, ok := m["expires_in"].(float64); ok {
			if n, _ := d.lifetime(); n != int64(number) {
				t.Errorf("a lifetime of %d, encoding/json finds %v", n, number)
			}
		}
	})
}

// macSigned makes a token of whatever payload, signed well.
func macSigned(t testing.TB, payload []byte) string {
	t.Helper()
	s, err := jose.NewMAC([]byte(fuzzSecret), jose.SignerOptions{Algorithm: "HS256"})
	if err != nil {
		t.Fatal(err)
	}
	compact, err := s.Sign(payload)
	if err != nil {
		t.Fatal(err)
	}
	return compact
}

// among reports whether an aud of JSON names the client.
func among(aud any, client string) bool {
	list, _ := aud.([]any)
	return aud == client || slices.Contains(list, any(client))
}

// fuzzNow is when the tokens of the targets below are judged.
var fuzzNow = time.Unix(1_800_000_000, 0)

// judged tells what payload the rows accepted as a token of this kind.
func judged(t testing.TB, c *Client, rows []check[*jwt], payload []byte, e expectation) (map[string]any, bool) {
	t.Helper()
	j := c.newJWT("token", &server{meta: &ServerMetadata{Issuer: c.cfg.Issuer}}, []string{"HS256"}, macSigned(t, payload), e)
	defer j.release()
	j.now, j.earliest, j.latest = fuzzNow, fuzzNow.Unix()-30, fuzzNow.Unix()+30
	if judge(context.Background(), c, rows, j) != nil {
		return nil, false
	}
	return loose(t, payload), true
}

// within: a time that encoding/json reads between the two; it may round, so that a second more is let through.
func within(v any, from, to int64) bool {
	n, ok := v.(float64)
	return ok && n >= float64(from-1) && n <= float64(to+1)
}

func FuzzIDToken(f *testing.F) {
	const good = `{"iss":"https://op.example","sub":"joe","aud":"c","exp":1800000100,"iat":1800000000,"nonce":"n"}`
	for _, edit := range [][2]string{
		{"", ""}, {`"aud":"c"`, `"aud":["c"]`}, {`"aud":"c"`, `"aud":["c","d"],"azp":"c"`}, {`"aud":"c"`, `"aud":[["c"]]`}, {`"sub":"joe"`, `"sub":"evil","sub":"joe"`},
		{`"sub"`, `"SUB":"evil","sub"`}, {`1800000100`, `1800000100.5`}, {`1800000100`, `18000001e2`}, {`1800000100`, `"1800000100"`}, {`1800000100`, `1e400`}, {`joe`, `\ud800`},
		{`"iss"`, `"ISS":"https://op.example","iss"`}, {`https://op.example`, `https://op.example/`}, {`}`, `}{}`}, {`"n"`, `["n"]`},
	} {
		f.Add([]byte(strings.Replace(good, edit[0], edit[1], 1)))
	}
	c := fuzzClient(f)
	if _, ok := judged(f, c, c.rows.idToken, []byte(good), expectation{nonce: "n"}); !ok {
		f.Fatal("the good one is refused")
	}
	f.Fuzz(func(t *testing.T, payload []byte) {
		m, ok := judged(t, c, c.rows.idToken, payload, expectation{nonce: "n"})
		if !ok {
			return
		}
		sub, _ := m["sub"].(string)
		if m["iss"] != "https://op.example" || sub == "" || len(sub) > 255 || !among(m["aud"], "c") || m["nonce"] != "n" ||
			!within(m["exp"], fuzzNow.Unix()-30, 253402300799) || !within(m["iat"], 0, fuzzNow.Unix()+30) {
			t.Errorf("accepted %q", payload)
		}
	})
}

func FuzzLogoutToken(f *testing.F) {
	const good = `{"iss":"https://op.example","sub":"joe","aud":"c","exp":1800000100,"iat":1800000000,"jti":"1","sid":"s","events":{"http://schemas.openid.net/event/backchannel-logout":{}}}`
	for _, edit := range [][2]string{
		{"", ""}, {`"sub":"joe",`, ""}, {`"sid":"s",`, ""}, {`:{}}`, `:null}`}, {`:{}}`, `:{},"x":1}`}, {`"jti"`, `"nonce":"n","jti"`}, {`"jti":"1"`, `"jti":""`}, {`"events"`, `"EVENTS"`},
		{`"jti"`, `"NONCE":"n","jti"`}, {`1800000000`, `1799990000`},
	} {
		f.Add([]byte(strings.Replace(good, edit[0], edit[1], 1)))
	}
	c := fuzzClient(f)
	rows := dropRow(logoutTokenChecks(), "replay") // which is the store's
	if _, ok := judged(f, c, rows, []byte(good), expectation{}); !ok {
		f.Fatal("the good one is refused")
	}
	f.Fuzz(func(t *testing.T, payload []byte) {
		m, ok := judged(t, c, rows, payload, expectation{})
		if !ok {
			return
		}
		events, _ := m["events"].(map[string]any)
		_, event := events[logoutEvent].(map[string]any)
		jti, _ := m["jti"].(string)
		sub, _ := m["sub"].(string)
		sid, _ := m["sid"].(string)
		if _, nonce := m["nonce"]; nonce || !event || jti == "" || sub == "" && sid == "" || m["iss"] != "https://op.example" || !among(m["aud"], "c") ||
			!within(m["exp"], fuzzNow.Unix()-30, 253402300799) || !within(m["iat"], 0, fuzzNow.Unix()+30) {
			t.Errorf("accepted %q", payload)
		}
	})
}

// FuzzCallback: what counts stood in the query or in the body and never in both, and nothing is a login for a browser that began none.
func FuzzCallback(f *testing.F) {
	for _, r := range [][3]string{
		// RFC 6749 sections 4.1.2 and 4.1.2.1, RFC 9207 section 2.1.
		{"GET", "code=SplxlOBeZQQYbYS6WxSbIA&state=xyz", ""}, {"GET", "error=access_denied&state=xyz", ""}, {"GET", "code=x1848ZT64p4IirMPT0R-X3141MFPTuBX-VFL_cvaplMH58&state=ZWVlNDBlYzA1NjdkMDNhYjg3ZjUxZjAyNGQzMTM2NzI&iss=https%3A%2F%2Fhonest.as.example", ""},
		{"POST", "code=a", "state=b"}, {"POST", "", "code=a&state=b"}, {"GET", "code=a&code=b&state=c", ""}, {"GET", "code=%zz", ""}, {"GET", "a;b", ""}, {"PUT", "code=a", ""}, {"GET", "response=a.b.c", ""},
	} {
		f.Add(r[0], r[1], r[2])
	}
	c := fuzzClient(f)
	f.Fuzz(func(t *testing.T, method, query, body string) {
		if method != "GET" && method != "POST" {
			method = "PUT"
		}
		request := func() *http.Request {
			r := httptest.NewRequestWithContext(t.Context(), method, "https://app.example/cb", strings.NewReader(body))
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			r.URL.RawQuery = query
			return r
		}
		if _, err := c.Callback(t.Context(), request()); err == nil {
			t.Error("a login that nobody began")
		}
		mode, values, wrong := readCallback(request())
		if wrong != "" {
			if values != nil {
				t.Errorf("%s, and yet %v", wrong, values)
			}
			return
		}
		source := map[string]string{"query": query, "form_post": body}[mode]
		want, err := url.ParseQuery(source)
		if err != nil || !reflect.DeepEqual(values, want) || mode == "form_post" && (method != "POST" || len(body) > maxCallbackBody) || mode == "query" && method != "GET" {
			t.Errorf("%s %q %q: %s %v", method, query, body, mode, values)
		}
	})
}

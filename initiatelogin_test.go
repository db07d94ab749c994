package openid

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/openid-client/openid/internal/hostile"
)

const initiateURI = "https://app.example/initiate"

var allowedTargets = []string{"https://app.example/orders/", "https://app.example/help?topic=login", "http://127.0.0.1:8080/"}

// initiationLies are what strangers ask for.
var initiationLies = []struct {
	name  string
	ask   url.Values // beside a good iss
	check string
}{
	{"iss of another", url.Values{"iss": {"https://evil.example"}}, "iss"},
	{"iss with a slash more", url.Values{"iss": {"/"}}, "iss"},
	{"no iss", url.Values{"iss": nil}, "iss"},
	{"iss twice", url.Values{"iss": {"a", "b"}}, "repeated parameter"},
	{"login_hint twice", url.Values{"login_hint": {"a", "b"}}, "repeated parameter"},
	{"target_link_uri twice", url.Values{"target_link_uri": {"a", "b"}}, "repeated parameter"},
	{"a hint without end", url.Values{"login_hint": {strings.Repeat("a", 1025)}}, "login_hint"},
	{"a hint with a line break", url.Values{"login_hint": {"alice\r\nX: y"}}, "login_hint"},
	{"a hint that is no text", url.Values{"login_hint": {"\xff"}}, "login_hint"},
	{"another host", target("https://evil.example/orders/"), "target_link_uri"},
	{"C15 our host as a user", target("https://app.example@evil.example/orders/"), "target_link_uri"},
	{"C15 a user at our host", target("https://alice@app.example/orders/"), "target_link_uri"},
	{"C15 our host as a prefix", target("https://app.example.evil.example/orders/"), "target_link_uri"},
	{"another port", target("https://app.example:8443/orders/"), "target_link_uri"},
	{"another scheme", target("http://app.example/orders/"), "target_link_uri"},
	{"a script", target("javascript:alert(1)"), "target_link_uri"},
	{"C14 //evil", target("//evil.example/"), "target_link_uri"},
	{`C14 /\evil`, target(`/\evil.example`), "target_link_uri"},
	{"a backslash for a slash", target(`https://app.example\@evil.example/orders/`), "target_link_uri"},
	{"a backslash in the path", target(`https://app.example/orders/..\..\x`), "target_link_uri"},
	{"C14 a tab", target("https://app.example/orders/\t"), "target_link_uri"},
	{"C14 a line break", target("https://app.example/orders/\r\nX: y"), "target_link_uri"},
	{"no ASCII", target("https://app.example/orders/\u2025"), "target_link_uri"},
	{"a path", target("/orders/"), "target_link_uri"},
	{"another path", target("https://app.example/logout"), "target_link_uri"},
	{"a path that begins alike", target("https://app.example/orders"), "target_link_uri"},
	{"a path that climbs", target("https://app.example/orders/../logout"), "target_link_uri"},
	{"a path that climbs at its end", target("https://app.example/orders/.."), "target_link_uri"},
	{"a path that climbs in secret", target("https://app.example/orders/%2e%2E/logout"), "target_link_uri"},
	{"a slash in secret", target("https://app.example/orders/%2Flogout"), "target_link_uri"},
	{"a backslash in secret", target("https://app.example/orders/%5c.."), "target_link_uri"},
	{"two slashes", target("https://app.example/orders//evil.example"), "target_link_uri"},
	{"another query of one page", target("https://app.example/help?topic=login&next=//evil.example"), "target_link_uri"},
	{"a malformed address", target("https://app.example/orders/%zz"), "target_link_uri"},
}

func target(raw string) url.Values { return url.Values{"target_link_uri": {raw}} }

// initiation is a request that names p, changed by ask.
func initiationOf(p *hostile.Provider, ask url.Values) url.Values {
	q := url.Values{"iss": {p.Issuer}}
	for name, values := range ask {
		if name == "iss" && len(values) == 1 && values[0] == "/" {
			values = []string{p.Issuer + "/"}
		}
		q[name] = values
	}
	return q
}

func tellInitiation(t *testing.T, i int, drop string) error {
	p := hostile.New(t)
	r := httpGet(initiateURI + "?" + initiationOf(p, initiationLies[i].ask).Encode())
	_, err := verifyLoginInitiation(t.Context(), r, allowedTargets, []*Client{newTestClient(t, p)}, dropRow(initiationChecks, drop))
	return err
}

func tellInitiationRequest(t *testing.T, drop string) error {
	p := hostile.New(t)
	r := httpGet(initiateURI + "?" + initiationOf(p, nil).Encode())
	r.Method = "PUT"
	_, err := verifyLoginInitiation(t.Context(), r, allowedTargets, []*Client{newTestClient(t, p)}, dropRow(initiationChecks, drop))
	if drop == "request" && refusedBy(err) == "iss" { // nothing was read
		return nil
	}
	return err
}

func TestHostileLoginInitiation(t *testing.T) {
	for i, l := range initiationLies {
		t.Run(l.name, func(t *testing.T) {
			hostile.Watch(t, "")
			err := tellInitiation(t, i, "")
			hostile.Hear(err)
			if refusedBy(err) != l.check {
				t.Errorf("refused by %v, want %s", err, l.check)
			}
		})
	}
	if err := tellInitiationRequest(t, ""); refusedBy(err) != "request" {
		t.Errorf("a PUT: %v", err)
	}
	p, other := hostile.New(t), hostile.New(t)
	clients := []*Client{newTestClient(t, other), newTestClient(t, p)}
	for _, goal := range []string{"", "https://app.example/orders/", "https://app.example/orders/7?lines=all#top", "https://app.example/help?topic=login", "http://127.0.0.1:8080/x"} {
		ask := initiationOf(p, url.Values{"login_hint": {"alice@op.example"}, "target_link_uri": {goal}, "unknown": {"a", "b"}})
		for _, r := range []*http.Request{httpGet(initiateURI + "?" + ask.Encode()), post("", ask)} {
			i, err := VerifyLoginInitiation(t.Context(), r, allowedTargets, clients...)
			if err != nil || i.Client != clients[1] || i.LoginHint != "alice@op.example" || i.Target != goal {
				t.Errorf("%s to %q: %+v, %v", r.Method, goal, i, err)
			}
		}
	}
	if p.Count("")+other.Count("") != 0 {
		t.Error("a stranger's request makes us ask a server")
	}
	r := httpGet(initiateURI + "?" + initiationOf(p, nil).Encode())
	if i, err := VerifyLoginInitiation(t.Context(), r, nil, clients...); err != nil || i.Target != "" {
		t.Errorf("without targets: %v", err)
	}
	if _, err := VerifyLoginInitiation(t.Context(), r, nil); err == nil {
		t.Error("without a client")
	}
	for _, bad := range []string{"/orders/", "https://app.example", "https://a@app.example/", "https://app.example/#x", "ftp://app.example/", "https:///x", ":"} {
		if _, err := VerifyLoginInitiation(t.Context(), r, []string{"https://app.example/", bad}, clients...); err == nil || !strings.Contains(err.Error(), "targets[1]") {
			t.Errorf("%s: %v", bad, err)
		}
	}
}

// FuzzAllowedTarget: whatever is allowed lies, as net/url reads it, at the origin and below the path that were named.
func FuzzAllowedTarget(f *testing.F) {
	for _, l := range initiationLies {
		f.Add(l.ask.Get("target_link_uri"))
	}
	f.Add("https://app.example/orders/7?x=1#y")
	allowed, err := url.Parse("https://app.example/orders/")
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		got, refusal := allowedTarget(raw, []*url.URL{allowed})
		if got == "" || refusal != "" {
			return
		}
		u, err := allowed.Parse(got)
		if err != nil || got != raw || !strings.HasPrefix(got, "https://app.example/orders/") && !strings.HasPrefix(strings.ToLower(got[:6]), "https:") ||
			u.Host != "app.example" || !strings.HasPrefix(u.Path, "/orders/") || strings.Contains(u.Path, "/../") || strings.ContainsAny(got, "\\\r\n\t @") && u.User != nil {
			t.Errorf("allowed %q", raw)
		}
	})
}

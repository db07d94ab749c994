package main

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"
)

func newStage(t *testing.T) *stage {
	t.Helper()
	st, err := openStage(0, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := st.close(); err != nil {
			t.Error(err)
		}
	})
	return st
}

// visit goes to an address as alice and answers all pages of the provider.
func visit(t *testing.T, u *userAgent, st *stage, path string) *reply {
	t.Helper()
	r, err := u.get(t.Context(), st.origin+path)
	if err != nil {
		t.Fatal(err)
	}
	return settle(t, u, st, r)
}

func settle(t *testing.T, u *userAgent, st *stage, r *reply) *reply {
	t.Helper()
	for {
		var err error
		if r, err = u.follow(t.Context(), r, st.origin); err != nil {
			t.Fatal(err)
		}
		if r.location == nil {
			return r
		}
		if r, err = u.next(t.Context(), r); err != nil {
			t.Fatal(err)
		}
	}
}

// loginOf is where the page's link leads that tells a lie.
func loginOf(lie string) string { return "/break/" + lie + "/auth/login?return_to=/break/" + lie + "/" }

func press(t *testing.T, u *userAgent, st *stage, r *reply, action string) *reply {
	t.Helper()
	r, err := u.press(t.Context(), r, action)
	if err != nil {
		t.Fatal(err)
	}
	return settle(t, u, st, r)
}

func says(t *testing.T, page *html.Node, texts ...string) {
	t.Helper()
	got := text(page)
	for _, want := range texts {
		if !strings.Contains(got, want) {
			t.Errorf("the page does not say %q:\n%s", want, got)
		}
	}
}

func (u *userAgent) cookies(st *stage) []*http.Cookie {
	at, _ := url.Parse(st.origin + "/")
	return u.client.Jar.Cookies(at)
}

func (u *userAgent) cookie(st *stage, name string) string {
	for _, c := range u.cookies(st) {
		if strings.Contains(c.Name, name) {
			return c.Value
		}
	}
	return ""
}

func TestThePageShowsLoginRefreshAndLogout(t *testing.T) {
	st := newStage(t)
	u := newUserAgent("bob", "demo")
	home := visit(t, u, st, "/")
	says(t, home.page, "Log in as one of these users", "alice", "Break it", "id-token-aud")
	if cookies := u.cookies(st); len(cookies) != 0 {
		t.Errorf("cookies for who only looks: %v", cookies)
	}

	in := visit(t, u, st, "/auth/login")
	says(t, in.page, "Bob Builder", "Verified claims", "bob@example.com", "not used yet", " checks", "nonce", "signature")
	session := u.cookies(st)
	if who, err := st.apps[honest].look(t.Context(), session); err != nil || who == nil {
		t.Errorf("the session does not work: %v", err)
	}
	if u.cookie(st, "-tx-") != "" {
		t.Error("the transaction is still in the browser")
	}

	again := press(t, u, st, in, "/refresh")
	says(t, again.page, "rotated 1×", "refreshed ID Token")
	// The provider revokes everything when a rotated token is used again, so the second refresh shows that the first was kept.
	says(t, press(t, u, st, again, "/refresh").page, "rotated 2×")
	out := press(t, u, st, visit(t, u, st, "/"), "/auth/logout")
	says(t, out.page, "You are logged out, here and at the provider.", "logout response")
	if who, err := st.apps[honest].look(t.Context(), session); err != nil || who != nil || u.cookie(st, "session-") != "" {
		t.Errorf("the session of before the logout still works: %v", err)
	}
	if strings.Contains(text(visit(t, u, st, "/auth/login").page), "rotated") {
		t.Error("the tokens of a new login have a past")
	}
}

func TestThePageShowsEveryRefusalByName(t *testing.T) {
	st := newStage(t)
	for _, l := range lies {
		u := newUserAgent("alice", "demo")
		at := visit(t, u, st, loginOf(l.name))
		if l.from == refreshAnswer {
			says(t, at.page, "This lie waits in the refresh")
			at = press(t, u, st, at, "/refresh")
		}
		says(t, at.page, "Refused by "+l.check, "Why it matters. "+l.why, "Expected", "Got", l.falsifies)
	}
}

func TestALoginThatFailedCanBeStartedAgain(t *testing.T) {
	st := newStage(t)
	u := newUserAgent("alice", "demo")
	says(t, visit(t, u, st, loginOf("id-token-aud")).page, "Refused by aud", `Expected "demo" alone`, `Got "another-client"`, "Rule OpenID Connect Core")
	says(t, visit(t, u, st, "/auth/callback?code=stolen&state=guessed").page, "Refused by state", "refused by state")
	in := visit(t, u, st, "/auth/login").page
	says(t, in, "Alice Liddell")
	if strings.Contains(strings.ToLower(text(in)), "refused") {
		t.Error("the page of the login still shows what was refused before")
	}
}

func TestNobodyRefreshesOrLogsOut(t *testing.T) {
	st := newStage(t)
	for path, want := range map[string]string{"/refresh": "You are not logged in any more", "/auth/logout": "Log in as one of these users"} {
		u := newUserAgent("alice", "demo")
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, st.origin+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		r, err := u.send(req, "")
		if err != nil {
			t.Fatal(path, err)
		}
		says(t, settle(t, u, st, r).page, want)
	}
}

func TestTheUserSaysNo(t *testing.T) {
	st := newStage(t)
	u := newUserAgent("alice", "demo")
	r, err := u.get(t.Context(), st.origin+"/auth/login")
	if err != nil {
		t.Fatal(err)
	}
	if r, err = u.next(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	f := findForm(r.page, "")
	f.values.Set("action", "deny")
	if r, err = u.submit(t.Context(), r, f); err != nil {
		t.Fatal(err)
	}
	says(t, settle(t, u, st, r).page, "Failed step · Callback", "Access was denied", "access_denied", "✗ failed Callback")
}

// TestACallbackThatNobodyAskedFor comes from a link, a bookmark, or an attacker.
func TestACallbackThatNobodyAskedFor(t *testing.T) {
	st := newStage(t)
	for _, query := range []string{"error=access_denied", "error=access_denied&state=guessed", "code=stolen&state=guessed", ""} {
		u := newUserAgent("alice", "demo")
		says(t, visit(t, u, st, "/auth/callback?"+query).page, "Failed step · Callback", "Refused by state", "no pending login", "✗ failed Callback")
	}
}

func TestTheFailedStepEndsTheTimeline(t *testing.T) {
	for _, before := range [][]stepView{nil, {{Name: stepLogin}}, {{Name: stepLogin}, {Name: stepCallback}}} {
		after := fails(slices.Clone(before), stepCallback)
		if last := after[len(after)-1]; last.Name != stepCallback || !last.Failed || len(after) > 2 {
			t.Errorf("%+v became %+v", before, after)
		}
	}
}

func TestTwoTabsLogInAtOnce(t *testing.T) {
	st := newStage(t)
	u := newUserAgent("alice", "demo")
	first, err := u.get(t.Context(), st.origin+"/auth/login")
	if err != nil {
		t.Fatal(err)
	}
	says(t, visit(t, u, st, "/auth/login").page, "Alice Liddell")
	says(t, settle(t, u, st, first).page, "Alice Liddell")
}

// TestManyTabsRefreshAtOnce: the provider revokes everything when a rotated token is used again, so nothing of that may happen.
func TestManyTabsRefreshAtOnce(t *testing.T) {
	st := newStage(t)
	u := newUserAgent("alice", "demo")
	visit(t, u, st, "/auth/login")
	done := make(chan error)
	for range 8 {
		go func() {
			req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, st.origin+"/refresh", nil)
			if err == nil {
				var res *http.Response
				if res, err = u.client.Do(req); err == nil {
					res.Body.Close()
				}
			}
			done <- err
		}()
	}
	for range 8 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	home := visit(t, u, st, "/")
	says(t, home.page, "Alice Liddell", "rotated")
	if strings.Contains(text(home.page), "Failed step") {
		t.Error(text(home.page))
	}
	says(t, press(t, u, st, home, "/refresh").page, "Alice Liddell", "rotated")
}

func TestOtherSitesCannotPress(t *testing.T) {
	st := newStage(t)
	u := newUserAgent("alice", "demo")
	visit(t, u, st, "/auth/login")
	for _, path := range []string{"/refresh", "/auth/logout"} {
		for name, header := range map[string][2]string{"another origin": {"Origin", "https://attacker.example"}, "another site": {"Sec-Fetch-Site", "cross-site"}} {
			req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, st.origin+path, nil)
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set(header[0], header[1])
			r, err := u.send(req, "")
			if err != nil || r.status != http.StatusForbidden {
				t.Errorf("%s from %s: %v %v", path, name, r, err)
			}
		}
	}
	if r := visit(t, u, st, "/refresh"); r.status != http.StatusMethodNotAllowed {
		t.Errorf("GET /refresh: status %d", r.status)
	}
	says(t, visit(t, u, st, "/auth/logout").page, "Do you want to log out?")
	says(t, visit(t, u, st, "/").page, "Alice Liddell", "not used yet")
}

func TestThePageIsSelfContained(t *testing.T) {
	st := newStage(t)
	jar, _ := cookiejar.New(nil)
	client := &http.Client{Jar: jar}
	res, err := client.Get(st.origin + "/")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	page, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	policy := res.Header.Get("Content-Security-Policy")
	for _, want := range []string{"default-src 'none'", "style-src 'sha256-", "base-uri 'none'", "frame-ancestors 'none'", "form-action 'self' " + st.provider.Issuer()} {
		if !strings.Contains(policy, want) {
			t.Errorf("no %q in %q", want, policy)
		}
	}
	if strings.Contains(policy, "unsafe") || strings.Contains(policy, "script-src") {
		t.Errorf("policy %q", policy)
	}
	for _, never := range []string{"<script", "javascript:", " style=", " on[a-z]+=", "url\\(", "@import", `(src|srcset)="`, `href="(https?:)?//`} {
		if found := regexp.MustCompile(never).Find(page); found != nil {
			t.Errorf("the page has %q", found)
		}
	}
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	start, err := client.Get(st.origin + "/auth/login")
	if err != nil {
		t.Fatal(err)
	}
	start.Body.Close()
	if len(start.Cookies()) != 2 {
		t.Errorf("cookies %v", start.Cookies())
	}
	for _, c := range start.Cookies() {
		if !c.HttpOnly || c.SameSite != http.SameSiteLaxMode {
			t.Errorf("cookie %v", c)
		}
	}
}

func TestThePageShowsNoToken(t *testing.T) {
	st := newStage(t)
	u := newUserAgent("alice", "demo")
	in := visit(t, u, st, "/auth/login")
	who, err := st.apps[honest].look(t.Context(), u.cookies(st))
	if err != nil || who == nil {
		t.Fatal(err)
	}
	var page strings.Builder
	if err := html.Render(&page, in.page); err != nil {
		t.Fatal(err)
	}
	tokens := who.tokens
	for name, secret := range map[string]string{"access token": tokens.AccessToken.Reveal(), "refresh token": tokens.RefreshToken.Reveal(), "ID Token": tokens.IDToken.Raw().Reveal()} {
		if secret == "" || strings.Contains(page.String(), secret) {
			t.Errorf("the page shows the %s", name)
		}
	}
}

func TestTheUserAgentNoticesAWrongPassword(t *testing.T) {
	st := newStage(t)
	st.users[0].Password = "wrong"
	rep := st.once(t.Context(), nil)
	if rep.failure == nil || !strings.Contains(rep.failure.Error(), "sign in: ") || !strings.Contains(rep.failure.Error(), "did not accept the password of alice") {
		t.Error(rep.failure)
	}
}

func TestTheAudienceIsBounded(t *testing.T) {
	a := audience{cookie: "timeline", path: "/"}
	first := discarded{}
	a.take(first)
	for range maxSeats {
		a.take(discarded{})
	}
	value := (&http.Response{Header: http.Header(first)}).Cookies()[0].Value
	if len(a.seats) != maxSeats || len(a.order) != maxSeats || a.find(value) != nil {
		t.Errorf("%d seats, %d in order", len(a.seats), len(a.order))
	}
}

func TestDemoServesUntilItIsInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	stdout, w := io.Pipe()
	done := make(chan int, 1)
	go func() {
		done <- run(ctx, []string{"demo"}, w, io.Discard)
		w.Close()
	}()
	lines := bufio.NewScanner(stdout)
	var said strings.Builder
	for lines.Scan() && !strings.Contains(lines.Text(), "Ctrl-C") {
		said.WriteString(lines.Text() + "\n")
	}
	for _, want := range []string{"alice    password demo", "bob      password demo"} {
		if !strings.Contains(said.String(), want) {
			t.Errorf("no %q in\n%s", want, said.String())
		}
	}
	urls := regexp.MustCompile(`http://127\.0\.0\.1:\d+`).FindAllString(said.String(), -1)
	if len(urls) != 2 {
		t.Fatalf("addresses %v", urls)
	}
	var client http.Client
	for _, u := range []string{urls[0] + "/", urls[1] + "/.well-known/openid-configuration"} {
		res, err := client.Get(u)
		if err != nil || res.StatusCode != http.StatusOK {
			t.Fatalf("%s: %v %v", u, res, err)
		}
		res.Body.Close()
	}
	cancel()
	go io.Copy(io.Discard, stdout)
	if code := <-done; code != exitOK {
		t.Errorf("exit %d", code)
	}
	client.CloseIdleConnections()
	for _, u := range urls {
		if res, err := client.Get(u); err == nil {
			res.Body.Close()
			t.Errorf("%s still answers", u)
		}
	}
}

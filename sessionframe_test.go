package openid

import (
	"bytes"
	"context"
	"html"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/openid-client/openid/internal/hostile"
)

// TestSessionState: what is of use comes with the tokens, and stays with them.
func TestSessionState(t *testing.T) {
	p := hostile.New(t)
	p.BrowserState = "somebody"
	c := newTestClient(t, p)
	var said string
	p.Callback = func(q url.Values) { said = q.Get("session_state") }
	tokens, err := logIn(t, c, p)
	if err != nil {
		t.Fatal(err)
	}
	if tokens.SessionState != said || said == "" {
		t.Errorf("got %q, want %q", tokens.SessionState, said)
	}
	if answer := hostile.SameSession(p.ClientID+" "+tokens.SessionState, "https://app.example", "somebody"); answer != "unchanged" {
		t.Errorf("the server says %s", answer)
	}
	b, err := tokens.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	var kept Tokens
	if err := kept.UnmarshalBinary(b); err != nil || kept.SessionState != said {
		t.Errorf("kept %q, %v", kept.SessionState, err)
	}
	fresh, err := c.Refresh(t.Context(), &kept)
	if err != nil || fresh.SessionState != said {
		t.Errorf("refreshed: %v, %v", fresh, err)
	}
	for name, v := range map[string]string{"a space": "a b", "a control character": "a\n", "no ASCII": "ä", "too much": strings.Repeat("a", 513), "nothing": ""} {
		p.Callback = func(q url.Values) { q.Set("session_state", v) }
		tokens, err := logIn(t, c, p)
		if err != nil || tokens.SessionState != "" {
			t.Errorf("%s: %v with %q", name, err, tokens.SessionState)
		}
	}
	p.Callback = func(q url.Values) { q["session_state"] = []string{"a", "b"} }
	if _, err := logIn(t, c, p); refusedBy(err) != "repeated parameter" {
		t.Errorf("twice: %v", err)
	}
}

// frameLies are what a session frame cannot be made of.
var frameLies = []struct {
	name   string
	state  string
	script func(*hostile.Provider)
	check  string
}{
	{"S13 nobody is logged in", "", func(*hostile.Provider) {}, "session_state"},
	{"S13 a state that says more", "a b", func(*hostile.Provider) {}, "session_state"},
	{"S13 a server without sessions", "a.b", func(p *hostile.Provider) { p.BrowserState = "" }, "check_session_iframe"},
	{"S13 a host that is a policy", "a.b", func(p *hostile.Provider) {
		p.Metadata = metadataMember("check_session_iframe", "https://op.example;script-src/x")
	}, "origin"},
}

func tellFrame(t *testing.T, i int, drop string) error {
	p := hostile.New(t)
	p.BrowserState = "somebody"
	frameLies[i].script(p)
	f := &SessionFrame{Client: newTestClient(t, p), State: func(*http.Request) string { return frameLies[i].state }}
	rows := dropRow(sessionFrameChecks, drop)
	if drop == "check_session_iframe" {
		// Beyond this row there is nothing to make a page of.
		s, err := f.Client.current(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return judge(t.Context(), f.Client, rows, &sessionFrame{state: frameLies[i].state, op: s.urls[checkSessionIframe]})
	}
	_, _, err := f.page(httpGet("https://app.example/session"), rows)
	return err
}

// TestHostileSessionFrame: what there is no page for.
func TestHostileSessionFrame(t *testing.T) {
	for i, l := range frameLies {
		t.Run(l.name, func(t *testing.T) {
			hostile.Watch(t, "discovery?")
			err := tellFrame(t, i, "")
			hostile.Hear(err)
			if refusedBy(err) != l.check {
				t.Errorf("refused by %v, want %s", err, l.check)
			}
		})
	}
}

func TestSessionFrame(t *testing.T) {
	p := hostile.New(t)
	p.ClientID, p.BrowserState = `client"><script>`, "somebody"
	p.Metadata = func(m map[string]any) { m["check_session_iframe"] = "https://OP.example:443/check?a=1&b=2" }
	state := ""
	f := &SessionFrame{Client: newTestClient(t, p), State: func(*http.Request) string { return state }}
	serve := func() *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		f.ServeHTTP(w, httpGet("https://app.example/session"))
		if w.Header().Get("Cache-Control") != "no-store" {
			t.Errorf("Cache-Control is %q", w.Header().Get("Cache-Control"))
		}
		return w
	}
	if w := serve(); w.Code != 404 || strings.Contains(w.Body.String(), "<") {
		t.Errorf("nobody: %d %s", w.Code, w.Body)
	}
	state = "hash.salt"
	for interval, want := range map[time.Duration]string{0: "10000", time.Millisecond: "1000", time.Minute: "60000"} {
		f.Interval = interval
		if page := serve().Body.String(); !strings.Contains(page, `data-interval="`+want+`"`) {
			t.Errorf("every %s: %s", interval, page)
		}
	}
	w := serve()
	want := "default-src 'none'; base-uri 'none'; script-src " + scriptHash(regexp.MustCompile(`(?s)<script[^>]*>(.*)</script>`).FindStringSubmatch(w.Body.String())[1]) +
		"; frame-src https://op.example; frame-ancestors 'self'"
	if got := w.Header().Get("Content-Security-Policy"); got != want || w.Header().Get("X-Frame-Options") != "" {
		t.Errorf("the policy is %s, want %s", got, want)
	}
	message := dataOf(w.Body.String(), "message")
	if message != p.ClientID+" hash.salt" || !strings.Contains(w.Body.String(), `src="https://OP.example:443/check?a=1&amp;b=2"`) {
		t.Errorf("the page: %s", w.Body)
	}
	p.Serve("discovery", hostile.Status(500, "text/plain", "down"))
	f.Client = newTestClient(t, p)
	if w := serve(); w.Code != 502 {
		t.Errorf("without metadata: %d", w.Code)
	}
}

func TestBrowserOrigin(t *testing.T) {
	for raw, want := range map[string]string{"https://op.example/a": "https://op.example", "https://OP.example:443": "https://op.example", "http://localhost:80/": "http://localhost",
		"https://op.example:8443": "https://op.example:8443", "https://[::1]:9/": "https://[::1]:9", "https://op.example:/": "https://op.example"} {
		u, err := url.Parse(raw)
		if err != nil {
			t.Fatal(err)
		}
		if got := browserOrigin(u); got != want {
			t.Errorf("%s: %s, want %s", raw, got, want)
		}
	}
}

// TestSessionFrameInChromium lets a browser run both iframes: an honest provider's, and those of people who would like to be it.
func TestSessionFrameInChromium(t *testing.T) {
	p := hostile.New(t)
	p.BrowserState = "somebody"
	var state atomic.Value
	mux := http.NewServeMux()
	app := httptest.NewTLSServer(mux)
	defer app.Close()
	p.RedirectURI = app.URL + "/cb"
	c := newTestClient(t, p)
	tokens, err := logIn(t, c, p)
	if err != nil {
		t.Fatal(err)
	}
	mux.Handle("/session", &SessionFrame{Client: c, State: func(*http.Request) string { return state.Load().(string) }, Interval: time.Second})
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		w.Write([]byte(`<!doctype html><body><iframe id=f src=/session></iframe><script>
addEventListener("message", (e) => {
  const mine = e.origin === location.origin && e.source === f.contentWindow;
  document.body.append("[" + (mine ? e.data.openid : "a stranger") + "]");
});
</script>`))
	})
	for _, l := range []struct {
		name, said string
		script     func()
	}{
		{"the same session", "", func() {}},
		{"another session", "[changed]", func() { p.Change(func() { p.BrowserState = "somebody else" }) }},
		{"a state that the server does not know", "[error]", func() { state.Store("no-salt") }},
		{"an iframe that says what nobody knows", "[error]", func() {
			p.Serve("check_session", hostile.Status(200, "text/html", `<script>addEventListener("message", (e) => e.source.postMessage({}, e.origin))</script>`))
		}},
		{"a stranger inside the iframe says changed", "", func() {
			p.Serve("check_session", hostile.Status(200, "text/html", `<iframe srcdoc="<script>parent.parent.postMessage('changed', '*')</script>"></iframe>`))
		}},
	} {
		t.Run(l.name, func(t *testing.T) {
			p.Change(func() { p.BrowserState = "somebody" })
			state.Store(tokens.SessionState)
			l.script()
			page := inChromium(t, app.URL+"/")
			p.Serve("check_session", nil)
			said := strings.Join(regexp.MustCompile(`\[[a-z ]+\]`).FindAllString(page[strings.LastIndex(page, "</script>"):], -1), "")
			if said != l.said {
				t.Errorf("the page heard %q, want %q", said, l.said)
			}
		})
	}
	if p.Count("check_session") == 0 {
		t.Error("no browser has loaded the provider's iframe")
	}
}

// inChromium returns the document that a page has become after some seconds of the browser's own time.
func inChromium(t *testing.T, address string) string {
	t.Helper()
	path, err := exec.LookPath("chromium")
	if err != nil {
		if slices.Contains(strings.Split(os.Getenv("OPENID_TEST_REQUIRE"), ","), "chromium") {
			t.Fatal("Chromium is not installed")
		}
		t.Skip("Chromium is not installed")
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	browser := exec.CommandContext(ctx, path, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
		"--disable-component-update", "--disable-sync", "--ignore-certificate-errors", "--user-data-dir="+t.TempDir(),
		"--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1", "--virtual-time-budget=3000", "--dump-dom", address)
	var complaints bytes.Buffer
	browser.Stderr = &complaints
	browser.WaitDelay = time.Second
	page, err := browser.Output()
	if err != nil {
		t.Fatalf("%v: %s", err, complaints.String())
	}
	return string(page)
}

// dataOf is what an attribute of the page's script says.
func dataOf(page, name string) string {
	m := regexp.MustCompile(`data-` + name + `="([^"]*)"`).FindStringSubmatch(page)
	if m == nil {
		return ""
	}
	return html.UnescapeString(m[1])
}

func originOfURL(raw string) string {
	u, err := url.Parse(raw)
	if err != nil {
		return ""
	}
	return browserOrigin(u)
}

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/chromedp"
)

// TestInChromium clicks through the demo in a real browser, on a desktop and on a phone, light and dark. With OPENID_SCREENSHOTS set to a
// directory it writes the pictures of docs/img there.
func TestInChromium(t *testing.T) {
	b := openChromium(t, "")
	st := newStage(t)

	b.open(st.origin + "/")
	b.fits("the front page")
	b.click("a.primary")
	b.await("input[name=username]")
	b.screenshot("login-page", desktop)
	b.fill("username", "alice")
	b.fill("password", "demo")
	b.click("button[value=allow]")
	b.await("main ul li") // what the application would like to know
	b.click("button[value=allow]")
	b.await(".person")
	b.reads("h1", "Alice Liddell")
	b.click("form[action$=refresh] button")
	b.await(".rotated")
	b.fits("the page of a user")
	b.screenshot("demo-desktop-light", desktop)
	b.screenshot("demo-desktop-dark", device{desktop.width, desktop.height, "dark"})
	b.screenshot("demo-phone", phone)

	b.open(st.origin + loginOf("id-token-aud")) // the provider still knows the user
	b.await(".refused")
	b.reads(".refused h1", "Refused by aud")
	b.fits("the page of a refusal")
	b.screenshot("demo-refused", desktop)

	b.open(st.origin + "/flow/form-post/auth/login?return_to=/flow/form-post/")
	b.await("main ul li")
	b.click("button[value=allow]")
	b.await(".person")
	b.isAt(st.origin + "/flow/form-post/")

	b.open(st.origin + "/")
	b.click("form[action$=logout] button")
	b.await(".notice")
	b.reads(".notice", "You are logged out, here and at the provider.")
	for _, complaint := range b.complaints() {
		t.Errorf("the browser says: %s", complaint)
	}
}

type device struct {
	width, height int64
	scheme        string
}

var (
	desktop = device{1280, 800, "light"}
	small   = device{800, 420, "light"}
	phone   = device{390, 844, "light"}
)

// A browser is a tab of Chromium.
type browser struct {
	t    *testing.T
	ctx  context.Context
	mu   sync.Mutex
	said []string
}

// openChromium starts one with a new profile. preferences are those of the profile, as JSON, or empty.
func openChromium(t *testing.T, preferences string) *browser {
	t.Helper()
	var path string
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable"} {
		if found, err := exec.LookPath(name); err == nil {
			path = found
			break
		}
	}
	if path == "" {
		if slices.Contains(strings.Split(os.Getenv("OPENID_TEST_REQUIRE"), ","), "chromium") {
			t.Fatal("OPENID_TEST_REQUIRE names chromium, and there is none")
		}
		t.Skip("no Chromium here: the pages are not tried in a browser")
	}
	profile := t.TempDir()
	if preferences != "" {
		if err := errors.Join(os.Mkdir(filepath.Join(profile, "Default"), 0o700), os.WriteFile(filepath.Join(profile, "Default", "Preferences"), []byte(preferences), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	options := []chromedp.ExecAllocatorOption{chromedp.ExecPath(path), chromedp.UserDataDir(profile),
		chromedp.Flag("host-resolver-rules", "MAP * ~NOTFOUND , EXCLUDE 127.0.0.1 , EXCLUDE localhost")}
	for _, flag := range []string{"headless", "no-sandbox", "disable-gpu", "disable-quic", "no-first-run", "disable-background-networking",
		"disable-component-update", "disable-sync", "hide-scrollbars"} {
		options = append(options, chromedp.Flag(flag, true))
	}
	ctx, stop := chromedp.NewExecAllocator(t.Context(), options...)
	t.Cleanup(stop)
	ctx, closeTab := chromedp.NewContext(ctx)
	t.Cleanup(closeTab)
	if err := chromedp.Do(ctx); err != nil { // a deadline on this first call would end the browser
		t.Fatalf("Chromium does not start: %v", err)
	}
	ctx, cancel := context.WithTimeout(ctx, 4*time.Minute)
	t.Cleanup(cancel)
	b := &browser{t: t, ctx: ctx}
	b.listen()
	return b
}

func (b *browser) listen() {
	b.t.Helper()
	b.must(chromedp.Listen(b.ctx, func(event any) {
		if e, ok := event.(*log.EventEntryAdded); ok {
			b.mu.Lock()
			defer b.mu.Unlock()
			b.said = append(b.said, e.Entry.Text)
		}
	}))
}

// tab opens another tab of the same window, for t.
func (b *browser) tab(t *testing.T, options ...chromedp.ContextOption) *browser {
	t.Helper()
	ctx, closeTab := chromedp.NewContext(b.ctx, options...)
	t.Cleanup(closeTab)
	tab := &browser{t: t, ctx: ctx}
	tab.must(chromedp.Do(ctx))
	tab.listen()
	return tab
}

// window opens one that shares no cookies with the others.
func (b *browser) window(t *testing.T) *browser {
	t.Helper()
	return b.tab(t, chromedp.WithNewBrowserContext())
}

// complaints are the console's messages: a violated policy, a missing file.
func (b *browser) complaints() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.said)
}

func (b *browser) must(err error) {
	b.t.Helper()
	if err != nil {
		b.t.Fatal(err)
	}
}

func (b *browser) open(url string) {
	b.t.Helper()
	b.must(chromedp.Do(b.ctx, chromedp.Navigate(url)))
}

// evaluate asks the page, until it answers: while it changes, there is nobody to. The expression may be asked more than once.
func evaluate[T any](b *browser, expression string) T {
	b.t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		v, err := chromedp.Run(b.ctx, chromedp.Evaluate[T](expression))
		if err == nil {
			return v
		}
		select {
		case <-tick.C:
		case <-b.ctx.Done():
			b.t.Fatalf("no answer to %s: %v", expression, err)
		}
	}
}

// await polls: waiting for a node through the protocol now and then misses one on a page that arrived by a redirect.
func (b *browser) await(selector string) {
	b.t.Helper()
	b.awaitThat(fmt.Sprintf("!!document.querySelector(%q)", selector))
}

func (b *browser) awaitThat(expression string) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, time.Minute)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !evaluate[bool](b, "document.readyState == 'complete' && "+expression) {
		select {
		case <-tick.C:
		case <-ctx.Done():
			b.t.Fatalf("never: %s", expression)
		}
	}
}

// click answers before it clicks, so that a page that goes away by it has answered: no answer means no click, and asking again is safe.
func (b *browser) click(selector string) {
	b.t.Helper()
	b.await(selector)
	evaluate[bool](b, fmt.Sprintf("(e => (setTimeout(() => e.click()), true))(document.querySelector(%q))", selector))
}

func (b *browser) fill(field, value string) {
	b.t.Helper()
	evaluate[bool](b, fmt.Sprintf("(document.querySelector('[name=%s]').value = %q, true)", field, value))
}

func (b *browser) reads(selector, want string) {
	b.t.Helper()
	if got := evaluate[string](b, fmt.Sprintf("document.querySelector(%q).innerText", selector)); !strings.Contains(strings.Join(strings.Fields(got), " "), want) {
		b.t.Errorf("%s reads %q, not %q", selector, got, want)
	}
}

// isAt expects the address that the browser shows.
func (b *browser) isAt(want string) {
	b.t.Helper()
	if at := evaluate[string](b, "location.href"); at != want {
		b.t.Errorf("at %s, not at %s", at, want)
	}
}

func (b *browser) back() {
	b.t.Helper()
	b.must(chromedp.Do(b.ctx, chromedp.NavigateBack()))
}

func (b *browser) as(d device) {
	b.t.Helper()
	b.must(chromedp.Do(b.ctx, chromedp.EmulateViewport(d.width, d.height)))
	_, err := chromedp.Call(b.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: d.scheme}}})
	b.must(err)
}

// fits checks that nothing sticks out at the side.
func (b *browser) fits(what string) {
	b.t.Helper()
	for _, d := range []device{desktop, phone} {
		b.as(d)
		if wide := evaluate[int64](b, "document.documentElement.scrollWidth"); wide > d.width {
			b.t.Errorf("%s is %d pixels wide on a screen of %d", what, wide, d.width)
		}
	}
	b.as(desktop)
}

func (b *browser) screenshot(name string, d device) {
	b.t.Helper()
	dir := os.Getenv("OPENID_SCREENSHOTS")
	if dir == "" {
		return
	}
	b.as(d)
	png, err := chromedp.Run(b.ctx, chromedp.CaptureScreenshot())
	b.must(err)
	b.must(os.WriteFile(filepath.Join(dir, name+".png"), png, 0o644))
	b.as(desktop)
}

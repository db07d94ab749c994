package login

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/openid-client/openid"
	"github.com/openid-client/openid/internal/hostile"
)

// tenants are the rows of an application's database.
type tenants struct {
	mu    sync.Mutex
	rows  map[string]Provider
	asked []string
	err   error
	slow  time.Duration
}

func (d *tenants) load(ctx context.Context, name string) (Provider, error) {
	d.mu.Lock()
	d.asked = append(d.asked, name)
	row, ok := d.rows[name]
	err, slow := d.err, d.slow
	d.mu.Unlock()
	if slow > 0 {
		select {
		case <-time.After(slow):
		case <-ctx.Done():
			return Provider{}, ctx.Err()
		}
	}
	if err == nil && !ok {
		err = fmt.Errorf("tenant %s: %w", name, ErrNoProvider)
	}
	return row, err
}

func (d *tenants) set(name string, row Provider) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.rows[name] = row
}

func (d *tenants) remove(name string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.rows, name)
}

func (d *tenants) fail(err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.err = err
}

// count is how often a name was asked for since the last time.
func (d *tenants) count() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	n := len(d.asked)
	d.asked = nil
	return n
}

// tenantOf names the tenant of a page: /acme/…
func tenantOf(r *http.Request) string {
	name, _, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	return name
}

// A house is an application of many tenants, each with a provider of its own.
type house struct {
	*app
	rows *tenants
	ops  map[string]*hostile.Provider
	tune []func(*Config)
}

// open starts one more process of the application, with the store and the keys of all.
func (h *house) open(t *testing.T) *browser {
	t.Helper()
	a := &app{p: h.ops["acme"]}
	cfg := Config{BaseURL: base, Keys: []openid.Secret{key('1')}, LoadProvider: h.rows.load, Choose: tenantOf, Scope: []string{"openid", "offline_access"},
		Report: func(_ *http.Request, err error) {
			a.mu.Lock()
			defer a.mu.Unlock()
			a.errs = append(a.errs, err)
		}}
	if h.app != nil {
		cfg.Store = h.app.store
	}
	for _, f := range h.tune {
		f(&cfg)
	}
	var err error
	if a.Handler, err = New(cfg); err != nil {
		t.Fatal(err)
	}
	a.loader.room = 50
	h.app = a
	return newBrowser(t, a.mux(), a.p)
}

// houses plays with the tenants acme and umbrella, with sessions in the store and in cookies.
func houses(t *testing.T, f func(t *testing.T, h *house, b *browser), tune ...func(*Config)) {
	t.Helper()
	for name, more := range map[string][]func(*Config){"store": nil, "stateless": {stateless, func(c *Config) { c.Scope = nil }}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := &house{rows: &tenants{rows: map[string]Provider{}}, ops: map[string]*hostile.Provider{}, tune: append(more, tune...)}
				for _, name := range []string{"acme", "umbrella"} {
					op := hostile.PipeAt(t, name+".example")
					op.Issuer, op.RedirectURI = op.URL(""), base+"/callback/"+name
					h.ops[name] = op
					h.rows.rows[name] = Provider{Config: providerConfig(op), Version: "1"}
				}
				b := h.open(t)
				f(t, h, b)
				if err := h.store.Close(t.Context()); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// at is the browser in front of a tenant's login pages.
func (b *browser) at(p *hostile.Provider) *browser {
	b.p = p
	return b
}

// TestLoadProvider: users of two tenants log in, work and log out, each at the provider of their own.
func TestLoadProvider(t *testing.T) {
	houses(t, func(t *testing.T, h *house, b *browser) {
		other := b.also()
		for name, c := range map[string]*browser{"acme": b.at(h.ops["acme"]), "umbrella": other.at(h.ops["umbrella"])} {
			c.mustLogIn("/" + name + "/orders")
			wants(t, c.get("/open"), 200, "alice-sub")
			if n := c.p.Count("token"); n != 1 {
				t.Errorf("%d token requests at %s", n, name)
			}
		}
		if n := h.rows.count(); n != 2 {
			t.Errorf("asked %d times for two tenants", n)
		}
		b.h = h.Require(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			if u := UserFrom(r.Context()); u.Provider() != "acme" {
				t.Errorf("provider %q", u.Provider())
			}
			if TokenSource(r.Context()) == nil {
				t.Error("no token source")
			}
		}))
		wants(t, b.get("/"), 200)
		b.h = other.h
		res := b.post("/auth/logout")
		if to := res.Header.Get("Location"); !strings.HasPrefix(to, h.ops["acme"].URL("end_session")) || !strings.Contains(to, url.QueryEscape(base+"/logged-out/acme")) {
			t.Errorf("logged out to %s", to)
		}
		u, _ := url.Parse(res.Header.Get("Location"))
		if res := b.get("/auth/logged-out/acme?state=" + u.Query().Get("state")); res.Header.Get("Location") != "/" || len(b.transactions()) != 0 {
			t.Errorf("back to %q, left %v", res.Header.Get("Location"), b.transactions())
		}
		wants(t, b.get("/open"), 200, "nobody")
		wants(t, other.get("/open"), 200, "alice-sub")
		if errs := h.failures(); errs != nil {
			t.Error(errs)
		}
	})
}

// TestHostileTenantMixUp: C22, what one tenant's provider says is worth nothing at the callback of another.
func TestHostileTenantMixUp(t *testing.T) {
	hostile.Watch(t, "(discovery+ token jwks)+")
	houses(t, func(t *testing.T, h *house, b *browser) {
		back := b.at(h.ops["umbrella"]).answer(b.start("/umbrella/x"))
		b.at(h.ops["acme"]).start("/acme/x")
		wrong := page("GET", strings.Replace(back.URL.String(), "/callback/umbrella", "/callback/acme", 1))
		wants(t, b.do(wrong), 400, "expired")
		if check := refusedCheck(h.lastFailure()); check != "state" {
			t.Errorf("check %q", check)
		}
		for name, op := range h.ops {
			if op.Count("token") != 0 {
				t.Errorf("a code was sent to %s", name)
			}
		}
		if res := b.do(back); res.Header.Get("Location") != "/umbrella/x" {
			t.Errorf("the true one: %d %s", res.StatusCode, text(res))
		}
	})
}

// TestHostileTenantNamesake: S15, a tenant that names the issuer and the subject of another's user is not given what the application keeps of them.
func TestHostileTenantNamesake(t *testing.T) {
	hostile.Watch(t, "(discovery token jwks)+")
	houses(t, func(t *testing.T, h *house, b *browser) {
		b.mustLogIn("/acme/x")
		b.get("/set?cart=apple")
		h.rows.set("evil", h.rows.rows["acme"])
		h.ops["acme"].RedirectURI = base + "/callback/evil"
		if res := b.logIn("/auth/login?provider=evil&return_to=/evil/x"); res.Header.Get("Location") != "/evil/x" {
			t.Fatalf("%d %s", res.StatusCode, text(res))
		}
		if body := text(b.get("/open")); body != "alice-sub " {
			t.Errorf("it has %q", body)
		}
	})
}

// TestLoadProviderElsewhere: another process ends the login, and refreshes and logs out when it has dropped the client and made it again.
func TestLoadProviderElsewhere(t *testing.T) {
	houses(t, func(t *testing.T, h *house, b *browser) {
		op := h.ops["acme"]
		op.Lifetime = time.Minute
		location := b.start("/acme/x")
		b.h = h.open(t).h
		if res := b.do(b.answer(location)); res.Header.Get("Location") != "/acme/x" {
			t.Fatalf("%d %s", res.StatusCode, text(res))
		}
		time.Sleep(2 * time.Minute) // the tokens have expired
		b.h = h.open(t).h
		wants(t, b.get("/open"), 200, "alice-sub")
		h.crowd(t)
		if h.loader.known["acme"] != nil {
			t.Fatal("the client is still there")
		}
		if !h.cfg.Stateless {
			wants(t, b.get("/token"), 200, "2000-")
			if n := op.Count("token"); n != 2 {
				t.Errorf("%d token requests, want the login and one refresh", n)
			}
		}
		h.crowd(t)
		if res := b.post("/auth/logout"); !strings.HasPrefix(res.Header.Get("Location"), op.URL("end_session")) {
			t.Errorf("logged out to %s", res.Header.Get("Location"))
		}
		if errs := h.failures(); errs != nil {
			t.Error(errs)
		}
	})
}

// crowd uses as many other tenants as there is room for.
func (h *house) crowd(t *testing.T) {
	t.Helper()
	row := h.rows.rows["umbrella"]
	for i := range h.loader.room {
		name := fmt.Sprintf("crowd-%d", i)
		h.rows.set(name, row)
		if _, err := h.LoadClient(t.Context(), name); err != nil {
			t.Fatal(err)
		}
	}
}

// TestHostileTenantsWithoutEnd: C23, S09, what is kept is bounded by the room for clients, and names that strangers make up take none.
func TestHostileTenantsWithoutEnd(t *testing.T) {
	hostile.Watch(t, "", hostile.Bytes(1<<30))
	houses(t, func(t *testing.T, h *house, b *browser) {
		h.crowd(t)
		h.rows.count()
		if _, err := h.LoadClient(t.Context(), "crowd-0"); err != nil { // used again, so that another one goes
			t.Fatal(err)
		}
		h.rows.set("one-more", h.rows.rows["acme"])
		for _, name := range []string{"one-more", "crowd-0", "crowd-2"} {
			if _, err := h.LoadClient(t.Context(), name); err != nil {
				t.Fatal(err)
			}
		}
		if n := h.rows.count(); n != 1 {
			t.Errorf("asked %d times, want for one-more only", n)
		}
		if _, err := h.LoadClient(t.Context(), "crowd-1"); err != nil || h.rows.count() != 1 {
			t.Errorf("the one used least is not the one that went: %v", err)
		}
		for i := range 2000 {
			wants(t, b.get(fmt.Sprintf("/auth/login?provider=stranger-%d", i)), 400, "cannot be answered")
		}
		if n, m := len(h.loader.known), h.loader.recent.Len(); n != h.loader.room || m != n || len(h.loader.calls) != 0 {
			t.Errorf("kept %d and %d, and %d calls", n, m, len(h.loader.calls))
		}
		if h.loader.known["one-more"] == nil {
			t.Error("strangers have driven out a tenant")
		}
	})
}

// TestHostileTenantNames: C23, what can be no name is nobody's question.
func TestHostileTenantNames(t *testing.T) {
	hostile.Watch(t, "discovery+")
	houses(t, func(t *testing.T, h *house, b *browser) {
		bare := b.also()
		bare.h = h.Handler // muxes repair paths
		for _, name := range []string{".", "..", ".hidden", "a/b", "a b", "a\x00", "ä", "a%2Fb", "a'--", ":application", strings.Repeat("x", maxProviderName+1), strings.Repeat("x", 100_000)} {
			wants(t, b.get("/auth/login?provider="+url.QueryEscape(name)), 400)
			wants(t, bare.get("/auth/callback/"+url.PathEscape(name)+"?state=x&code=y"), 404)
			if _, err := h.LoadClient(t.Context(), name); !errors.Is(err, ErrNoProvider) {
				t.Errorf("%.40q: %v", name, err)
			}
		}
		for _, target := range []string{"/auth/callback/", "/auth/callback", "/auth/logged-out", "/auth/callback/acme/", "/auth/login/acme", "/auth/logout/acme"} {
			wants(t, b.get(target), 404)
		}
		if n := h.rows.count(); n != 0 {
			t.Errorf("asked %d times", n)
		}
		for _, name := range []string{"x", "acme.example", "0189bb1e-7b4c-7f5a-9d3e-2f6a5c1b8d90", strings.Repeat("x", maxProviderName)} {
			h.rows.set(name, h.rows.rows["acme"])
			if res := b.get("/auth/login?provider=" + name); res.StatusCode != http.StatusSeeOther {
				t.Errorf("%s: %d", name, res.StatusCode)
			}
		}
	})
}

// TestLoadProviderRemoved: who worked there is a stranger from now on, and what comes back from there leads nowhere.
func TestLoadProviderRemoved(t *testing.T) {
	houses(t, func(t *testing.T, h *house, b *browser) {
		other := b.also().at(h.ops["umbrella"])
		other.mustLogIn("/umbrella/x")
		b.mustLogIn("/acme/x")
		leaving := b.also()
		leaving.mustLogIn("/acme/x")
		bye, _ := url.Parse(leaving.post("/auth/logout").Header.Get("Location"))
		pending := b.answer(b.start("/auth/login?provider=acme"))
		stolen := b.session()
		h.rows.remove("acme")
		time.Sleep(5*time.Minute + time.Second)

		wants(t, b.get("/open"), 200, "nobody")
		if b.session() != "" {
			t.Error("the cookie is still there")
		}
		wants(t, b.get("/acme/x"), 400, "cannot be answered")
		wants(t, b.with(stolen).get("/open"), 200, "nobody")
		wants(t, b.do(pending), 400, "cannot be answered")
		if err := h.lastFailure(); !errors.Is(err, ErrNoProvider) {
			t.Error(err)
		}
		h.rows.fail(errAway) // what was said last was no
		wants(t, b.get("/acme/x"), 503)
		h.rows.fail(nil)
		if res := leaving.get("/auth/logged-out/acme?state=" + bye.Query().Get("state")); res.Header.Get("Location") != "/" {
			t.Errorf("%d %s", res.StatusCode, text(res))
		}
		if n := h.ops["acme"].Count("token"); n != 2 {
			t.Errorf("%d token requests", n)
		}
		wants(t, other.get("/open"), 200, "alice-sub")

		h.rows.set("acme", Provider{Config: providerConfig(h.ops["acme"])})
		if !h.cfg.Stateless {
			wants(t, b.with(stolen).get("/open"), 200, "nobody") // ended is ended
		}
		b.mustLogIn("/acme/x")
	})
}

// TestLoadProviderRemovedAtLogout: nothing of the provider is needed to end a session here.
func TestLoadProviderRemovedAtLogout(t *testing.T) {
	for lie, err := range map[string]error{"removed": nil, "the database is away": errAway} {
		t.Run(lie, func(t *testing.T) {
			houses(t, func(t *testing.T, h *house, b *browser) {
				b.mustLogIn("/acme/x")
				stolen := b.session()
				h.rows.remove("acme")
				h.rows.fail(err)
				time.Sleep(5*time.Minute + time.Second)
				b.h = h.open(t).h // one that has no earlier answer
				res := b.post("/auth/logout")
				if res.StatusCode != http.StatusSeeOther || res.Header.Get("Location") != "/" || b.session() != "" {
					t.Errorf("%d %s", res.StatusCode, text(res))
				}
				if got := h.lastFailure(); !errors.Is(got, cmp.Or(err, ErrNoProvider)) {
					t.Errorf("reported: %v", got)
				}
				h.rows.fail(nil)
				h.rows.set("acme", Provider{Config: providerConfig(h.ops["acme"])})
				if !h.cfg.Stateless {
					wants(t, b.with(stolen).get("/open"), 200, "nobody")
				}
			})
		})
	}
}

// TestLoadProviderChanged: another version is another client, the same one keeps what it knows.
func TestLoadProviderChanged(t *testing.T) {
	houses(t, func(t *testing.T, h *house, b *browser) {
		client := func() *openid.Client {
			c, err := h.LoadClient(t.Context(), "acme")
			if err != nil {
				t.Fatal(err)
			}
			return c
		}
		b.mustLogIn("/acme/x")
		first := client()
		time.Sleep(time.Minute)
		if client() != first || h.rows.count() != 1 {
			t.Error("asked again within the lifetime")
		}
		row := h.rows.rows["acme"]
		time.Sleep(5 * time.Minute)
		if client() != first || h.rows.count() != 1 {
			t.Error("another client for the same version")
		}
		row.Version, row.Config.ClientID = "2", "another"
		row.Scope = []string{"openid", "profile"}
		h.rows.set("acme", row)
		if client() != first {
			t.Error("another client within the lifetime")
		}
		time.Sleep(5*time.Minute + time.Second)
		second := client()
		if second == first {
			t.Error("the change was not picked up")
		}
		u, _ := url.Parse(b.start("/auth/login?provider=acme"))
		if q := u.Query(); q.Get("client_id") != "another" || q.Get("scope") != "openid profile" {
			t.Errorf("asks with %v", q)
		}
		wants(t, b.get("/open"), 200, "alice-sub") // nobody is logged out by it
		row.Version = ""
		h.rows.set("acme", row)
		time.Sleep(6 * time.Minute)
		third := client()
		time.Sleep(6 * time.Minute)
		if third == second || client() == third {
			t.Error("without a version every answer is a new one")
		}
	})
}

// TestLoadProviderDown: nobody is anonymous because a database is away; who was served before is served for an hour.
func TestLoadProviderDown(t *testing.T) {
	houses(t, func(t *testing.T, h *house, b *browser) {
		b.mustLogIn("/acme/x")
		h.rows.fail(errAway)
		cold := b.also()
		wants(t, cold.get("/umbrella/x"), 503, "Please try again in a while")
		if err := h.lastFailure(); !errors.Is(err, errAway) {
			t.Error(err)
		}
		for range 10 {
			time.Sleep(5*time.Minute + 30*time.Second)
			wants(t, b.get("/open"), 200, "alice-sub")
			if err := h.lastFailure(); !errors.Is(err, errAway) {
				t.Errorf("nobody heard of it: %v", err)
			}
			h.rows.count()
			wants(t, b.get("/open"), 200, "alice-sub")
			if n := h.rows.count(); n != 0 || h.lastFailure() != nil {
				t.Errorf("asked %d times more at once", n)
			}
		}
		h.rows.fail(nil)
		wants(t, b.get("/open"), 200, "alice-sub")
		time.Sleep(11 * time.Second)
		if wants(t, b.get("/open"), 200, "alice-sub"); h.rows.count() != 1 {
			t.Error("not asked again")
		}
		h.rows.fail(errAway)
		for range 3 {
			time.Sleep(19 * time.Minute)
			wants(t, b.get("/open"), 200, "alice-sub")
		}
		time.Sleep(4 * time.Minute)
		wants(t, b.get("/open"), 503)
		res := b.do(apiCall("GET", "/"))
		wants(t, res, 503, `"error":"store"`)
		h.rows.fail(nil)
		wants(t, b.get("/open"), 200, "alice-sub")
		wants(t, cold.get("/umbrella/x"), 303)
	})
}

// TestLoadProviderOnce: one call for all who wait, whoever of them goes; and one that panics holds nobody up.
func TestLoadProviderOnce(t *testing.T) {
	houses(t, func(t *testing.T, h *house, b *browser) {
		h.rows.slow = time.Second
		gone, cancel := context.WithCancel(t.Context())
		var all sync.WaitGroup
		var first *openid.Client
		all.Go(func() {
			var err error
			if first, err = h.LoadClient(gone, "acme"); err != nil {
				t.Error(err)
			}
		})
		time.Sleep(time.Millisecond)
		cancel()
		for range 20 {
			all.Go(func() {
				c, err := h.LoadClient(t.Context(), "acme")
				if err != nil || c == nil {
					t.Error(err)
				}
			})
		}
		impatient, stop := context.WithTimeout(t.Context(), time.Millisecond)
		defer stop()
		if _, err := h.LoadClient(impatient, "acme"); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("who does not want to wait: %v", err)
		}
		all.Wait()
		if n := h.rows.count(); n != 1 || first == nil {
			t.Errorf("asked %d times", n)
		}
		h.rows.slow = time.Minute // longer than a call may take
		started := time.Now()
		if _, err := h.LoadClient(t.Context(), "umbrella"); !errors.Is(err, context.DeadlineExceeded) || time.Since(started) != loadTimeout {
			t.Errorf("after %v: %v", time.Since(started), err)
		}
		// While one waits for a slow answer, the others go on with the earlier one.
		time.Sleep(5 * time.Minute)
		all.Go(func() { h.LoadClient(t.Context(), "acme") })
		time.Sleep(time.Millisecond)
		started = time.Now()
		if c, err := h.LoadClient(t.Context(), "acme"); c != first || err != nil || time.Since(started) != 0 {
			t.Errorf("after %v: %v", time.Since(started), err)
		}
		all.Wait()
	})
	synctest.Test(t, func(t *testing.T) {
		h, err := New(Config{BaseURL: base, Keys: []openid.Secret{key('1')}, LoadProvider: func(context.Context, string) (Provider, error) {
			time.Sleep(time.Second)
			panic("the application's own")
		}})
		if err != nil {
			t.Fatal(err)
		}
		var all sync.WaitGroup
		all.Go(func() {
			defer func() {
				if recover() != "the application's own" {
					t.Error("the panic went somewhere else")
				}
			}()
			h.LoadClient(t.Context(), "acme")
		})
		time.Sleep(time.Millisecond)
		if _, err := h.LoadClient(t.Context(), "acme"); !errors.Is(err, errLoadEnded) {
			t.Error(err)
		}
		all.Wait()
		if len(h.loader.calls) != 0 {
			t.Error("the call is still under way")
		}
	})
}

// TestLoadProviderMistakes: they are the application's, and an earlier answer stands in.
func TestLoadProviderMistakes(t *testing.T) {
	houses(t, func(t *testing.T, h *house, b *browser) {
		good := h.rows.rows["acme"]
		b.mustLogIn("/acme/x")
		for _, l := range []struct {
			lie  string
			tell func(*Provider)
			want string
		}{
			{"another name", func(p *Provider) { p.Config.Name = "Acme" }, `login: Config.LoadProvider(acme).Config.Name: expected nothing, or the name that was asked for, got "Acme"`},
			{"another callback", func(p *Provider) { p.Config.RedirectURI = base + "/callback" }, "login: Config.LoadProvider(acme).Config.RedirectURI: expected nothing, which means " + base + "/callback/acme"},
			{"nobody to identify", func(p *Provider) { p.Scope = []string{"profile"} }, "login: Config.LoadProvider(acme).Scope: expected \"openid\" among them"},
			{"no authentication", func(p *Provider) { p.Config.Auth = nil }, "login: LoadProvider(acme): openid: Config.Auth"},
			{"nothing at all", func(p *Provider) { *p = Provider{} }, "openid: Config.Issuer"},
		} {
			row := good
			row.Version = "2"
			l.tell(&row)
			h.rows.set("acme", row)
			time.Sleep(5*time.Minute + time.Second)
			wants(t, b.get("/open"), 200, "alice-sub")
			if err := h.lastFailure(); err == nil || !strings.Contains(err.Error(), l.want) {
				t.Errorf("%s: %v", l.lie, err)
			}
			cold := h.open(t)
			wants(t, cold.get("/acme/x"), 500, "Something is wrong with this application")
			if err := h.lastFailure(); err == nil || !strings.Contains(err.Error(), l.want) {
				t.Errorf("%s, at first: %v", l.lie, err)
			}
			b.h = cold.h
			h.rows.set("acme", good)
			wants(t, b.get("/open"), 200, "alice-sub")
		}
		row := good
		row.Config.Name, row.Config.RedirectURI = "acme", base+"/callback/acme"
		h.rows.set("acme", row)
		wants(t, h.open(t).get("/acme/x"), 303)
	})
}

// TestLoadProviderInitiated: a third party names the tenant in the address that was registered, and the issuer has to be this tenant's.
func TestLoadProviderInitiated(t *testing.T) {
	houses(t, func(t *testing.T, h *house, b *browser) {
		iss := "&iss=" + url.QueryEscape(h.ops["umbrella"].Issuer)
		if res := b.at(h.ops["umbrella"]).logIn("/auth/login?provider=umbrella" + iss); res.StatusCode != http.StatusSeeOther {
			t.Errorf("%d %s", res.StatusCode, text(res))
		}
		for lie, l := range map[string]struct{ target, check string }{
			"another tenant":  {"/auth/login?provider=acme" + iss, "iss"},
			"no such tenant":  {"/auth/login?provider=stranger" + iss, ""},
			"nobody's tenant": {"/auth/login?" + iss[1:], ""},
		} {
			wants(t, b.get(l.target), 400)
			if err := h.lastFailure(); err == nil || refusedCheck(err) != l.check {
				t.Errorf("%s: %v", lie, err)
			}
		}
	})
	houses(t, func(t *testing.T, h *house, b *browser) {
		if res := b.get("/auth/login?iss=" + url.QueryEscape(h.ops["acme"].Issuer)); res.StatusCode != http.StatusSeeOther {
			t.Errorf("chosen by the application: %d %s", res.StatusCode, text(res))
		}
	}, func(c *Config) { c.Choose = func(*http.Request) string { return "acme" } })
}

// TestLoadProviderLink: an account is not linked to somebody whom nobody vouches for any more.
func TestLoadProviderLink(t *testing.T) {
	storedHouse(t, func(t *testing.T, h *house, b *browser) {
		h.cfg.OnLogin = func(_ context.Context, r *Result) error {
			if r.LinkTo != nil {
				t.Error("linked")
			}
			return nil
		}
		mux := b.h.(*http.ServeMux)
		mux.HandleFunc("/link", func(w http.ResponseWriter, r *http.Request) { h.Start(w, r, Start{Provider: "umbrella", Link: true}) })
		b.mustLogIn("/acme/x")
		location := b.post("/link").Header.Get("Location")
		kept := maps.Clone(b.cookies)
		h.rows.remove("acme")
		time.Sleep(6 * time.Minute)
		wants(t, b.at(h.ops["umbrella"]).do(b.answer(location)), 500)
		if err := h.lastFailure(); !errors.Is(err, errNobody) {
			t.Error(err)
		}
		b.cookies = kept
		wants(t, b.get("/open"), 200, "nobody")
		wants(t, b.post("/link"), 500)
	})
}

// storedHouse is houses with sessions in the store.
func storedHouse(t *testing.T, f func(t *testing.T, h *house, b *browser)) {
	t.Helper()
	houses(t, func(t *testing.T, h *house, b *browser) {
		if !h.cfg.Stateless {
			f(t, h, b)
		}
	})
}

// TestLoadProviderBeside: those that New was given are never asked for, and one of them is the one for who names none.
func TestLoadProviderBeside(t *testing.T) {
	play(t, func(t *testing.T, a *app, b *browser) {
		rows := &tenants{rows: map[string]Provider{"staff": {}, "acme": {Config: providerConfig(a.p), Scope: []string{"openid", "email"}}}}
		staff := providerConfig(a.p)
		staff.Name, staff.RedirectURI = "staff", "https://app.example/old/callback"
		h, err := New(Config{BaseURL: base, Keys: a.keys(), LoadProvider: rows.load, Scopes: map[string][]string{"staff": {"openid", "groups"}}}, staff)
		if err != nil {
			t.Fatal(err)
		}
		mux := (&app{Handler: h, p: a.p}).mux().(*http.ServeMux)
		mux.Handle("/old/", h)
		b.h = mux
		a.p.RedirectURI = staff.RedirectURI
		location := b.start("/x")
		if u, _ := url.Parse(location); u.Query().Get("scope") != "openid groups" {
			t.Errorf("scope %q", u.Query().Get("scope"))
		}
		if res := b.do(b.answer(location)); res.Header.Get("Location") != "/x" {
			t.Errorf("%d %s", res.StatusCode, text(res))
		}
		wants(t, b.get("/auth/callback/staff?state=x&code=y"), 404) // it has another
		if n := rows.count(); n != 0 {
			t.Errorf("asked %d times", n)
		}
		if c, err := h.LoadClient(t.Context(), "staff"); c != h.Client("staff") || err != nil || h.Client("acme") != nil {
			t.Errorf("clients by name: %v", err)
		}
		u, _ := url.Parse(b.start("/auth/login?provider=acme"))
		if u.Query().Get("scope") != "openid email" || u.Query().Get("redirect_uri") != base+"/callback/acme" {
			t.Errorf("asks with %v", u.Query())
		}
	})
}

// TestLoadClient: a tenant's provider says at its own door that somebody has logged out, in whatever process, and counts once.
func TestLoadClient(t *testing.T) {
	storedHouse(t, func(t *testing.T, h *house, b *browser) {
		ended := 0
		door := func(b *browser) {
			web := h.Handler
			b.h.(*http.ServeMux).HandleFunc("POST /backchannel/{tenant}", func(w http.ResponseWriter, r *http.Request) {
				client, err := web.LoadClient(r.Context(), r.PathValue("tenant"))
				if err != nil {
					http.Error(w, "no such tenant", http.StatusNotFound)
					return
				}
				client.BackchannelLogout(func(_ context.Context, l *openid.LogoutToken) error { ended++; return nil }).ServeHTTP(w, r)
			})
		}
		door(b)
		elsewhere := h.open(t)
		door(elsewhere)
		sent := h.ops["acme"].BackchannelLogout("https://app.example/backchannel/acme")
		body, err := io.ReadAll(sent.Body)
		if err != nil {
			t.Fatal(err)
		}
		for _, l := range []struct {
			name, tenant string
			b            *browser
			status, done int
		}{
			{"another tenant's", "umbrella", b, 400, 0},
			{"nobody's", "stranger", b, 404, 0},
			{"its own", "acme", elsewhere, 200, 1},
			{"its own once more, in another process", "acme", b, 400, 1},
		} {
			r := page("POST", "/backchannel/"+l.tenant)
			r.Body, r.ContentLength = io.NopCloser(strings.NewReader(string(body))), int64(len(body))
			if res := l.b.do(r); res.StatusCode != l.status || ended != l.done {
				t.Errorf("%s: %d %s, %d ended", l.name, res.StatusCode, text(res), ended)
			}
		}
	})
}

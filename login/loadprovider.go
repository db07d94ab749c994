package login

import (
	"container/list"
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/openid-client/openid"
)

// A Provider is one that [Config].LoadProvider has found.
type Provider struct {
	// Config is its configuration, with the Name that was asked for or none, and without a RedirectURI, which is {BaseURL}/callback/{Name}, as
	// its post_logout_redirect_uri is {BaseURL}/logged-out/{Name}.
	// Keys, Store and HTTPClient are as for those that [New] is given.
	Config openid.Config
	// Scope is asked for at logins there; [Config].Scope when nil.
	Scope []string
	// Version is another one whenever something else here is: the number of a database row's change, say. As long as it is the same the client is
	// kept, with what it knows of the server. Empty: there is a new client each time that the provider is loaded.
	Version string
}

// ErrNoProvider is what [Config].LoadProvider returns for a name that it does not have, or not any more, and [Handler.LoadClient] for one that
// nobody has. Sessions of such a provider end.
var ErrNoProvider = errors.New("login: there is no such provider")

const (
	maxLoaded   = 4096             // clients that are kept, those used last
	loadTimeout = 10 * time.Second // of one call of LoadProvider
	loadRetry   = 10 * time.Second // after one that failed, where an earlier answer stands in for it
	loadStale   = time.Hour        // how long it does

	maxProviderName = 64
)

// providerName judges a name before anybody is asked for it: it becomes a segment of a path, and strangers make up names.
func providerName(name string) bool {
	return name != "" && len(name) <= maxProviderName && name[0] != '.' && !strings.ContainsFunc(name, func(c rune) bool {
		return !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '_' || c == '.')
	})
}

// A loader keeps the providers that the application loads.
type loader struct {
	find  func(context.Context, string) (Provider, error)
	build func(name string, found Provider) (*provider, error)
	every time.Duration
	room  int

	mu     sync.Mutex
	known  map[string]*list.Element
	recent list.List // of *loaded, the one used last in front
	calls  map[string]*loadCall
}

type loaded struct {
	*provider
	version string
	asked   time.Time // when LoadProvider vouched for it
	due     time.Time // when it is asked again
}

// A loadCall is one call of LoadProvider, for all who want its answer.
type loadCall struct {
	done chan struct{}
	p    *provider
	err  error
}

func newLoader(every time.Duration, find func(context.Context, string) (Provider, error), build func(string, Provider) (*provider, error)) *loader {
	return &loader{find: find, build: build, every: every, room: maxLoaded, known: map[string]*list.Element{}, calls: map[string]*loadCall{}}
}

var errLoadEnded = errors.New("login: Config.LoadProvider did not return")

// get finds a provider. trouble is what kept it from being loaded again, where the answer of before stands in; only the caller who has asked
// is told.
func (l *loader) get(ctx context.Context, name string) (p *provider, trouble, err error) {
	now := time.Now()
	l.mu.Lock()
	before := l.use(name)
	if before != nil && now.Before(before.due) {
		l.mu.Unlock()
		return before.provider, nil, nil
	}
	call := l.calls[name]
	if call == nil {
		call = &loadCall{done: make(chan struct{}), err: errLoadEnded}
		l.calls[name] = call
		l.mu.Unlock()
		return l.load(ctx, name, before, call)
	}
	l.mu.Unlock()
	if before.standsIn(now) {
		return before.provider, nil, nil // nobody waits for a slow database in vain
	}
	select {
	case <-call.done:
		return call.p, nil, call.err
	case <-ctx.Done():
		return nil, nil, &storeError{"Config.LoadProvider", ctx.Err()}
	}
}

func (k *loaded) standsIn(now time.Time) bool { return k != nil && now.Sub(k.asked) < loadStale }

// use is called with the lock held.
func (l *loader) use(name string) *loaded {
	e := l.known[name]
	if e == nil {
		return nil
	}
	l.recent.MoveToFront(e)
	return e.Value.(*loaded)
}

// load asks the application, on behalf of all who wait: who asks may go, and what the others get does not depend on it.
func (l *loader) load(ctx context.Context, name string, before *loaded, call *loadCall) (p *provider, trouble, err error) {
	defer func() { // also when the application panics
		l.mu.Lock()
		delete(l.calls, name)
		l.mu.Unlock()
		close(call.done)
	}()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), loadTimeout)
	defer cancel()
	found, err := l.find(ctx, name)
	now := time.Now()
	switch {
	case errors.Is(err, ErrNoProvider):
		l.keep(name, nil)
		call.err = err
		return nil, nil, err
	case err != nil:
		err = &storeError{"Config.LoadProvider", err}
	case before != nil && found.Version != "" && found.Version == before.version:
		p = before.provider
	default:
		p, err = l.build(name, found)
	}
	switch {
	case err == nil:
		l.keep(name, &loaded{provider: p, version: found.Version, asked: now, due: now.Add(l.every)})
	case before.standsIn(now):
		p, trouble, err = before.provider, err, nil
		l.keep(name, &loaded{provider: p, version: before.version, asked: before.asked, due: now.Add(loadRetry)})
	}
	call.p, call.err = p, err
	return p, trouble, err
}

// keep replaces what is known of a name; nil: nothing.
func (l *loader) keep(name string, k *loaded) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if e := l.known[name]; e != nil {
		l.recent.Remove(e)
		delete(l.known, name)
	}
	if k == nil {
		return
	}
	l.known[name] = l.recent.PushFront(k)
	if l.recent.Len() > l.room {
		oldest := l.recent.Back()
		delete(l.known, l.recent.Remove(oldest).(*loaded).name)
	}
}

// look finds a provider by its name: one that New was given, or one that the application loads.
func (c *core) look(ctx context.Context, name string) (p *provider, trouble, err error) {
	if p := c.provider(name); p != nil {
		return p, nil, nil
	}
	if c.loader == nil || !providerName(name) {
		return nil, nil, ErrNoProvider
	}
	return c.loader.get(ctx, name)
}

// named is look for a request.
func (c *core) named(r *http.Request, name string) (*provider, error) {
	p, trouble, err := c.look(r.Context(), name)
	c.report(r, trouble)
	return p, err
}

// build makes a provider of what the application has found.
func (c *core) build(name string, found Provider) (*provider, error) {
	where := "LoadProvider(" + name + ")"
	var m mistakes
	cfg := found.Config
	if cfg.Name != "" && cfg.Name != name { // a database that does not tell upper case from lower would give one provider two callbacks
		m.add(where+".Config.Name", "nothing, or the name that was asked for", quote(cfg.Name))
	}
	cfg.Name = name
	p := c.newProvider(name, found.Scope)
	if cfg.RedirectURI != "" && cfg.RedirectURI != c.origin+p.callback {
		m.add(where+".Config.RedirectURI", "nothing, which means "+c.origin+p.callback, quote(cfg.RedirectURI))
	}
	cfg.RedirectURI = c.origin + p.callback
	c.scopeMistake(&m, where+".Scope", p.scope)
	m = append(m, c.connect(p, cfg, where)...)
	if len(m) > 0 {
		return nil, errors.Join(m...)
	}
	return p, nil
}

// LoadClient is the client of a provider, by its Name, also of one that [Config].LoadProvider finds: for UserInfo, logout tokens
// ([openid.Client.BackchannelLogout]) or access tokens of that provider. Keep it for one request only; the next may find another configuration.
// Errors: an [ErrNoProvider], those of LoadProvider, mistakes in what it returned.
func (h *Handler) LoadClient(ctx context.Context, name string) (*openid.Client, error) {
	p, _, err := h.look(ctx, name)
	if err != nil {
		return nil, err
	}
	return p.client, nil
}

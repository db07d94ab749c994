package main

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/openid-client/openid/bench/browser"
	"github.com/openid-client/openid/bench/contender"
	"github.com/openid-client/openid/bench/fixture"
	"github.com/openid-client/openid/bench/provider"
)

// sessionLanes open a page again and again for somebody who is signed in. The floor is the page.
func sessionLanes(_ *fixture.Set, _ string) ([]*lane, func(), error) {
	return pageLanes(func(c contender.Contender) contender.Web { return c.Session })
}

func sealedSessionLanes(_ *fixture.Set, _ string) ([]*lane, func(), error) {
	return pageLanes(func(c contender.Contender) contender.Web { return c.SealedSession })
}

func pageLanes(offered func(contender.Contender) contender.Web) ([]*lane, func(), error) {
	p, err := provider.Spawn()
	if err != nil {
		return nil, nil, err
	}
	floor, err := again(browser.New(contender.FloorSession()))
	if err != nil {
		return nil, nil, errors.Join(err, p.Stop())
	}
	lanes := []*lane{{name: "floor", run: floor}}
	for _, c := range contender.All {
		web := offered(c)
		if web == nil {
			continue
		}
		run, err := signedIn(p, web)
		if err != nil {
			return nil, nil, errors.Join(fmt.Errorf("%s: %w", c.Name, err), p.Stop())
		}
		lanes = append(lanes, &lane{name: c.Name, run: run})
	}
	return lanes, func() { p.Stop() }, nil
}

func signedIn(p *provider.Process, web contender.Web) (func() error, error) {
	app, err := web(p.URL, defaultClient())
	if err != nil {
		return nil, err
	}
	b := browser.New(app)
	if err := logIn(b); err != nil {
		return nil, err
	}
	return again(b)
}

// again sends one request over and over. Each is a copy: gorilla/sessions remembers in the request what it has decoded.
func again(b *browser.Browser) (func() error, error) {
	r, err := b.Request(contender.PageURL)
	if err != nil {
		return nil, err
	}
	return func() error {
		once := *r
		return shows(b.Do(&once))
	}, nil
}

func shows(status int, body []byte) error {
	if status != http.StatusOK || string(body) != fixture.Subject {
		return fmt.Errorf("the page: %d %s", status, body)
	}
	return nil
}

// logIn goes where the application sends a browser, and ends at the page.
func logIn(b *browser.Browser) error {
	to, err := b.Follow(contender.StartURL)
	if err != nil {
		return err
	}
	if to != contender.PageURL { // the application asks a provider
		if to, err = provider.Authorize(to); err != nil {
			return err
		}
		if _, err = b.Follow(to); err != nil {
			return err
		}
	}
	status, _, body, err := b.Get(contender.PageURL)
	if err != nil {
		return err
	}
	return shows(status, body)
}

// loginLanes log somebody in, each time in a browser without cookies. The provider's token endpoint is a process of its own.
func loginLanes(s *fixture.Set, _ string) ([]*lane, func(), error) {
	p, err := provider.Spawn()
	if err != nil {
		return nil, nil, err
	}
	floor, err := contender.FloorLogin(s, p.URL, defaultClient())
	if err != nil {
		return nil, nil, errors.Join(err, p.Stop())
	}
	fresh := func(app http.Handler) func() error { return func() error { return logIn(browser.New(app)) } }
	lanes := []*lane{{name: "floor", run: fresh(floor)}}
	for _, c := range contender.All {
		if c.WebLogin == nil {
			continue
		}
		app, err := c.WebLogin(p.URL, defaultClient())
		if err != nil {
			return nil, nil, errors.Join(fmt.Errorf("%s: %w", c.Name, err), p.Stop())
		}
		lanes = append(lanes, &lane{name: c.Name, run: fresh(app)})
	}
	return lanes, func() { p.Stop() }, nil
}

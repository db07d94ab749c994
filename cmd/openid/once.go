package main

import (
	"context"
	"errors"
	"net/url"
	"time"

	"github.com/openid-client/openid/openidtest"
)

// stepSignIn is the one step that the application does not see: the user at the provider.
const stepSignIn = "sign in"

// A report is what happened in one login from end to end.
type report struct {
	issuer, application string
	user                openidtest.User
	lie                 *lie
	flow                *flow
	steps               []step
	hops                []hop
	entries             []entry
	login               *login    // as it was before the logout
	at                  time.Time // the moment that its times are told from
	rotated             bool
	failure             error // nil: all steps were taken
}

// A step that failed is the last one.
type step struct {
	name string
	err  error
}

// errStep makes the failed step part of the error.
type errStep struct {
	step string
	err  error
}

func (e *errStep) Error() string { return e.step + ": " + e.err.Error() }
func (e *errStep) Unwrap() error { return e.err }

// once logs the first demo user in, refreshes and logs out, as a person with a browser would: through the pages of the provider and of the
// application, by HTTP alone. Only then it looks at what the application knows.
func (st *stage) once(ctx context.Context, l *lie) *report {
	a := st.apps[honest]
	if l != nil {
		a = st.apps[l.name]
	}
	rep := st.play(ctx, a, false)
	rep.lie = l
	return rep
}

// onceAs is once in another way to speak.
func (st *stage) onceAs(ctx context.Context, f *flow) *report {
	rep := st.play(ctx, st.apps["flow-"+f.name], f.noTokens)
	rep.flow = f
	return rep
}

func (st *stage) play(ctx context.Context, a *app, noTokens bool) *report {
	user := st.users[0]
	o := &oneLogin{app: a, ua: newUserAgent(user.Username, user.Password)}
	rep := &report{issuer: st.provider.Issuer(), application: st.origin + a.base + "/", user: user}
	for _, s := range []struct {
		name string
		take func(context.Context) error
	}{
		{stepLogin, o.start}, {stepSignIn, o.signIn}, {stepCallback, o.callback}, {stepUserInfo, o.userInfo},
		{stepRefresh, o.refresh}, {stepLogout, o.logout},
	} {
		if noTokens && (s.name == stepUserInfo || s.name == stepRefresh) {
			continue
		}
		o.ua.step = s.name
		err := s.take(ctx)
		rep.steps = append(rep.steps, step{s.name, err})
		if err != nil {
			rep.failure = &errStep{s.name, err}
			break
		}
	}
	rep.hops, rep.login, rep.rotated, rep.at = o.ua.hops, o.login, o.rotated, time.Now()
	if s := o.session(); s != nil {
		rep.entries = s.timeline.all()
	}
	return rep
}

// oneLogin is the login under way.
type oneLogin struct {
	app     *app
	ua      *userAgent
	at      *reply
	login   *login
	rotated bool
}

// session is the application's own session of this browser.
func (o *oneLogin) session() *session {
	u, err := url.Parse(o.app.origin)
	if err != nil {
		return nil
	}
	for _, c := range o.ua.client.Jar.Cookies(u) {
		if c.Name == o.app.sessions.cookie {
			return o.app.sessions.find(c.Value)
		}
	}
	return nil
}

var errNoSession = errors.New("the application has no session for this browser")

// failed is what the application says of a step.
func (o *oneLogin) failed(step string) error {
	s := o.session()
	if s == nil {
		return errNoSession
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.failed != nil && s.failed.step == step {
		return s.failed.err
	}
	if s.login != nil {
		kept := *s.login
		o.login = &kept
	}
	return nil
}

func (o *oneLogin) start(ctx context.Context) (err error) {
	if o.at, err = o.ua.get(ctx, o.app.origin+o.app.base+"/login"); err != nil {
		return err
	}
	return o.failed(stepLogin)
}

func (o *oneLogin) signIn(ctx context.Context) (err error) {
	o.at, err = o.ua.follow(ctx, o.at, o.app.origin)
	if err == nil && o.at.location == nil && o.at.leaving == nil {
		err = errors.New("the application did not send the browser to the provider")
	}
	return err
}

func (o *oneLogin) callback(ctx context.Context) (err error) {
	if o.at, err = o.ua.next(ctx, o.at); err != nil {
		return err
	}
	if err := o.failed(stepCallback); err != nil {
		return err
	}
	o.at, err = o.ua.follow(ctx, o.at, o.app.origin)
	return err
}

// userInfo was part of the same request.
func (o *oneLogin) userInfo(context.Context) error {
	if err := o.failed(stepUserInfo); err != nil {
		return err
	}
	if o.login == nil {
		return errors.New("nobody is logged in")
	}
	return nil
}

func (o *oneLogin) refresh(ctx context.Context) (err error) {
	if err := o.pressAndReturn(ctx, "/refresh"); err != nil {
		return err
	}
	if err := o.failed(stepRefresh); err != nil {
		return err
	}
	if o.login.refreshes != 1 {
		return errors.New("the application did not refresh the tokens")
	}
	o.rotated = o.login.rotations > 0
	return nil
}

func (o *oneLogin) logout(ctx context.Context) error {
	if err := o.pressAndReturn(ctx, "/logout"); err != nil {
		return err
	}
	if err := o.failed(stepLogout); err != nil {
		return err
	}
	s := o.session()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.login != nil || s.notice == "" {
		return errors.New("the user is still logged in")
	}
	return nil
}

// pressAndReturn presses a button of the application's page and goes on until the application shows a page again.
func (o *oneLogin) pressAndReturn(ctx context.Context, action string) (err error) {
	if o.at, err = o.ua.press(ctx, o.at, action); err != nil {
		return err
	}
	for o.at.location != nil {
		if o.at, err = o.ua.follow(ctx, o.at, o.app.origin); err != nil {
			return err
		}
		if o.at.location == nil {
			break
		}
		if o.at, err = o.ua.next(ctx, o.at); err != nil {
			return err
		}
	}
	return nil
}

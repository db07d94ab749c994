package main

import (
	"context"
	"errors"
	"net/http"
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
	person              *person   // as it was before the logout
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
	rep.hops, rep.person, rep.rotated, rep.at = o.ua.hops, o.person, o.rotated, time.Now()
	rep.entries = o.seat().entries()
	return rep
}

// oneLogin is the login under way.
type oneLogin struct {
	app     *app
	ua      *userAgent
	at      *reply
	person  *person
	rotated bool
}

// cookies are those that the browser has for the application.
func (o *oneLogin) cookies() []*http.Cookie {
	u, err := url.Parse(o.app.origin + o.app.base + "/")
	if err != nil {
		return nil
	}
	return o.ua.client.Jar.Cookies(u)
}

// seat is where the application's browser watches from.
func (o *oneLogin) seat() *seat {
	for _, c := range o.cookies() {
		if c.Name == o.app.audience.cookie {
			return o.app.audience.find(c.Value)
		}
	}
	return nil
}

// look asks the application, on the server's side, who the browser is.
func (a *app) look(ctx context.Context, cookies []*http.Cookie) (who *person, err error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, a.origin+a.base+"/", nil)
	if err != nil {
		return nil, err
	}
	for _, c := range cookies {
		r.AddCookie(c)
	}
	a.web.Optional(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		who, err = a.person(r)
	})).ServeHTTP(discarded{}, r)
	return who, err
}

// failed is what the application says of a step.
func (o *oneLogin) failed(ctx context.Context, step string) error {
	s := o.seat()
	if s == nil {
		return errors.New("the application does not know this browser")
	}
	if failed := s.failure(); failed != nil && failed.step == step {
		return failed.err
	}
	who, err := o.app.look(ctx, o.cookies())
	if who != nil && err == nil {
		o.person = who
	}
	return err
}

func (o *oneLogin) start(ctx context.Context) (err error) {
	if o.at, err = o.ua.get(ctx, o.app.origin+o.app.base+"/auth/login?return_to="+url.QueryEscape(o.app.base+"/")); err != nil {
		return err
	}
	return o.failed(ctx, stepLogin)
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
	if err := o.failed(ctx, stepCallback); err != nil {
		return err
	}
	o.at, err = o.ua.follow(ctx, o.at, o.app.origin)
	return err
}

// userInfo was part of the same request.
func (o *oneLogin) userInfo(ctx context.Context) error {
	if err := o.failed(ctx, stepUserInfo); err != nil {
		return err
	}
	if o.person == nil {
		return errors.New("nobody is logged in")
	}
	return nil
}

func (o *oneLogin) refresh(ctx context.Context) (err error) {
	if err := o.pressAndReturn(ctx, "/refresh"); err != nil {
		return err
	}
	if err := o.failed(ctx, stepRefresh); err != nil {
		return err
	}
	if o.person.refreshes != 1 {
		return errors.New("the application did not refresh the tokens")
	}
	o.rotated = o.person.rotations > 0
	return nil
}

func (o *oneLogin) logout(ctx context.Context) error {
	if err := o.pressAndReturn(ctx, "/auth/logout"); err != nil {
		return err
	}
	if err := o.failed(ctx, stepLogout); err != nil {
		return err
	}
	if who, err := o.app.look(ctx, o.cookies()); err != nil || who != nil || !o.seat().loggedOut() {
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

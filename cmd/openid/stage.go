package main

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"time"

	"github.com/openid-client/openid"
	"github.com/openid-client/openid/openidtest"
)

const (
	clientID = "demo"
	honest   = "honest" // the name of the application without an attacker
)

// A stage is a provider and an application, each on a loopback port.
type stage struct {
	provider *openidtest.Provider
	users    []openidtest.User
	origin   string
	apps     map[string]*app // by the name of the lie; the honest one under honest
	server   *http.Server
	served   chan struct{}
}

// openStage starts both. Port 0 is any free one.
func openStage(port, providerPort int) (*stage, error) {
	users := openidtest.DemoUsers()
	provider, err := openidtest.Start(openidtest.Config{Addr: loopback(providerPort), DPoPNonces: true, AuthorizationDetails: []string{paymentType}})
	if err != nil {
		return nil, onPort("--provider-port", providerPort, err)
	}
	st := &stage{provider: provider, users: users, apps: map[string]*app{}, served: make(chan struct{})}
	ln, err := net.Listen("tcp", loopback(port))
	if err != nil {
		return nil, errors.Join(onPort("--port", port, err), provider.Close())
	}
	st.origin = "http://" + ln.Addr().String()
	handler, err := st.handler()
	if err != nil {
		return nil, errors.Join(err, ln.Close(), provider.Close())
	}
	st.server = &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second}
	go func() {
		defer close(st.served)
		_ = st.server.Serve(ln) // always http.ErrServerClosed
	}()
	return st, nil
}

// onPort names the flag that asked for a port, if it is not to be had.
func onPort(flag string, port int, err error) error {
	var listening *net.OpError
	if port == 0 || !errors.As(err, &listening) {
		return err
	}
	return fmt.Errorf("%s %d: %w: choose another port, or 0 for any free one", flag, port, listening.Err)
}

func loopback(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }

func (st *stage) close() error {
	err := st.server.Close()
	<-st.served
	return errors.Join(err, st.provider.Close())
}

// handler registers the client at the provider and makes one application for the truth and one for each lie.
func (st *stage) handler() (http.Handler, error) {
	secret := rand.Text() + rand.Text()
	registration := openidtest.Client{ID: clientID, Name: "openid demo", Secret: secret}
	mux := http.NewServeMux()
	for _, l := range append([]*lie{nil}, lies...) {
		a, err := st.newApp(l, secret)
		if err != nil {
			return nil, err
		}
		st.apps[a.name] = a
		registration.RedirectURIs = append(registration.RedirectURIs, st.origin+a.base+"/auth/callback")
		registration.PostLogoutRedirectURIs = append(registration.PostLogoutRedirectURIs, st.origin+a.base+"/auth/logged-out")
		st.route(mux, a, l)
	}
	if err := st.provider.AddClient(registration); err != nil {
		return nil, err
	}
	protection := http.NewCrossOriginProtection()
	keys, err := newFlowKeys()
	if err != nil {
		return nil, err
	}
	for _, f := range playable() {
		a, err := st.newFlowApp(f, keys)
		if err != nil {
			return nil, err
		}
		st.apps[a.name] = a
		st.route(mux, a, nil)
		mux.HandleFunc("GET "+a.base+"/request", a.hosted.serve)
		// A response in a POST comes from the provider's page; its state is the protection.
		protection.AddInsecureBypassPattern("POST " + a.base + "/auth/callback")
	}
	return st.secure(protection.Handler(mux)), nil
}

func (st *stage) newApp(l *lie, secret string) (*app, error) {
	cfg := openid.Config{
		Issuer:            st.provider.Issuer(),
		ClientID:          clientID,
		Auth:              openid.ClientSecret(openid.NewSecret(secret)),
		InsecureAllowHTTP: true,
	}
	if l == nil {
		return newApp(honest, st.origin, "", cfg, nil)
	}
	attacker, err := newMiddleman(l, st.provider.Client().Transport)
	if err != nil {
		return nil, err
	}
	cfg.HTTPClient = &http.Client{Transport: attacker}
	return newApp(l.name, st.origin, "/break/"+l.name, cfg, nil)
}

func (st *stage) route(mux *http.ServeMux, a *app, l *lie) {
	auth := http.Handler(a.web)
	if l != nil {
		auth = l.frontChannel(auth)
	}
	a.serve(mux, auth, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { st.show(w, r, a, l) }))
}

// secure adds the headers of every page: nothing from elsewhere, no script, no frame around it. Forms may lead to the provider, because a
// logout is a form that ends there.
func (st *stage) secure(next http.Handler) http.Handler {
	style := sha256.Sum256([]byte(pageCSS))
	policy := "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(style[:]) + "'; img-src data:; form-action 'self' " +
		st.provider.Issuer() + "; base-uri 'none'; frame-ancestors 'none'"
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cache-Control", "no-store")
		next.ServeHTTP(w, r)
	})
}

// serve shows the demo until ctx ends.
func (st *stage) serve(ctx context.Context, stdout io.Writer, browser bool) error {
	fmt.Fprintf(stdout, "An OpenID Provider and an application that logs in at it are running.\n\n")
	fmt.Fprintf(stdout, "  Application   %s   look here\n", st.origin)
	fmt.Fprintf(stdout, "  Provider      %s\n\n", st.provider.Issuer())
	title := "Users"
	for _, u := range st.users {
		fmt.Fprintf(stdout, "  %-13s %-8s password %s\n", title, u.Username, u.Password)
		title = ""
	}
	fmt.Fprintf(stdout, "\nPress Ctrl-C to stop.\n")
	if browser {
		openBrowser(st.origin)
	}
	<-ctx.Done()
	return st.close()
}

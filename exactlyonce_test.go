package openid

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/openid-client/openid/internal/endpoint"
	"github.com/openid-client/openid/store"
)

// How many faults are met.
const exactlyOnce, exactlyOnceHTTP2 = 10_000, 2_000

var onceSeed = flag.Uint64("seed", 0, "of TestExactlyOnce; 0: another one each time")

// A onceCall asks for something that must not be asked for twice. What is good once bears a mark; it stands in the request once.
type onceCall struct {
	name string
	body bool // the mark is in the body
	call func(ctx context.Context, c *onceClient, mark string) error
}

var onceCalls = []onceCall{
	{"code", true, func(ctx context.Context, c *onceClient, mark string) error {
		location, tx, err := c.plain.Authorize(ctx, AuthorizationRequest{Scope: []string{"accounts"}})
		if err != nil {
			return err
		}
		u, _ := url.Parse(location)
		back, _ := http.NewRequest("GET", c.plain.cfg.RedirectURI+"?code="+mark+"&state="+u.Query().Get("state"), nil)
		_, err = c.plain.Callback(ctx, back, tx)
		return err
	}},
	{"refresh", true, func(ctx context.Context, c *onceClient, mark string) error {
		_, err := c.plain.Tokens(ctx, RefreshToken{Token: NewSecret(mark)})
		return err
	}},
	{"refresh of a token source", true, func(ctx context.Context, c *onceClient, mark string) error {
		_, err := c.plain.TokenSource(mark, RefreshToken{Token: NewSecret(mark)}).Token(ctx)
		return err
	}},
	{"pushed request", true, func(ctx context.Context, c *onceClient, mark string) error {
		_, _, err := c.pushing.Authorize(ctx, AuthorizationRequest{Extra: url.Values{"login_hint": {mark}}})
		return err
	}},
	{"device authorization", true, func(ctx context.Context, c *onceClient, mark string) error {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		shown := false
		_, err := c.plain.Tokens(ctx, Device{Extra: url.Values{"name": {mark}}, Show: func(DevicePrompt) { shown = true; cancel() }})
		if shown {
			return nil
		}
		return err
	}},
	{"backchannel authentication", true, func(ctx context.Context, c *onceClient, mark string) error {
		_, err := c.plain.Tokens(ctx, CIBA{LoginHint: mark})
		if errors.Is(err, ErrUnknownUserID) { // is how the honest server ends it
			return nil
		}
		return err
	}},
	{"revocation", true, func(ctx context.Context, c *onceClient, mark string) error {
		return c.plain.Revoke(ctx, NewSecret(mark))
	}},
	{"introspection", true, func(ctx context.Context, c *onceClient, mark string) error {
		_, err := c.plain.Introspect(ctx, NewSecret(mark))
		return err
	}},
	{"token exchange", true, func(ctx context.Context, c *onceClient, mark string) error {
		_, err := c.plain.Tokens(ctx, TokenExchange{Subject: NewSecret(mark)})
		return err
	}},
	{"assertion", true, func(ctx context.Context, c *onceClient, mark string) error {
		_, err := c.plain.Tokens(ctx, JWTBearer{Assertion: func(context.Context) (Secret, error) { return NewSecret(mark), nil }})
		return err
	}},
	{"registration", true, func(ctx context.Context, c *onceClient, mark string) error {
		_, err := Register(ctx, c.registrar, ClientMetadata{ClientName: mark, RedirectURIs: []string{"https://app.example/cb"}})
		return err
	}},
	{"registration changed", true, func(ctx context.Context, c *onceClient, mark string) error {
		_, err := c.registered("constant").Update(ctx, c.registrar, ClientMetadata{ClientName: mark})
		return err
	}},
	{"registration deleted", false, func(ctx context.Context, c *onceClient, mark string) error {
		return c.registered(mark).Delete(ctx, c.registrar)
	}},
}

// onceAnswers are the honest ones, by path.
var onceAnswers = map[string]onceAnswer{
	"/token":      {200, `{"access_token":"a","token_type":"Bearer","expires_in":3600,"issued_token_type":"urn:ietf:params:oauth:token-type:access_token"}`},
	"/par":        {201, `{"request_uri":"urn:x:1","expires_in":60}`},
	"/device":     {200, `{"device_code":"d","user_code":"u","verification_uri":"https://op.example/d","expires_in":60}`},
	"/ciba":       {400, `{"error":"unknown_user_id"}`},
	"/revoke":     {200, ``},
	"/introspect": {200, `{"active":true,"sub":"alice"}`},
	"/register":   {201, `{"client_id":"c","redirect_uris":["https://app.example/cb"],"client_secret":"0123456789abcdef","client_secret_expires_at":0}`},
	"/client":     {200, `{"client_id":"c","client_secret":"0123456789abcdef","client_secret_expires_at":0}`},
}

type onceAnswer struct {
	status int
	body   string
}

// to is the answer for a request.
func (a onceAnswer) to(method string) onceAnswer {
	if method == http.MethodDelete {
		return onceAnswer{204, ""}
	}
	return a
}

func (a onceAnswer) text(header ...string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "HTTP/1.1 %d %s\r\n", a.status, http.StatusText(a.status))
	if a.status != 204 {
		fmt.Fprintf(&b, "Content-Type: application/json\r\nContent-Length: %d\r\n", len(a.body))
	}
	for _, h := range header {
		b.WriteString(h + "\r\n")
	}
	return b.String() + "\r\n" + a.body
}

var (
	troubled  = []int{400, 401, 403, 404, 408, 409, 421, 425, 429, 500, 501, 502, 503, 504, 511}
	redirects = []int{301, 302, 303, 305, 307, 308}
)

// A onceFault is what becomes of a request, or of the connection that it should go through.
type onceFault struct {
	name string
	// idle happens to connections at rest while the call begins.
	idle func(s *onceServer, conn net.Conn)
	// early happens to a connection when the first bytes of the request are there, late when all of it was read; false: hang up.
	early func(s *onceServer, conn net.Conn, in *bufio.Reader) bool
	late  func(s *onceServer, conn net.Conn, honest onceAnswer) bool
	// unsent: nothing of the request can leave; cut: the client's own side of the wire breaks, after so many bytes.
	unsent, cut bool
}

var onceFaults = []onceFault{
	{name: "nobody listens", unsent: true},
	{name: "the wire is cut", cut: true},
	{name: "closed while it rests", idle: func(_ *onceServer, conn net.Conn) { conn.Close() }},
	{name: "reset while it rests", idle: func(_ *onceServer, conn net.Conn) { reset(conn) }},
	{name: "408 while it rests", idle: func(_ *onceServer, conn net.Conn) {
		io.WriteString(conn, onceAnswer{408, ""}.text("Connection: close"))
		conn.Close()
	}},
	{name: "closed before it is read", early: func(*onceServer, net.Conn, *bufio.Reader) bool { return false }},
	{name: "answered before it is read", early: func(s *onceServer, conn net.Conn, _ *bufio.Reader) bool {
		io.WriteString(conn, onceAnswer{s.one(troubled), ""}.text("Connection: close"))
		return false
	}},
	{name: "reset while it is read", early: func(s *onceServer, conn net.Conn, in *bufio.Reader) bool {
		in.Discard(s.upTo(in.Buffered()))
		reset(conn)
		return false
	}},
	{name: "closed when it was read", late: func(*onceServer, net.Conn, onceAnswer) bool { return false }},
	{name: "reset when it was read", late: func(_ *onceServer, conn net.Conn, _ onceAnswer) bool { reset(conn); return false }},
	{name: "early hints and no more", late: func(_ *onceServer, conn net.Conn, _ onceAnswer) bool {
		io.WriteString(conn, "HTTP/1.1 103 Early Hints\r\n\r\n")
		return false
	}},
	{name: "the answer is cut off", late: func(s *onceServer, conn net.Conn, honest onceAnswer) bool {
		text := honest.text()
		io.WriteString(conn, text[:1+s.upTo(len(text)-2)])
		return false
	}},
	{name: "the answer is no HTTP", late: func(_ *onceServer, conn net.Conn, _ onceAnswer) bool {
		io.WriteString(conn, "220 mail.example ESMTP\r\n")
		return false
	}},
	{name: "an error", late: func(s *onceServer, conn net.Conn, _ onceAnswer) bool {
		io.WriteString(conn, onceAnswer{s.one(troubled), `{"error":"temporarily_unavailable"}`}.text(s.manners()...))
		return s.upTo(3) > 0
	}},
	{name: "a redirect", late: func(s *onceServer, conn net.Conn, _ onceAnswer) bool {
		io.WriteString(conn, onceAnswer{s.one(redirects), ""}.text(append(s.manners(), "Location: /elsewhere")...))
		return true
	}},
	{name: "the caller gives up", late: func(s *onceServer, conn net.Conn, _ onceAnswer) bool {
		(*s.giveUp.Load())()
		io.Copy(io.Discard, conn)
		return false
	}},
}

func reset(conn net.Conn) {
	conn.(*net.TCPConn).SetLinger(0)
	conn.Close()
}

// A onceServer counts marks, and does to each request what the test has laid out for it.
type onceServer struct {
	listener net.Listener
	fault    atomic.Pointer[onceFault] // is met once; nil: honest
	giveUp   atomic.Pointer[context.CancelFunc]
	cut      atomic.Int64 // how many bytes the client may still write, if not negative

	mu            sync.Mutex
	chance        *rand.Rand
	conns         map[net.Conn]bool
	written, read map[string]int // marks
	open          sync.WaitGroup
}

func newOnceServer(t *testing.T, seed, worker uint64, serve func(*onceServer, net.Conn)) *onceServer {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &onceServer{listener: l, chance: rand.New(rand.NewPCG(seed, worker)), conns: map[net.Conn]bool{}, written: map[string]int{}, read: map[string]int{}}
	s.cut.Store(-1)
	s.open.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			s.mu.Lock()
			s.conns[conn] = true
			s.mu.Unlock()
			s.open.Go(func() {
				defer func() {
					conn.Close()
					s.mu.Lock()
					delete(s.conns, conn)
					s.mu.Unlock()
				}()
				serve(s, conn)
			})
		}
	})
	return s
}

// close ends the server and waits for all that it read.
func (s *onceServer) close() {
	s.listener.Close()
	for _, conn := range s.resting() {
		conn.Close()
	}
	s.open.Wait()
}

func (s *onceServer) resting() (list []net.Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for conn := range s.conns {
		list = append(list, conn)
	}
	return list
}

// upTo is a number from 0 to n.
func (s *onceServer) upTo(n int) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.chance.IntN(max(n, 0) + 1)
}

func (s *onceServer) one(list []int) int { return list[s.upTo(len(list)-1)] }

func (s *onceServer) manners() (header []string) {
	switch s.upTo(3) {
	case 0:
		header = append(header, "Retry-After: 0")
	case 1:
		header = append(header, "Connection: close")
	}
	return header
}

var onceMark = regexp.MustCompile(`mark-\d{6}`)

// count adds the marks in what went by and returns the rest, in which one may have begun.
func (s *onceServer) count(marks map[string]int, rest, b []byte) []byte {
	rest = append(rest, b...)
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		at := onceMark.FindIndex(rest)
		if at == nil {
			return rest[max(0, len(rest)-len("mark-000000")+1):]
		}
		marks[string(rest[at[0]:at[1]])]++
		rest = rest[at[1]:]
	}
}

// A wire counts the marks that leave the client, whether or not anybody reads them.
type wire struct {
	net.Conn
	s    *onceServer
	rest []byte
}

func (w *wire) Write(b []byte) (int, error) {
	if left := w.s.cut.Load(); left >= 0 && left < int64(len(b)) {
		w.s.cut.Store(-1)
		n, _ := w.Conn.Write(b[:left])
		w.rest = w.s.count(w.s.written, w.rest, b[:n])
		w.Conn.Close()
		return n, &net.OpError{Op: "write", Net: "tcp", Err: net.ErrClosed}
	}
	n, err := w.Conn.Write(b)
	w.rest = w.s.count(w.s.written, w.rest, b[:n])
	return n, err
}

func (s *onceServer) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	if f := s.fault.Load(); f != nil && f.unsent {
		return nil, &net.OpError{Op: "dial", Net: network, Err: errors.New("connection refused")}
	}
	conn, err := new(net.Dialer).DialContext(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	return &wire{Conn: conn, s: s}, nil
}

// A tap counts the marks that the server reads.
type tap struct {
	net.Conn
	s    *onceServer
	rest []byte
}

func (p *tap) Read(b []byte) (int, error) {
	n, err := p.Conn.Read(b)
	p.rest = p.s.count(p.s.read, p.rest, b[:n])
	return n, err
}

// serveOnce speaks HTTP/1.1.
func serveOnce(s *onceServer, conn net.Conn) {
	in := bufio.NewReader(&tap{Conn: conn, s: s})
	for {
		if _, err := in.Peek(1); err != nil {
			return
		}
		f := s.fault.Swap(nil)
		if f != nil && f.early != nil && !f.early(s, conn, in) {
			return
		}
		r, err := http.ReadRequest(in)
		if err != nil {
			return
		}
		if _, err := io.Copy(io.Discard, r.Body); err != nil {
			return
		}
		honest := onceAnswers[r.URL.Path].to(r.Method)
		if f != nil && f.late != nil {
			if !f.late(s, conn, honest) {
				return
			}
			continue
		}
		io.WriteString(conn, honest.text())
	}
}

// A onceClient is what the calls are made with.
type onceClient struct {
	plain, pushing *Client
	registrar      Config
	base           string
}

func (c *onceClient) registered(token string) *Registration {
	return &Registration{ClientID: "c", URI: c.base + "/client", AccessToken: NewSecret(token), issuer: c.base}
}

func newOnceClient(t *testing.T, s *onceServer, tr *http.Transport) *onceClient {
	tr.Proxy, tr.DialContext = nil, s.dial
	base := "http://" + s.listener.Addr().String()
	meta := &ServerMetadata{Issuer: base, AuthorizationEndpoint: base + "/authorize", TokenEndpoint: base + "/token", JWKSURI: base + "/jwks",
		RevocationEndpoint: base + "/revoke", IntrospectionEndpoint: base + "/introspect", DeviceAuthorizationEndpoint: base + "/device",
		PushedAuthorizationRequestEndpoint: base + "/par", BackchannelAuthenticationEndpoint: base + "/ciba", RegistrationEndpoint: base + "/register",
		BackchannelTokenDeliveryModesSupported: []string{"poll"}}
	cfg := Config{Issuer: base, Metadata: meta, HTTPClient: &http.Client{Transport: tr}, InsecureAllowHTTP: true, Store: store.Memory(1 << 20)}
	c := &onceClient{registrar: cfg, base: base}
	c.registrar.Store = nil
	cfg.ClientID, cfg.Auth, cfg.RedirectURI = "c", ClientSecretBasic(NewSecret("a secret of the client's")), "https://app.example/cb"
	var err error
	if c.plain, err = New(cfg); err != nil {
		t.Fatal(err)
	}
	cfg.PushAuthorizationRequests = true
	if c.pushing, err = New(cfg); err != nil {
		t.Fatal(err)
	}
	return c
}

// A onceResult is how a call ended.
type onceResult struct {
	fault, call, mark string
	err               error
}

// wrong says in which way the error denies what left, or the server saw more than that; empty: in none.
func (r onceResult) wrong(written, read int) string {
	var failed *ExchangeError
	var refused *ResponseError
	var judged *VerificationError
	switch {
	case written > 1 || read > written:
		return fmt.Sprintf("it was sent %d times and read %d times", written, read)
	case r.err == nil && read != 1:
		return "it succeeded without having been read"
	case r.err == nil:
		return ""
	case errors.As(r.err, &failed):
		if !failed.Sent && written > 0 {
			return "it was sent, and the error denies it"
		}
		return ""
	case !errors.As(r.err, &refused) && !errors.As(r.err, &judged) && !errors.Is(r.err, context.Canceled):
		return "the error says nothing about it"
	}
	return ""
}

// meet has each worker make calls, with an honest one in between now and then, until n faults were met by all of them together.
func meet(t *testing.T, n int, faults []onceFault, calls []onceCall, serve func(*onceServer, net.Conn), transport func() *http.Transport) {
	if testing.Short() {
		n /= 10
	}
	seed := *onceSeed
	if seed == 0 {
		seed = rand.Uint64()
	}
	t.Logf("-seed=%d", seed)
	const workers = 4
	var all [workers][]onceResult
	var written, read [workers]map[string]int
	var running sync.WaitGroup
	for i := range workers {
		s := newOnceServer(t, seed, uint64(i), serve)
		tr := transport()
		c := newOnceClient(t, s, tr)
		running.Go(func() {
			all[i] = s.meet(t.Context(), c, tr, n/workers, faults, calls, seed)
			s.close()
			tr.CloseIdleConnections()
			written[i], read[i] = s.written, s.read
		})
	}
	running.Wait()

	met, pairs, unsent, maybe, answered := 0, map[string]bool{}, 0, 0, 0
	for i, results := range all {
		for _, r := range results {
			w := written[i][r.mark]
			if wrong := r.wrong(w, read[i][r.mark]); wrong != "" {
				t.Errorf("%s/%s: %s: %v", r.fault, r.call, wrong, r.err)
			}
			var failed *ExchangeError
			sent := errors.As(r.err, &failed) && failed.Sent
			if r.fault == "nobody listens" && w == 0 && (failed == nil || sent) { // a connection may have come to rest too late to be closed
				t.Errorf("%s/%s: nothing can have been sent: %v", r.fault, r.call, r.err)
			}
			switch {
			case r.fault == "":
				if r.err != nil {
					t.Errorf("no fault, yet %s: %v", r.call, r.err)
				}
				continue
			case failed == nil:
				answered++
			case sent:
				maybe++
			default:
				unsent++
			}
			met++
			pairs[r.fault+"/"+r.call] = true
		}
	}
	t.Logf("%d faults, %d pairs of fault and call: %d answered, %d whose outcome is unknown, %d that were not sent", met, len(pairs), answered, maybe, unsent)
	if met != n || unsent == 0 || maybe == 0 || answered == 0 {
		t.Errorf("%d faults were met, of %d", met, n)
	}
	if want := len(faults) * len(calls); len(pairs) != want && !testing.Short() {
		t.Errorf("%d pairs of fault and call, want %d", len(pairs), want)
	}
}

func (s *onceServer) meet(ctx context.Context, c *onceClient, tr *http.Transport, n int, faults []onceFault, calls []onceCall, seed uint64) (results []onceResult) {
	chance := rand.New(rand.NewPCG(seed, s.chance.Uint64())) // the server's goroutines draw from their own
	var pairs []int                                          // of fault and call, all of them before one comes again
	for met := 0; met < n; {
		if len(pairs) == 0 {
			pairs = chance.Perm(len(faults) * len(calls))
		}
		call := calls[pairs[0]%len(calls)]
		result := onceResult{call: call.name, mark: fmt.Sprintf("mark-%06d", len(results))}
		ctx, cancel := context.WithCancel(ctx)
		s.giveUp.Store(&cancel)
		var idle sync.WaitGroup
		if len(results)%2 == 0 && chance.IntN(2) == 0 { // a connection may rest before the next one
			s.fault.Store(nil)
		} else {
			met++
			f := &faults[pairs[0]/len(calls)]
			pairs = pairs[1:]
			result.fault = f.name
			s.fault.Store(f)
			switch {
			case f.unsent:
				tr.CloseIdleConnections()
			case f.cut:
				s.cut.Store(int64(s.upTo(400)))
			case f.idle != nil:
				pause := chance.IntN(200)
				idle.Go(func() {
					for range pause {
						runtime.Gosched()
					}
					for _, conn := range s.resting() {
						f.idle(s, conn)
					}
				})
			}
		}
		result.err = call.call(ctx, c, result.mark)
		idle.Wait()
		cancel()
		s.cut.Store(-1)
		if result.fault != "" {
			tr.CloseIdleConnections() // the fault is this call's and no other's
		}
		results = append(results, result)
	}
	return results
}

// TestExactlyOnce: whatever fails, and wherever, a request that changes something leaves once at most, and its error does not deny that it left.
func TestExactlyOnce(t *testing.T) {
	meet(t, exactlyOnce, onceFaults, onceCalls, serveOnce, endpoint.NewTransport)
}

// TestExactlyOnceBites: what the test above would let pass, it does not.
func TestExactlyOnceBites(t *testing.T) {
	for _, l := range []struct {
		lie           string
		err           error
		written, read int
		says          string
	}{
		{"sent twice", nil, 2, 1, "2 times"},
		{"read by somebody else", nil, 0, 1, "read 1 times"},
		{"success of nothing", nil, 0, 0, "succeeded"},
		{"a denial", &ExchangeError{}, 1, 0, "denies"},
		{"an error of another kind", io.EOF, 1, 1, "says nothing"},
		{"", &ExchangeError{Sent: true}, 1, 1, ""},
		{"", &ExchangeError{Sent: true}, 0, 0, ""},
		{"", &ExchangeError{}, 0, 0, ""},
	} {
		if got := (onceResult{err: l.err}).wrong(l.written, l.read); !strings.Contains(got, l.says) || (got == "") != (l.says == "") {
			t.Errorf("%s: got %q", l.lie, got)
		}
	}
	s := &onceServer{}
	marks := map[string]int{}
	rest := s.count(marks, nil, []byte("a=mark-000001&b=mark-0000"))
	if s.count(marks, rest, []byte("02")); marks["mark-000001"] != 1 || marks["mark-000002"] != 1 {
		t.Errorf("counted %v", marks)
	}
}

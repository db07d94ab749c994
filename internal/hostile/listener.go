package hostile

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"sync"
	"time"
)

// Two places for endpoints that cannot be reached. At Refused nobody listens.
// At BadTLS the provider itself answers, with a certificate of another name.
const (
	Refused = "https://refused.example"
	BadTLS  = "https://bad-tls.invalid"
)

// Client reaches the given providers, loopback addresses and nothing else. It
// trusts the providers' certificate and speaks HTTP/1.1. Others may wrap its
// Transport, which is an *http.Transport.
func Client(providers ...*Provider) *http.Client {
	transport := &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: certificate().pool},
		DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			for _, p := range providers {
				if p.addr == addr || addr == "bad-tls.invalid:443" {
					return p.dial(ctx)
				}
			}
			host, _, _ := net.SplitHostPort(addr)
			if ip := net.ParseIP(host); ip != nil && ip.IsLoopback() {
				return new(net.Dialer).DialContext(ctx, network, addr)
			}
			providers[0].saw("dial:" + host)
			return nil, &net.OpError{Op: "dial", Net: network, Err: fmt.Errorf("nothing listens at %s: connection refused", addr)}
		},
	}
	p := providers[0]
	p.t.Cleanup(transport.CloseIdleConnections)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.transports = append(p.transports, transport)
	return &http.Client{Transport: transport}
}

func (p *Provider) closeIdle() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, t := range p.transports {
		t.CloseIdleConnections()
	}
}

func tlsListener(l net.Listener) net.Listener {
	return tls.NewListener(l, &tls.Config{Certificates: []tls.Certificate{certificate().pair}, ClientAuth: tls.RequestClientCert, ClientCAs: certificate().pool})
}

type selfSigned struct {
	pair tls.Certificate
	pool *x509.CertPool
}

// certificate is valid in the year 2000, where a synctest bubble begins.
var certificate = sync.OnceValue(func() selfSigned {
	key := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	template := &x509.Certificate{
		SerialNumber:          big.NewInt(1),
		NotBefore:             time.Date(1990, 1, 1, 0, 0, 0, 0, time.UTC),
		NotAfter:              time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC),
		DNSNames:              []string{"*.example", "localhost"},
		IPAddresses:           []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback},
		BasicConstraintsValid: true,
		IsCA:                  true,
	}
	der := must(x509.CreateCertificate(rand.Reader, template, template, key.Public(), key))
	leaf := must(x509.ParseCertificate(der))
	pool := x509.NewCertPool()
	pool.AddCert(leaf)
	return selfSigned{tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}, pool}
})

// pipeListener accepts the far ends of net.Pipe. Its Close cuts them all: two
// ends that closed TLS at the same moment would each wait, under a lock, for the
// other to read its good-bye, and time would stand still in a bubble.
type pipeListener struct {
	conns  chan net.Conn
	closed chan struct{}
	mu     sync.Mutex
	far    []net.Conn
}

func newPipeListener() *pipeListener {
	return &pipeListener{conns: make(chan net.Conn), closed: make(chan struct{})}
}

func (l *pipeListener) dial(ctx context.Context) (net.Conn, error) {
	near, far := net.Pipe()
	l.mu.Lock()
	l.far = append(l.far, far)
	l.mu.Unlock()
	select {
	case l.conns <- far:
		return near, nil
	case <-l.closed:
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (l *pipeListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *pipeListener) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	select {
	case <-l.closed:
	default:
		close(l.closed)
	}
	for _, c := range l.far {
		c.Close()
	}
	return nil
}

func (l *pipeListener) Addr() net.Addr { return pipeAddr{} }

type pipeAddr struct{}

func (pipeAddr) Network() string { return "pipe" }
func (pipeAddr) String() string  { return "pipe" }

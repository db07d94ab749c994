package interop

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"
)

// issuing is an authority that lives as long as the tests: what it signed, the servers and clients of a run believe.
type issuing struct {
	leaf          *x509.Certificate
	private       *ecdsa.PrivateKey
	ca, cert, key string // PEM: its own certificate, and a server's with its key
}

var authority = sync.OnceValue(func() issuing {
	var a issuing
	a.private = fresh()
	der := a.sign(&x509.Certificate{Subject: pkix.Name{CommonName: "interop authority"}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}, a.private)
	a.leaf, _ = x509.ParseCertificate(der)
	a.ca = encodePEM("CERTIFICATE", der)
	key := fresh()
	a.cert = encodePEM("CERTIFICATE", a.sign(&x509.Certificate{Subject: pkix.Name{CommonName: "interop server"}, DNSNames: []string{"localhost"},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}, key))
	raw, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		panic(err)
	}
	a.key = encodePEM("PRIVATE KEY", raw)
	return a
})

func fresh() *ecdsa.PrivateKey {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	return key
}

// sign certifies a key; before it has a certificate of its own the authority signs itself.
func (a *issuing) sign(template *x509.Certificate, key *ecdsa.PrivateKey) []byte {
	template.SerialNumber = big.NewInt(time.Now().UnixNano())
	template.NotBefore, template.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(24*time.Hour)
	parent := a.leaf
	if parent == nil {
		parent = template
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), a.private)
	if err != nil {
		panic(err)
	}
	return der
}

// clientCertificate is signed by the authority, or, for a client that nobody vouches for, by itself.
func clientCertificate(name string, selfSigned bool) *tls.Certificate {
	key, by := fresh(), authority()
	if selfSigned {
		by = issuing{private: key}
	}
	return &tls.Certificate{Certificate: [][]byte{by.sign(&x509.Certificate{Subject: pkix.Name{CommonName: name},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}, key)}, PrivateKey: key}
}

// servingTLS serves h until the test ends.
func servingTLS(t *testing.T, h http.Handler) string {
	pair, err := tls.X509KeyPair([]byte(authority().cert), []byte(authority().key))
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewUnstartedServer(h)
	s.TLS = &tls.Config{Certificates: []tls.Certificate{pair}}
	s.StartTLS()
	t.Cleanup(s.Close)
	return s.URL
}

func encodePEM(kind string, der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}

// trusting is a transport that believes the authority.
var trusting = sync.OnceValue(func() *http.Transport {
	roots := x509.NewCertPool()
	roots.AddCert(authority().leaf)
	return &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}
})

package openid

import (
	"context"
	"crypto/tls"
	"fmt"
	"net/http"
)

type tlsClientAuth struct{}

// TLSClientAuth authenticates with [Config].Certificate in the TLS handshake: tls_client_auth, where the server knows the certificate by
// its subject, or self_signed_tls_client_auth, where it knows its key (RFC 8705 section 2). The request itself says client_id only.
func TLSClientAuth() ClientAuth { return tlsClientAuth{} }

func (tlsClientAuth) Authenticate(ctx context.Context, r *AuthRequest) error {
	return None().Authenticate(ctx, r)
}

// withCertificate is base, presenting certificate to the servers that ask for one.
func withCertificate(base http.RoundTripper, certificate *tls.Certificate) http.RoundTripper {
	t := base.(*http.Transport).Clone()
	if t.TLSClientConfig == nil {
		t.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	// Among Certificates only those of authorities that the server names would be looked for, and nobody signed a self-signed one.
	t.TLSClientConfig.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return certificate, nil }
	return t
}

func certificateMistake(certificate *tls.Certificate, base http.RoundTripper) (expected, got string) {
	switch base.(type) {
	case *http.Transport:
	default:
		return "an HTTPClient whose Transport is an *http.Transport, or none: no other can be given a certificate", fmt.Sprintf("a Transport of type %T", base)
	}
	if len(certificate.Certificate) == 0 || certificate.PrivateKey == nil {
		return "a certificate with its private key", "an incomplete one"
	}
	return "", ""
}

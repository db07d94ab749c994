package openid

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"slices"
)

// profiledConfig is a configuration under a profile, under judgement.
type profiledConfig struct {
	*Config
	p        *profile
	requests requestEncoder
	tls      *tls.Config // of the caller's transport; never nil
	keys     []crypto.PublicKey
}

func (*profiledConfig) kind() string { return "configuration" }
func (*profiledConfig) cause() error { return nil }

// refuse lists what contradicts the profile.
func (p *profile) refuse(cfg *Config, requests requestEncoder) (mistakes []error) {
	d := &profiledConfig{Config: cfg, p: p, requests: requests, tls: new(tls.Config)}
	if cfg.HTTPClient != nil {
		if t, ok := cfg.HTTPClient.Transport.(*http.Transport); ok && t.TLSClientConfig != nil {
			d.tls = t.TLSClientConfig
		}
	}
	d.keys = d.collectKeys()
	for _, c := range p.config {
		if !c.holds(context.Background(), d) {
			expected, got := c.says(d)
			mistakes = append(mistakes, &ConfigError{Field: c.name, Expected: expected + " under Profile " + p.name, Got: got, Spec: c.spec})
		}
	}
	return mistakes
}

// collectKeys are the public halves of the keys that this client signs with.
func (d *profiledConfig) collectKeys() (keys []crypto.PublicKey) {
	if a, ok := d.Auth.(assertion); ok && a.key != nil {
		for _, one := range a.all() {
			if key, _ := one.key(); key != nil {
				keys = append(keys, key.Public())
			}
		}
	}
	if d.RequestObject != nil {
		keys = append(keys, d.RequestObject.public()...)
	}
	if d.DPoP.enabled() {
		keys = append(keys, d.DPoP.keys.public()...)
	}
	if d.Certificate != nil && len(d.Certificate.Certificate) > 0 {
		if leaf, err := x509.ParseCertificate(d.Certificate.Certificate[0]); err == nil {
			keys = append(keys, leaf.PublicKey)
		}
	}
	return keys
}

// assertionAudience is what an assertion names instead of the issuer; empty: none does.
func (d *profiledConfig) assertionAudience() string {
	if a, ok := d.Auth.(assertion); ok && a.how.Audience != d.Issuer {
		return a.how.Audience // the same for all keys of a roll
	}
	return ""
}

// shortest is the size of the shortest RSA or elliptic curve key, in bits; 0 where there is none.
func (d *profiledConfig) shortest(wantRSA bool) (bits int) {
	for _, key := range d.keys {
		n := 0
		switch key := key.(type) {
		case *rsa.PublicKey:
			if wantRSA {
				n = key.N.BitLen()
			}
		case *ecdsa.PublicKey:
			if !wantRSA {
				n = key.Curve.Params().BitSize
			}
		}
		if n > 0 && (bits == 0 || n < bits) {
			bits = n
		}
	}
	return bits
}

// authMethod names how the client authenticates, as its constructor is named; empty: by something that only the requests will show.
func (d *profiledConfig) authMethod() string {
	switch a := d.Auth.(type) {
	case nil:
		return "nil"
	case none:
		return "None"
	case clientSecret:
		return "ClientSecret"
	case tlsClientAuth:
		return "TLSClientAuth"
	case assertion:
		if a.shared {
			return "ClientSecretJWT"
		}
		return "PrivateKeyJWT"
	case credentialFile:
		if a.present == nil {
			return "ClientSecretFile"
		}
	}
	return ""
}

// algorithmsOf are those that the client signs with, or accepts, by what a field says.
func (d *profiledConfig) algorithmsOf(field string) (algs []string) {
	switch field {
	case "Auth":
		if a, ok := d.Auth.(assertion); ok && a.err == nil {
			for _, one := range a.all() {
				algs = append(algs, one.signer.Algorithm())
			}
			return algs
		}
	case "RequestObject":
		if d.requests != nil && d.requests.signs() {
			return d.requests.algorithms()
		}
	case "DPoP":
		if d.DPoP.enabled() {
			return d.DPoP.keys.algorithms()
		}
	case "IDTokenSigningAlgs":
		return d.IDTokenSigningAlgs
	case "UserInfoSigningAlgs":
		return d.UserInfoSigningAlgs
	case "ResponseSigningAlgs":
		return d.ResponseSigningAlgs
	case "IntrospectionSigningAlgs":
		return d.IntrospectionSigningAlgs
	case "AccessTokenSigningAlgs":
		return d.AccessTokenSigningAlgs
	}
	return nil
}

// foreign names an algorithm of a field that the profile does not know.
func (d *profiledConfig) foreign(field string) string {
	for _, alg := range d.algorithmsOf(field) {
		if !slices.Contains(d.p.algs, alg) {
			return alg
		}
	}
	return ""
}

// requestAudience is what request objects name as their audience; empty: the issuer.
func (d *profiledConfig) requestAudience() string {
	if d.RequestObject == nil {
		return ""
	}
	return d.RequestObject.audience()
}

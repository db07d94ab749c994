package openid

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/openid-client/openid/internal/jose"
	"github.com/openid-client/openid/internal/strict"
)

// cibaTables are the rows of [CIBA] beside those of every client; they are linked by those only who use it.
type cibaTables struct {
	support, fapi []check[*backchannelRequest]
	idToken       []check[*jwt]
}

// A backchannelRequest is what this client is about to ask, beside what the server says it can do.
type backchannelRequest struct {
	c     *Client
	meta  *ServerMetadata
	grant CIBA

	signed             bool
	jti, aud, nbf, exp strict.Value // of the signed request
}

func (*backchannelRequest) kind() string { return "backchannel authentication request" }
func (*backchannelRequest) cause() error { return nil }

// read looks at the request as it was signed, which [Signing].Modify may have changed.
func (d *backchannelRequest) read(object string) {
	jws, err := jose.Split(object)
	if err != nil {
		return
	}
	payload, err := strict.AppendBase64(nil, jws.Payload)
	if err != nil {
		return
	}
	d.signed = strict.Object(payload, func(name []byte, v strict.Value) error {
		switch string(name) {
		case "jti":
			d.jti = v
		case "aud":
			d.aud = v
		case "nbf":
			d.nbf = v
		case "exp":
			d.exp = v
		}
		return nil
	}) == nil
}

// mode is how this client is told that there is an answer (CIBA section 5). Push is none of the modes: tokens come from the token endpoint.
func (d *backchannelRequest) mode() string {
	if d.grant.Ping != nil {
		return "ping"
	}
	return "poll"
}

func (d *backchannelRequest) algorithms() []string {
	if d.c.requests == nil {
		return nil
	}
	return d.c.requests.algorithms()
}

// signsOnlyBy: each key that may sign the request does so under one of algs.
func (d *backchannelRequest) signsOnlyBy(algs ...string) bool {
	return !slices.ContainsFunc(d.algorithms(), func(alg string) bool { return !slices.Contains(algs, alg) })
}

// cibaSupportChecks hold what is about to be asked against the server's metadata, as far as that says anything.
var cibaSupportChecks = []check[*backchannelRequest]{
	{"backchannel_token_delivery_modes_supported", "CIBA §4, §5",
		func(_ context.Context, d *backchannelRequest) bool {
			modes := d.meta.BackchannelTokenDeliveryModesSupported
			return len(modes) == 0 || slices.Contains(modes, d.mode())
		},
		func(d *backchannelRequest) (string, string) {
			return d.mode() + ", the mode of this client", listed(d.meta.BackchannelTokenDeliveryModesSupported)
		}},
	{"backchannel_authentication_request_signing_alg_values_supported", "CIBA §4, §7.1.1",
		func(_ context.Context, d *backchannelRequest) bool {
			algs := d.meta.BackchannelRequestSigningAlgSupported
			return len(algs) == 0 || d.signsOnlyBy(algs...)
		},
		func(d *backchannelRequest) (string, string) {
			return listed(d.algorithms()) + ", by Config.RequestObject", listed(d.meta.BackchannelRequestSigningAlgSupported)
		}},
}

// maxSignedRequest is how long a signed request may be good for: FAPI-CIBA section 5.2.2.
const maxSignedRequest = time.Hour

// fapiCIBAChecks are the clauses of FAPI-CIBA that bind a client, and those that bind the server to refuse it, for [CIBA].FAPI.
var fapiCIBAChecks = []check[*backchannelRequest]{
	{"signed request", "FAPI-CIBA §5.2.3, CIBA §7.1.1",
		func(_ context.Context, d *backchannelRequest) bool { return d.signed },
		func(d *backchannelRequest) (string, string) {
			if d.signed {
				return "what Config.RequestObject signs", "that"
			}
			return "what Config.RequestObject signs", "plain parameters"
		}},
	{"alg", "FAPI-CIBA §7.6, FAPI 1.0 Advanced §8.6",
		func(_ context.Context, d *backchannelRequest) bool {
			return len(d.algorithms()) > 0 && d.signsOnlyBy("PS256", "ES256")
		},
		func(d *backchannelRequest) (string, string) {
			return "PS256 or ES256", listed(d.algorithms())
		}},
	{"jti", "CIBA §7.1.1",
		func(_ context.Context, d *backchannelRequest) bool {
			jti, ok := d.jti.Text()
			return ok && jti != ""
		},
		func(d *backchannelRequest) (string, string) {
			return "an identifier of this one request", kindOf(d.jti)
		}},
	{"aud", "CIBA §7.1.1",
		func(_ context.Context, d *backchannelRequest) bool { return d.aud.Equal(d.c.cfg.Issuer) },
		func(d *backchannelRequest) (string, string) { return quoted(d.c.cfg.Issuer), shown(d.aud) }},
	{"nbf", "FAPI-CIBA §5.2.2, CIBA §7.1.1",
		func(_ context.Context, d *backchannelRequest) bool {
			nbf, ok := d.nbf.NumericDate()
			now := d.c.now()
			return ok && nbf <= now.Add(d.c.cfg.ClockTolerance).Unix() && nbf >= now.Add(-maxSignedRequest).Unix()
		},
		func(d *backchannelRequest) (string, string) {
			return "a time in the last " + maxSignedRequest.String(), shown(d.nbf)
		}},
	{"exp", "FAPI-CIBA §5.2.2, CIBA §7.1.1",
		func(_ context.Context, d *backchannelRequest) bool {
			nbf, _ := d.nbf.NumericDate()
			exp, ok := d.exp.NumericDate()
			return ok && exp > d.c.now().Unix() && exp-nbf <= int64(maxSignedRequest/time.Second)
		},
		func(d *backchannelRequest) (string, string) {
			return "a time to come, at most " + maxSignedRequest.String() + " after nbf", shown(d.exp)
		}},
	{"authorization context", "FAPI-CIBA §5.2.3",
		func(_ context.Context, d *backchannelRequest) bool {
			return d.grant.BindingMessage != "" || len(d.grant.AuthorizationDetails) > 0 || len(d.grant.Extra) > 0
		},
		func(d *backchannelRequest) (string, string) {
			return "a BindingMessage, AuthorizationDetails, or an Extra that says what the user decides about",
				strconv.Itoa(len(d.grant.BindingMessage)) + " bytes, " + strconv.Itoa(len(d.grant.AuthorizationDetails)) + " details and " + strconv.Itoa(len(d.grant.Extra)) + " of Extra"
		}},
	{"client authentication", "FAPI 1.0 Advanced §5.2.2, FAPI-CIBA §5.2.2",
		func(_ context.Context, d *backchannelRequest) bool { return d.c.keyed() },
		func(d *backchannelRequest) (string, string) {
			if d.c.keyed() {
				return "PrivateKeyJWT or TLSClientAuth", "one of them"
			}
			return "PrivateKeyJWT or TLSClientAuth", "another Auth"
		}},
	{"bound tokens", "FAPI 1.0 Advanced §5.2.2, FAPI 2.0 Security Profile §5.3.3",
		func(_ context.Context, d *backchannelRequest) bool {
			return d.c.cfg.Certificate != nil || d.c.cfg.DPoP.enabled()
		},
		func(d *backchannelRequest) (string, string) {
			var has []string
			if d.c.cfg.Certificate != nil {
				has = append(has, "Config.Certificate")
			}
			if d.c.cfg.DPoP.enabled() {
				has = append(has, "Config.DPoP")
			}
			return "Config.Certificate or Config.DPoP", or(strings.Join(has, " and "), "neither")
		}},
}

// keyed: the client authenticates with something that it never hands out.
func (c *Client) keyed() bool {
	switch a := c.cfg.Auth.(type) {
	case tlsClientAuth:
		return true
	case assertion:
		return !a.shared
	}
	return false
}

// The claims of an ID Token that CIBA section 10.3.1 defines. They are a must where tokens are pushed, which this package does not have; elsewhere
// they may be there, and must then be right.
const (
	authReqIDClaim   = "urn:openid:params:jwt:claim:auth_req_id"
	refreshHashClaim = "urn:openid:params:jwt:claim:rt_hash"
)

// cibaIDTokenChecks follow those of every ID Token.
var cibaIDTokenChecks = []check[*jwt]{
	{"auth_req_id", "CIBA §10.3.1",
		func(_ context.Context, j *jwt) bool {
			v := j.member(authReqIDClaim)
			return v == nil || v.EqualSecret(j.expect.authReqID)
		},
		func(j *jwt) (string, string) {
			v := j.member(authReqIDClaim)
			if v != nil && v.EqualSecret(j.expect.authReqID) {
				return "nothing, or the auth_req_id of this request", "the same"
			}
			return "nothing, or the auth_req_id of this request", kindOf(v)
		}},
	{"rt_hash", "CIBA §10.3.1",
		func(_ context.Context, j *jwt) bool {
			v := j.member(refreshHashClaim)
			return v == nil || j.expect.refresh != "" && j.hashFits(v, j.expect.refresh)
		},
		func(j *jwt) (string, string) {
			v := j.member(refreshHashClaim)
			if v != nil && j.expect.refresh == "" {
				return "nothing, since there is no refresh token", kindOf(v)
			}
			return j.hashStory(v, j.expect.refresh, "refresh token")
		}},
}

// member finds a claim that no other token has a row for.
func (j *jwt) member(name string) (found strict.Value) {
	_ = strict.Object(j.payload, func(n []byte, v strict.Value) error {
		if string(n) == name {
			found = v
		}
		return nil
	})
	return found
}

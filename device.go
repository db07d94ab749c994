package openid

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/openid-client/openid/internal/strict"
)

// Device is the device authorization grant of RFC 8628: the user logs in on another device, by a code that this one shows. Obtain
// returns when the user has decided, the code has expired or the context ends; trouble of the network or the server in between only
// makes it wait.
//
// Errors: *[ResponseError], such as [ErrAccessDenied]; [ErrExpiredToken] by either side; *[VerificationError]; *[ExchangeError] when the
// flow could not begin.
type Device struct {
	Scope                []string              // with "openid" an ID Token must come
	Resource             []string              // the APIs the token is for (RFC 8707)
	AuthorizationDetails []AuthorizationDetail // RFC 9396
	Extra                url.Values            // parameters of the server's own, for the request that begins the flow
	// Show tells the user where to go, once, and must not block. Nil: two lines on standard error.
	Show func(DevicePrompt)
}

// A DevicePrompt is what the user has to know (RFC 8628 section 3.3). Its texts are the server's own, checked to be printable.
type DevicePrompt struct {
	URI         string // where to enter UserCode
	CompleteURI string // the same with the code in it; empty where the server has none
	UserCode    string
	Expiry      time.Time
}

// QR is the text for a QR code: CompleteURI, or URI where there is none. Show UserCode beside it all the same, for the user to compare.
func (p DevicePrompt) QR() string { return or(p.CompleteURI, p.URI) }

// String says what to do, in two lines.
func (p DevicePrompt) String() string {
	s := "To log in, open " + p.URI + "\nand enter the code " + p.UserCode
	if p.CompleteURI != "" {
		s += ", or open " + p.CompleteURI
	}
	return s
}

// deviceResponse is the answer of the device authorization endpoint, under judgement.
type deviceResponse struct {
	waiting
	c                                *Client
	status                           int
	code, userCode, uri, completeURI strict.Value
	codeText, userCodeText, uriText  string
	completeURIText                  string
}

func (*deviceResponse) kind() string { return "device authorization response" }
func (*deviceResponse) cause() error { return nil }

var deviceChecks = []check[*deviceResponse]{
	{"status", "RFC 8628 §3.2",
		func(_ context.Context, d *deviceResponse) bool { return d.status == http.StatusOK },
		func(d *deviceResponse) (string, string) { return "200", strconv.Itoa(d.status) }},
	{"device_code", "RFC 8628 §3.2",
		func(_ context.Context, d *deviceResponse) bool {
			var ok bool
			d.codeText, ok = d.code.Text()
			return ok && d.codeText != "" && visible(d.codeText)
		},
		func(d *deviceResponse) (string, string) {
			return "a non-empty string of visible ASCII", kindOf(d.code)
		}},
	// What is shown to a user, in a terminal maybe, must not steer it.
	{"user_code", "RFC 8628 §3.2, §6.1",
		func(_ context.Context, d *deviceResponse) bool {
			var ok bool
			d.userCodeText, ok = d.userCode.Text()
			return ok && showable(d.userCodeText, 64)
		},
		func(d *deviceResponse) (string, string) {
			return "1 to 64 printable characters", kindOf(d.userCode)
		}},
	{"verification_uri", "RFC 8628 §3.2, §5.4",
		func(_ context.Context, d *deviceResponse) bool {
			var ok bool
			d.uriText, ok = d.uri.Text()
			return ok && d.c.opens(d.uriText)
		},
		func(d *deviceResponse) (string, string) { return "an https URL to show", shown(d.uri) }},
	{"verification_uri_complete", "RFC 8628 §3.2, §3.3.1",
		func(_ context.Context, d *deviceResponse) bool {
			var ok bool
			d.completeURIText, ok = d.completeURI.Text()
			return d.completeURI == nil || ok && d.c.opens(d.completeURIText)
		},
		func(d *deviceResponse) (string, string) {
			return "nothing, or an https URL to show", kindOf(d.completeURI)
		}},
	{"expires_in", "RFC 8628 §3.2",
		func(_ context.Context, d *deviceResponse) bool { _, ok := d.lifetime(); return ok },
		func(d *deviceResponse) (string, string) { return "a positive number of seconds", brief(d.expiresIn) }},
	{"interval", "RFC 8628 §3.2",
		func(_ context.Context, d *deviceResponse) bool { _, ok := d.pace(); return ok },
		func(d *deviceResponse) (string, string) {
			return "nothing, or 1 to " + strconv.Itoa(int(maxInterval/time.Second)) + " seconds", brief(d.interval)
		}},
}

// showable: short, and nothing in it that a terminal obeys or that hides or turns what stands around it.
func showable(s string, limit int) bool {
	return s != "" && len(s) <= limit && utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) })
}

// opens: a URL that a user may be sent to.
func (c *Client) opens(raw string) bool {
	_, err := c.http.ParseURL(raw)
	return err == nil && showable(raw, maxRequestURI)
}

const deviceCodeGrant = "urn:ietf:params:oauth:grant-type:device_code"

// Obtain implements [Grant].
func (g Device) Obtain(ctx context.Context, c *Client) (*Tokens, error) {
	s, err := c.current(ctx)
	if err != nil {
		return nil, err
	}
	form, err := grantForm("device", g.Scope, g.Resource, g.AuthorizationDetails)
	if err != nil {
		return nil, err
	}
	if err := addExtra(form, g.Extra); err != nil {
		return nil, err
	}
	form.Del("grant_type")
	d, err := c.beginDevice(ctx, s, form)
	if err != nil {
		return nil, err
	}
	lifetime, _ := d.lifetime()
	pace, _ := d.pace()
	p := &poll{document: "device authorization", spec: "RFC 8628 §3.2", interval: pace, expires: c.wallClock().Add(lifetime),
		form: url.Values{"grant_type": {deviceCodeGrant}, "device_code": {d.codeText}}}
	if slices.Contains(g.Scope, "openid") {
		p.expect.idToken = idTokenRequired
	}
	if p.expect.key, err = c.newKey(); err != nil {
		return nil, err
	}
	prompt := DevicePrompt{URI: d.uriText, CompleteURI: d.completeURIText, UserCode: d.userCodeText, Expiry: p.expires}
	if g.Show != nil {
		g.Show(prompt)
	} else {
		fmt.Fprintln(os.Stderr, prompt)
	}
	t, err := p.wait(ctx, c)
	if err == nil && t.Scope == nil {
		t.Scope = slices.Clone(g.Scope)
	}
	return t, err
}

// beginDevice asks for the codes (RFC 8628 section 3.1).
func (c *Client) beginDevice(ctx context.Context, s *server, form url.Values) (*deviceResponse, error) {
	res, sent, err := c.post(ctx, s, deviceEndpoint, form, nil)
	if err != nil {
		return nil, err
	}
	d := &deviceResponse{c: c, status: res.Status}
	err = readAnswer(usedEndpoints[deviceEndpoint].name, res, sent, func(name string, v strict.Value) {
		switch name {
		case "device_code":
			d.code = v
		case "user_code":
			d.userCode = v
		case "verification_uri":
			d.uri = v
		case "verification_url": // a draft's name, which Google kept
			if d.uri == nil {
				d.uri = v
			}
		case "verification_uri_complete":
			d.completeURI = v
		case "expires_in":
			d.expiresIn = v
		case "interval":
			d.interval = v
		}
	})
	if err != nil {
		return nil, err
	}
	if err := judge(ctx, c, orElse(c.rows.device, deviceChecks), d); err != nil {
		return nil, err
	}
	return d, nil
}

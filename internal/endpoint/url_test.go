package endpoint

import (
	"errors"
	"strings"
	"testing"
)

func TestParseURL(t *testing.T) {
	strict, loopback := &Client{}, &Client{AllowHTTP: true}
	for _, row := range []struct {
		name string
		c    *Client
		raw  string
		got  string // empty when the URL is good
	}{
		{"https", strict, "https://op.example/token", ""},
		{"a query belongs to the endpoint", strict, "https://op.example/token?tenant=1", ""},
		{"a port", strict, "https://op.example:8443", ""},
		{"an address", strict, "https://[2001:db8::1]/", ""},
		{"capitals", strict, "HTTPS://OP.example/", ""},
		{"http", strict, "http://op.example/", `scheme "http"`},
		{"http to loopback, not allowed", strict, "http://127.0.0.1/", `scheme "http"`},
		{"http to a public host", loopback, "http://op.example/", `http to "op.example"`},
		{"http to a name that begins like loopback", loopback, "http://127.0.0.1.op.example/", `http to`},
		{"http to a name that ends like loopback", loopback, "http://evil.localhost.op.example/", `http to`},
		{"http to a short address", loopback, "http://127.1/", `http to`},
		{"http to a private address", loopback, "http://10.0.0.1/", `http to`},
		{"http to any address", loopback, "http://0.0.0.0/", `http to`},
		{"http to 127.0.0.1", loopback, "http://127.0.0.1:8080/", ""},
		{"http to 127.255.0.1", loopback, "http://127.255.0.1/", ""},
		{"http to ::1", loopback, "http://[::1]:8080/", ""},
		{"http to localhost", loopback, "http://LocalHost:8080/", ""},
		{"a file on loopback", loopback, "file://localhost/etc/passwd", `scheme "file"`},
		{"another protocol on loopback", loopback, "ftp://127.0.0.1/", `scheme "ftp"`},
		{"https stays good", loopback, "https://op.example/", ""},
		{"nothing", strict, "", "no scheme"},
		{"a path", strict, "/token", "no scheme"},
		{"another's scheme", strict, "//op.example/token", "no scheme"},
		{"a file", strict, "file:///etc/passwd", `scheme "file"`},
		{"a script", strict, "javascript:alert(1)", `scheme "javascript"`},
		{"no slashes", strict, "https:op.example", "no host"},
		{"no host", strict, "https:///token", "no host"},
		{"only a port", strict, "https://:443/", "no host"},
		{"user information", strict, "https://user:s3cret@op.example/", "user information"},
		{"empty user information", strict, "https://@op.example/", "user information"},
		{"a fragment", strict, "https://op.example/#s3cret", "a fragment"},
		{"an empty fragment", strict, "https://op.example/#", "a fragment"},
		{"a port out of range", strict, "https://op.example:65536/", `port "65536"`},
		{"port zero", strict, "https://op.example:0/", `port "0"`},
		{"a line break", strict, "https://op.example/\r\ns3cret", "no URL"},
		{"a space", strict, " https://op.example/", "no URL"},
		{"a bad escape", strict, "https://op.example/%zz-s3cret", "no URL"},
	} {
		u, err := row.c.ParseURL(row.raw)
		if row.got == "" {
			if err != nil || u == nil {
				t.Errorf("%s: %v", row.name, err)
			}
			continue
		}
		var e *Error
		if u != nil || !errors.As(err, &e) || !strings.HasPrefix(e.Got, row.got) || !strings.HasPrefix(e.Expected, "an absolute https URL") {
			t.Errorf("%s: got %v, want %q", row.name, err, row.got)
		}
		if strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%s: %v carries a secret", row.name, err)
		}
	}
}

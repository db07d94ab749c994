package endpoint

import (
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// maxDrain is how much of an unwanted body is read so that its connection can
// serve the next exchange; beyond that a new connection is cheaper.
const maxDrain = 64 << 10

// read turns what the transport got into a Response or an *Error; any other
// error is one of reading the body.
func read(resp *http.Response, r *Request) (*Response, error) {
	if err := checkStatus(resp, r.URL); err != nil {
		// The body of a 101 is the naked connection: no deadline ends a read.
		if resp.StatusCode >= 200 {
			drain(resp.Body)
		}
		return nil, err
	}
	answer := &Response{Status: resp.StatusCode, Header: resp.Header}
	success := resp.StatusCode < 300
	mediaType, problem := bodyType(resp.Header)
	answer.MediaType = mediaType
	wanted := slices.ContainsFunc(r.Accept, func(t string) bool { return strings.EqualFold(t, mediaType) })
	switch {
	case resp.StatusCode == http.StatusNoContent:
	case success && len(r.Accept) == 0:
	case success && problem != "":
		drain(resp.Body)
		return nil, &Error{Expected: strings.Join(r.Accept, " or "), Got: problem}
	case success && !wanted:
		drain(resp.Body)
		return nil, &Error{Expected: strings.Join(r.Accept, " or "), Got: clip(mediaType)}
	case success, problem == "" && isJSON(mediaType):
		body, err := readBody(resp)
		if err != nil {
			return nil, err
		}
		answer.Body = body
		return answer, nil
	}
	drain(resp.Body)
	return answer, nil
}

func checkStatus(resp *http.Response, from *url.URL) error {
	switch s := resp.StatusCode; {
	case s >= 300 && s < 400:
		return &Error{Expected: "no redirect", Got: redirect(s, resp.Header.Get("Location"), from)}
	case s < 200 || s > 599:
		return &Error{Expected: "a final status", Got: fmt.Sprint(s)}
	}
	return nil
}

// redirect names the target's origin only: a query often carries secrets, and
// a path may.
func redirect(status int, location string, from *url.URL) string {
	to, err := from.Parse(location)
	if location == "" || err != nil || to.Host == "" {
		return fmt.Sprint(status)
	}
	origin := (&url.URL{Scheme: to.Scheme, Host: to.Host}).String()
	return fmt.Sprintf("%d to %s", status, clip(origin))
}

// bodyType is the media type of a body in lower case. The problem, when it is
// not empty, says why the body cannot be read whatever its type.
func bodyType(h http.Header) (mediaType, problem string) {
	if enc := h.Get("Content-Encoding"); enc != "" && !strings.EqualFold(enc, "identity") {
		return "", fmt.Sprintf("content encoding %q", clip(enc))
	}
	values := h["Content-Type"]
	switch len(values) {
	case 0:
		return "", "no media type"
	case 1:
	default:
		return "", "several media types"
	}
	switch v := values[0]; v {
	case "application/json", "application/jwt", "application/jwk-set+json":
		return v, ""
	case "application/json; charset=utf-8", "application/json;charset=utf-8", "application/json; charset=UTF-8", "application/json;charset=UTF-8":
		return "application/json", ""
	default:
		mediaType, params, err := mime.ParseMediaType(v)
		if err != nil && !errors.Is(err, mime.ErrInvalidMediaParameter) {
			return "", "a malformed media type"
		}
		if cs := params["charset"]; cs != "" && !strings.EqualFold(cs, "utf-8") {
			return "", fmt.Sprintf("%s in charset %q", clip(mediaType), clip(cs))
		}
		return mediaType, ""
	}
}

func isJSON(mediaType string) bool {
	return mediaType == "application/json" || strings.HasSuffix(mediaType, "+json")
}

// readBody reads to the end, which is what gives the connection back. The
// announced length only sizes the first buffer: it may be a lie.
func readBody(resp *http.Response) ([]byte, error) {
	size := int64(512)
	if resp.ContentLength >= 0 {
		size = min(resp.ContentLength+1, 16<<10)
	}
	b := make([]byte, 0, size)
	for {
		n, err := resp.Body.Read(b[len(b):cap(b)])
		b = b[:len(b)+n]
		switch {
		case len(b) > MaxBody:
			return nil, &Error{Expected: "a body of at most 1 MiB", Got: "a longer one"}
		case err == io.EOF:
			return b, nil
		case err != nil:
			return nil, err
		}
		if len(b) == cap(b) {
			b = append(b, 0)[:len(b)]
		}
	}
}

func drain(body io.Reader) { io.CopyN(io.Discard, body, maxDrain) }

// clip bounds what a server can put into an error message.
func clip(s string) string {
	if len(s) > 200 {
		return s[:200] + "…"
	}
	return s
}

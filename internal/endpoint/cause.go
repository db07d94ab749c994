package endpoint

import (
	"context"
	"crypto/tls"
	"errors"
	"net/url"
	"strings"
)

// cause makes the transport's error fit to be shown. The context's verdict
// wins, because a transport cut off in the middle may report a closed
// connection instead.
func cause(ctx context.Context, err error) error {
	if ctxErr := ctx.Err(); ctxErr != nil {
		return ctxErr
	}
	// *url.Error prints the whole URL.
	for ue := (*url.Error)(nil); errors.As(err, &ue) && ue.Err != nil; {
		err = ue.Err
	}
	var cert *tls.CertificateVerificationError
	if errors.As(err, &cert) {
		return err
	}
	// net/http and net/textproto quote the bytes they could not parse, which a
	// hostile server may have filled with what we sent it.
	if strings.Contains(err.Error(), `"`) {
		return &quiet{err}
	}
	return err
}

// quiet keeps an error for errors.Is and errors.As, and hides its text.
type quiet struct{ err error }

func (q *quiet) Error() string { return "the exchange is not valid HTTP" }
func (q *quiet) Unwrap() error { return q.err }

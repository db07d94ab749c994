package openid

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
)

// maxCredential bounds what is read from a credential's file, in bytes.
const maxCredential = 64 << 10

// credentialFile is a credential that somebody else keeps fresh in a file.
type credentialFile struct {
	path    string
	present func(*AuthRequest, string)
}

// AssertionFile authenticates with a JWT that lies in a file and is read at each use: a platform that vouches for its workloads puts it
// there and renews it, such as the token that Kubernetes projects into a pod (RFC 7523 section 2.2).
func AssertionFile(path string) ClientAuth { return credentialFile{path, presentAssertion} }

// ClientSecretFile authenticates like [ClientSecret] with a secret that lies in a file and is read at each use, so that it can be rotated
// without a restart. White space around it does not count.
func ClientSecretFile(path string) ClientAuth { return credentialFile{path, nil} }

func (a credentialFile) mistake() (expected, got string) {
	if a.path == "" {
		return "the path of a file", "an empty one"
	}
	return "", ""
}

func (a credentialFile) Authenticate(ctx context.Context, r *AuthRequest) error {
	f, err := os.Open(a.path)
	if err != nil {
		return fmt.Errorf("openid: client authentication: %w", err)
	}
	defer f.Close()
	content, err := io.ReadAll(io.LimitReader(f, maxCredential+1))
	if err != nil {
		return fmt.Errorf("openid: client authentication: %w", err)
	}
	credential := strings.TrimSpace(string(content))
	if credential == "" || len(content) > maxCredential {
		return fmt.Errorf("openid: client authentication: expected a credential of 1 to %d bytes in %s, got %d bytes", maxCredential, a.path, len(content))
	}
	if a.present == nil {
		return ClientSecret(NewSecret(credential)).Authenticate(ctx, r)
	}
	a.present(r, credential)
	return nil
}

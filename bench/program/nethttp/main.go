// Command nethttp is a web program without a login.
package main

import "github.com/openid-client/openid/bench/program/web"

func main() { web.Serve() }

// Package openid logs users in and obtains tokens: a client for OAuth 2.0 and OpenID Connect that checks everything it is told.
//
// # Where to start
//
// To log a user in: make one [Client] with [New], send the browser to the URL of [Client.Authorize], keep the sealed [Transaction] in a
// cookie, and hand both the request that comes back and the transaction to [Client.Callback]. What it returns is verified: [Tokens] with
// an [IDToken], whose Issuer and Subject are the user's key. [Claims] decodes the rest.
//
// To keep a login fresh: [Client.TokenSource], or [Client.Refresh] once. To learn more about the user: [Client.UserInfo]. To log out at the server too:
// [Client.LogoutURL] or [Client.Logout], and [Client.LogoutCallback]. To hear of logouts elsewhere: [Client.BackchannelLogout],
// [Client.VerifyFrontchannelLogout], [SessionFrame]. To let a portal start logins: [VerifyLoginInitiation].
//
// To call an API as a service: [Client.Tokens] with [ClientCredentials]. Without a browser at hand: [Device], or [CIBA] where the user's own
// telephone asks. To pass a user's token on: [TokenExchange]; with what somebody vouches for: [JWTBearer], [SAMLBearer]; otherwise
// [CustomGrant]. To present a token to an API: [Client.HTTPClient].
//
// What a server wants beside the plain flow stands in [Config]: DPoP, Certificate, RequestObject, PushAuthorizationRequests, Decrypter; what a
// login wants stands in [AuthorizationRequest].
//
// To ask the server about a token: [Client.Introspect]. To have it forgotten: [Client.Revoke].
//
// To register a client that no administrator has registered: [Register], then [Registration.Config]; to manage it, [Registration.Read],
// [Registration.Update] and [Registration.Delete].
//
// To verify an ID Token that came on another way: [Client.VerifyIDToken]. To read what others vouch for: [Client.ResolveClaims]. To protect an
// API: [Client.VerifyAccessToken].
//
// A server with many tenants, such as Entra ID, has {tenantid} in its [Config].Issuer and the tenants that may come in in Tenants; one with
// several names, such as Google, has IssuerAliases.
//
// To come to servers that nobody has configured: [FindIssuer] for what somebody typed, [FindResource] for an API that refuses a call, and [Enrollment]
// for what the client is known by there, maybe a [ClientDocument] of its own. To replace the keys that a client signs with: [SigningKeys].
//
// # What is always done
//
// State, nonce and PKCE (S256) are used in every login and never pass through the caller's hands. The signature of every ID Token is
// verified; so are iss, sub, aud, azp, exp, iat, nbf, nonce, auth_time, at_hash, c_hash and s_hash. Metadata must name the configured
// issuer byte for byte, and so must everything else that names one. Redirects are never followed, a POST is sent once, answers are bounded. What takes one of these checks away starts
// with Insecure; what a check accepts is widened only by naming it: [Config].TrustedAudiences, Tenants, IssuerAliases, IDTokenSigningAlgs, ClockTolerance.
//
// # Errors
//
// A *[ResponseError] says that they refused, a *[VerificationError] that we refused, an *[ExchangeError] that no usable answer came, a
// *[ConfigError] that the configuration is wrong, a *[RegistrationError] that a client was registered in spite of the error in it. Codes
// compare with errors.Is:
//
//	if errors.Is(err, openid.ErrAccessDenied) { … }
//
// No error, event or printed value contains a token, a secret or a body. Of what a server says of its own refusal, error_description and
// error_uri are kept, cut, escaped, and with whatever was sent in confidence blanked out.
package openid

// Four issuers of npm oidc-provider on free loopback ports, with its own login, consent and logout pages: plain http, TLS with client
// certificates, FAPI 1.0 and FAPI 2.0. Any client may register. The certificates come in OPENID_INTEROP_TLS; without them there is the
// plain issuer only. Prints one line of JSON when it is ready, and ends with its standard input: it never outlives the test that started it.
import { createPrivateKey, generateKeyPairSync, randomBytes, X509Certificate } from 'node:crypto';
import { createServer } from 'node:http';
import { createServer as createTLSServer, request as requestTLS } from 'node:https';
import { text } from 'node:stream/consumers';
import { errors, Provider } from 'oidc-provider';

// By way of DER: Node.js 20 waits for ever where the garbage collector comes by while a key that was just made is exported as a JWK, since
// both want the lock that the key shares with what made it.
const key = (kid, type, options, use = 'sig') => {
  const encoding = { privateKeyEncoding: { format: 'der', type: 'pkcs8' }, publicKeyEncoding: { format: 'der', type: 'spki' } };
  const { privateKey } = generateKeyPairSync(type, { ...options, ...encoding });
  return { ...createPrivateKey({ key: privateKey, format: 'der', type: 'pkcs8' }).export({ format: 'jwk' }), kid, use };
};

const asymmetric = ['RS256', 'PS256', 'ES256', 'EdDSA', 'Ed25519'];
const signing = [...asymmetric, 'HS256'];
const wrapping = ['RSA-OAEP', 'RSA-OAEP-256', 'RSA-OAEP-384', 'RSA-OAEP-512', 'ECDH-ES', 'ECDH-ES+A128KW', 'ECDH-ES+A192KW', 'ECDH-ES+A256KW'];
const content = ['A128CBC-HS256', 'A192CBC-HS384', 'A256CBC-HS512', 'A128GCM', 'A192GCM', 'A256GCM'];
const enabledJWA = {
  clientAuthSigningAlgValues: ['HS384', 'HS512', ...signing], dPoPSigningAlgValues: asymmetric,
};
for (const kind of ['idToken', 'userinfo', 'authorization', 'requestObject', 'introspection']) {
  Object.assign(enabledJWA, {
    [`${kind}SigningAlgValues`]: signing, [`${kind}EncryptionAlgValues`]: wrapping, [`${kind}EncryptionEncValues`]: content,
  });
}

const keys = [
  key('rsa', 'rsa', { modulusLength: 2048 }),
  key('p256', 'ec', { namedCurve: 'P-256' }),
  key('ed25519', 'ed25519'),
  key('rsa-enc', 'rsa', { modulusLength: 2048 }, 'enc'),
  key('p256-enc', 'ec', { namedCurve: 'P-256' }, 'enc'),
  key('x25519-enc', 'x25519', {}, 'enc'),
];

const material = JSON.parse(process.env.OPENID_INTEROP_TLS ?? 'null');

// What oidc-provider itself calls, such as a client's notification endpoint, lies on loopback, which its own fetch refuses.
const fetch = (url, { method, headers, body, signal }) => new Promise((resolve, reject) => {
  requestTLS(url, { method, headers: Object.fromEntries(headers), signal, ca: material?.ca }, (answer) => {
    answer.resume().on('end', () => resolve(new Response(null, { status: answer.statusCode })));
  }).on('error', reject).end(body && String(body));
});

const methods = ['none', 'client_secret_basic', 'client_secret_post', 'client_secret_jwt', 'private_key_jwt'];

// The requests of CIBA that their user has not decided about, by client.
const undecided = new Map();

// decide is what the user does on the device of their own: POST /decide with {"client_id": …, "deny": …}.
const decide = (provider) => async (ctx, next) => {
  if (ctx.path !== '/decide') return next();
  const { client_id: id, deny } = JSON.parse(await text(ctx.req));
  const request = undecided.get(id);
  undecided.delete(id);
  if (deny) {
    await provider.backchannelResult(request, new errors.AccessDenied('the user said no'));
  } else {
    const grant = new provider.Grant({ accountId: request.accountId, clientId: id });
    grant.addOIDCScope(request.scope);
    await provider.backchannelResult(request, await grant.save());
  }
  ctx.body = {};
  return undefined;
};

// hurry makes whoever polls ask every second, and adds the troubles that oidc-provider has words for but never gives by itself: slow_down
// at the first question, and a refusal for who asks again before six seconds are over; a code that is over although its client cannot know.
const hurry = (provider) => {
  provider.on('device_authorization.success', async (ctx) => {
    if (ctx.oidc.client.device_trouble !== 'expired') return;
    const { adapter } = provider.DeviceCode;
    const { jti } = ctx.oidc.entities.DeviceCode;
    await adapter.upsert(jti, { ...await adapter.find(jti), exp: 1 }, 300);
  });
  const slowed = new Map();
  return async (ctx, next) => {
    await next();
    if (ctx.body?.device_code || ctx.body?.auth_req_id) ctx.body.interval = 1;
    if (ctx.path !== '/token' || ctx.oidc.client?.device_trouble !== 'slow_down') return;
    const { clientId } = ctx.oidc.client;
    if (!slowed.has(clientId)) {
      slowed.set(clientId, Date.now());
      ctx.body.error = 'slow_down';
    } else if (Date.now() - slowed.get(clientId) < 5900) {
      ctx.body = { error: 'invalid_request', error_description: 'asked again too soon' };
      ctx.status = 400;
    }
  };
};

const configuration = (issuer, { mtls, features } = {}) => ({
  jwks: { keys },
  enabledJWA,
  // The other clients register themselves and get names without any special character.
  clients: mtls ? [] : [{ client_id: 'an app+1%', client_secret: 's:e c+r%t&=/?"', redirect_uris: ['http://127.0.0.1/callback'] }],
  clientAuthMethods: mtls ? [...methods, 'tls_client_auth', 'self_signed_tls_client_auth'] : methods,
  responseTypes: ['code', 'code id_token', 'id_token', 'code token', 'code id_token token', 'id_token token'],
  scopes: ['openid', 'offline_access', 'api:read'],
  claims: {
    openid: ['sub'],
    profile: ['name', 'preferred_username'],
    email: ['email', 'email_verified'],
    auth_time: null,
  },
  findAccount: (_, sub) => ({
    accountId: sub,
    claims: () => ({
      sub, name: `${sub} of Interop`, preferred_username: sub, email: `${sub}@example.com`, email_verified: true,
    }),
  }),
  // Whoever takes requests from forms of other sites must have its cookies come along with them.
  cookies: { keys: [randomBytes(32).toString('hex')], long: { sameSite: 'none' } },
  enableHttpPostMethods: true,
  rotateRefreshToken: true,
  pkce: { required: () => true },
  ttl: {
    AccessToken: 600, AuthorizationCode: 60, BackchannelAuthenticationRequest: 120, ClientCredentials: 600, DeviceCode: 300, Grant: 3600, IdToken: 600, Interaction: 600,
    RefreshToken: 3600, Session: 3600,
  },
  // A client that registers with dpop_nonce is asked for a nonce with every proof; with device_trouble it meets what the name says.
  extraClientMetadata: { properties: ['dpop_nonce', 'device_trouble'] },
  fetch,
  // Aliases under another name, as real servers have them.
  ...(mtls ? {
    discovery: {
      mtls_endpoint_aliases: Object.fromEntries([
        ['token_endpoint', '/token'], ['userinfo_endpoint', '/me'], ['pushed_authorization_request_endpoint', '/request'],
        ['introspection_endpoint', '/token/introspection'], ['revocation_endpoint', '/token/revocation'],
        ['device_authorization_endpoint', '/device/auth'], ['backchannel_authentication_endpoint', '/backchannel'],
      ].map(([name, path]) => [name, issuer.replace('127.0.0.1', 'localhost') + path])),
    },
  } : {}),
  features: {
    backchannelLogout: { enabled: true },
    ciba: {
      enabled: true,
      deliveryModes: ['poll', 'ping'],
      processLoginHint: (_, hint) => (hint === 'alice' ? hint : undefined),
      processLoginHintToken: () => undefined,
      triggerAuthenticationDevice: (ctx, request) => { undecided.set(ctx.oidc.client.clientId, request); },
      validateRequestContext: () => {},
      verifyUserCode: () => {},
    },
    claimsParameter: { enabled: true },
    clientCredentials: { enabled: true },
    deviceFlow: { enabled: true },
    devInteractions: { enabled: true },
    dPoP: { enabled: true, nonceSecret: randomBytes(32), requireNonce: (ctx) => Boolean(ctx.oidc.client?.dpop_nonce) },
    encryption: { enabled: true },
    introspection: { enabled: true },
    jwtIntrospection: { enabled: true },
    jwtResponseModes: { enabled: true },
    jwtUserinfo: { enabled: true },
    pushedAuthorizationRequests: { enabled: true },
    registration: { enabled: true },
    registrationManagement: { enabled: true, rotateRegistrationAccessToken: true },
    requestObjects: { enabled: true },
    resourceIndicators: {
      enabled: true,
      useGrantedResource: () => false,
      getResourceServerInfo: (_, resource) => {
        if (!resource.startsWith('https://api.example/')) throw new errors.InvalidTarget();
        return { scope: 'api:read', audience: resource, accessTokenFormat: 'opaque' };
      },
    },
    richAuthorizationRequests: {
      enabled: true,
      types: { payment: { validate: (_, detail) => { if (!detail.amount) throw new errors.InvalidAuthorizationDetails('amount is missing'); } } },
      authorizationDetailsForGrantSource: (ctx) => ctx.oidc.grant?.rar,
      authorizationDetailsForAccessToken: (_ctx, _token, source) => source?.rar,
      authorizationDetailsForIntrospection: (_, token) => token.rar,
    },
    revocation: { enabled: true },
    rpInitiatedLogout: { enabled: true },
    userinfo: { enabled: true },
    ...(mtls ? {
      mTLS: {
        enabled: true,
        certificateBoundAccessTokens: true,
        selfSignedTlsClientAuth: true,
        tlsClientAuth: true,
        getCertificate: (ctx) => {
          const peer = ctx.socket.getPeerCertificate();
          return peer?.raw && new X509Certificate(peer.raw);
        },
        certificateAuthorized: (ctx) => ctx.socket.authorized,
        certificateSubjectMatches: (ctx, property, expected) => property === 'tls_client_auth_subject_dn'
          && expected === `CN=${ctx.socket.getPeerCertificate().subject.CN}`,
      },
    } : {}),
    ...features,
  },
});

const fapi = (profile) => ({ mtls: true, features: { fapi: { enabled: true, profile } } });

const listen = async (server, scheme, options) => {
  await new Promise((resolve) => { server.listen(0, '127.0.0.1', resolve); });
  const issuer = `${scheme}://127.0.0.1:${server.address().port}`;
  const provider = new Provider(issuer, configuration(issuer, options));
  provider.use(decide(provider));
  provider.use(hurry(provider));
  provider.on('server_error', (_, err) => console.error('server_error', err));
  for (const refused of ['authorization', 'backchannel', 'backchannel_authentication', 'device_authorization', 'end_session', 'grant', 'introspection',
    'pushed_authorization_request', 'registration_create', 'registration_delete', 'registration_update', 'revocation', 'userinfo']) {
    provider.on(`${refused}.error`, (_, err) => console.error(refused, err.error, err.error_detail ?? err.error_description));
  }
  server.on('request', provider.callback());
  return issuer;
};

const ready = { issuer: await listen(createServer(), 'http') };
if (material) {
  const tls = () => createTLSServer({ ...material, requestCert: true, rejectUnauthorized: false });
  ready.mtls = await listen(tls(), 'https', { mtls: true });
  ready.fapi1 = await listen(tls(), 'https', fapi('1.0 Final'));
  ready.fapi2 = await listen(tls(), 'https', {
    mtls: true,
    features: { ...fapi('2.0').features, pushedAuthorizationRequests: { enabled: true, requirePushedAuthorizationRequests: true } },
  });
}
console.log(JSON.stringify(ready));

process.stdin.on('end', () => process.exit(0)).resume();

// npm openid-client logs in at the provider that its standard input names. Each check prints one line of JSON; the last
// line says how many there were.
import assert from 'node:assert/strict';
import { createHmac, randomUUID } from 'node:crypto';
import { text } from 'node:stream/consumers';
import * as oidc from 'openid-client';

const { issuer, browser, redirect_uri, return_uri, client_id, client_secret } = JSON.parse(await text(process.stdin));
const server = new URL(issuer);
const insecure = { execute: [oidc.allowInsecureRequests] }; // http on loopback
const keys = await crypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, true, ['sign', 'verify']);
const jwks = { keys: [{ ...await crypto.subtle.exportKey('jwk', keys.publicKey), kid: 'the-key', alg: 'ES256', use: 'sig', key_ops: undefined, ext: undefined }] };

const authentication = {
  none: () => oidc.None(),
  client_secret_basic: (secret) => oidc.ClientSecretBasic(secret),
  client_secret_post: (secret) => oidc.ClientSecretPost(secret),
  client_secret_jwt: (secret) => oidc.ClientSecretJwt(secret),
  private_key_jwt: () => oidc.PrivateKeyJwt({ key: keys.privateKey, kid: 'the-key' }),
};

let checks = 0;
async function check(name, run) {
  checks++;
  const say = (error) => console.log(JSON.stringify({ check: name, error }));
  await run().then(() => say(), (err) => say([err.message, err.code, err.error, err.error_description, err.cause?.message].filter(Boolean).join(' | ')));
}

// register makes a client, and openid-client's configuration for it, which verifies the signatures of ID Tokens.
async function register(metadata = {}) {
  const method = metadata.token_endpoint_auth_method ?? 'client_secret_basic';
  const made = await oidc.dynamicClientRegistration(server, {
    redirect_uris: [redirect_uri], post_logout_redirect_uris: [return_uri], response_types: ['code'],
    grant_types: ['authorization_code', 'refresh_token'], token_endpoint_auth_method: method, ...metadata,
  }, undefined, insecure);
  const { client_id: id, client_secret: secret } = made.clientMetadata();
  const config = await oidc.discovery(server, id, made.clientMetadata(), authentication[method](secret), insecure);
  if (metadata.id_token_signed_response_alg !== 'HS256') oidc.enableNonRepudiationChecks(config);
  return config;
}

// visit sends the browser somewhere and returns what arrives at the application.
async function visit(url, stop, { session = randomUUID(), deny = false } = {}) {
  const response = await fetch(browser, { method: 'POST', body: JSON.stringify({ session, url: url.href, stop, deny }) });
  const arrived = await response.json();
  if (arrived.error) throw new Error(arrived.error);
  return arrived.method === 'GET' ? new URL(arrived.url) : new Request(arrived.url, {
    method: arrived.method, body: arrived.body, headers: { 'content-type': 'application/x-www-form-urlencoded' },
  });
}

async function authorize(config, parameters, user) {
  const pkceCodeVerifier = oidc.randomPKCECodeVerifier();
  const expectedState = oidc.randomState();
  const expectedNonce = oidc.randomNonce();
  const url = oidc.buildAuthorizationUrl(config, {
    redirect_uri, scope: 'openid email offline_access', prompt: 'consent', state: expectedState, nonce: expectedNonce,
    code_challenge: await oidc.calculatePKCECodeChallenge(pkceCodeVerifier), code_challenge_method: 'S256', ...parameters,
  });
  if (!url.searchParams.get('nonce')) url.searchParams.delete('nonce');
  return { arrived: await visit(url, redirect_uri, user), expect: { pkceCodeVerifier, expectedState, expectedNonce, idTokenExpected: true } };
}

async function login(config, parameters, user) {
  const { arrived, expect } = await authorize(config, parameters, user);
  const tokens = await oidc.authorizationCodeGrant(config, arrived, expect);
  assert.equal(tokens.claims().sub, 'alice');
  return { tokens, arrived };
}

const refused = (promise, error) => assert.rejects(promise, (err) => { assert.equal(err.error, error, err.message); return true; });
const header = (jwt) => JSON.parse(Buffer.from(jwt.split('.')[0], 'base64url'));

await check('metadata', async () => {
  const metadata = (await register()).serverMetadata();
  assert.equal(metadata.issuer, issuer);
  assert.ok(metadata.supportsPKCE('S256'));
  assert.equal(metadata.authorization_response_iss_parameter_supported, true);
});

await check('client_secret_basic with special characters', async () => {
  const config = await oidc.discovery(server, client_id, undefined, oidc.ClientSecretBasic(client_secret), insecure);
  oidc.enableNonRepudiationChecks(config);
  await login(config);
});

for (const token_endpoint_auth_method of Object.keys(authentication)) {
  await check(`authentication ${token_endpoint_auth_method}`, async () => {
    await login(await register({ token_endpoint_auth_method, jwks: token_endpoint_auth_method === 'private_key_jwt' ? jwks : undefined }));
  });
}

for (const alg of ['RS256', 'PS256', 'ES256', 'EdDSA', 'HS256']) {
  await check(`ID Token under ${alg}`, async () => {
    const config = await register({ id_token_signed_response_alg: alg });
    const { tokens: { id_token } } = await login(config);
    assert.equal(header(id_token).alg, alg);
    if (alg === 'HS256') { // openid-client leaves this signature to TLS
      const [head, payload, signature] = id_token.split('.');
      assert.equal(createHmac('sha256', config.clientMetadata().client_secret).update(`${head}.${payload}`).digest('base64url'), signature);
    }
  });
}

await check('UserInfo', async () => {
  const config = await register();
  const { tokens } = await login(config);
  const info = await oidc.fetchUserInfo(config, tokens.access_token, 'alice');
  assert.equal(info.email, 'alice@example.com');
  assert.equal(info.email_verified, true);
  await assert.rejects(oidc.fetchUserInfo(config, 'unknown', 'alice'), (err) => err.cause?.[0]?.parameters?.error === 'invalid_token');
});

await check('refresh', async () => {
  const config = await register();
  const { tokens: before } = await login(config);
  const after = await oidc.refreshTokenGrant(config, before.refresh_token);
  assert.notEqual(after.access_token, before.access_token);
  assert.notEqual(after.refresh_token, before.refresh_token);
  assert.equal(after.claims().sub, 'alice');
  assert.equal(after.claims().auth_time, before.claims().auth_time);
  await refused(oidc.refreshTokenGrant(config, before.refresh_token), 'invalid_grant');
  await refused(oidc.refreshTokenGrant(config, after.refresh_token), 'invalid_grant');
});

await check('form_post', async () => {
  const { arrived } = await login(await register(), { response_mode: 'form_post' });
  assert.equal(arrived.method, 'POST');
});

for (const response_mode of ['query', 'form_post']) {
  await check(`denied by ${response_mode}`, async () => {
    const config = await register();
    const { arrived, expect } = await authorize(config, { response_mode }, { deny: true });
    await refused(oidc.authorizationCodeGrant(config, arrived, expect), 'access_denied');
  });
}

await check('a code is good for one use', async () => {
  const config = await register();
  const { arrived, expect } = await authorize(config);
  await oidc.authorizationCodeGrant(config, arrived, expect);
  await refused(oidc.authorizationCodeGrant(config, arrived, expect), 'invalid_grant');
});

await check('another code verifier', async () => {
  const config = await register();
  const { arrived, expect } = await authorize(config);
  await refused(oidc.authorizationCodeGrant(config, arrived, { ...expect, pkceCodeVerifier: oidc.randomPKCECodeVerifier() }), 'invalid_grant');
});

await check('max_age', async () => {
  const config = await register();
  const { arrived, expect } = await authorize(config, { max_age: '60' });
  const tokens = await oidc.authorizationCodeGrant(config, arrived, { ...expect, maxAge: 60 });
  assert.equal(typeof tokens.claims().auth_time, 'number');
});

await check('plain OAuth', async () => {
  const config = await register();
  const { arrived, expect } = await authorize(config, { scope: 'api:read', nonce: '' });
  const tokens = await oidc.authorizationCodeGrant(config, arrived, { ...expect, expectedNonce: undefined, idTokenExpected: false });
  assert.equal(tokens.id_token, undefined);
});

await check('client credentials', async () => {
  const config = await register({ grant_types: ['client_credentials'], redirect_uris: [], response_types: [] });
  const tokens = await oidc.clientCredentialsGrant(config, { scope: 'api:read' });
  assert.equal(tokens.scope, 'api:read');
});

await check('logout', async () => {
  const config = await register();
  const user = { session: randomUUID() };
  const { tokens } = await login(config, {}, user);
  await login(config, { prompt: 'none' }, user);
  const state = oidc.randomState();
  const end = oidc.buildEndSessionUrl(config, { id_token_hint: tokens.id_token, post_logout_redirect_uri: return_uri, state });
  const arrived = await visit(end, return_uri, user);
  assert.equal(arrived.searchParams.get('state'), state);
  const { arrived: silent, expect } = await authorize(config, { prompt: 'none' }, user);
  await refused(oidc.authorizationCodeGrant(config, silent, expect), 'login_required');
});

console.log(JSON.stringify({ done: checks }));

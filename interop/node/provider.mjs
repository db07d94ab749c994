// npm oidc-provider on a free loopback port, with its own login, consent and logout pages. Any client may register.
// Prints one line of JSON when it is ready, and ends with its standard input: it never outlives the test that started it.
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { createServer } from 'node:http';
import { Provider } from 'oidc-provider';

const key = (kid, type, options) => ({
  ...generateKeyPairSync(type, options).privateKey.export({ format: 'jwk' }), kid, use: 'sig',
});

const signing = ['RS256', 'PS256', 'ES256', 'EdDSA', 'Ed25519', 'HS256'];

const configuration = {
  jwks: {
    keys: [
      key('rsa', 'rsa', { modulusLength: 2048 }),
      key('p256', 'ec', { namedCurve: 'P-256' }),
      key('ed25519', 'ed25519'),
    ],
  },
  enabledJWA: { idTokenSigningAlgValues: signing, clientAuthSigningAlgValues: signing },
  // The other clients register themselves and get names without any special character.
  clients: [{ client_id: 'an app+1%', client_secret: 's:e c+r%t&=/?"', redirect_uris: ['http://127.0.0.1/callback'] }],
  clientAuthMethods: ['none', 'client_secret_basic', 'client_secret_post', 'client_secret_jwt', 'private_key_jwt'],
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
  cookies: { keys: [randomBytes(32).toString('hex')] },
  rotateRefreshToken: true,
  pkce: { required: () => true },
  ttl: {
    AccessToken: 600, AuthorizationCode: 60, ClientCredentials: 600, Grant: 3600, IdToken: 600, Interaction: 600,
    RefreshToken: 3600, Session: 3600,
  },
  features: {
    clientCredentials: { enabled: true },
    devInteractions: { enabled: true },
    registration: { enabled: true },
    rpInitiatedLogout: { enabled: true },
    userinfo: { enabled: true },
  },
};

const server = createServer();
server.listen(0, '127.0.0.1', () => {
  const issuer = `http://127.0.0.1:${server.address().port}`;
  const provider = new Provider(issuer, configuration);
  provider.on('server_error', (_, err) => console.error('server_error', err));
  for (const refused of ['authorization', 'end_session', 'grant', 'registration_create', 'userinfo']) {
    provider.on(`${refused}.error`, (_, err) => console.error(refused, err.error, err.error_detail ?? err.error_description));
  }
  server.on('request', provider.callback());
  console.log(JSON.stringify({ issuer }));
});

process.stdin.on('end', () => process.exit(0)).resume();

// An OpenID Connect provider for the tests: prints its issuer, takes any account at its own log-in form.
// Reads the redirect URI of its one client from standard input, and ends when that does.
import { once } from "node:events";
import { createServer } from "node:http";
import { createInterface } from "node:readline";
import { Provider } from "oidc-provider";

const ACCOUNTS = {
  ann: { preferred_username: "ann", areas: ["north"], realm: { roles: ["staff", "ops"] } },
  guest: { preferred_username: "guest", areas: ["north"], realm: { roles: ["staff"] } },
  lost: { preferred_username: "lost", areas: [], realm: { roles: ["ops"] } },
};

const server = createServer();
server.listen(0, "127.0.0.1");
await once(server, "listening");
const issuer = `http://127.0.0.1:${server.address().port}`;
process.stdout.write(`${issuer}\n`);

const lines = createInterface({ input: process.stdin });
lines.on("close", () => process.exit(0));
const [redirectUri] = await once(lines, "line");
const provider = new Provider(issuer, {
  clients: [
    {
      client_id: "sightline",
      client_secret: "a-secret-of-the-tests",
      redirect_uris: [redirectUri],
      response_types: ["code"],
      grant_types: ["authorization_code"],
    },
  ],
  claims: { openid: ["sub"], profile: ["preferred_username", "areas", "realm"] },
  pkce: { required: () => true },
  cookies: { keys: ["a key of the tests"] },
  features: { devInteractions: { enabled: true } },
  findAccount: (_, id) => ({ accountId: id, claims: async () => ({ sub: id, ...ACCOUNTS[id] }) }),
});
server.on("request", provider.callback());
process.stdout.write("ready\n");

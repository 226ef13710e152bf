/**
 * What the WHEP exchange says of ICE (draft-ietf-wish-whep): servers in Link headers, and SDP fragments (RFC 8840) for
 * a restart. Text in, text out.
 */

const LINK = /<([^>]*)>((?:\s*;\s*[\w-]+\s*=\s*(?:"(?:[^"\\]|\\.)*"|[^",;\s]+))*)/g;
const PARAMETER = /;\s*([\w-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^",;\s]+))/g;

/** The STUN and TURN servers that a Link header names (several are joined by commas, as `Headers.get` does). */
export function iceServers(link: string | null): RTCIceServer[] {
  const servers: RTCIceServer[] = [];
  for (const [, urls = "", parameters = ""] of (link ?? "").matchAll(LINK)) {
    const said = new Map<string, string>();
    for (const [, name = "", quoted, plain] of parameters.matchAll(PARAMETER))
      said.set(name.toLowerCase(), quoted?.replace(/\\(.)/g, "$1") ?? plain ?? "");
    if (said.get("rel") !== "ice-server") continue;
    const server: RTCIceServer = { urls };
    const username = said.get("username");
    const credential = said.get("credential");
    if (username !== undefined) server.username = username;
    if (credential !== undefined) server.credential = credential;
    servers.push(server);
  }
  return servers;
}

const lines = (sdp: string) => sdp.split(/\r?\n/).filter((line) => line !== "");
const is = (line: string, ...names: string[]) => names.some((name) => line.startsWith(`a=${name}:`));
const isCandidate = (line: string) => is(line, "candidate") || line === "a=end-of-candidates";

/** The fragment that asks for an ICE restart: the offer's new credentials, for the m-line that stands for all. */
export function restartFragment(offer: string): string {
  const all = lines(offer);
  const session = all.filter((line) => is(line, "group", "ice-options"));
  const media = all.slice(all.findIndex((line) => line.startsWith("m=")));
  const next = media.findIndex((line, at) => at > 0 && line.startsWith("m="));
  const first = (next < 0 ? media : media.slice(0, next)).filter(
    (line) => line.startsWith("m=") || isCandidate(line) || is(line, "mid", "ice-ufrag", "ice-pwd"),
  );
  return [...session, ...first, ""].join("\r\n");
}

/** The answer that still holds, with the credentials and candidates of the fragment that answered a restart. */
export function restartedAnswer(answer: string, fragment: string): string {
  const told = lines(fragment);
  const credentials = (line: string) => is(line, "ice-ufrag", "ice-pwd");
  const candidates = told.filter(isCandidate);
  const fresh = new Map(told.filter(credentials).map((line) => [line.slice(0, line.indexOf(":")), line]));
  const result: string[] = [];
  for (const line of lines(answer)) {
    if (is(line, "candidate")) continue;
    if (line === "a=end-of-candidates") result.push(...candidates);
    else result.push(credentials(line) ? (fresh.get(line.slice(0, line.indexOf(":"))) ?? line) : line);
  }
  return [...result, ""].join("\r\n");
}

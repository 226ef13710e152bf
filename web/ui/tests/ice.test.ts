import { describe, expect, it } from "vitest";
import { iceServers, restartFragment, restartedAnswer } from "../src/ice";

const OFFER = [
  "v=0",
  "a=group:BUNDLE 0 1",
  "m=video 9 UDP/TLS/RTP/SAVPF 96",
  "c=IN IP4 0.0.0.0",
  "a=ice-ufrag:new1",
  "a=ice-pwd:newpassword",
  "a=ice-options:trickle",
  "a=mid:0",
  "a=candidate:1 1 udp 1 host.local 9 typ host",
  "m=audio 9 UDP/TLS/RTP/SAVPF 111",
  "a=ice-ufrag:new1",
  "a=ice-pwd:newpassword",
  "a=mid:1",
  "",
].join("\r\n");

describe("Link headers", () => {
  it("name servers and what they want to know", () => {
    const turn = `<turn:t.example?transport=udp>; rel="ice-server"; username="an,n"; credential="a \\"b\\" \\\\"`;
    expect(iceServers(`<stun:s.example>; rel="ice-server", ${turn}; credential-type="password"`)).toEqual([
      { urls: "stun:s.example" },
      { urls: "turn:t.example?transport=udp", username: "an,n", credential: 'a "b" \\' },
    ]);
  });

  it("may be about something else, or not be there", () => {
    expect(iceServers('</next>; rel=next, <stun:s.example>;rel=ice-server')).toEqual([{ urls: "stun:s.example" }]);
    expect(iceServers(null)).toEqual([]);
    expect(iceServers("nonsense")).toEqual([]);
  });
});

describe("an ICE restart", () => {
  it("sends what is new, for the first m-line alone", () => {
    expect(restartFragment(OFFER).split("\r\n")).toEqual([
      "a=group:BUNDLE 0 1",
      "a=ice-options:trickle",
      "m=video 9 UDP/TLS/RTP/SAVPF 96",
      "a=ice-ufrag:new1",
      "a=ice-pwd:newpassword",
      "a=mid:0",
      "a=candidate:1 1 udp 1 host.local 9 typ host",
      "",
    ]);
  });

  it("puts the gateway's new credentials and candidates into the answer that holds", () => {
    const answer = ["v=0", "m=video", "a=ice-ufrag:old", "a=ice-pwd:old", "a=mid:0", "a=candidate:1 old"];
    const sdp = [...answer, "a=end-of-candidates", ""].join("\r\n");
    const fragment = "a=ice-lite\r\na=ice-ufrag:new\r\na=ice-pwd:newer\r\na=candidate:2 new\r\na=end-of-candidates\r\n";
    expect(restartedAnswer(sdp, fragment).split("\r\n")).toEqual([
      "v=0",
      "m=video",
      "a=ice-ufrag:new",
      "a=ice-pwd:newer",
      "a=mid:0",
      "a=candidate:2 new",
      "a=end-of-candidates",
      "",
    ]);
  });
});

import { expect, test } from "vitest";
import { deviceUrl, hostOf, isHere, portOf, rtspUrl } from "../src/nvr";

test("the port is the scheme's where the address names none", () => {
  expect(portOf(new URL("http://gateway:8080/"))).toBe(8080);
  expect(portOf(new URL("http://gateway/"))).toBe(80);
  expect(portOf(new URL("https://gateway/#/settings/nvr"))).toBe(443);
});

test("IPv6 addresses have brackets in URLs and none in forms", () => {
  const page = new URL("https://[2001:db8::7]:8443/");
  expect(hostOf(page)).toBe("2001:db8::7");
  expect(deviceUrl(page, hostOf(page))).toBe("https://[2001:db8::7]:8443/onvif/device_service");
  expect(rtspUrl("2001:db8::7", 8322, "unit-12", true)).toBe("rtsps://[2001:db8::7]:8322/unit-12");
  expect(rtspUrl("10.0.0.7", 8554, "unit-12")).toBe("rtsp://10.0.0.7:8554/unit-12");
});

test("an address of this computer is told from others", () => {
  expect(["localhost", "gateway.localhost", "127.0.0.1", "127.1.2.3", "::1"].every(isHere)).toBe(true);
  expect(["gateway", "10.0.0.7", "1.127.0.1", "2001:db8::1"].some(isHere)).toBe(false);
});

import { expect, test } from "vitest";
import { Reasons } from "../src/reasons";

test("a reason holds while the unit is watched, and a minute longer", () => {
  const reasons = new Reasons();
  let now = 0;
  expect(reasons.of("unit-12", now)).toBeNull();
  reasons.give("unit-12", "Incident 214", now);
  const close = reasons.watch("unit-12", () => now);
  now = 3_600_000;
  expect(reasons.of("unit-12", now)).toBe("Incident 214");
  close();
  now += 59_000;
  expect(reasons.of("unit-12", now)).toBe("Incident 214");
  now += 2_000;
  expect(reasons.of("unit-12", now)).toBeNull();
});

test("it is no reason to watch another unit, and nobody else's", () => {
  const reasons = new Reasons();
  reasons.give("unit-12", "Incident 214", 0);
  expect(reasons.of("unit-07", 0)).toBeNull();
  reasons.forget();
  expect(reasons.of("unit-12", 0)).toBeNull();
});

test("a tile that closes after the large view has opened does not end the incident", () => {
  const reasons = new Reasons();
  reasons.give("unit-12", "Incident 214", 0);
  const tile = reasons.watch("unit-12", () => 1_000);
  reasons.watch("unit-12", () => 1_000);
  tile();
  expect(reasons.of("unit-12", 600_000)).toBe("Incident 214");
});

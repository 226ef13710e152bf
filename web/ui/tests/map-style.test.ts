import { validateStyleMin, type StyleSpecification } from "@maplibre/maplibre-gl-style-spec";
import { describe, expect, it } from "vitest";
import { areaLayers, areaSources, draftLayers } from "../src/map/areas";
import { earthLayers, earthSources, streetLayers } from "../src/map/basemap";
import type { Palette } from "../src/map/palette";
import { gridLayer, groundSources, pathLayer } from "../src/map/units";

const COLORS = "ground panel line text quiet accent live stale offline alarm water land street building green".split(" ");
const palette = Object.fromEntries(COLORS.map((name) => [name, "rgb(1, 2, 3)"])) as Palette;

describe("the map's style", () => {
  it.each([false, true])("is one that MapLibre takes, streets: %s", (streets) => {
    const style = {
      version: 8,
      sources: {
        ...earthSources,
        ...(streets && { streets: { type: "vector", url: "pmtiles://region" } }),
        ...areaSources,
        ...groundSources,
      },
      layers: [
        ...earthLayers(palette, streets),
        ...(streets ? streetLayers(palette) : []),
        gridLayer(palette),
        ...areaLayers(palette),
        pathLayer(palette),
        ...draftLayers(palette),
      ],
    } as StyleSpecification;
    expect(validateStyleMin(style).map((error) => error.message)).toEqual([]);
  });
});

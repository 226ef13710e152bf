// MapLibre's build for a strict Content-Security-Policy: the same library, its worker in a file of its own.
declare module "maplibre-gl/dist/maplibre-gl-csp.js" {
  import * as maplibre from "maplibre-gl";
  const library: typeof maplibre;
  export default library;
}

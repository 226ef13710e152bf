import { defineConfig } from "vite";
import { licenses } from "./licenses";

// The page is served from the gateway's root; its files carry a hash in their name so that they may be cached for ever.
export default defineConfig({
  base: "/",
  plugins: [licenses("licenses.txt")],
  build: {
    outDir: "../static",
    emptyOutDir: true,
    target: "es2022",
    assetsInlineLimit: 0, // a strict Content-Security-Policy allows no data: scripts or fonts
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 1100, // MapLibre, loaded after the wall
  },
});

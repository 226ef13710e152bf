import { defineConfig } from "vite";
import { licenses } from "./licenses";
import { compressed, shell } from "./shell";

// The page is served from the gateway's root; its files carry a hash in their name so that they may be cached for ever.
export default defineConfig({
  base: "/",
  plugins: [licenses("licenses.txt"), shell(), compressed()],
  worker: { plugins: () => [licenses()] },
  build: {
    outDir: "../static",
    emptyOutDir: true,
    target: "es2022",
    assetsInlineLimit: 0, // a strict Content-Security-Policy allows no data: scripts or fonts
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
    chunkSizeWarningLimit: 1100, // MapLibre, loaded after the wall
    rollupOptions: {
      input: { index: "index.html", sw: "src/worker/sw.ts" },
      output: {
        // A service worker keeps its name, by which the browser finds out that there is another.
        entryFileNames: ({ name }) => (name === "sw" ? "sw.js" : "assets/[name]-[hash].js"),
        // What others wrote is fetched anew only when it has changed, whatever has changed on the page.
        manualChunks: { maplibre: ["maplibre-gl/dist/maplibre-gl-csp.js"], hls: ["hls.js/light"] },
      },
    },
  },
});

/**
 * Two build steps. One tells the service worker what the page needs to begin, and names this edition after it; the other
 * leaves a compressed copy beside each large file, which the gateway hands to browsers that take it.
 */

import { createHash } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";
import type { Plugin } from "vite";

/** Parts that a phone shows first: kept from the start; the others once they were fetched. */
const FIRST_PARTS = ["duty-page"];
const COMPRESSED = /\.(?:js|css|json|html)$/;
const WORTH_IT = 1_000;
/** What others wrote and drew: the last twentieth would take the build ten seconds. */
const SLOW_TO_PACK = 600_000;

export function shell(): Plugin {
  return {
    name: "shell",
    enforce: "post",
    generateBundle(_, bundle) {
      const worker = bundle["sw.js"];
      if (worker?.type !== "chunk") throw new Error("the service worker is not in the bundle");
      const needed = new Set<string>();
      const need = (name: string) => {
        const chunk = bundle[name];
        if (needed.has(name) || chunk?.type !== "chunk") return;
        needed.add(name);
        chunk.imports.forEach(need);
        chunk.viteMetadata?.importedCss.forEach((css) => needed.add(css));
      };
      for (const [name, chunk] of Object.entries(bundle))
        if (chunk.type === "chunk" && chunk !== worker && (chunk.isEntry || FIRST_PARTS.includes(chunk.name))) need(name);
      const files = [...needed].sort();
      const edition = createHash("sha256").update(Object.keys(bundle).sort().join()).digest("hex").slice(0, 12);
      worker.code = `const SHELL=${JSON.stringify(["/", ...files.map((name) => `/${name}`)])},EDITION="${edition}";${worker.code}`;
    },
  };
}

export function compressed(): Plugin {
  return {
    name: "compressed",
    writeBundle({ dir = "" }, bundle) {
      for (const [name, file] of Object.entries(bundle)) {
        const content = Buffer.from(file.type === "chunk" ? file.code : file.source);
        if (!COMPRESSED.test(name) || content.length < WORTH_IT) continue;
        const brotli = { [constants.BROTLI_PARAM_QUALITY]: content.length < SLOW_TO_PACK ? 11 : 9 };
        writeFileSync(join(dir, `${name}.gz`), gzipSync(content, { level: 9 }));
        writeFileSync(join(dir, `${name}.br`), brotliCompressSync(content, { params: brotli }));
      }
    },
  };
}

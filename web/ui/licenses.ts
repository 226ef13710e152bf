/** A build step that puts the licences of all that is bundled beside the page, as they ask for. */

import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Plugin } from "vite";

const PACKAGE = /^(.*\/node_modules\/(?:@[^/]+\/)?[^/]+)\//;

/** Of all bundles: those of workers are made before the page's own. */
const folders = new Set<string>();

/** Takes note of what goes into a bundle; for the page's own, writes the file as well. */
export function licenses(fileName?: string): Plugin {
  return {
    name: "licenses",
    generateBundle() {
      for (const id of this.getModuleIds()) {
        const folder = PACKAGE.exec(id.replaceAll("\0", ""))?.[1];
        if (folder !== undefined && existsSync(join(folder, "package.json"))) folders.add(folder);
      }
      if (fileName !== undefined)
        this.emitFile({ type: "asset", fileName, source: [...folders].sort().map(licence).join("\n\n") });
    },
  };
}

function licence(folder: string): string {
  const about = JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) as Record<string, unknown>;
  const file = readdirSync(folder).find((name) => /^licen[cs]e/i.test(name));
  const text = file === undefined ? "" : readFileSync(join(folder, file), "utf8").trim();
  return `==== ${String(about.name)} ${String(about.version)} (${String(about.license)})\n\n${text}`;
}

/**
 * A directive that sets custom properties on an element. Lit's own `styleMap` writes a style attribute first, which a
 * strict Content-Security-Policy refuses; setting properties one by one is allowed.
 */

import { noChange, type ElementPart } from "lit";
import { Directive, directive, PartType, type PartInfo } from "lit/directive.js";

class Styled extends Directive {
  constructor(part: PartInfo) {
    super(part);
    if (part.type !== PartType.ELEMENT) throw new Error("styled() stands where an attribute would");
  }

  /** Its parameter is what `styled()` takes; the work is done in `update`. */
  render(_properties: Record<`--${string}`, string>) {
    return noChange;
  }

  override update(part: ElementPart, [properties]: [Record<`--${string}`, string>]) {
    const { style } = part.element as HTMLElement;
    for (const [name, value] of Object.entries(properties)) style.setProperty(name, value);
    return noChange;
  }
}

/** `<div ${styled({ "--tile": "300px" })}>` */
export const styled = directive(Styled);

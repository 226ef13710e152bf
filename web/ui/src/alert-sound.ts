/**
 * What an alert of the first grade sounds like: three rising pairs of tones, made here, so that there is no file to load when
 * it matters. Browsers let a page sound only after somebody has touched it: until then it is `blocked`, and says so.
 */

const KEY = "sightline.alerts.muted";
const GESTURES = ["pointerdown", "keydown"] as const;
/** Hertz, and when each begins, seconds. */
const TONES: readonly (readonly [number, number])[] = [0, 0.45, 0.9].flatMap((at) => [
  [740, at] as const,
  [988, at + 0.16] as const,
]);
const TONE_S = 0.15;
const LOUDNESS = 0.35;
/** So much of a tone swells and fades, or it would crack. */
const SLOPE_S = 0.015;

export class AlertSound {
  muted = localStorage.getItem(KEY) === "yes";
  /** The browser has not let it sound yet. */
  blocked = false;
  private context: AudioContext | null = null;

  /** @param changed `muted` or `blocked` is another than before */
  constructor(private readonly changed: () => void) {}

  setMuted(muted: boolean): void {
    this.muted = muted;
    localStorage.setItem(KEY, muted ? "yes" : "no");
    this.changed();
  }

  /** Sound once: now, or as soon as somebody touches the page. */
  play(): void {
    if (this.muted || this.blocked) return;
    const context = (this.context ??= new AudioContext());
    if (context.state === "running") this.sound(context);
    else void this.wait(context);
  }

  private async wait(context: AudioContext): Promise<void> {
    this.block(true);
    const resume = () => void context.resume();
    for (const gesture of GESTURES) window.addEventListener(gesture, resume, true);
    await context.resume(); // at once where it may; else with the first gesture
    for (const gesture of GESTURES) window.removeEventListener(gesture, resume, true);
    this.block(false);
    if (!this.muted) this.sound(context);
  }

  private block(blocked: boolean): void {
    this.blocked = blocked;
    this.changed();
  }

  private sound(context: AudioContext): void {
    const start = context.currentTime + SLOPE_S;
    for (const [hertz, at] of TONES) {
      const tone = new OscillatorNode(context, { type: "triangle", frequency: hertz });
      const volume = new GainNode(context, { gain: 0 });
      const from = start + at;
      volume.gain.setValueAtTime(0, from);
      volume.gain.linearRampToValueAtTime(LOUDNESS, from + SLOPE_S);
      volume.gain.setValueAtTime(LOUDNESS, from + TONE_S - SLOPE_S);
      volume.gain.linearRampToValueAtTime(0, from + TONE_S);
      tone.connect(volume).connect(context.destination);
      tone.start(from);
      tone.stop(from + TONE_S);
    }
  }
}

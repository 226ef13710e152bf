/**
 * How well this device is linked to the gateway: by the echo of the WebSocket, and by what the pictures' own statistics
 * say of loss, round trips and delay. Whose fault a picture's trouble is not: the camera's. Knows nothing of elements.
 */

/** What WebRTC knows of one picture's way. */
export interface Vitals {
  packetsReceived: number;
  packetsLost: number;
  /** Milliseconds; null: not measured yet. */
  roundTrip: number | null;
  /** What pictures wait for those that come late, milliseconds on average. */
  buffer: number;
}

/** "offline": this device has no network. "away": the gateway does not answer. "slow": it does, and it takes long. */
export type LinkState = "well" | "slow" | "offline" | "away";

/** What is said of a slow link. */
export interface LinkNews {
  state: LinkState;
  /** Milliseconds there and back. */
  roundTrip: number | null;
  /** Share of the pictures' packets that were lost lately, 0 to 1. */
  loss: number;
}

const SLOW_MS = 600;
const LOSSY = 0.08;
const LATE_MS = 1_000;
/** A slow link must have been well for so many looks to count as well again. */
const CALM = 3;
const ECHOES = 5;
/** Fewer packets say nothing about their loss. */
const ENOUGH = 40;

interface Known {
  last: Vitals;
  loss: number;
  behind: number;
}

export class LinkHealth {
  private readonly echoes: number[] = [];
  private readonly pictures = new Map<string, Known>();
  private asked: number | null = null;
  private calm = CALM;

  /** An echo was asked for at `here`; null: it has come, or none is awaited. */
  awaiting(here: number | null): void {
    this.asked = here;
  }

  echo(roundTrip: number): void {
    this.asked = null;
    this.echoes.push(roundTrip);
    if (this.echoes.length > ECHOES) this.echoes.shift();
    this.look();
  }

  picture(session: string, vitals: Vitals): void {
    const before = this.pictures.get(session);
    const received = vitals.packetsReceived - (before?.last.packetsReceived ?? 0);
    const lost = Math.max(0, vitals.packetsLost - (before?.last.packetsLost ?? 0));
    const behind = vitals.buffer + (vitals.roundTrip ?? 0) / 2;
    if (before && received + lost < ENOUGH) before.behind = behind;
    else this.pictures.set(session, { last: vitals, loss: lost / Math.max(1, received + lost), behind });
    this.look();
  }

  /** The picture is not watched any more. */
  ended(session: string): void {
    this.pictures.delete(session);
  }

  /** How much later than they could be a session's pictures are seen because of the link, milliseconds. */
  behind(session: string): number {
    return this.pictures.get(session)?.behind ?? 0;
  }

  /** The connection is a new one. */
  begin(): void {
    this.echoes.length = 0;
    this.asked = null;
  }

  /** @param away the gateway has not answered for a while */
  news(here: number, away: boolean, online: boolean): LinkNews {
    const waited = this.asked === null ? 0 : here - this.asked;
    const roundTrip = this.echoes.length === 0 ? null : Math.max(this.usual, waited > SLOW_MS ? waited : 0);
    const slow = this.calm < CALM || waited > 3 * SLOW_MS;
    const state: LinkState = away ? (online ? "away" : "offline") : slow ? "slow" : "well";
    return { state, roundTrip, loss: this.worst(({ loss }) => loss) };
  }

  private get usual(): number {
    return [...this.echoes].sort((a, b) => a - b)[Math.floor(this.echoes.length / 2)] ?? 0;
  }

  private worst(of: (known: Known) => number): number {
    return Math.max(0, ...[...this.pictures.values()].map(of));
  }

  private look(): void {
    const bad = this.usual > SLOW_MS || this.worst(({ loss }) => loss) > LOSSY || this.worst(({ behind }) => behind) > LATE_MS;
    this.calm = bad ? 0 : Math.min(CALM, this.calm + 1);
  }
}

/** What is known of a link before anything was measured on the page: how its files came. */
export interface FirstLoad {
  /** Of each file that came over the network: bytes, and milliseconds from the first to the last. */
  files: readonly { bytes: number; ms: number }[];
  /** What the browser believes (Network Information API), where it says. */
  downlinkMbit: number | null;
  saveData: boolean;
}

const SMALL_BELOW_MBIT = 1.5;
/** A file that fits the first round trip says nothing of the rate. */
const TELLING_BYTES = 30_000;

/** Whether a picture had better begin small: it can grow at once, while one that does not fit stands still first. */
export function beginsSmall({ files, downlinkMbit, saveData }: FirstLoad): boolean {
  if (saveData) return true;
  const telling = files.filter(({ bytes, ms }) => bytes > TELLING_BYTES && ms > 0);
  const rates = telling.map(({ bytes, ms }) => (bytes * 8) / ms / 1000);
  const measured = rates.length > 0 ? Math.max(...rates) : downlinkMbit;
  return measured !== null && measured < SMALL_BELOW_MBIT;
}

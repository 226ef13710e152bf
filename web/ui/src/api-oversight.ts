/** Calls about who may see what, who did, and what is kept and proved: groups, policy, audit, privacy, storage, evidence. docs/interfaces.md has the meaning. */

import { json } from "./api";
import type { AuditPage, Camera, EvidenceStanding, Group, Policy, Proof, SettingsReading, StorageReport } from "./model";

const query = (values: Record<string, string>) => {
  const text = new URLSearchParams(Object.entries(values).filter(([, value]) => value !== "")).toString();
  return text && `?${text}`;
};

export async function groups(signal?: AbortSignal): Promise<Group[]> {
  return (await json<{ groups: Group[] }>("/api/groups", "GET", undefined, signal)).groups;
}

export function policy(signal?: AbortSignal): Promise<Policy> {
  return json<Policy>("/api/policy", "GET", undefined, signal);
}

/** What holds for a user and a camera (empty: all of them), and why, in sentences. */
export async function explainPolicy(user: string, camera: string, signal?: AbortSignal): Promise<string[]> {
  const path = `/api/policy/explain${query({ user, camera })}`;
  return (await json<{ sentences: string[] }>(path, "GET", undefined, signal)).sentences;
}

/** Have the gateway read its settings file again; rejects when it contradicts itself, and nothing has changed then. */
export function readSettings(): Promise<SettingsReading> {
  return json<SettingsReading>("/api/settings/reload", "POST");
}

/** Switch the wearer's privacy mode. */
export function setPrivacy(camera: string, on: boolean, reason: string): Promise<Camera> {
  return json<Camera>(`/api/cameras/${encodeURIComponent(camera)}/privacy`, "PUT", { on, reason });
}

interface Page {
  /** The number of the row to go on from. */
  before?: number;
  signal?: AbortSignal;
}

/** Rows of the audit, newest first. The times that are asked for are UTC, as a `datetime-local` field has them. */
export function audit(asked: Record<string, string>, { before, signal }: Page = {}): Promise<AuditPage> {
  const page = { ...inUtc(asked), before: before === undefined ? "" : String(before) };
  return json<AuditPage>(`/api/audit${query(page)}`, "GET", undefined, signal);
}

/** Where all that is found can be had as a file. */
export function auditFile(asked: Record<string, string>): string {
  return `/api/audit.csv${query(inUtc(asked))}`;
}

function inUtc(asked: Record<string, string>): Record<string, string> {
  const utc = (value = "") => value && `${value.length === 16 ? `${value}:00` : value}Z`;
  return { ...asked, from: utc(asked.from), to: utc(asked.to) };
}

/** Prove the rows of a day, `2026-11-22`, UTC. */
export function verifyDay(day: string): Promise<Proof> {
  return json<Proof>(`/api/audit/verify${query({ day })}`);
}

export function storageReport(signal?: AbortSignal): Promise<StorageReport> {
  return json<StorageReport>("/api/storage", "GET", undefined, signal);
}

export function evidenceStanding(signal?: AbortSignal): Promise<EvidenceStanding> {
  return json<EvidenceStanding>("/api/evidence", "GET", undefined, signal);
}

"use strict";
// What was decided here and the farm has not heard yet. It lies in localStorage before anything is sent, so that no
// dead zone, closed page or empty battery loses a label; each has an id of its own, so sending again is harmless.

const SEND_AT_ONCE = 200;
const PATIENCE_MS = 15000;
const BACKOFF_MS = [1000, 2000, 4000, 8000, 15000, 30000];

function remembered(name, otherwise) {
  try {
    const text = localStorage.getItem(name);
    return text === null ? otherwise : JSON.parse(text);
  } catch {
    return otherwise;
  }
}

function remember(name, value) {
  localStorage.setItem(name, JSON.stringify(value));
}

function newId() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

class Refused extends Error {
  constructor(status, told) {
    super(told.detail || `the farm answered ${status}`);
    this.status = status;
    this.errors = told.errors || [];
  }
}

// One request to the farm: JSON or a Blob. Throws Refused where the farm says no, another error where it does not answer.
async function ask(path, { key, body, blob = false }) {
  const stop = new AbortController();
  const timer = setTimeout(() => stop.abort(), PATIENCE_MS);
  const headers = { Authorization: `Bearer ${key}` };
  if (body) headers["Content-Type"] = "application/json";
  try {
    const answer = await fetch(path, {
      method: body ? "POST" : "GET", headers, body: body && JSON.stringify(body), signal: stop.signal,
      credentials: "omit", cache: blob ? "default" : "no-store",
    });
    if (answer.ok) return await (blob ? answer.blob() : answer.json());
    throw new Refused(answer.status, await answer.json().catch(() => ({})));
  } finally {
    clearTimeout(timer);
  }
}

class Outbox {
  constructor(place, send, changed) {
    this.place = place;
    this.send = send;
    this.changed = changed;
    this.sending = false;
    this.failures = 0;
    this.timer = 0;
    window.addEventListener("online", () => this.now());
    window.addEventListener("storage", (event) => { if (event.key === this.place) this.changed(); });
    document.addEventListener("visibilitychange", () => { if (!document.hidden) this.now(); });
  }

  // Read anew each time: another tab of this page writes there too.
  get waiting() {
    return remembered(this.place, []);
  }

  add(sha256, label) {
    const last = remembered(`${this.place}:clock`, 0);
    const now = Math.max(Date.now(), last + 1);
    remember(this.place, [...this.waiting, { sha256, label, event: newId(), decided_at: now / 1000 }]);
    remember(`${this.place}:clock`, now);
    this.changed();
    this.later(300);
  }

  now() {
    this.failures = 0;
    return this.flush();
  }

  later(delay_ms) {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.flush(), delay_ms);
  }

  async flush() {
    clearTimeout(this.timer);
    if (this.sending || !this.waiting.length) return;
    this.sending = true;
    const batch = this.waiting.slice(0, SEND_AT_ONCE);
    try {
      await this.send(batch);
      this.failures = 0;
      this.forget(batch);
    } catch (error) {
      this.failures += 1;
      this.refused(batch, error);
    }
    this.sending = false;
    this.changed();
    if (!this.waiting.length) return;
    this.later(this.failures ? BACKOFF_MS[Math.min(this.failures, BACKOFF_MS.length) - 1] : 0);
  }

  forget(batch) {
    const gone = new Set(batch.map((each) => each.event));
    remember(this.place, this.waiting.filter((each) => !gone.has(each.event)));
  }

  // Labels that the farm will never take are put aside, so that they do not hold up the others for ever.
  refused(batch, error) {
    if (!(error instanceof Refused) || error.status !== 422) return this.changed(error);
    const places = error.errors.map((each) => /^labels\.(\d+)/.exec(each.field)).filter(Boolean).map((found) => +found[1]);
    const wrong = batch.filter((_, index) => places.includes(index));
    if (!wrong.length) return this.changed(error);
    remember(`${this.place}:refused`, [...remembered(`${this.place}:refused`, []), ...wrong].slice(-500));
    this.forget(wrong);
    this.failures = 0;
    this.changed(new Error(`${wrong.length} labels were refused: the dataset no longer has these photos`));
  }
}

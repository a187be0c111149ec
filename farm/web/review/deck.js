// The photos to come, the ones just judged, and their pictures: kept in IndexedDB, so that the page goes on without a
// network and after it was closed. A device that allows no IndexedDB keeps them in memory.

const AHEAD = 24;
const REFRESH_BELOW = 14;
const REFRESH_AFTER = 6;
const UNDOABLE = 20;
const AT_ONCE = 3;

class Cupboard {
  constructor() {
    this.memory = new Map();
    this.opened = new Promise((done) => {
      try {
        const request = indexedDB.open("farm-review", 1);
        request.onupgradeneeded = () => request.result.createObjectStore("kept");
        request.onsuccess = () => done(request.result);
        request.onerror = () => done(null);
      } catch {
        done(null);
      }
    });
  }

  async run(mode, work) {
    const database = await this.opened;
    if (!database) return undefined;
    return new Promise((done) => {
      const request = work(database.transaction("kept", mode).objectStore("kept"));
      request.onsuccess = () => done(request.result);
      request.onerror = () => done(undefined);
    });
  }

  async get(name) {
    return (await this.run("readonly", (store) => store.get(name))) ?? this.memory.get(name);
  }

  async put(name, value) {
    if ((await this.run("readwrite", (store) => store.put(value, name))) === undefined) this.memory.set(name, value);
  }

  async forget(unless) {
    const names = (await this.run("readonly", (store) => store.getAllKeys())) || [];
    for (const name of names) if (!unless(name)) await this.run("readwrite", (store) => store.delete(name));
    for (const name of this.memory.keys()) if (!unless(name)) this.memory.delete(name);
  }
}

class Deck {
  // fetchNext(count) and fetchPreview(photo) ask the farm; changed() is called when there is something new to show.
  constructor(place, { fetchNext, fetchPreview, pending, changed }) {
    Object.assign(this, { place, fetchNext, fetchPreview, pending, changed });
    this.cupboard = new Cupboard();
    this.shelf = `preview:${place}:`;
    this.photos = [];
    this.judged = [];
    this.urls = new Map();
    this.missing = new Set();
    this.sinceRefresh = 0;
    this.exhausted = false;
    this.loading = null;
    this.prefetching = this.asked = false;
  }

  async open() {
    const kept = await this.cupboard.get(`deck:${this.place}`);
    if (kept) Object.assign(this, { photos: kept.photos, judged: kept.judged });
    this.prefetch();
  }

  get current() {
    return this.photos[0];
  }

  // The current photo gets its label and makes way.
  judge(label) {
    const photo = this.photos.shift();
    this.judged = [...this.judged, { photo, label }].slice(-UNDOABLE);
    this.sinceRefresh += 1;
    this.save();
    return photo;
  }

  undo() {
    const last = this.judged.pop();
    if (last) this.photos.unshift(last.photo);
    this.save();
    return last && last.photo;
  }

  save() {
    return this.cupboard.put(`deck:${this.place}`, { photos: this.photos, judged: this.judged });
  }

  get wantsMore() {
    return !this.exhausted && (this.photos.length < REFRESH_BELOW || this.sinceRefresh >= REFRESH_AFTER);
  }

  // The farm's newest order takes the place of ours, behind the two photos that are on the table.
  refresh() {
    this.loading ??= this.fetched().finally(() => { this.loading = null; });
    return this.loading;
  }

  async fetched() {
    const before = this.sinceRefresh;
    const photos = await this.fetchNext(AHEAD);
    this.sinceRefresh -= before;
    const table = this.photos.slice(0, 2);
    const known = new Set([...table, ...this.judged.map((each) => each.photo)].map((photo) => photo.sha256));
    for (const sha256 of this.pending()) known.add(sha256);
    this.photos = [...table, ...photos.filter((photo) => !known.has(photo.sha256))];
    this.exhausted = photos.length < AHEAD && this.photos.length <= table.length;
    await this.save();
    this.prefetch();
    this.changed();
  }

  // The photo's picture as an address, null while it is on its way, "" where it has none.
  picture(photo) {
    return this.urls.get(photo.sha256) ?? (this.missing.has(photo.sha256) ? "" : null);
  }

  async prefetch() {
    this.asked = true;
    if (this.prefetching) return;
    this.prefetching = true;
    try {
      while (this.asked) {
        this.asked = false;
        const todo = this.wanted().filter((photo) => this.picture(photo) === null);
        const hands = Array.from({ length: AT_ONCE }, async () => {
          for (let photo = todo.shift(); photo; photo = todo.shift()) await this.fetchPicture(photo);
        });
        await Promise.all(hands);
        await this.tidy();
      }
    } finally {
      this.prefetching = false;
    }
  }

  wanted() {
    return [...this.photos, ...this.judged.map((each) => each.photo).reverse()];
  }

  async fetchPicture(photo) {
    const name = `${this.shelf}${photo.sha256}`;
    try {
      let blob = await this.cupboard.get(name);
      if (!blob) {
        blob = await this.fetchPreview(photo);
        await this.cupboard.put(name, blob);
      }
      this.urls.set(photo.sha256, URL.createObjectURL(blob));
      this.changed();
    } catch (error) {
      if (!(error instanceof Refused && error.status === 404)) return;
      this.missing.add(photo.sha256);
      this.changed();
    }
  }

  async tidy() {
    const wanted = new Set(this.wanted().map((photo) => photo.sha256));
    for (const [sha256, url] of this.urls) {
      if (wanted.has(sha256)) continue;
      URL.revokeObjectURL(url);
      this.urls.delete(sha256);
    }
    await this.cupboard.forget((name) => !name.startsWith(this.shelf) || wanted.has(name.slice(this.shelf.length)));
  }
}

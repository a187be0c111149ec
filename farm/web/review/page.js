// The page: a deck of cards, swiped by a thumb or moved by arrow keys.

const $ = (id) => document.getElementById(id);
const FAR = 96; // px a card must be pulled
const FAST = 0.55; // px a millisecond that count as a swipe
const STATE_EVERY_MS = 20000;

const dataset = decodeURIComponent(location.pathname.split("/").pop());
const root = `/v1/datasets/${encodeURIComponent(dataset).replace("%40", "@")}/review`;
const handed = new URLSearchParams(location.hash.slice(1));
if (location.hash) history.replaceState(null, "", location.pathname); // a key stays in no history
if (handed.get("key")) remember("farm:key", handed.get("key"));
if (handed.get("name")) remember("farm:reviewer", handed.get("name"));

const who = { key: remembered("farm:key", ""), name: remembered("farm:reviewer", "") };
let outbox, deck, state = remembered(`review:${dataset}:state`, null), stateTimer = 0, stale = true;

function say(text) {
  $("voice").textContent = text;
  $("voice").classList.add("on");
  clearTimeout(say.timer);
  say.timer = setTimeout(() => $("voice").classList.remove("on"), 3500);
}

function made(tag, kind, text) {
  const element = document.createElement(tag);
  if (kind) element.className = kind;
  if (text !== undefined) element.textContent = text;
  return element;
}

// Cards

function makeCard(photo) {
  const card = made("article", "card");
  card.dataset.sha256 = photo.sha256;
  card.append(made("div", "wait", "the picture is on its way"));
  card.append(made("div", "stamp keep", "keep"), made("div", "stamp drop", "drop"));
  const words = made("div", "words");
  const verdict = made("div", "verdict");
  verdict.append(made("b", photo.verdict, photo.verdict), photo.verdict === "drop" ? `: ${photo.reason}` : " by the farm's measure");
  const chips = made("div", "chips");
  for (const [text, kind] of chipsOf(photo)) chips.append(made("span", `chip ${kind}`, text));
  words.append(verdict, made("div", "why", whyOf(photo)), chips);
  card.append(words);
  return card;
}

function showPicture(card, photo) {
  const url = deck.picture(photo);
  if (url === null || card.dataset.shown) return;
  card.dataset.shown = "yes";
  if (url === "") {
    card.querySelector(".wait").textContent = `${photo.file} has no picture to show: it could not be opened`;
    return;
  }
  const glow = made("img", "glow"), picture = made("img");
  glow.src = picture.src = url;
  glow.alt = "";
  picture.alt = photo.file;
  card.querySelector(".wait").replaceWith(glow, picture);
}

function draw() {
  const wanted = deck.photos.slice(0, 2);
  for (const card of document.querySelectorAll(".card:not(.gone)")) {
    if (!wanted.some((photo) => photo.sha256 === card.dataset.sha256)) card.remove();
  }
  wanted.forEach((photo, place) => {
    let card = document.querySelector(`.card:not(.gone)[data-sha256="${photo.sha256}"]`);
    if (!card) {
      card = makeCard(photo);
      $("table").prepend(card);
    }
    card.classList.toggle("below", place > 0);
    card.style.zIndex = place > 0 ? 0 : 1;
    showPicture(card, photo);
  });
  const nothing = !wanted.length;
  $("empty").hidden = !nothing;
  if (nothing) drawEmpty();
  $("keep").disabled = $("drop").disabled = nothing;
  $("undo").disabled = !deck.judged.length;
}

function drawEmpty() {
  const [head, body] = $("empty").children;
  const done = deck.exhausted && !outbox.waiting.length;
  head.textContent = done ? "You have seen them all" : navigator.onLine ? "A moment" : "No more photos on this device";
  body.textContent = done ? "Thank you. Others may still be judging." : navigator.onLine ? "The next photos are on their way." : "The next ones come when there is a network. Your labels are safe here.";
}

// Judging

function judge(label, from) {
  if (!deck.current || !$("sheet").hidden) return;
  const card = document.querySelector(".card:not(.gone):not(.below)");
  try {
    outbox.add(deck.current.sha256, label);
  } catch {
    return say("this device has no room for more labels: connect it, and they will be sent");
  }
  if (card) fling(card, label, from);
  deck.judge(label);
  navigator.vibrate?.(8);
  draw();
  topUp();
}

function fling(card, label, from = 0) {
  const side = label === "keep" ? 1 : -1;
  card.classList.remove("held");
  card.classList.add("gone");
  card.querySelector(`.stamp.${label}`).style.opacity = 1;
  card.style.zIndex = 2;
  requestAnimationFrame(() => {
    card.style.transform = `translate(${side * 130}%, ${from * 0.4}px) rotate(${side * 16}deg)`;
    card.style.opacity = 0;
  });
  setTimeout(() => card.remove(), 320);
}

function undo() {
  if (!$("sheet").hidden) return;
  const photo = deck.undo();
  if (!photo) return;
  outbox.add(photo.sha256, null);
  draw();
  document.querySelector(`.card[data-sha256="${photo.sha256}"]:not(.gone)`)?.classList.add("back");
  say("undone");
}

function watchThumb() {
  let start = null;
  const move = (card, dx, dy) => {
    card.style.transform = `translate(${dx}px, ${dy * 0.35}px) rotate(${dx / 22}deg)`;
    card.querySelector(".stamp.keep").style.opacity = Math.min(Math.max(dx / FAR, 0), 1);
    card.querySelector(".stamp.drop").style.opacity = Math.min(Math.max(-dx / FAR, 0), 1);
  };
  $("table").addEventListener("pointerdown", (event) => {
    const card = event.target.closest(".card:not(.below):not(.gone)");
    if (!card || start || event.button > 0) return;
    start = { card, id: event.pointerId, x: event.clientX, y: event.clientY, at: event.timeStamp };
    card.setPointerCapture(event.pointerId);
    card.classList.add("held");
  });
  $("table").addEventListener("pointermove", (event) => {
    if (start?.id === event.pointerId) move(start.card, event.clientX - start.x, event.clientY - start.y);
  });
  const end = (event) => {
    if (start?.id !== event.pointerId) return;
    const { card, x, y, at } = start;
    const dx = event.clientX - x, speed = dx / Math.max(event.timeStamp - at, 1);
    start = null;
    card.classList.remove("held");
    const far = Math.abs(dx) > FAR || (Math.abs(dx) > 30 && Math.abs(speed) > FAST);
    if (event.type === "pointerup" && far) return judge(dx > 0 ? "keep" : "drop", event.clientY - y);
    move(card, 0, 0);
    card.style.transform = "";
  };
  $("table").addEventListener("pointerup", end);
  $("table").addEventListener("pointercancel", end);
}

const KEYS = {
  ArrowLeft: () => judge("drop"), ArrowRight: () => judge("keep"), ArrowUp: undo, u: undo, U: undo, Backspace: undo,
  i: toggleSheet, I: toggleSheet, Escape: () => { if (!$("sheet").hidden) toggleSheet(); },
};

// Sheet

function toggleSheet() {
  const opens = $("sheet").hidden && Boolean(deck);
  if (opens) fillSheet(deck.current);
  $("sheet").hidden = $("shade").hidden = !opens;
}

function factsOf(photo) {
  const facts = [["verdict", photo.reason ? `${photo.verdict}: ${photo.reason}` : photo.verdict]];
  if (photo.width_px) facts.push(["size", `${photo.width_px} × ${photo.height_px} px`]);
  if (photo.teaches.length) facts.push(["teaches", photo.teaches.map((px) => `${px} px`).join(", ")]);
  for (const [gate, found] of Object.entries(photo.measurements)) facts.push([gate.replaceAll("_", " "), found.reason || plainNumber(found.value)]);
  return facts;
}

function fillSheet(photo) {
  $("sheet-title").textContent = photo ? photo.file : dataset;
  const facts = photo ? factsOf(photo) : [];
  $("facts").replaceChildren(...facts.flatMap(([name, text]) => [made("dt", "", name), made("dd", "", text)]));
  const rows = (state?.reviewers || []).map((each) => [each.reviewer, `${each.keep} kept, ${each.drop} dropped`]);
  for (const pair of state?.pairs || []) {
    const kappa = pair.kappa === null ? "" : `, κ ${pair.kappa.toFixed(2)}`;
    rows.push([`${pair.one} and ${pair.other}`, `${percent(pair.agrees)} of ${pair.shared} alike${kappa}`]);
  }
  if (state?.disputed) rows.push(["photos they differ on", String(state.disputed)]);
  $("people").replaceChildren(...rows.map(([name, text]) => {
    const row = made("div");
    row.append(made("span", "", name), made("span", "", text));
    return row;
  }));
}

// The farm

function drawState() {
  if (state) {
    const sure = state.sure_keep + state.sure_drop, share = (count) => `${(100 * count) / Math.max(state.photos, 1)}%`;
    const [judged, keeps, drops] = $("bar").children;
    [judged.style.width, keeps.style.width, drops.style.width] = [share(state.labelled), share(state.sure_keep), share(state.sure_drop)];
    $("bar").setAttribute("aria-valuenow", Math.round((100 * (state.labelled + sure)) / Math.max(state.photos, 1)));
    const words = [`${state.labelled.toLocaleString("en")} judged`];
    if (state.ranking) words.push(`${sure.toLocaleString("en")} sure`);
    words.push(`of ${state.photos.toLocaleString("en")}`);
    $("count").textContent = words.join(" · ");
    $("together").textContent = agreementWords(state);
    if (!$("sheet").hidden) fillSheet(deck?.current);
  }
  const waiting = outbox ? outbox.waiting.length : 0;
  const cut = !navigator.onLine || (outbox && outbox.failures > 0);
  $("wire").className = `pill${cut ? " cut" : waiting ? " waiting" : ""}`;
  $("wire").textContent = cut ? (waiting ? `offline · ${waiting} kept here` : "offline") : waiting ? `${waiting} to send` : who.name || "online";
}

async function readState() {
  clearTimeout(stateTimer);
  stateTimer = setTimeout(readState, STATE_EVERY_MS);
  stale = false; // what is decided from here on is in none of the answers on their way
  try {
    state = await ask(root, who);
    remember(`review:${dataset}:state`, state);
  } catch (error) {
    heard(error);
  }
  drawState();
}

// True where the farm said no for good.
function heard(error) {
  if (!(error instanceof Refused)) return false;
  if (error.status === 401) openDoor("This key is not known to the farm.");
  else if (error.status === 403) openDoor("This key may look on, not judge: ask for one of role artist.");
  else say(error.message);
  return true;
}

async function topUp() {
  if (!deck.wantsMore || (outbox.waiting.length && !outbox.failures && deck.photos.length > 2)) return;
  try {
    await deck.refresh();
  } catch (error) {
    heard(error);
  }
  draw();
}

function changed(error) {
  if (error) heard(error) || (error instanceof Error && outbox.failures === 0 && say(error.message));
  drawState();
  if (outbox.waiting.length || outbox.sending) return;
  draw();
  topUp();
  if (!stale) { stale = true; clearTimeout(stateTimer); stateTimer = setTimeout(readState, 800); }
}

// Beginning

function openDoor(why) {
  if (why) $("door-why").textContent = why;
  $("door-why").classList.toggle("wrong", Boolean(why));
  $("name").value = who.name;
  $("door").hidden = false;
}

async function begin() {
  const place = `review:${dataset}:${who.name}`;
  const named = who.name ? `&reviewer=${encodeURIComponent(who.name)}` : "";
  const body = (labels) => (who.name ? { reviewer: who.name, labels } : { labels });
  outbox = new Outbox(`${place}:outbox`, (labels) => ask(`${root}/labels`, { ...who, body: body(labels) }), changed);
  deck = new Deck(place, {
    fetchNext: async (count) => (await ask(`${root}/photos?limit=${count}${named}`, who)).photos,
    fetchPreview: (photo) => ask(photo.preview, { ...who, blob: true }),
    pending: () => outbox.waiting.filter((each) => each.label !== null).map((each) => each.sha256),
    changed: draw,
  });
  await deck.open();
  draw();
  drawState();
  await outbox.flush();
  await Promise.all([readState(), topUp()]);
}

$("dataset").textContent = dataset;
document.title = `Review ${dataset}`;
$("keep").onclick = () => judge("keep");
$("drop").onclick = () => judge("drop");
$("undo").onclick = undo;
$("more").onclick = $("shade").onclick = toggleSheet;
$("wire").onclick = () => outbox?.now();
$("leave").onclick = () => {
  if (outbox?.waiting.length) { toggleSheet(); return say("labels are still to be sent: connect first"); }
  localStorage.removeItem("farm:key");
  localStorage.removeItem("farm:reviewer");
  location.reload();
};
$("door").onsubmit = (event) => {
  event.preventDefault();
  remember("farm:key", $("key").value.trim());
  remember("farm:reviewer", $("name").value.trim());
  location.reload();
};
window.addEventListener("keydown", (event) => {
  if (!$("door").hidden || event.ctrlKey || event.metaKey || event.altKey || event.repeat || !KEYS[event.key]) return;
  event.preventDefault();
  KEYS[event.key]();
});
for (const name of ["online", "offline"]) window.addEventListener(name, () => { drawState(); if (deck) { draw(); deck.prefetch(); topUp(); } });
watchThumb();
// Browsers allow this on https and on this machine alone; elsewhere an open page works offline, and a reload needs the network.
if ("serviceWorker" in navigator) {
  navigator.serviceWorker.register("/review-offline.js", { scope: "/review/" }).catch(() => {});
  navigator.serviceWorker.ready.then((found) => found.active.postMessage(location.pathname)).catch(() => {});
}
if (who.key) begin(); else openDoor("");

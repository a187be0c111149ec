// Measurements in words short enough for a thumb. What a gate found in full stands in the sheet.

const percent = (value) => `${Math.round(value * 100)} %`;

const CHIPS = {
  native_size: (v) => [`${Math.round(v)} px true`, v < 256 ? "odd" : ""],
  face: (v) => (v === 1 ? ["one face", ""] : v === 0 ? ["no face", "odd"] : [`${v} faces`, "bad"]),
  drawn: (v) => (v < 0.2 ? null : [`${percent(v)} drawn`, v > 0.5 ? "bad" : "odd"]),
  halftone: (v) => (v < 0.2 ? null : [`${percent(v)} halftone`, v > 0.5 ? "bad" : "odd"]),
  jpeg: (v) => (v >= 97 ? ["no JPEG damage", ""] : [`JPEG ≈ ${Math.round(v)}`, v < 60 ? "bad" : v < 80 ? "odd" : ""]),
  blur: (v) => [v < 0.7 ? "sharp" : `blur ${v.toFixed(1)} px`, v > 2 ? "bad" : v > 1.2 ? "odd" : ""],
  noise: (v) => [v < 1.5 ? "clean" : `noise ${v.toFixed(1)}`, v > 12 ? "bad" : v > 6 ? "odd" : ""],
  sharpening: (v) => (v < 0.25 ? null : ["over-sharpened", v > 0.6 ? "bad" : "odd"]),
  exposure: (v) => (v < 0.03 ? null : [`${percent(v)} clipped`, v > 0.25 ? "bad" : "odd"]),
  borders: (v) => (v < 0.01 ? null : [`${percent(v)} border`, v > 0.25 ? "bad" : "odd"]),
  greyscale: (v) => (v < 3 ? ["grey", "odd"] : null),
  readable: () => null,
};
const IN_ORDER = Object.keys(CHIPS);
const CHIPS_SHOWN = 7;

const WHY = {
  doubtful: (p) => `the ranking is in doubt: ${percent(p)} keep`,
  blind: (p) => (p === null ? "chosen by chance, to learn from" : `chosen by chance; the ranking says ${percent(p)} keep`),
  disputed: () => "reviewers differ on this one",
  second: () => "a second opinion",
};

function plainNumber(value) {
  if (typeof value !== "number") return String(value);
  return Math.abs(value) >= 100 || Number.isInteger(value) ? String(Math.round(value)) : value.toPrecision(2);
}

// [words, kind] of the most telling measurements; the gate that dropped the photo comes first.
function chipsOf(photo) {
  const known = Object.entries(photo.measurements).filter(([, found]) => found.value !== null && found.value !== "");
  const rank = ([gate]) => (gate === photo.gate ? -1 : IN_ORDER.includes(gate) ? IN_ORDER.indexOf(gate) : 99);
  return known.sort((a, b) => rank(a) - rank(b)).map(([gate, found]) => {
    const said = CHIPS[gate] && typeof found.value === "number"
      ? CHIPS[gate](found.value)
      : CHIPS[gate] ? null : [`${gate.replaceAll("_", " ")} ${plainNumber(found.value)}`, ""];
    return said && gate === photo.gate ? [said[0], "bad"] : said;
  }).filter(Boolean).slice(0, CHIPS_SHOWN);
}

function whyOf(photo) {
  return WHY[photo.why] ? WHY[photo.why](photo.probability) : "";
}

function agreementWords(state) {
  if (!state.shared || state.agrees === null) return "";
  const kappa = state.kappa === null ? "" : ` · κ ${state.kappa.toFixed(2)}`;
  return `${percent(state.agrees)} agreement${kappa}`;
}

"use strict";
// Keeps the page itself, newest first: photos and labels are kept by the page.

const SHELF = "farm-review-page";

self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));
self.addEventListener("fetch", (event) => {
  const url = new URL(event.request.url);
  if (event.request.mode !== "navigate" || !url.pathname.startsWith("/review/")) return;
  event.respondWith(page(url.pathname));
});

// The first visit came before this worker: the page says where it lies.
self.addEventListener("message", (event) => {
  if (typeof event.data === "string" && event.data.startsWith("/review/")) event.waitUntil(page(event.data));
});

async function page(path) {
  const shelf = await caches.open(SHELF);
  try {
    const answer = await fetch(path, { credentials: "omit", cache: "no-store" });
    if (answer.ok) await shelf.put(path, answer.clone());
    return answer;
  } catch (error) {
    const kept = await shelf.match(path);
    if (kept) return kept;
    throw error;
  }
}

// Keeps the page as it is in the ledger: the server sends each region that changed. Without this script, the
// page shows what it showed when it was loaded.
"use strict";

(() => {
  const address = document.body.dataset.events;
  const state = document.getElementById("live");
  const AGAIN_MS = 5000;

  const within = (region, element) => (element && region.contains(element) ? element : null);

  // Where the keyboard is, by what the same link or button is found again by.
  const place = (region) => {
    const focused = within(region, document.activeElement);
    if (!focused) return null;
    const by = ["id", "href"].find((name) => focused.getAttribute(name));
    return by ? `[${by}="${CSS.escape(focused.getAttribute(by))}"]` : null;
  };

  const replace = (region, html) => {
    const next = document.createElement("div");
    next.innerHTML = html;
    if (next.innerHTML === region.innerHTML) return;
    const focused = place(region);
    const opened = [...region.querySelectorAll("details[open][id]")].map((each) => each.id);
    const scrolled = [...region.querySelectorAll(".scroll[id]")].map((each) => [each.id, each.scrollLeft]);
    for (const id of opened) next.querySelector(`#${CSS.escape(id)}`)?.setAttribute("open", "");
    region.replaceChildren(...next.childNodes);
    for (const [id, left] of scrolled) {
      const found = document.getElementById(id);
      if (found) found.scrollLeft = left;
    }
    if (focused) (region.querySelector(focused) ?? document.getElementById("main")).focus();
  };

  const say = (words) => {
    if (state && state.textContent !== words) state.textContent = words;
  };

  let source = null;

  const connect = () => {
    source = new EventSource(address);
    source.addEventListener("open", () => say("This page updates by itself."));
    source.addEventListener("regions", (event) => {
      for (const [id, html] of Object.entries(JSON.parse(event.data))) {
        const region = document.getElementById(`region-${id}`);
        if (region) replace(region, html);
      }
      say("This page updates by itself.");
    });
    source.addEventListener("problem", (event) => say(JSON.parse(event.data)));
    source.addEventListener("error", (event) => {
      say("The connection is lost, so this page may be out of date. Trying again.");
      const closed = event.target.readyState === EventSource.CLOSED;
      if (closed && event.target === source) setTimeout(follow, AGAIN_MS);
    });
  };

  // A browser has six connections to a server, for all of its tabs: those that nobody sees need none.
  const follow = () => {
    source?.close();
    source = null;
    if (!document.hidden) connect();
  };

  if (address && window.EventSource) {
    document.addEventListener("visibilitychange", follow);
    follow();
  }
})();

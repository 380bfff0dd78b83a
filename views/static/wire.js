// The wire view is whole without this: its links ask for the page again. With it
// new rows appear by themselves, and what is selected changes in its place.

const list = document.querySelector(".msgs"), wire = document.querySelector("[data-events]");
const said = document.querySelector("#said"), live = document.querySelector("#live");
const parse = (html) => {
  const template = document.createElement("template");
  template.innerHTML = html;
  return [...template.content.children];
};

// What had the focus has it still, where it is still there.
const swap = (old, fresh) => {
  if (old.isEqualNode(fresh)) return;
  const links = (e) => [...e.querySelectorAll("a,button,summary,input,textarea")];
  const at = links(old).indexOf(document.activeElement), self = old === document.activeElement;
  const { scrollTop } = old;
  old.replaceWith(fresh);
  fresh.scrollTop = scrollTop;
  (self ? fresh : links(fresh)[at])?.focus({ preventScroll: true });
};
const part = (fresh) => {
  const old = fresh.id && document.getElementById(fresh.id);
  // What somebody is typing stays, as long as it is about what waits.
  const seq = old?.querySelector("#edit[open] [name=seq]")?.value;
  if (old && !(seq && fresh.querySelector(`#edit [name=seq][value="${seq}"]`))) swap(old, fresh);
};
const rows = (from, fresh) => {
  const old = [...list.children].slice(from);
  fresh.forEach((row, i) => (old[i] ? swap(old[i], row) : list.append(row)));
  old.slice(fresh.length).forEach((row) => row.remove());
};

// What sticks below the caption has to know how high that is.
new ResizeObserver(() => {
  document.documentElement.style.setProperty("--cap", `${document.querySelector("#cap").offsetHeight}px`);
}).observe(document.querySelector("#cap").parentElement);

// One line is said for many rows, at most every two seconds.
let saying;
const say = () => {
  saying ??= setTimeout(() => {
    saying = undefined;
    const last = list.lastElementChild;
    said.textContent = last ? `${list.children.length} rows. ${last.querySelector(".m > .vh").textContent}${last.querySelector(".l, .box b").textContent}` : "";
  }, 2000);
};

let stream, paused = false;
const listen = () => {
  stream?.close();
  if (!wire.dataset.events || paused || document.hidden) return;
  stream = new EventSource(wire.dataset.events);
  stream.addEventListener("rows", ({ data }) => {
    const { from, html, parts, five, events } = JSON.parse(data);
    list.classList.toggle("five", five);
    rows(from, parse(html));
    parse(parts).forEach(part);
    wire.dataset.events = events; // where to go on after a pause
    say();
  });
};
document.addEventListener("visibilitychange", listen);
addEventListener("pagehide", () => stream?.close());
addEventListener("pageshow", listen);

live.hidden = !wire.dataset.events;
live.querySelector("button").addEventListener("click", ({ target }) => {
  paused = !paused;
  target.setAttribute("aria-pressed", String(paused));
  listen();
});

// Links to this page change what is selected and leave the rest where it is.
const go = async (href) => {
  const answer = await fetch(href);
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const fresh = page.querySelector(".msgs");
  if (!answer.ok || !fresh) return location.assign(href);
  list.className = fresh.className;
  rows(0, [...fresh.children]);
  for (const id of ["cap", "lead", "follow", "side", "heads", "earlier", "later", "insp"]) {
    const one = page.getElementById(id);
    if (one) part(one);
  }
  wire.dataset.events = page.querySelector("[data-events]").dataset.events;
  listen();
  list.querySelector("[aria-current]")?.scrollIntoView({ block: "nearest" });
};
document.addEventListener("click", (event) => {
  const link = event.target.closest("a[href]");
  if (!link || event.button || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
  if (link.getAttribute("href").startsWith("#") || link.origin !== location.origin || link.pathname !== location.pathname) return;
  event.preventDefault();
  history.pushState(null, "", link.href);
  go(link.href);
});
addEventListener("popstate", () => go(location.href));

// The arrow keys are Previous and Next, for who shows this to a room.
addEventListener("keydown", (event) => {
  const rel = { ArrowLeft: "prev", ArrowRight: "next" }[event.key];
  if (!rel || event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input,textarea,select,pre")) return;
  document.querySelector(`#cap [rel=${rel}]${rel === "next" ? ",#next" : ""}`)?.click();
});

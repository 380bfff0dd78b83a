// Every page works without this: it adds what only a script can do.

const button = (label, className) =>
  Object.assign(document.createElement("button"), { type: "button", className, textContent: label });

// An answer that the browser posts to the application (form_post).
document.querySelector("form[data-submit]")?.submit();

// A refused form: go to the list of what is wrong, which leads to the fields.
document.querySelector(".summary")?.focus();

for (const input of document.querySelectorAll("input[type=password]")) {
  const show = button("Show password", "aslink small");
  show.setAttribute("aria-pressed", "false");
  show.addEventListener("click", () => {
    const shown = input.type === "password";
    input.type = shown ? "text" : "password";
    show.setAttribute("aria-pressed", String(shown));
  });
  // What is sent is a password again, so that no browser keeps it as a text.
  input.form?.addEventListener("submit", () => { input.type = "password"; });
  input.after(show);
}

// <code data-copy="client ID">…</code>: browsers offer the clipboard on
// loopback and https alone.
if (navigator.clipboard) {
  for (const source of document.querySelectorAll("[data-copy]")) {
    const label = `Copy ${source.dataset.copy}`.trim();
    const copy = button(label, "btn alt sm");
    copy.addEventListener("click", async () => {
      await navigator.clipboard.writeText(source.textContent.trim());
      said.textContent = copy.textContent = "Copied";
      setTimeout(() => { copy.textContent = label; said.textContent = ""; }, 2000);
    });
    const said = Object.assign(document.createElement("span"), { className: "vh" });
    said.setAttribute("role", "status");
    source.after(" ", copy, said);
  }
}

for (const counter of document.querySelectorAll("form [data-ticked]")) {
  const boxes = [...(counter.closest("form")?.querySelectorAll("input[type=checkbox]:enabled") ?? [])];
  const count = () => {
    counter.textContent = counter.dataset.ticked
      .replaceAll("{n}", boxes.filter((box) => box.checked).length)
      .replaceAll("{m}", boxes.length);
  };
  counter.closest("form")?.addEventListener("change", count);
  count(); // the browser may have restored ticks when the person came back
}

// The consent page beside the form for it, made again at every change.
const draft = document.querySelector("form[data-preview]");
draft?.addEventListener("change", async () => {
  const body = new URLSearchParams(new FormData(draft));
  body.set("action", "preview");
  const answer = await fetch(draft.getAttribute("action"), { method: "POST", body });
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  document.querySelector("#preview").replaceWith(page.querySelector("#preview"));
});

// The theme menu closes like a menu.
const menu = document.querySelector(".theme");
menu?.addEventListener("keydown", (event) => {
  if (event.key !== "Escape" || !menu.open) return;
  menu.open = false;
  menu.querySelector("summary").focus();
});
document.addEventListener("click", (event) => {
  if (menu?.open && !menu.contains(event.target)) menu.open = false;
});

// How long a token has still to live, said again each second. The page says until
// when in any case; the server's clock counts, so we count from when it was asked.

const words = (seconds) => {
  const parts = [];
  for (const [unit, name] of [[86400, "days"], [3600, "h"], [60, "min"], [1, "s"]]) {
    const n = Math.floor(seconds / unit);
    seconds -= n * unit;
    if (n > 0 && parts.length < 2) parts.push(`${n} ${n === 1 && unit === 86400 ? "day" : name}`);
    else if (parts.length > 0) break;
  }
  return parts.join(" ") || "0 s";
};

for (const card of document.querySelectorAll("[data-left]")) {
  const timer = card.querySelector("[role=timer]"), bar = card.querySelector("progress"), said = card.querySelector("[role=status]");
  const began = performance.now(), given = Number(card.dataset.left);
  let before = given;
  const tick = () => {
    const left = given - Math.floor((performance.now() - began) / 1000);
    timer.textContent = left > 0 ? `Expires in ${words(left)}` : `Expired ${words(-left)} ago`;
    bar.value = Math.max(0, left);
    for (const [at, text] of [[60, "The token expires in 60 seconds"], [10, "The token expires in 10 seconds"], [0, "The token has expired"]]) {
      if (left <= at && before > at) said.textContent = text;
    }
    before = left;
  };
  tick();
  setInterval(tick, 1000);
}

// The course of the score: what made the step under the pointer, or at the arrow keys.
function startChart() {
  const plot = find(".plot");
  if (!plot) return;
  const area = find(".area", plot);
  const cross = find(".cross", area);
  const most = Number(area.dataset.most);
  let at = data.curve.length - 1;

  function lines([step, rollouts, best, value, low, high, chance]) {
    const made = data.members[best];
    return [`${rollouts} rollouts, step ${step}: ${score(value)} (${score(low)} to ${score(high)})`,
      `best: ${nameOf(best)}, better than your program with probability ${chance.toFixed(3)}`, made.what];
  }
  function read(place, y) {
    at = Math.max(0, Math.min(data.curve.length - 1, place));
    const box = area.getBoundingClientRect();
    const share = data.curve[at][1] / most;
    cross.setAttribute("x1", `${share * 100}%`);
    cross.setAttribute("x2", `${share * 100}%`);
    cross.setAttribute("visibility", "visible");
    showTip(box.left + share * box.width, y ?? box.top + 30, lines(data.curve[at]));
  }
  function leave() {
    cross.setAttribute("visibility", "hidden");
    hideTip();
  }
  area.addEventListener("pointermove", (event) => {
    const dot = event.target.closest(".dot");
    if (dot) {
      cross.setAttribute("visibility", "hidden");
      showTip(event.clientX, event.clientY, tipOf(Number(dot.dataset.member)));
      return;
    }
    const box = area.getBoundingClientRect();
    const rollouts = ((event.clientX - box.left) / box.width) * most;
    const after = data.curve.findIndex((point) => point[1] > rollouts);
    read((after < 0 ? data.curve.length : after) - 1, event.clientY);
  });
  area.addEventListener("pointerleave", leave);
  plot.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: -1, ArrowRight: 1, Home: -Infinity, End: Infinity }[event.key];
    if (step === undefined && event.key !== "Enter") return;
    event.preventDefault();
    if (event.key === "Enter") {
      choose(data.curve[at][2], { reveal: true });
    } else {
      read(at + step);
      say(lines(data.curve[at]).join(". "));
    }
  });
  plot.addEventListener("blur", leave);
}

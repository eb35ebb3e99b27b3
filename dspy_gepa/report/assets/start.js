// Theme, links, copying, printing; then all parts.
const themes = ["auto", "light", "dark"];
function setTheme(theme) {
  if (theme === "auto") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
  find("#theme").textContent = `◐ ${theme}`;
  find("#theme").setAttribute("aria-label", `Theme: ${theme}`);
  redraws.forEach((redraw) => redraw());
}
find("#theme").addEventListener("click", () => {
  const now = document.documentElement.dataset.theme ?? "auto";
  setTheme(themes[(themes.indexOf(now) + 1) % themes.length]);
});
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => redraws.forEach((redraw) => redraw()));

document.addEventListener("click", (event) => {
  const link = event.target.closest('a[href^="#"]');
  if (link) {  // in a notebook's frame such a link would lead to the notebook
    event.preventDefault();
    find(link.getAttribute("href")).scrollIntoView();
    return;
  }
  const member = event.target.closest("button[data-member], .dot[data-member]");
  if (member) choose(Number(member.dataset.member), { reveal: true });
});

const finals = () => (data.best === null ? {} : Object.fromEntries(
  data.components.map((name, place) => [name, data.texts[data.members[data.best].texts[place]]])));
const copies = {
  markdown: () => data.markdown,
  json: () => JSON.stringify(finals(), null, 2),
  text: (button) => finals()[data.components[Number(button.dataset.component)]],
};
all("button[data-copy]").forEach((button) =>
  button.addEventListener("click", () => copied(button, copies[button.dataset.copy](button))));

all(".clip").forEach(clip);
all(".choice input").forEach((input) => input.addEventListener("change", () => all(".clip").forEach(clip)));

/** On paper all is open but the evidence of what was rejected, in light colours; afterwards it is as it was. */
let closed = [], theme = "auto";
addEventListener("beforeprint", () => {
  all("details.trial").forEach(fillTrial);
  closed = all("details:not([open], .trial details)");
  closed.forEach((details) => { details.open = true; });
  theme = document.documentElement.dataset.theme ?? "auto";
  setTheme("light");
});
addEventListener("afterprint", () => {
  closed.forEach((details) => { details.open = false; });
  setTheme(theme);
});

startChart();
startTree();
startHeat();
if (data.members.length) choose(data.best ?? 0);
